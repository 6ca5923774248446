// Twin of crates/link/src/quality/parts.rs. What speaks against a link, part by part. In: what was
// counted and measured. Out: points to take off, in 2^16ths. Each part grows with what it is drawn
// from, up to its own limit.

import type { Span } from "../../machine/time.js";
import { ONE, POINT, halved, log2, product, scaled, wholePoints } from "./fixed.js";

/** Delays up to this cost nothing, in microseconds. */
const DELAY_FREE = 100_000;
/** Points for each doubling of the delay beyond that. */
const DELAY_DOUBLING = 10;
const DELAY_MAX = 40 * POINT;
const LOSS_MAX = 45 * POINT;
/** Halvings, in millionths, of what is left of the points at a loss of one: log2(e) / 0.15. */
const LOSS_STEEPNESS = 9_617_967;
/** Points for each disconnect. */
const DISCONNECT_COST = 7;
const DISCONNECTS_MAX = 35 * POINT;
/** The gap of delivery that makes a doubling when it is added again, in milliseconds. */
const GAP_UNIT = 2000;
/** Points for each doubling. */
const GAP_DOUBLING = 5;
const GAP_MAX = 20 * POINT;

const PARTS = ["delay", "loss", "disconnects", "outage", "delivery"] as const;

/**
 * Why a score is not 100: answers take long, heartbeats are missed, sessions were lost, events came
 * by polling or could not come, events take long from the server to here.
 */
export type Part = (typeof PARTS)[number];

/** Whole points that each part takes off a score of 100. */
export interface Parts {
  /** For delay: 0 to 40. */
  readonly delay: number;
  /** For heartbeats without an answer in time: 0 to 45. */
  readonly loss: number;
  /** For lost sessions: 0 to 35. */
  readonly disconnects: number;
  /** For time without a session in the last ten minutes: 0 to 60. */
  readonly outage: number;
  /** For the age of events on arrival: 0 to 20. */
  readonly delivery: number;
}

/** The same in the same order, in 2^16ths of a point. */
export type Costs = readonly [number, number, number, number, number];

/** What is left of 100 points. */
export const raw = (costs: Costs): number =>
  Math.max(100 * POINT - costs.reduce((all, one) => all + one), 0);

export function parts(costs: Costs): Parts {
  const whole = {} as { [part in Part]: number };
  PARTS.forEach((part, place) => (whole[part] = wholePoints(costs[place]!)));
  return whole;
}

/** The largest part, the first of equals; none where not even that takes a point off. */
export function largest(costs: Costs): Part | null {
  const most = Math.max(...costs);
  return (wholePoints(most) && PARTS[costs.indexOf(most)]) || null;
}

/** For a delay of so many microseconds. */
export const delay = (microseconds: number): number =>
  Math.min(DELAY_DOUBLING * log2(scaled(microseconds, ONE, DELAY_FREE)), DELAY_MAX);

/** For this share of heartbeats not answered in time, a ratio of at most one. */
export const loss = (missed: number): number =>
  product(LOSS_MAX, ONE - halved(scaled(missed, LOSS_STEEPNESS, 1_000_000)));

/** For so many disconnects, a ratio. */
export const disconnects = (count: number): number =>
  Math.min(scaled(count, DISCONNECT_COST * POINT, ONE), DISCONNECTS_MAX);

/** For what was lost in a window of so many milliseconds, each of which had its cost in points. */
export const outage = (lost: number, window: Span): number => scaled(lost, POINT, window);

/** For events that took this long from the server to here, in milliseconds. */
export const delivery = (gap: Span): number =>
  Math.min(GAP_DOUBLING * log2(ONE + scaled(gap, ONE, GAP_UNIT)), GAP_MAX);
