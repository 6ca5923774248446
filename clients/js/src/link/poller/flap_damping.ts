// Twin of crates/link/src/poller/flap_damping.rs. Sessions that came back from polling only to die
// while plain HTTP went on working, as routers dampen a route that flaps (RFC 2439). In: such
// deaths. Out: whether the next session must prove itself beside the polls for longer. Must not
// know sockets or polls.

import { type Millis, NOT_YET, type Span, seconds } from "../../machine/time.js";

/** From so many deaths in a row on, an answered heartbeat proves nothing. */
const EARLY_LOSSES_MAX = 3;
/** After this long without a death, the row is forgotten. */
const FORGOTTEN_AFTER = seconds(300);
/** How long a session must live after polling for its death not to count. */
const LIFE_MIN = seconds(60);

/** The deaths in a row. */
export interface FlapDamping {
  earlyLosses: number;
  lastAt: Millis;
}

/** None yet. */
export const newFlapDamping = (): FlapDamping => ({ earlyLosses: 0, lastAt: NOT_YET });

/** Whether a session that lived for `lived` after polling died too soon. */
export const isEarlyLoss = (lived: Span): boolean => lived < LIFE_MIN;

/** A session that had replaced polling, or was about to, died although plain HTTP works. */
export function recordEarlyLoss(damping: FlapDamping, now: Millis): void {
  if (!isInForce(damping, now)) damping.earlyLosses = 0;
  damping.earlyLosses++;
  damping.lastAt = now;
}

/** A session held, or the network is another one. */
export function clearEarlyLosses(damping: FlapDamping): void {
  damping.earlyLosses = 0;
}

/** Whether sessions have died in a row. */
export const isHeld = (damping: FlapDamping, now: Millis): boolean =>
  damping.earlyLosses >= EARLY_LOSSES_MAX && isInForce(damping, now);

const isInForce = (damping: FlapDamping, now: Millis): boolean =>
  now <= damping.lastAt + FORGOTTEN_AFTER;
