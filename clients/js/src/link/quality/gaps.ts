// Twin of crates/link/src/quality/gaps.rs. How old events were on arrival. In: one age for each
// event. Out: the age that nineteen in twenty of the newest did not exceed. Keeps the newest only.

import type { Span } from "../../machine/time.js";

/** How many are kept. */
const GAPS_MAX = 64;

/** The newest ages, in milliseconds. */
export class Gaps {
  constructor(private readonly newest: Span[] = []) {}

  clone(): Gaps {
    return new Gaps([...this.newest]);
  }

  push(gap: Span): void {
    if (this.newest.push(gap) > GAPS_MAX) this.newest.shift();
  }

  /** Nothing where nothing was pushed. */
  at95Percent(): Span {
    const sorted = [...this.newest].sort((one, other) => one - other);
    return sorted[Math.ceil((sorted.length * 95) / 100) - 1] ?? 0;
  }
}
