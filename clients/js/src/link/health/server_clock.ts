// Twin of crates/link/src/health/server_clock.rs. What the server's clock shows, as far as answers
// tell. In: the server's time in answers that were timed. Out: how old an event was when it came.
// Must not know the device's own date.

import { type Millis, NOT_YET, type Span, less, seconds } from "../../machine/time.js";
import { parseTimestamp } from "../../protocol/time.js";

/** How long an answer is the best there is, however much slower later ones are. */
const SAMPLE_AGE_MAX = seconds(600);

/** The server's clock as the device sees it. */
export interface ServerClock {
  /** When the best answer came, … */
  sampledAt: Millis;
  /** … how long it took, … */
  rtt: Span;
  /** … and what the server's clock showed at the device's zero, half of that given or taken. */
  zero: number;
  /** What came into being before this may have waited for the device to wake. */
  awakeSince: Millis;
}

/** Nothing known; the device is awake since then. */
export const newServerClock = (awakeSince: Millis): ServerClock => ({
  sampledAt: NOT_YET,
  rtt: 0,
  zero: NaN,
  awakeSince,
});

/** An answer came that took `rtt` and has the server's time. The fastest tells most. */
export function sample(clock: ServerClock, now: Millis, rtt: Span, serverTime: string): void {
  const time = parseTimestamp(serverTime);
  const isOld = now - clock.sampledAt > SAMPLE_AGE_MAX;
  if (time === undefined || (rtt > clock.rtt && !isOld)) return;
  clock.sampledAt = now;
  clock.rtt = rtt;
  clock.zero = less(time + Math.floor(rtt / 2), now);
}

/**
 * How old what came now is, by the server's date on it; nothing where that is not known, or where
 * it waited for the device.
 */
export function age(clock: ServerClock, now: Millis, time: string): Span | undefined {
  const span = less(clock.zero + now, parseTimestamp(time) ?? NaN);
  return span <= now - clock.awakeSince ? span : undefined;
}
