// Twin of crates/link/src/quality/gaps.rs. How old events were on arrival. In: one age for each
// event. Out: the age that nineteen in twenty of the newest did not exceed. Keeps the newest only.

import type { Span } from "../../machine/time.js";

/** How many are kept. */
const GAPS_MAX = 64;

/** The newest ages, in milliseconds. */
export type Gaps = readonly Span[];

/** The ages with one more. */
export const push = (gaps: Gaps, gap: Span): Gaps => [...gaps, gap].slice(-GAPS_MAX);

/** Nothing where nothing was pushed. */
export const at95Percent = (gaps: Gaps): Span =>
  [...gaps].sort((one, other) => one - other)[Math.ceil((gaps.length * 95) / 100) - 1] ?? 0;
