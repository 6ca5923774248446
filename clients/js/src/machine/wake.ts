// Twin of crates/machine/src/wake.rs. A deadline and its reason, so that "why did we wake" can
// always be printed.

import type { Millis } from "./time.js";

/** The next time a machine wants to hear of, and why. */
export interface Wake<Why> {
  /** The instant, at the latest. */
  readonly at: Millis;
  /** What will be due then. */
  readonly why: Why;
}

/** The earlier of two; the first where they are equal. */
export const earlier = <Why>(
  first: Wake<Why> | undefined,
  second: Wake<Why> | undefined,
): Wake<Why> | undefined => (first && !(second && second.at < first.at) ? first : second);
