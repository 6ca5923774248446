// Was every event handed over, once, and in order? In: what the page was handed, and what the
// server keeps. Out: the verdict. Believes nothing that it cannot see.

import type { Entry, EventEntry } from "./journal.js";
import type { Kept } from "./server.js";

/** What the entries alone tell. */
export interface Order {
  /** How many events there are. */
  readonly count: number;
  /** How many of them came again, or after a later one. */
  readonly doubled: number;
  /** Offsets that were passed over, as ranges. */
  readonly skipped: readonly (readonly [from: number, to: number])[];
}

/** Looks at the events in the order in which they came. */
export function order(events: readonly EventEntry[]): Order {
  let doubled = 0;
  const skipped: [number, number][] = [];
  let last: EventEntry | undefined;
  for (const event of events) {
    const before = last?.epoch === event.epoch ? last.offset : 0;
    if (event.offset <= before) {
      doubled++;
      continue;
    }
    if (event.offset > before + 1) skipped.push([before + 1, event.offset - 1]);
    last = event;
  }
  return { count: events.length, doubled, skipped };
}

/** Replaced events that are told between two that came, at most. */
export const REPLACED_MAX = 100;

/**
 * When the events were sent, about, that a newer one stood in for: between the two that came. Those
 * behind a gap are not told from those that are lost.
 */
export function replacedAt(entries: readonly Entry[]): number[] {
  const times: number[] = [];
  let last: EventEntry | undefined;
  for (const entry of entries) {
    const next = entry.kind === "event" ? entry : undefined;
    if (next && last?.epoch === next.epoch) {
      const count = Math.min(next.offset - last.offset - 1, REPLACED_MAX);
      const step = (next.sentAt - last.sentAt) / (count + 1);
      for (let one = 1; one <= count; one++) times.push(last.sentAt + step * one);
    }
    if (!next || !last || next.epoch !== last.epoch || next.offset > last.offset) last = next;
  }
  return times;
}

/** Offsets that the server has and the page should have been handed. */
export function missing(events: readonly EventEntry[], kept: readonly Kept[]): number[] {
  const got = new Map(events.map((event) => [event.offset, event]));
  const isLast = new Map(kept.filter(mayBeReplaced).map(({ event, offset }) => [event, offset]));
  const isSame = ({ offset, event, data }: Kept): boolean => {
    const one = got.get(offset);
    return one?.event === event && JSON.stringify(one.data) === JSON.stringify(data);
  };
  const mayMiss = (event: Kept): boolean =>
    mayBeReplaced(event) && !got.has(event.offset) && isLast.get(event.event) !== event.offset;
  return kept.filter((event) => !isSame(event) && !mayMiss(event)).map(({ offset }) => offset);
}

/** Only a percentage that begins no check may stand in for an older one. */
const mayBeReplaced = ({ event, data }: Kept): boolean =>
  event === "progress" && (data as { check?: string }).check === undefined;
