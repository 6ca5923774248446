// Everything that happened, to be drawn and told. In: states, faults and events as they come, with
// the time. Out: lists, bounded in length, that survive a reload of the page. Judges nothing: an
// event that came twice is listed twice.

import type { ChannelEvent, LinkState, Reason } from "../src/index.js";

/** What can be done to the link. */
export type Fault = "cut" | "blocked" | "stalled" | "crashed" | "reloaded";

/** What the page shows of a state: a link at rest behind a finished job is no failure. */
export type ShownState = LinkState | "finished";

/** A state, from `at` until the next one. */
export interface StateEntry {
  readonly state: LinkState;
  readonly reason: Reason;
  readonly at: number;
}

/** A fault, from `from` until `to`; null while it lasts. */
export interface FaultEntry {
  readonly fault: Fault;
  readonly from: number;
  readonly to: number | null;
}

/** An event as it was handed to this page. */
export interface EventEntry {
  readonly kind: "event";
  readonly epoch: string;
  readonly offset: number;
  readonly event: string;
  readonly data: unknown;
  /** When it was published, in milliseconds since 1970 … */
  readonly sentAt: number;
  /** … and when it was handed over. */
  readonly gotAt: number;
}

/** Word that events can't be had any more. */
export interface GapEntry {
  readonly kind: "gap";
  readonly gotAt: number;
}

export type Entry = EventEntry | GapEntry;

/** All of it, as it is stored. */
export interface Record {
  readonly version: number;
  readonly savedAt: number;
  readonly channel: string | null;
  readonly isFinished: boolean;
  readonly states: readonly StateEntry[];
  readonly faults: readonly FaultEntry[];
  readonly entries: readonly Entry[];
}

/** How a state is shown. */
export const shownState = ({ state, reason }: Pick<StateEntry, "state" | "reason">): ShownState =>
  state === "disconnected" && reason === "finished" ? "finished" : state;

/** More than any job of the server has. */
export const ENTRIES_MAX = 1_000;
/** States, and faults, that are remembered. */
export const CHANGES_MAX = 200;
const VERSION = 1;

export class Journal {
  channel: string | null = null;
  isFinished = false;
  states: StateEntry[] = [];
  faults: FaultEntry[] = [];
  entries: Entry[] = [];

  /** What was written before a reload, where it is ours. Time without a page is told as such. */
  static of(stored: unknown, now: number): Journal {
    const journal = new Journal();
    const record = stored as Record | null | undefined;
    if (record?.version !== VERSION) return journal;
    journal.channel = record.channel;
    journal.isFinished = record.isFinished;
    journal.entries = [...record.entries];
    const { savedAt } = record;
    // Faults of the page ended with it; one of the server is reported again if it still holds.
    journal.faults = record.faults.map((fault) => ({ ...fault, to: fault.to ?? savedAt }));
    journal.faults.push({ fault: "reloaded", from: savedAt, to: now });
    journal.states = [...record.states, { state: "disconnected", reason: "closed", at: savedAt }];
    return journal;
  }

  record(now: number): Record {
    const { channel, isFinished, states, faults, entries } = this;
    return { version: VERSION, savedAt: now, channel, isFinished, states, faults, entries };
  }

  /** Another channel is followed from here on, or none. */
  follow(channel: string | null): void {
    this.channel = channel;
    this.isFinished = false;
    this.entries = [];
  }

  enter(state: LinkState, reason: Reason, now: number): void {
    push(this.states, { state, reason, at: now }, CHANGES_MAX);
  }

  /** A fault begins, unless it lasts already, or ends. */
  mark(fault: Fault, isOn: boolean, now: number): void {
    const lasting = this.faults.findIndex((one) => one.fault === fault && one.to === null);
    if (isOn && lasting < 0) push(this.faults, { fault, from: now, to: null }, CHANGES_MAX);
    const entry = this.faults[lasting];
    if (!isOn && entry) this.faults[lasting] = { ...entry, to: now };
  }

  /** A fault that is over as soon as it is there. */
  strike(fault: Fault, now: number): void {
    push(this.faults, { fault, from: now, to: now }, CHANGES_MAX);
  }

  hand({ epoch, offset, event, data, time }: ChannelEvent, now: number): void {
    // Two clocks may differ by a little; nothing arrives before it was sent.
    const sentAt = Math.min(Date.parse(time), now);
    push(
      this.entries,
      { kind: "event", epoch, offset, event, data, sentAt, gotAt: now },
      ENTRIES_MAX,
    );
  }

  miss(now: number): void {
    push(this.entries, { kind: "gap", gotAt: now }, ENTRIES_MAX);
  }

  finish(): void {
    this.isFinished = true;
  }

  events(): EventEntry[] {
    return this.entries.filter((entry) => entry.kind === "event");
  }
}

function push<T>(list: T[], item: T, most: number): void {
  list.push(item);
  if (list.length > most) list.shift();
}
