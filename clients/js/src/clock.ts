// The only place that asks for the time. In: nothing. Out: whole milliseconds since the start that
// never go back, and whether the device slept. Sleep shows as the wall clock running ahead of the
// monotonic one, which may stand still meanwhile; it counts as time that passed.

/** How far the wall clock must run ahead to mean that the device slept. */
const SLEPT_MS = 5_000;

/** Both clocks, in milliseconds; the second may be missing. */
export interface Clocks {
  wall(): number;
  steady: (() => number) | undefined;
}

// A mini-program has none, nor `globalThis`.
declare const performance: { now(): number } | undefined;

/** The clocks of this platform. */
const platform = (): Clocks => ({
  wall: () => Date.now(),
  steady: typeof performance === "object" ? () => performance.now() : undefined,
});

/** Milliseconds since its start. */
export class Clock {
  private nowMs = 0;
  private slept = false;
  private lastWall: number;
  private lastSteady: number;

  constructor(private readonly clocks = platform()) {
    this.lastWall = clocks.wall();
    this.lastSteady = this.steady();
  }

  /** Milliseconds since the start. */
  now(): number {
    const wall = this.clocks.wall();
    const steady = this.steady();
    let step = Math.max(steady - this.lastSteady, 0);
    // Without a steady clock both steps are the same, and only lateness tells of sleep.
    if (wall - this.lastWall - step > SLEPT_MS) {
      step = wall - this.lastWall;
      this.slept = true;
    }
    this.lastWall = wall;
    this.lastSteady = steady;
    return Math.floor((this.nowMs += step));
  }

  /** Whether the device slept since this was last asked. */
  hasSlept(): boolean {
    this.now();
    const hasSlept = this.slept;
    this.slept = false;
    return hasSlept;
  }

  /** What the wall shows, in milliseconds. */
  wall(): number {
    return this.clocks.wall();
  }

  /** What the wall showed, or will show, when this clock shows `at`, as RFC 3339 in UTC. */
  date(at: number): string {
    return new Date(this.wall() + at - this.now()).toISOString();
  }

  private steady(): number {
    return (this.clocks.steady ?? this.clocks.wall)();
  }
}
