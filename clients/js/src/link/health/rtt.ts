// Twin of crates/link/src/health/rtt.rs. How long answers take on this path, and so how long one is
// waited for. In: round trips, and how long the path had been idle before them. Out: estimates in
// microseconds, and two deadlines. Must not know what is asked; whoever feeds it leaves out what a
// sleep of the device stretched. Sources: RFC 6298 for the estimator (1/8 and 1/4). A radio that
// has gone to sleep takes up to two seconds to wake, which says nothing of the path: so there are
// two estimators.

import { type Span, seconds } from "../../machine/time.js";

/** Up to this much silence the radio is still awake. */
const WARM_MAX = seconds(5);
/** The longest round trip that is told from a longer one. */
const SAMPLE_MAX = seconds(3600);
/** Misses in a row after which patience no longer grows. */
const MISSES_MAX = 16;

/** The state of the path when something was asked: something came moments ago, or it was idle. */
export type Path = "warm" | "cold";

/** The bounds of patience. */
export interface Bounds {
  /** The least soft deadline on a warm path, and on a cold one. */
  readonly softMin: Readonly<Record<Path, Span>>;
  /** The largest soft deadline. Default 5 s. */
  readonly softMax: Span;
  /** The least hard deadline. Default 4 s. */
  readonly hardMin: Span;
  /** The largest hard deadline. Default 10 s. */
  readonly hardMax: Span;
}

/** The state of a path on which nothing came for `idle`. */
export const pathAfter = (idle: Span): Path => (idle <= WARM_MAX ? "warm" : "cold");

/** A smoothed round trip and how far it varies, in microseconds. */
export class Estimator {
  private smoothed: number;
  private variation: number;

  /** What one round trip tells. */
  constructor(sample: Span) {
    this.smoothed = microseconds(sample);
    this.variation = Math.floor(this.smoothed / 2);
  }

  /** Takes one more round trip into account. */
  sample(span: Span): void {
    const sample = microseconds(span);
    const away = Math.abs(this.smoothed - sample);
    this.variation = Math.floor((3 * this.variation + away) / 4);
    this.smoothed = Math.floor((7 * this.smoothed + sample) / 8);
  }

  /**
   * One way, with room for what comes late: half of the round trip and twice its variation. In
   * microseconds.
   */
  delay(): number {
    return Math.floor(this.smoothed / 2) + 2 * this.variation;
  }

  /** By when nearly every answer has come. */
  answerTimeout(): Span {
    return Math.ceil((this.smoothed + 4 * this.variation) / 1000);
  }
}

/** The estimates of one path. */
export class Rtt {
  private readonly estimators: Partial<Record<Path, Estimator>> = {};
  private misses = 0;

  /** Nothing known yet. */
  constructor(private bounds: Bounds) {}

  /** From now on, patience has these bounds. */
  bound(bounds: Bounds): void {
    this.bounds = bounds;
  }

  /** An answer came to something that was asked on such a path. */
  sample(path: Path, sample: Span): void {
    this.misses = 0;
    const estimator = this.estimators[path];
    if (estimator) estimator.sample(sample);
    else this.estimators[path] = new Estimator(sample);
  }

  /** The soft deadline has passed: the next one is twice as long, until an answer comes. */
  miss(): void {
    this.misses = Math.min(this.misses + 1, MISSES_MAX);
  }

  /** What is known of the warm path. */
  warm(): Estimator | undefined {
    return this.estimators.warm;
  }

  /**
   * After how long without an answer there is reason for doubt; the longest such time where nothing
   * is known of such a path.
   */
  soft(path: Path): Span {
    const estimator = this.estimators[path];
    const { softMin, softMax } = this.bounds;
    if (!estimator) return softMax;
    const timeout = Math.max(estimator.answerTimeout(), softMin[path]);
    return Math.min(timeout * 2 ** this.misses, softMax);
  }

  /** After how long without any sign of life the peer counts as dead. */
  hard(path: Path): Span {
    const doubled = this.soft(path) * 2 + seconds(1);
    return Math.min(Math.max(doubled, this.bounds.hardMin), this.bounds.hardMax);
  }
}

const microseconds = (span: Span): number => Math.min(span, SAMPLE_MAX) * 1000;
