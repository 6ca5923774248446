// Twin of crates/link/src/quality/grade.rs. The weather word for a score, steady enough to be
// shown. In: whole scores, and the time. Out: the grade. It falls and rises later than the score,
// unless the score falls far, or under a ceiling.

import type { Millis } from "../../machine/time.js";

/** How long a score must be one grade lower before its grade is, in milliseconds. */
const FALL_SPAN = 30_000;
/** How long it must be in a higher grade. */
const RISE_SPAN = 60_000;
/** And by how many points above its edge. */
const RISE_MARGIN = 5;

/** Every grade, the worst known one second; `unknown` is to be shown as nothing. */
export const GRADES = ["unknown", "bad", "poor", "fair", "good", "excellent"] as const;

/** How good a link is, in one word. */
export type Grade = (typeof GRADES)[number];

/** A grade, by its place in `GRADES`; and since when the score tends down (-1) or up (1). */
export interface GradeState {
  readonly rank: number;
  readonly trend: number;
  readonly since: Millis;
}

/** The place in `GRADES` of a score's grade. */
export const of = (score: number): number =>
  1 + [25, 50, 70, 85].filter((edge) => score >= edge).length;

/** What a score at `now` in milliseconds makes of it; `isCapped` where a ceiling holds it down. */
export function update(
  before: GradeState,
  now: Millis,
  score: number,
  isCapped: boolean,
): GradeState {
  const { rank } = before;
  const lower = of(score);
  const isFall = !rank || lower < rank;
  const next = isFall ? lower : Math.max(rank, of(score - RISE_MARGIN));
  const trend = Math.sign(next - rank);
  const since = trend === before.trend ? before.since : now;
  const isFar = !rank || rank - next > 1 || (isFall && isCapped);
  const isDue = isFar || now - since >= (isFall ? FALL_SPAN : RISE_SPAN);
  return isDue ? { rank: next, trend: 0, since: now } : { rank, trend, since };
}
