// Twin of crates/link/src/backoff.rs. The one scheduler of every attempt to open a socket: how long
// to wait, and how often at most. In: failures, hints of a server, sessions that held. Out: the
// instant of the next attempt. Must not know why the link wants to connect, nor what it shows.

import type { Rng } from "../machine/rng.js";
import { type Millis, NOT_YET, type Span, less, seconds, since } from "../machine/time.js";
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
export interface Schedule {
  failures: number;
  credit: Span;
  creditedAt: Millis;
  last: Millis;
  lastFree: Millis;
  heldUntil: Millis;
}

/** Nothing tried yet. */
export const newSchedule = (): Schedule => ({
  failures: 0,
  credit: CREDIT_MAX,
  creditedAt: 0,
  last: NOT_YET,
  lastFree: NOT_YET,
  heldUntil: 0,
});

/** The next delay: doubled for each failure in a row, capped, then jittered, then floored. */
export function delay(schedule: Schedule, config: LinkSettings, rng: Rng): Span {
  const span = doubled(config.backoffMinMs, schedule.failures++, config.backoffMaxMs);
  return Math.max(jittered(span, config.jitterPercent, rng), config.delayFloorMs);
}

/**
 * The delay after a session was lost without a word, as in a crash of its server: spread over half
 * of the server's window, and no sooner than the usual delay once failures repeat.
 */
export function crashDelay(
  schedule: Schedule,
  window: Span,
  config: LinkSettings,
  rng: Rng,
): Span {
  const spread = rng.between(0, Math.floor(Math.min(window, HINT_MAX) / 2));
  if (schedule.failures) return Math.max(spread, delay(schedule, config, rng));
  schedule.failures = 1;
  return Math.max(spread, config.delayFloorMs);
}

/** No attempt before `hint` from `now` has passed, whatever else wants one. */
export function hold(schedule: Schedule, now: Millis, hint: Span): void {
  schedule.heldUntil = Math.max(schedule.heldUntil, now + Math.min(hint, HINT_MAX));
}

/** As {@link hold}, where the server named no time. */
export function holdAWhile(
  schedule: Schedule,
  now: Millis,
  config: LinkSettings,
  rng: Rng,
): void {
  const more = Math.floor((LATER_MIN * config.jitterPercent) / 100);
  hold(schedule, now, rng.between(LATER_MIN, LATER_MIN + more));
}

/** The first instant from `wanted` on that budget and hints permit. */
export function admit(schedule: Schedule, wanted: Millis): Millis {
  const at = Math.max(wanted, schedule.heldUntil);
  return at + less(ATTEMPT_COST, creditAt(schedule, at));
}

/**
 * The instant for an attempt asked for by the app or by the server: now, but never within the floor
 * of the last attempt.
 */
export const admitAsked = (schedule: Schedule, now: Millis, config: LinkSettings): Millis =>
  admit(schedule, Math.max(now, schedule.last + config.delayFloorMs));

/** The instant for the first attempt after a change of network: now, but once in 5 s. */
export function admitFree(schedule: Schedule, now: Millis): Millis {
  const last = schedule.lastFree;
  return (schedule.lastFree = admit(
    schedule,
    last > now ? last : Math.max(now, last + FREE_PAUSE),
  ));
}

/** An attempt begins. */
export function spend(schedule: Schedule, now: Millis): void {
  schedule.credit = less(creditAt(schedule, now), ATTEMPT_COST);
  schedule.creditedAt = schedule.last = now;
}

/** A session ended that had held for `held`. */
export function creditSession(
  schedule: Schedule,
  now: Millis,
  held: Span,
  isAnswered: boolean,
  config: LinkSettings,
): void {
  if (held >= config.stableAfterMs && isAnswered) schedule.failures = 0;
  if (held >= REFILL_AFTER) {
    schedule.credit = CREDIT_MAX;
    schedule.creditedAt = now;
  }
}

const creditAt = ({ credit, creditedAt }: Schedule, at: Millis): Span =>
  Math.min(credit + since(at, creditedAt), CREDIT_MAX);

/** `min` doubled `times` over, at most `max`. */
export const doubled = (min: Span, times: number, max: Span): Span =>
  Math.min(min * 2 ** Math.min(times, 31), max);

/** `span` up to `percent` shorter or longer. */
export function jittered(span: Span, percent: number, rng: Rng): Span {
  const away = Math.floor((span * percent) / 100);
  return rng.between(fit(less(span, away)), fit(span + away));
}

/** Milliseconds as a number to draw from. */
const fit = (span: Span): number => Math.min(span, 2 ** 32 - 1);
