// Twin of crates/machine/src/wake.rs. A deadline. Its reason is left out here: every byte of it
// would be sent to a phone.

import { type Millis, NEVER } from "./time.js";

/** The next time a machine wants to hear of. */
export interface Wake {
  /** The instant, at the latest. */
  readonly at: Millis;
}

/** The earliest of some deadlines, of which any may be never; nothing where all are. */
export function earliest(...deadlines: readonly Millis[]): Wake | undefined {
  const at = Math.min(...deadlines);
  return at < NEVER ? { at } : undefined;
}
