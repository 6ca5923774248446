// Twin of crates/link/src/flaps.rs. Sessions that came back from polling only to die: each adds a
// penalty that halves with time, as routers dampen a route that flaps. In: such deaths. Out: until
// when a session must hold out beside the polls before they end. Must not know sockets or polls.

import { type Millis, type Span, seconds, since } from "../machine/time.js";
import { ONE, halved, log2, product } from "./quality/fixed.js";

/** What one death adds. */
const PENALTY = 1000;
/** From here on polls are kept up. */
const PENALTY_HELD = 2000;
/** Until so little is left. */
const PENALTY_FREE = 750;
/** More than this is not counted. */
const PENALTY_MAX = 8000;
/** How long until half is left. */
const HALF_LIFE = seconds(300);
/** The longest that polls are kept up for this. */
const HOLD_MAX = seconds(900);
/** How long a session must live after polling for its death not to count. */
const LIFE_MIN = seconds(60);

/** What is left of past deaths. */
export interface Flaps {
  penalty: number;
  countedAt: Millis;
  /** Until when polls are kept up beside a session; the past where they need not be. */
  heldUntil: Millis;
}

/** None yet. */
export const newFlaps = (): Flaps => ({ penalty: 0, countedAt: 0, heldUntil: 0 });

/** A session died that had replaced polling `lived` ago; whether that was too soon. */
export function addDeath(flaps: Flaps, now: Millis, lived: Span): boolean {
  if (lived >= LIFE_MIN) return false;
  const span = Math.min(since(now, flaps.countedAt), 24 * HALF_LIFE);
  const left = product(flaps.penalty, halved(Math.floor((span * ONE) / HALF_LIFE)));
  flaps.penalty = Math.min(left + PENALTY, PENALTY_MAX);
  flaps.countedAt = now;
  if (flaps.penalty >= PENALTY_HELD) {
    const halvings = log2(Math.floor((flaps.penalty * ONE) / PENALTY_FREE));
    flaps.heldUntil = now + Math.min(Math.floor((HALF_LIFE * halvings) / 65_536), HOLD_MAX);
  }
  return true;
}
