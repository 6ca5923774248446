// Twin of crates/link/src/subscriptions/subscription.rs. One channel of a link: where its app
// stands, and what of a server's frames and answers the app may be told. In: frames and answers
// about this channel. Out: notices, in offset order, each offset once; and the verdict that
// something is missing. Must not know sockets.

import { type Millis, NEVER } from "../../machine/time.js";
import type { Event } from "../../protocol/event.js";
import type { Subscribed, Superseded } from "../../protocol/frame/server.js";
import type { ChannelName, Epoch } from "../../protocol/name.js";
import { type PollPage, intoEvent } from "../../protocol/poll.js";
import type { Position, Since } from "../../protocol/position.js";
import type { Notice } from "../output.js";

/** How long an answer to a request is waited for, in milliseconds. */
const SUBSCRIBED_TIMEOUT = 30_000;

/** What the current session knows of a channel, and when to request it again. */
type SubscriptionState =
  /** It was not asked for the channel, or there is no session. */
  | { readonly kind: "apart"; readonly at?: undefined }
  /** It was asked, in `hello` or by the request with this id, and has to answer until then. */
  | {
      readonly kind: "asked";
      readonly id: number | undefined;
      readonly since: Since;
      readonly at: Millis;
    }
  /**
   * It follows the channel. An event that names no epoch has this one, and one with an offset above
   * `head` was published since.
   */
  | {
      readonly kind: "followed";
      readonly epoch: Epoch;
      readonly head: number;
      readonly at?: undefined;
    }
  /** The server could not serve the channel for now. */
  | { readonly kind: "again"; readonly at: Millis };

/**
 * Whether what came continues what the app has, or was nothing new; `broken` where something
 * between is missing, so that nothing was told.
 */
export type Continuity = "kept" | "broken";

/** Takes what the app is told. */
export type Tell = (notice: Notice) => void;

/** A channel the app follows, at first from `start`. */
export class Subscription {
  /** Changed here only. */
  progress: SubscriptionState = { kind: "apart" };
  /** Whether it was requested again on this session because events were missing. */
  private isResubscribed = false;
  private place: Position | undefined;

  /** The `id` is its place in the order of creation; never used again. */
  constructor(
    readonly id: number,
    readonly channel: ChannelName,
    private readonly start: Since,
  ) {
    this.place = typeof start === "string" ? undefined : start;
  }

  /** The last event that the app has been handed, once it is known. */
  position(): Position | undefined {
    return this.place;
  }

  /** What to ask for next. */
  since(): Since {
    return this.place ?? this.start;
  }

  /** Requests the channel on the current session, with this id or in `hello`. */
  request(now: Millis, id: number | undefined): Since {
    const since = this.since();
    this.progress = { kind: "asked", id, since, at: now + SUBSCRIBED_TIMEOUT };
    return since;
  }

  /** The device slept: the timeout of an unanswered request starts again. */
  onSleep(now: Millis): void {
    const { progress } = this;
    if (progress.kind === "asked") this.progress = { ...progress, at: now + SUBSCRIBED_TIMEOUT };
  }

  /** The session has ended. */
  onSessionLost(): void {
    this.progress = { kind: "apart" };
    this.isResubscribed = false;
  }

  /** The server cannot serve the channel for now: it is requested again at this time. */
  retryLater(at: Millis): void {
    this.progress = { kind: "again", at };
  }

  /**
   * Marks the channel as requested again because events were missing. Returns false where that was
   * done on this session before.
   */
  tryResubscribe(): boolean {
    return !this.isResubscribed && (this.isResubscribed = true);
  }

  /** When it is due to be requested again; never where it is not. */
  retryAt(): Millis {
    return this.progress.at ?? NEVER;
  }

  /** Whether the session follows it. */
  isFollowed(): boolean {
    return this.progress.kind === "followed";
  }

  /**
   * Whether an event with this offset is news: published since the session follows the channel, and
   * not told yet.
   */
  isLive(offset: number): boolean {
    const { progress, place } = this;
    return progress.kind === "followed" && offset > Math.max(progress.head, place?.offset ?? 0);
  }

  /** The server follows the channel from here on. */
  onSubscribed(frame: Subscribed, id: number | undefined, tell: Tell): Continuity {
    const { progress } = this;
    const { epoch, gap } = frame;
    let asked: Since;
    if (progress.kind === "followed") {
      asked = gap?.from ?? this.since();
    } else if (progress.kind === "asked" && progress.id === id) {
      asked = progress.since;
    } else {
      // Asked for again since: the answer to that will follow.
      return "kept";
    }
    const reached = { epoch, offset: frame.offset };
    const isFirst = !this.place;
    const isWhole = this.reach(reached, !!gap, asked, tell);
    if (isWhole === undefined) return "broken";
    this.progress = { kind: "followed", epoch, head: frame.head ?? 0 };
    tell(this.followed(isWhole && (frame.recovered || !isFirst), reached));
    return "kept";
  }

  /** An event. */
  onEvent(event: Event, tell: Tell): Continuity {
    const { progress, place } = this;
    if (progress.kind !== "followed" || !place) return "kept";
    const epoch = event.epoch ?? progress.epoch;
    if (epoch !== progress.epoch) this.progress = { ...progress, epoch };
    return epoch === place.epoch ? this.step(event, place, tell) : "broken";
  }

  /** Offsets that will not come. */
  onSuperseded(frame: Superseded): Continuity {
    const { progress, place } = this;
    if (progress.kind !== "followed" || !place) return "kept";
    const { epoch, offset } = place;
    if (progress.epoch !== epoch || frame.from > offset + 1) return "broken";
    this.place = { epoch, offset: Math.max(offset, frame.to) };
    return "kept";
  }

  /**
   * The answer to a poll that asked for `asked`. False where the position has gone elsewhere since,
   * so that nothing of it was taken.
   */
  onPage(answer: PollPage, asked: Since, isFirst: boolean, tell: Tell): boolean {
    const { place } = this;
    if (place && place.epoch !== (asked as Partial<Position>).epoch) return false;
    const { channel, epoch, events } = answer;
    // The position that the first event comes behind.
    const first = { epoch, offset: events[0] ? before(events[0].offset) : answer.offset };
    // An answer is whole, so what it leaves out of what was asked for is gone.
    const isRecovered = this.reach(first, !!answer.gap, this.since(), tell) ?? false;
    if (isFirst) tell(this.followed(isRecovered, first));
    for (const event of events) {
      this.reach({ epoch, offset: before(event.offset) }, false, this.since(), tell);
      if (this.place) this.step(intoEvent(event, channel, epoch), this.place, tell);
    }
    this.reach({ epoch, offset: answer.offset }, false, this.since(), tell);
    return true;
  }

  /**
   * Moves the position to `reached`, where delivery goes on, and tells of what lies between, if it
   * is certain not to come: because exactly it was `asked` for, or because the server named a gap,
   * and not one that is older than the position. Whether nothing is missing; undefined where what
   * is missing can still be asked for. Within an epoch the position never goes back: what the app
   * has been handed stays handed.
   */
  private reach(
    reached: Position,
    isGapNamed: boolean,
    asked: Since,
    tell: Tell,
  ): boolean | undefined {
    const { place } = this;
    if (place) {
      const { epoch, offset } = place;
      const isOfEpoch = epoch === reached.epoch;
      if (isOfEpoch && offset >= reached.offset) return true;
      const from = asked as Partial<Position>;
      const isAskedEpoch = epoch === from.epoch;
      const isAnswer = isAskedEpoch && offset === from.offset;
      // Polls may have brought another epoch since: then the answer may lead back to one that is no
      // more.
      if (!isAnswer && !(isGapNamed && (isOfEpoch || isAskedEpoch))) return undefined;
    }
    this.place = reached;
    if (!place && !isGapNamed) return true;
    this.tellGap(place ?? { epoch: reached.epoch, offset: 0 }, reached, tell);
    return false;
  }

  /** The cause follows from what the app is told, whatever made the server say so. */
  private tellGap(from: Position, to: Position, tell: Tell): void {
    const cause = from.epoch === to.epoch ? "retention" : "epoch_changed";
    tell({ kind: "gap", channel: this.channel, gap: { from, to, cause } });
  }

  private followed(isRecovered: boolean, reached: Position): Notice {
    const position = this.place ?? reached;
    return { kind: "subscribed", channel: this.channel, position, isRecovered };
  }

  /** Tells the next event after `place`; drops one that was told before. */
  private step(event: Event, place: Position, tell: Tell): Continuity {
    const { channel, offset, data, time } = event;
    const { epoch } = place;
    if (offset <= place.offset) return "kept";
    if (offset > place.offset + 1) return "broken";
    this.place = { epoch, offset };
    tell({ kind: "event", channel, epoch, offset, event: event.event, data, time });
    return "kept";
  }
}

const before = (offset: number): number => Math.max(offset - 1, 0);
