// What the charts draw. In: totals and when they were read. Out: series of the last minutes, where
// a counter becomes a rate. A counter that went down is another process's: its rate is not known.

/** One reading: gauges as they are, counters as totals. */
export interface Reading {
  readonly atMs: number;
  readonly gauges: Readonly<Record<string, number | null>>;
  readonly counters: Readonly<Record<string, number>>;
}

/** Time in seconds, as charts have it, and the values at each; null where there is none. */
export type Series = readonly [readonly number[], readonly (number | null)[]];

/** Readings that follow sooner make rates of little but chance. */
const APART_MS = 900;

export class Samples {
  private readonly readings: Reading[] = [];

  constructor(
    /** How far back it goes. */
    private readonly spanMs: number,
    /** How many readings at most. */
    private readonly countMax: number,
  ) {}

  add(reading: Reading): void {
    const last = this.readings.at(-1);
    if (last && reading.atMs - last.atMs < APART_MS) return;
    this.readings.push(reading);
    const from = reading.atMs - this.spanMs;
    while (this.readings.length > this.countMax || (this.readings[0]?.atMs ?? from) < from) {
      this.readings.shift();
    }
  }

  clear(): void {
    this.readings.length = 0;
  }

  get last(): Reading | undefined {
    return this.readings.at(-1);
  }

  gauge(name: string): Series {
    const times = this.readings.map((reading) => reading.atMs / 1000);
    return [times, this.readings.map((reading) => reading.gauges[name] ?? null)];
  }

  /** The rate of a counter, a second. */
  rate(name: string): Series {
    const times = this.readings.map((reading) => reading.atMs / 1000);
    const rates = this.readings.map((reading, at) => {
      const before = this.readings[at - 1];
      return before ? rateOf(before, reading, name) : null;
    });
    return [times, rates];
  }

  /** The newest rate, over the last `overMs` at least where there is as much. */
  rateNow(name: string, overMs: number): number | null {
    const last = this.readings.at(-1);
    if (!last) return null;
    const isBefore = (reading: Reading): boolean => reading.atMs <= last.atMs - overMs;
    const first = [...this.readings].reverse().find(isBefore) ?? this.readings[0];
    return first && first !== last ? rateOf(first, last, name) : null;
  }
}

function rateOf(before: Reading, after: Reading, name: string): number | null {
  const [from, to] = [before.counters[name], after.counters[name]];
  const seconds = (after.atMs - before.atMs) / 1000;
  if (from === undefined || to === undefined || to < from || seconds <= 0) return null;
  return (to - from) / seconds;
}
