// Twin of crates/link/src/poller/poll.rs. The polls of one channel, and one request for several of
// them. In: answers, failures. Out: when the channel's next poll is due. Must not know what the
// answers say.

import { type Millis, NEVER } from "../../machine/time.js";
import type { Since } from "../../protocol/position.js";
import type { PollId } from "../input.js";

/** Misses in a row after which a channel counts as unreachable. */
const MISSES_MAX = 3;

/** The polls of one channel. */
export interface ChannelPoll {
  /** The id of its subscription. */
  readonly subscription: number;
  /** The request under way that it is part of, if any, … */
  asked: PollId | undefined;
  /** … and from where. */
  since: Since | undefined;
  /** Else when the next one is sent; never while the server wants another token. */
  dueAt: Millis;
  /** Whether its position is known and its last poll had an answer, so that the next may wait. */
  isKnown: boolean;
  /** Whether a poll of it has brought an answer. */
  hasAnswered: boolean;
  misses: number;
}

/** A request under way. */
export interface PollRequest {
  readonly poll: PollId;
  readonly endpoint: number;
  readonly at: Millis;
  readonly until: Millis;
  /** Whether the server was asked to wait for an event. */
  readonly isLong: boolean;
  /** Whether it asks for more than one channel. */
  readonly isGrouped: boolean;
  readonly tokenVersion: number;
}

/** What is to be asked for next. */
export interface PollBatch {
  /** Its channels, in order. */
  readonly channels: readonly ChannelPoll[];
  /** The requests under way whose channels are among them, and which it replaces. */
  readonly replaces: readonly PollId[];
  /** Whether the server may wait for an event. */
  readonly isLong: boolean;
}

/** To be polled at once. */
export const newPoll = (subscription: number, isKnown: boolean, now: Millis): ChannelPoll => ({
  subscription,
  asked: undefined,
  since: undefined,
  dueAt: now,
  isKnown,
  hasAnswered: false,
  misses: 0,
});

/** Something came back, and the next poll is sent at this time. */
export function answered(one: ChannelPoll, at: Millis): void {
  one.misses = 0;
  one.dueAt = at;
}

/** Whether it has missed often enough to count as unreachable. */
export const isLost = ({ misses }: ChannelPoll): boolean => misses >= MISSES_MAX;

/** Whether the last one that came to an end had no answer. */
export const isMissing = ({ misses }: ChannelPoll): boolean => misses > 0;

/** Whether the server wants another token before the next one. */
export const isAwaitingToken = ({ asked, dueAt }: ChannelPoll): boolean =>
  asked === undefined && dueAt === NEVER;
