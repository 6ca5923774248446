// Twin of crates/link/src/quality/window.rs. The last ten minutes, in slices of fifteen seconds.
// In: how long events were polled for, or could not come, and what that costs. Out: the sum of the
// costs. Time that was before the window began counts as good.

import type { Millis } from "../../machine/time.js";

/** How long a slice is, in milliseconds. */
const SLICE = 15_000;
/** How many there are. */
const SLICES = 40;
/** How far the window reaches, in milliseconds. */
export const WINDOW = SLICE * SLICES;

/** The window: costs, and the slice being filled, counted from the beginning of time. */
export interface Window {
  readonly costs: readonly number[];
  readonly newest: number;
}

export const EMPTY: Window = { costs: Array<number>(SLICES).fill(0), newest: 0 };

/** The window with the time from `from` to `to`, of which each millisecond costs so much. */
export function pass(window: Window, from: Millis, to: Millis, cost: number): Window {
  const costs = [...window.costs];
  let { newest } = window;
  for (let at = Math.max(from, to - WINDOW); ; ) {
    const slice = Math.floor(at / SLICE);
    // What the slices held a window ago is forgotten.
    newest = Math.max(newest, slice - SLICES);
    while (newest < slice) costs[++newest % SLICES] = 0;
    if (at >= to) return { costs, newest };
    const until = Math.min(to, (slice + 1) * SLICE);
    costs[slice % SLICES]! += cost * (until - at);
    at = until;
  }
}

/** All that was lost in it. */
export const lost = (window: Window): number => window.costs.reduce((all, one) => all + one);
