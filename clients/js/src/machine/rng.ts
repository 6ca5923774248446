// Twin of crates/machine/src/rng.rs. A seeded generator for jitter: the same numbers in every
// language. Not for keys or ids: those come from the platform, in the shell.
// Source: SplitMix32, the 32-bit member of Steele, Lea and Flood's SplitMix (OOPSLA 2014), with
// the finalizer constants of MurmurHash3.

/** A small generator with one word of state. */
export class Rng {
  private state: number;

  /** A generator that gives the same numbers for the same `seed`. */
  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** The next 32 bits. */
  nextU32(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  }

  /**
   * A number from `low` to `high`, both included, evenly enough for jitter; `low` where `high` is
   * not above it. Neither is above 2^32 - 1.
   */
  between(low: number, high: number): number {
    return high <= low ? low : low + (this.nextU32() % (high - low + 1));
  }
}
