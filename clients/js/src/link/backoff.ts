// Twin of crates/link/src/backoff.rs. The one scheduler of every attempt to open a socket: how long
// to wait, and how often at most. In: failures, hints of a server, sessions that held. Out: the
// instant of the next attempt. Must not know why the link wants to connect, nor what it shows.

import type { Rng } from "../machine/rng.js";
import { type Millis, type Span, less, seconds, since } from "../machine/time.js";
import type { LinkSettings } from "./config.js";

/** What one attempt costs: time earns it back, so at most one in 15 s in the long run. */
const ATTEMPT_COST = seconds(15);
/** Ten attempts at once; with what a minute earns, at most 14 in any 60 s. */
const CREDIT_MAX = seconds(150);
/** A session that held this long earns everything back. */
const REFILL_AFTER = seconds(60);
/** At most one attempt without a delay in this time. */
const FREE_PAUSE = seconds(5);
/** The least delay after a server that said "later" and named no time. */
const LATER_MIN = seconds(5);
/** The longest that a server's hint is followed. */
export const HINT_MAX = seconds(3600);

/** Delays, budget and hints of one link. */
export class Schedule {
  private failures = 0;
  private credit = CREDIT_MAX;
  private creditedAt: Millis = 0;
  private last: Millis | undefined;
  private lastFree: Millis | undefined;
  private heldUntil: Millis = 0;

  /** The next delay: doubled for each failure in a row, capped, then jittered, then floored. */
  delay(config: LinkSettings, rng: Rng): Span {
    const span = doubled(config.backoffMinMs, this.failures++, config.backoffMaxMs);
    return Math.max(jittered(span, config.jitterPercent, rng), config.delayFloorMs);
  }

  /**
   * The delay after a session was lost without a word, as in a crash of its server: spread over
   * half of the server's window, and no sooner than the usual delay once failures repeat.
   */
  crashDelay(window: Span, config: LinkSettings, rng: Rng): Span {
    const spread = rng.between(0, Math.floor(Math.min(window, HINT_MAX) / 2));
    if (this.failures) return Math.max(spread, this.delay(config, rng));
    this.failures = 1;
    return Math.max(spread, config.delayFloorMs);
  }

  /** No attempt before `hint` from `now` has passed, whatever else wants one. */
  hold(now: Millis, hint: Span): void {
    this.heldUntil = Math.max(this.heldUntil, now + Math.min(hint, HINT_MAX));
  }

  /** As {@link Schedule.hold}, where the server named no time. */
  holdAWhile(now: Millis, config: LinkSettings, rng: Rng): void {
    const more = Math.floor((LATER_MIN * config.jitterPercent) / 100);
    this.hold(now, rng.between(LATER_MIN, LATER_MIN + more));
  }

  /** The first instant from `wanted` on that budget and hints permit. */
  admit(wanted: Millis): Millis {
    const at = Math.max(wanted, this.heldUntil);
    return at + less(ATTEMPT_COST, this.creditAt(at));
  }

  /**
   * The instant for an attempt asked for by the app or by the server: now, but never within the
   * floor of the last attempt.
   */
  admitAsked(now: Millis, config: LinkSettings): Millis {
    const floor = this.last === undefined ? now : this.last + config.delayFloorMs;
    return this.admit(Math.max(now, floor));
  }

  /** The instant for the first attempt after a change of network: now, but once in 5 s. */
  admitFree(now: Millis): Millis {
    const last = this.lastFree;
    const at = last === undefined ? now : last > now ? last : Math.max(now, last + FREE_PAUSE);
    return (this.lastFree = this.admit(at));
  }

  /** An attempt begins. */
  spend(now: Millis): void {
    this.credit = less(this.creditAt(now), ATTEMPT_COST);
    this.creditedAt = now;
    this.last = now;
  }

  /** A session ended that had held for `held`. */
  settle(now: Millis, held: Span, isAnswered: boolean, config: LinkSettings): void {
    if (held >= config.stableAfterMs && isAnswered) this.failures = 0;
    if (held >= REFILL_AFTER) {
      this.credit = CREDIT_MAX;
      this.creditedAt = now;
    }
  }

  private creditAt(at: Millis): Span {
    return Math.min(this.credit + since(at, this.creditedAt), CREDIT_MAX);
  }
}

/** `min` doubled `times` over, at most `max`. */
export const doubled = (min: Span, times: number, max: Span): Span =>
  Math.min(min * 2 ** Math.min(times, 31), max);

/** `span` up to `percent` shorter or longer. */
export function jittered(span: Span, percent: number, rng: Rng): Span {
  const away = Math.floor((span * percent) / 100);
  return rng.between(fit(less(span, away)), fit(span + away));
}

/** Milliseconds as a number to draw from. */
export const fit = (span: Span): number => Math.min(span, 2 ** 32 - 1);
