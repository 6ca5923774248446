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
export interface Subscription {
  /** Its place in the order of creation; never used again. */
  readonly id: number;
  readonly channel: ChannelName;
  readonly start: Since;
  /** Changed here only. */
  progress: SubscriptionState;
  /** Whether it was requested again on this session because events were missing. */
  isResubscribed: boolean;
  /** The last event that the app has been handed, once it is known. */
  position: Position | undefined;
}

/** A channel that nothing is known of but where to start. */
export const newSubscription = (
  id: number,
  channel: ChannelName,
  start: Since,
): Subscription => ({
  id,
  channel,
  start,
  progress: { kind: "apart" },
  isResubscribed: false,
  position: typeof start === "string" ? undefined : start,
});

/** What to ask for next. */
export function since(one: Subscription): Since {
  return one.position ?? one.start;
}

/** Requests the channel on the current session, with this id or in `hello`. */
export function request(one: Subscription, now: Millis, id: number | undefined): Since {
  const from = since(one);
  one.progress = { kind: "asked", id, since: from, at: now + SUBSCRIBED_TIMEOUT };
  return from;
}

/** The device slept: the timeout of an unanswered request starts again. */
export function onSleep(one: Subscription, now: Millis): void {
  const { progress } = one;
  if (progress.kind === "asked") one.progress = { ...progress, at: now + SUBSCRIBED_TIMEOUT };
}

/** The session has ended. */
export function onSessionLost(one: Subscription): void {
  one.progress = { kind: "apart" };
  one.isResubscribed = false;
}

/** The server cannot serve the channel for now: it is requested again at this time. */
export function retryLater(one: Subscription, at: Millis): void {
  one.progress = { kind: "again", at };
}

/**
 * Marks the channel as requested again because events were missing. Returns false where that was
 * done on this session before.
 */
export function tryResubscribe(one: Subscription): boolean {
  return !one.isResubscribed && (one.isResubscribed = true);
}

/** When it is due to be requested again; never where it is not. */
export function retryAt(one: Subscription): Millis {
  return one.progress.at ?? NEVER;
}

/** Whether the session follows it. */
export function isFollowed(one: Subscription): boolean {
  return one.progress.kind === "followed";
}

/**
 * Whether an event with this offset is news: published since the session follows the channel, and
 * not told yet.
 */
export function isLive(one: Subscription, offset: number): boolean {
  const { progress, position: place } = one;
  return progress.kind === "followed" && offset > Math.max(progress.head, place?.offset ?? 0);
}

/** The server follows the channel from here on. */
export function onSubscribed(
  one: Subscription,
  frame: Subscribed,
  id: number | undefined,
  tell: Tell,
): Continuity {
  const { progress } = one;
  const { epoch, gap } = frame;
  let asked: Since;
  if (progress.kind === "followed") {
    asked = gap?.from ?? since(one);
  } else if (progress.kind === "asked" && progress.id === id) {
    asked = progress.since;
  } else {
    // Asked for again since: the answer to that will follow.
    return "kept";
  }
  const reached = { epoch, offset: frame.offset };
  const isFirst = !one.position;
  const isWhole = reach(one, reached, !!gap, asked, tell);
  if (isWhole === undefined) return "broken";
  one.progress = { kind: "followed", epoch, head: frame.head ?? 0 };
  tell(followed(one, isWhole && (frame.recovered || !isFirst), reached));
  return "kept";
}

/** An event. */
export function onEvent(one: Subscription, event: Event, tell: Tell): Continuity {
  const { progress, position: place } = one;
  if (progress.kind !== "followed" || !place) return "kept";
  const epoch = event.epoch ?? progress.epoch;
  if (epoch !== progress.epoch) one.progress = { ...progress, epoch };
  return epoch === place.epoch ? step(one, event, place, tell) : "broken";
}

/** Offsets that will not come. */
export function onSuperseded(one: Subscription, frame: Superseded): Continuity {
  const { progress, position: place } = one;
  if (progress.kind !== "followed" || !place) return "kept";
  const { epoch, offset } = place;
  if (progress.epoch !== epoch || frame.from > offset + 1) return "broken";
  one.position = { epoch, offset: Math.max(offset, frame.to) };
  return "kept";
}

/**
 * The answer to a poll that asked for `asked`. False where the position has gone elsewhere since,
 * so that nothing of it was taken.
 */
export function onPage(
  one: Subscription,
  answer: PollPage,
  asked: Since,
  isFirst: boolean,
  tell: Tell,
): boolean {
  const { position: place } = one;
  if (place && place.epoch !== (asked as Partial<Position>).epoch) return false;
  const { channel, epoch, events } = answer;
  // The position that the first event comes behind.
  const first = { epoch, offset: events[0] ? before(events[0].offset) : answer.offset };
  // An answer is whole, so what it leaves out of what was asked for is gone.
  const isRecovered = reach(one, first, !!answer.gap, since(one), tell) ?? false;
  if (isFirst) tell(followed(one, isRecovered, first));
  for (const event of events) {
    reach(one, { epoch, offset: before(event.offset) }, false, since(one), tell);
    if (one.position) step(one, intoEvent(event, channel, epoch), one.position, tell);
  }
  reach(one, { epoch, offset: answer.offset }, false, since(one), tell);
  return true;
}

/**
 * Moves the position to `reached`, where delivery goes on, and tells of what lies between, if it
 * is certain not to come: because exactly it was `asked` for, or because the server named a gap,
 * and not one that is older than the position. Whether nothing is missing; undefined where what
 * is missing can still be asked for. Within an epoch the position never goes back: what the app
 * has been handed stays handed.
 */
function reach(
  one: Subscription,
  reached: Position,
  isGapNamed: boolean,
  asked: Since,
  tell: Tell,
): boolean | undefined {
  const { position: place } = one;
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
  one.position = reached;
  if (!place && !isGapNamed) return true;
  tellGap(one, place ?? { epoch: reached.epoch, offset: 0 }, reached, tell);
  return false;
}

/** The cause follows from what the app is told, whatever made the server say so. */
function tellGap(one: Subscription, from: Position, to: Position, tell: Tell): void {
  const cause = from.epoch === to.epoch ? "retention" : "epoch_changed";
  tell({ kind: "gap", channel: one.channel, gap: { from, to, cause } });
}

function followed(one: Subscription, isRecovered: boolean, reached: Position): Notice {
  const position = one.position ?? reached;
  return { kind: "subscribed", channel: one.channel, position, isRecovered };
}

/** Tells the next event after `place`; drops one that was told before. */
function step(one: Subscription, event: Event, place: Position, tell: Tell): Continuity {
  const { channel, offset, data, time } = event;
  const { epoch } = place;
  if (offset <= place.offset) return "kept";
  if (offset > place.offset + 1) return "broken";
  one.position = { epoch, offset };
  tell({ kind: "event", channel, epoch, offset, event: event.event, data, time });
  return "kept";
}


const before = (offset: number): number => Math.max(offset - 1, 0);
