// What the score is drawn from over time: the ages of events, the window, and the grade.

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Gaps, at95Percent, push } from "../../../src/link/quality/gaps.js";
import { GRADES, type GradeState, of, update } from "../../../src/link/quality/grade.js";
import { EMPTY, WINDOW, lost, pass } from "../../../src/link/quality/window.js";

test("the rank of ages is that of nineteen in twenty", () => {
  let gaps: Gaps = [];
  assert.equal(at95Percent(gaps), 0);
  for (let gap = 1; gap <= 20; gap++) gaps = push(gaps, gap);
  assert.equal(at95Percent(gaps), 19);
});

test("the oldest age makes room after 64", () => {
  // So many that they are the twentieth part as long as all of them are kept.
  let gaps: Gaps = Array<number>(4).fill(9000);
  for (let n = 0; n < 60; n++) gaps = push(gaps, 10);
  assert.equal(at95Percent(gaps), 9000);
  gaps = push(gaps, 10);
  assert.deepEqual([gaps.length, at95Percent(gaps)], [64, 10]);
});

test("what was lost is remembered for ten minutes", () => {
  let window = pass(EMPTY, 0, 10_000, 60);
  window = pass(window, 10_000, 40_000, 25);
  assert.equal(lost(window), 60 * 10_000 + 25 * 30_000);
  const before = pass(window, 40_000, 599_999, 0);
  assert.equal(lost(before), 60 * 10_000 + 25 * 30_000);
  window = pass(before, 599_999, 600_000, 0);
  assert.equal(lost(window), 25 * 25_000);
  assert.equal(lost(pass(window, 600_000, 645_000, 0)), 0);
  assert.equal(lost(before), 60 * 10_000 + 25 * 30_000, "what was is not changed");
});

test("no more than the window is lost", () => {
  const window = pass(EMPTY, 7, 100 * WINDOW + 7, 1);
  assert.ok(lost(window) >= WINDOW - 15_000 && lost(window) <= WINDOW, `${lost(window)}`);
  assert.equal(lost(pass(window, 100 * WINDOW + 7, 2 ** 51, 0)), 0);
  assert.equal(lost(EMPTY), 0);
});

/** A grade that begins with this score. */
class One {
  private gradeState: GradeState = { rank: 0, trend: 0, since: 0 };

  constructor(score: number) {
    this.update(0, score, false);
  }

  update(now: number, score: number, isCapped: boolean): void {
    this.gradeState = update(this.gradeState, now, score, isCapped);
  }

  grade(): string | undefined {
    return GRADES[this.gradeState.rank];
  }
}

test("the edges of the grades are those of the table", () => {
  const edges = { excellent: 85, good: 70, fair: 50, poor: 25 };
  for (const [grade, edge] of Object.entries(edges)) {
    assert.equal(GRADES[of(edge)], grade);
    assert.equal(GRADES[of(edge - 1) + 1], grade);
  }
  assert.deepEqual([GRADES[of(0)], GRADES[of(255)]], ["bad", "excellent"]);
});

test("one grade lower takes two ticks and two grades none", () => {
  const one = new One(90);
  one.update(1000, 84, false);
  one.update(30_999, 84, false);
  assert.equal(one.grade(), "excellent");
  one.update(31_000, 84, false);
  assert.equal(one.grade(), "good");
  one.update(31_001, 49, false);
  assert.equal(one.grade(), "poor");
});

test("under a ceiling the grade falls at once", () => {
  const one = new One(60);
  one.update(0, 40, true);
  assert.equal(one.grade(), "poor");
});

test("the grade rises after four ticks well above the edge", () => {
  const one = new One(20);
  one.update(0, 29, false);
  one.update(90_000, 29, false);
  assert.equal(one.grade(), "bad");
  one.update(90_000, 30, false);
  one.update(149_999, 95, false);
  assert.equal(one.grade(), "bad");
  one.update(150_000, 95, false);
  assert.equal(one.grade(), "excellent");
});

test("two points up and down change the grade once at most", () => {
  for (let middle = 2; middle <= 98; middle++) {
    for (const period of [1000, 15_000, 45_000, 120_000]) {
      const one = new One(middle);
      let changes = 0;
      for (let now = 0; now < 1_200_000; now += 1000) {
        const before = one.grade();
        one.update(now, Math.floor(now / period) % 2 ? middle + 2 : middle - 2, false);
        changes += Number(one.grade() !== before);
      }
      assert.ok(changes <= 1, `${middle} ±2 each ${period}: ${changes} changes`);
    }
  }
});
