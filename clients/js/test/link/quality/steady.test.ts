// What the score is drawn from over time: the ages of events, the window, and the grade.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Gaps } from "../../../src/link/quality/gaps.js";
import { GRADES, Standing, of } from "../../../src/link/quality/grade.js";
import { WINDOW, Window } from "../../../src/link/quality/window.js";

test("the rank of ages is that of nineteen in twenty", () => {
  const gaps = new Gaps();
  assert.equal(gaps.at95Percent(), 0);
  for (let gap = 1; gap <= 20; gap++) gaps.push(gap);
  assert.equal(gaps.at95Percent(), 19);
});

test("the oldest age makes room after 64", () => {
  const gaps = new Gaps();
  // So many that they are the twentieth part as long as all of them are kept.
  for (let n = 0; n < 4; n++) gaps.push(9000);
  for (let n = 0; n < 60; n++) gaps.push(10);
  assert.equal(gaps.at95Percent(), 9000);
  gaps.push(10);
  assert.equal(gaps.at95Percent(), 10);
});

const off = (span: number) => ({ polled: 0, off: span });
const polled = (span: number) => ({ polled: span, off: 0 });
const nothing = () => ({ polled: 0, off: 0 });

test("what was lost is remembered for ten minutes", () => {
  const window = new Window();
  window.pass(0, 10_000, off);
  window.pass(10_000, 40_000, polled);
  assert.deepEqual(window.lost(), { polled: 30_000, off: 10_000 });
  window.pass(40_000, 599_999, nothing);
  assert.deepEqual(window.lost(), { polled: 30_000, off: 10_000 });
  const before = window.clone();
  window.pass(599_999, 600_000, nothing);
  assert.deepEqual(window.lost(), { polled: 25_000, off: 0 });
  window.pass(600_000, 645_000, nothing);
  assert.deepEqual(window.lost(), nothing());
  assert.deepEqual(before.lost(), { polled: 30_000, off: 10_000 });
});

test("no more than the window is lost", () => {
  const window = new Window();
  window.pass(7, 100 * WINDOW + 7, off);
  const lost = window.lost().off;
  assert.ok(lost >= WINDOW - 15_000 && lost <= WINDOW, `${lost}`);
  window.pass(100 * WINDOW + 7, 2 ** 51, nothing);
  assert.deepEqual(window.lost(), nothing());
});

const standing = (score: number): Standing => {
  const one = new Standing();
  one.update(0, score, false);
  return one;
};

test("the edges of the grades are those of the table", () => {
  const edges = { excellent: 85, good: 70, fair: 50, poor: 25 };
  for (const [grade, edge] of Object.entries(edges)) {
    assert.equal(GRADES[of(edge)], grade);
    assert.equal(GRADES[of(edge - 1) + 1], grade);
  }
  assert.deepEqual([GRADES[of(0)], GRADES[of(255)]], ["bad", "excellent"]);
});

test("one grade lower takes two ticks and two grades none", () => {
  const one = standing(90);
  one.update(1000, 84, false);
  one.update(30_999, 84, false);
  assert.equal(one.grade(), "excellent");
  one.update(31_000, 84, false);
  assert.equal(one.grade(), "good");
  one.update(31_001, 49, false);
  assert.equal(one.grade(), "poor");
});

test("under a ceiling the grade falls at once", () => {
  const one = standing(60);
  one.update(0, 40, true);
  assert.equal(one.grade(), "poor");
});

test("the grade rises after four ticks well above the edge", () => {
  const one = standing(20);
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
      const one = standing(middle);
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
