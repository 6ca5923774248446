// Twin of crates/link/src/poll.rs. The polls of a link while it polls: one at a time for each
// channel. In: answers, failures, the time. Out: whose turn it is. Must not know what the answers
// say.

import type { Rng } from "../machine/rng.js";
import { type Millis, NEVER, type Span, seconds } from "../machine/time.js";
import type { Since } from "../protocol/position.js";
import { HINT_MAX, doubled, jittered } from "./backoff.js";
import type { LinkSettings } from "./config.js";
import type { PollId } from "./input.js";

/** How long an answer may take beyond what the server was allowed to wait. */
export const ANSWER_TIMEOUT = seconds(10);
/** The least time from one poll to the next where the first brought nothing. */
const EMPTY_PAUSE = seconds(1);
/** The longest pause that a server may ask for. */
const PAUSE_MAX = seconds(60);
/** Misses in a row after which a channel counts as unreachable. */
const MISSES_MAX = 3;

/** The polls of one channel. */
export interface ChannelPoll {
  /** The id of its subscription. */
  readonly subscription: number;
  /** The poll under way, if any. */
  asked: Asked | undefined;
  /** Else when the next one is sent; never while the server wants another token. */
  dueAt: Millis;
  /** Whether a poll of it has brought an answer. */
  isTold: boolean;
  misses: number;
}

/** A poll under way. */
export interface Asked {
  readonly poll: PollId;
  readonly since: Since;
  readonly at: Millis;
  readonly until: Millis;
  /** Whether the server was asked to wait for an event. */
  readonly isLong: boolean;
  readonly tokenVersion: number;
}

/** To be polled at once. */
export const newPoll = (subscription: number, now: Millis): ChannelPoll => ({
  subscription,
  asked: undefined,
  dueAt: now,
  isTold: false,
  misses: 0,
});

/** An answer came to a poll; the server names the pause before the next. */
export function answered(
  one: ChannelPoll,
  now: Millis,
  asked: Asked,
  isEmpty: boolean,
  pause: Span,
): void {
  one.misses = 0;
  // The pause after a short poll is for who goes on with short ones; the next one waits.
  one.dueAt = asked.isLong ? now + Math.min(pause, PAUSE_MAX) : now;
  // A server that did not wait though it was asked to would be asked again at once, for ever.
  if (isEmpty && asked.isLong) one.dueAt = Math.max(one.dueAt, asked.at + EMPTY_PAUSE);
}

/** No answer came. */
export function missed(one: ChannelPoll, now: Millis, config: LinkSettings, rng: Rng): void {
  const pause = doubled(config.backoffMinMs, one.misses++, config.backoffMaxMs);
  one.asked = undefined;
  one.dueAt = now + jittered(pause, config.jitterPercent, rng);
}

/** The server asked for patience. */
export function putOff(one: ChannelPoll, now: Millis, hint: Span): void {
  one.misses = 0;
  one.dueAt = now + Math.min(Math.max(hint, EMPTY_PAUSE), HINT_MAX);
}

/** Whether it has missed often enough to count as unreachable. */
export const isLost = ({ misses }: ChannelPoll): boolean => misses >= MISSES_MAX;

/** When something will be due. */
export const wake = ({ asked, dueAt }: ChannelPoll): Millis => asked?.until ?? dueAt;

/** The poll under way with this id, which has come back, and its channel. */
export function take(
  polls: readonly ChannelPoll[],
  poll: PollId,
  now: Millis,
): [ChannelPoll, Asked] | undefined {
  for (const one of polls) {
    const { asked } = one;
    if (asked?.poll === poll) {
      begin(one, now);
      return [one, asked];
    }
  }
  return undefined;
}

/** The polls that are under way. */
export const underWay = (polls: readonly ChannelPoll[]): PollId[] =>
  polls.flatMap(({ asked }) => asked?.poll ?? []);

/** The next one is sent at this time; the one under way, if any, is forgotten. */
export function begin(one: ChannelPoll, at: Millis): void {
  one.asked = undefined;
  one.dueAt = at;
}

/** The server wants another token first. */
export const isWantingToken = ({ asked, dueAt }: ChannelPoll): boolean =>
  !asked && dueAt === NEVER;
