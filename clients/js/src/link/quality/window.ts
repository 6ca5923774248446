// Twin of crates/link/src/quality/window.rs. The last ten minutes, in slices of fifteen seconds.
// In: how long events were polled for, or could not come. Out: both sums. Time that was before the
// window began counts as good.

import type { Millis, Span } from "../../machine/time.js";

/** How long a slice is, in milliseconds. */
const SLICE = 15_000;
/** How many there are. */
const SLICES = 40;
/** How far the window reaches, in milliseconds. */
export const WINDOW = SLICE * SLICES;

/** The time in a slice, or in all. */
export interface Lost {
  /** Milliseconds of polling. */
  readonly polled: Span;
  /** Milliseconds without anything. */
  readonly off: Span;
}

const NOTHING: Lost = { polled: 0, off: 0 };

const sum = (one: Lost, other: Lost): Lost => ({
  polled: one.polled + other.polled,
  off: one.off + other.off,
});

/** The window. */
export class Window {
  private slices = Array<Lost>(SLICES).fill(NOTHING);
  /** The slice that is being filled, counted from the beginning of time. */
  private newest = 0;

  clone(): Window {
    return Object.assign(new Window(), this, { slices: [...this.slices] });
  }

  /** Adds the time from `from` to `to`, with what it was lost to. */
  pass(from: Millis, to: Millis, lost: (span: Span) => Lost): void {
    from = Math.max(from, to - WINDOW);
    while (from < to) {
      this.advance(from);
      const number = Math.floor(from / SLICE);
      const until = Math.min(to, (number + 1) * SLICE);
      const place = number % SLICES;
      this.slices[place] = sum(this.slices[place] ?? NOTHING, lost(until - from));
      from = until;
    }
    this.advance(to);
  }

  /** All that was lost in it. */
  lost(): Lost {
    return this.slices.reduce(sum, NOTHING);
  }

  /** Forgets what the slices held a window ago. */
  private advance(now: Millis): void {
    const newest = Math.floor(now / SLICE);
    const first = Math.max(this.newest + 1, newest + 1 - SLICES);
    for (let number = first; number <= newest; number++) this.slices[number % SLICES] = NOTHING;
    this.newest = Math.max(this.newest, newest);
  }
}
