// Twin of crates/link/src/poll.rs. The polls of a link while it polls: one at a time for each
// channel. In: answers, failures, the time. Out: whose turn it is. Must not know what the answers
// say.

import type { Rng } from "../machine/rng.js";
import { type Millis, type Span, seconds } from "../machine/time.js";
import type { Wake } from "../machine/wake.js";
import type { Since } from "../protocol/position.js";
import { HINT_MAX, doubled, jittered } from "./backoff.js";
import type { LinkSettings } from "./config.js";
import type { PollId } from "./input.js";
import type { Why } from "./wake.js";

/** How long an answer may take beyond what the server was allowed to wait. */
export const ANSWER_TIMEOUT = seconds(10);
/** The least time from one poll to the next where the first brought nothing. */
const EMPTY_PAUSE = seconds(1);
/** The longest pause that a server may ask for. */
const PAUSE_MAX = seconds(60);
/** Misses in a row after which a channel counts as unreachable. */
const MISSES_MAX = 3;

/**
 * Where a channel's polls stand: the next one is sent at this time; one is under way; the server
 * wants another token.
 */
export type Turn =
  | { readonly kind: "due"; readonly at: Millis }
  | Asked
  | { readonly kind: "wanting_token" };

/** A poll under way. */
export interface Asked {
  readonly kind: "asked";
  readonly poll: PollId;
  readonly since: Since;
  readonly at: Millis;
  readonly until: Millis;
  /** Whether the server was asked to wait for an event. */
  readonly isLong: boolean;
  readonly tokenVersion: number;
}

/** The polls of one channel. */
export class ChannelPoll {
  turn: Turn;
  /** Whether a poll of it has brought an answer. */
  isTold = false;
  private misses = 0;

  /** To be polled at once; `subscription` is the id of its subscription. */
  constructor(
    readonly subscription: number,
    now: Millis,
  ) {
    this.turn = due(now);
  }

  /** An answer came to a poll; the server names the pause before the next. */
  answered(now: Millis, asked: Asked, isEmpty: boolean, pause: Span): void {
    this.misses = 0;
    const { isLong } = asked;
    // A server that did not wait though it was asked to would be asked again at once, for ever.
    const soonest = isEmpty && isLong ? asked.at + EMPTY_PAUSE : now;
    // The pause after a short poll is for who goes on with short ones; the next one waits.
    this.turn = due(Math.max(soonest, now + (isLong ? Math.min(pause, PAUSE_MAX) : 0)));
  }

  /** No answer came. */
  missed(now: Millis, config: LinkSettings, rng: Rng): void {
    const pause = doubled(config.backoffMinMs, this.misses++, config.backoffMaxMs);
    this.turn = due(now + jittered(pause, config.jitterPercent, rng));
  }

  /** The server asked for patience. */
  putOff(now: Millis, hint: Span): void {
    this.misses = 0;
    this.turn = due(now + Math.min(Math.max(hint, EMPTY_PAUSE), HINT_MAX));
  }

  /** Whether it has missed often enough to count as unreachable. */
  isLost(): boolean {
    return this.misses >= MISSES_MAX;
  }

  /** The poll under way, if any. */
  asked(): Asked | undefined {
    return this.turn.kind === "asked" ? this.turn : undefined;
  }

  /** When something will be due. */
  wake(): Wake<Why> | undefined {
    const { turn } = this;
    switch (turn.kind) {
      case "due":
        return { at: turn.at, why: "poll" };
      case "asked":
        return { at: turn.until, why: "poll_timeout" };
      case "wanting_token":
        return undefined;
    }
  }
}

/** The poll under way with this id, which has come back, and its channel. */
export function take(
  polls: readonly ChannelPoll[],
  poll: PollId,
  now: Millis,
): [ChannelPoll, Asked] | undefined {
  for (const one of polls) {
    const asked = one.asked();
    if (asked?.poll === poll) {
      one.turn = due(now);
      return [one, asked];
    }
  }
  return undefined;
}

/** The polls that are under way. */
export const underWay = (polls: readonly ChannelPoll[]): PollId[] =>
  polls.flatMap((one) => one.asked()?.poll ?? []);

/** The next one is sent at this time. */
export const due = (at: Millis): Turn => ({ kind: "due", at });
