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
/** The least score of each grade from `poor` on. */
const EDGES = [25, 50, 70, 85];

/** Every grade, the worst known one second; `unknown` is to be shown as nothing. */
export const GRADES = ["unknown", "bad", "poor", "fair", "good", "excellent"] as const;

/** How good a link is, in one word. */
export type Grade = (typeof GRADES)[number];

/** The place in `GRADES` of a score's grade. */
export const of = (score: number): number => 1 + EDGES.filter((edge) => score >= edge).length;

/** A grade, and what is about to change it. */
export class Standing {
  /** The place in `GRADES`. */
  private rank = 0;
  private lowerSince: Millis | undefined;
  private higherSince: Millis | undefined;

  clone(): Standing {
    return Object.assign(new Standing(), this);
  }

  grade(): Grade {
    return GRADES[this.rank] ?? "unknown";
  }

  /** The score at `now`, in milliseconds; `isCapped` where a ceiling holds it down. */
  update(now: Millis, score: number, isCapped: boolean): void {
    const rank = of(score);
    const higher = of(score - RISE_MARGIN);
    if (!this.rank) {
      this.turn(rank);
    } else if (rank < this.rank) {
      this.higherSince = undefined;
      this.lowerSince ??= now;
      const isFar = this.rank - rank >= 2;
      if (isFar || isCapped || now - this.lowerSince >= FALL_SPAN) this.turn(rank);
    } else if (higher > this.rank) {
      this.lowerSince = undefined;
      this.higherSince ??= now;
      if (now - this.higherSince >= RISE_SPAN) this.turn(higher);
    } else {
      this.turn(this.rank);
    }
  }

  private turn(rank: number): void {
    this.rank = rank;
    this.lowerSince = this.higherSince = undefined;
  }
}
