// Twin of crates/link/src/flaps.rs. Sessions that came back from polling only to die while plain
// HTTP went on working, as routers dampen a route that flaps (RFC 2439). In: such deaths. Out:
// whether the next session must prove itself beside the polls for longer. Must not know sockets or
// polls.

import { type Millis, NOT_YET, type Span, seconds } from "../machine/time.js";

/** From so many deaths in a row on, an answered heartbeat proves nothing. */
const DEATHS_HELD = 3;
/** After this long without a death, the row is forgotten. */
const FORGOTTEN_AFTER = seconds(300);
/** How long a session must live after polling for its death not to count. */
const LIFE_MIN = seconds(60);

/** The deaths in a row. */
export interface Flaps {
  deaths: number;
  lastAt: Millis;
}

/** None yet. */
export const newFlaps = (): Flaps => ({ deaths: 0, lastAt: NOT_YET });

/** Whether a session that lived for `lived` after polling died too soon. */
export const isDeath = (lived: Span): boolean => lived < LIFE_MIN;

/** A session that had replaced polling, or was about to, died although plain HTTP works. */
export function addDeath(flaps: Flaps, now: Millis): void {
  if (!isInForce(flaps, now)) flaps.deaths = 0;
  flaps.deaths++;
  flaps.lastAt = now;
}

/** A session held, or the network is another one. */
export function clearFlaps(flaps: Flaps): void {
  flaps.deaths = 0;
}

/** Whether sessions have died in a row. */
export const isHeld = (flaps: Flaps, now: Millis): boolean =>
  flaps.deaths >= DEATHS_HELD && isInForce(flaps, now);

const isInForce = (flaps: Flaps, now: Millis): boolean => now <= flaps.lastAt + FORGOTTEN_AFTER;
