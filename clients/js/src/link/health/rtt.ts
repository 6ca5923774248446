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
export interface Estimator {
  smoothed: number;
  variation: number;
}

/** What one round trip tells. */
export function newEstimator(sample: Span): Estimator {
  const smoothed = microseconds(sample);
  return { smoothed, variation: Math.floor(smoothed / 2) };
}

/** Takes one more round trip into account. */
export function smooth(estimator: Estimator, span: Span): void {
  const sample = microseconds(span);
  const away = Math.abs(estimator.smoothed - sample);
  estimator.variation = Math.floor((3 * estimator.variation + away) / 4);
  estimator.smoothed = Math.floor((7 * estimator.smoothed + sample) / 8);
}

/**
 * One way, with room for what comes late: half of the round trip and twice its variation. In
 * microseconds.
 */
export const delay = ({ smoothed, variation }: Estimator): number =>
  Math.floor(smoothed / 2) + 2 * variation;

/** By when nearly every answer has come. */
export const answerTimeout = ({ smoothed, variation }: Estimator): Span =>
  Math.ceil((smoothed + 4 * variation) / 1000);

/** The estimates of one path. */
export interface Rtt {
  readonly estimators: Partial<Record<Path, Estimator>>;
  misses: number;
  /** Those of patience. */
  bounds: Bounds;
}

/** Nothing known yet. */
export const newRtt = (bounds: Bounds): Rtt => ({ estimators: {}, misses: 0, bounds });

/** An answer came to something that was asked on such a path. */
export function sample(rtt: Rtt, path: Path, span: Span): void {
  rtt.misses = 0;
  const estimator = rtt.estimators[path];
  if (estimator) smooth(estimator, span);
  else rtt.estimators[path] = newEstimator(span);
}

/** The soft deadline has passed: the next one is twice as long, until an answer comes. */
export function miss(rtt: Rtt): void {
  rtt.misses = Math.min(rtt.misses + 1, MISSES_MAX);
}

/** A smoothed round trip in milliseconds: of the warm path, or else of the cold one. */
export function roundTrip({ estimators: { warm, cold } }: Rtt): number | undefined {
  const estimator = warm ?? cold;
  return estimator && Math.floor((estimator.smoothed + 500) / 1000);
}

/**
 * After how long without an answer there is reason for doubt; the longest such time where nothing
 * is known of such a path.
 */
export function soft({ estimators, misses, bounds }: Rtt, path: Path): Span {
  const estimator = estimators[path];
  const { softMin, softMax } = bounds;
  if (!estimator) return softMax;
  const timeout = Math.max(answerTimeout(estimator), softMin[path]);
  return Math.min(timeout * 2 ** misses, softMax);
}

/** After how long without any sign of life the peer counts as dead. */
export function hard(rtt: Rtt, path: Path): Span {
  const doubled = soft(rtt, path) * 2 + seconds(1);
  return Math.min(Math.max(doubled, rtt.bounds.hardMin), rtt.bounds.hardMax);
}

const microseconds = (span: Span): number => Math.min(span, SAMPLE_MAX) * 1000;
