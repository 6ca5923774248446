// What each part takes off, by its formula.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ONE, POINT } from "../../../src/link/quality/fixed.js";
import * as parts from "../../../src/link/quality/parts.js";

/** In thousandths, to compare. */
const thousandths = (points: number): number => Math.floor((points * 1000 + POINT / 2) / POINT);

test("the parts are those of the formula", () => {
  const delays = [0, 100_000, 200_000, 400_000, 800_000, 1_600_000, 2 ** 53].map(parts.delay);
  const whole = delays.map((points) => Math.floor(points / POINT));
  assert.deepEqual(whole, [0, 0, 10, 20, 30, 40, 40]);
  assert.equal(thousandths(parts.delay(150_000)), 5850);
  // 45 * (1 - exp(-m / 0.15)) of 0.05, 0.1, 0.2 and 1.
  const shares = [ONE / 20, ONE / 10, ONE / 5, ONE].map(Math.floor);
  const losses = shares.map(parts.loss).map(thousandths);
  assert.deepEqual(losses, [12_756, 21_896, 33_138, 44_943]);
  const lost = [0, ONE / 2, ONE, 5 * ONE, 6 * ONE].map(parts.disconnects).map(thousandths);
  assert.deepEqual(lost, [0, 3500, 7000, 35_000, 35_000]);
  const outages = [25 * 600, 60 * 600, 25 * 60 + 60 * 60].map((lost) => parts.outage(lost, 600));
  assert.deepEqual(outages.map(thousandths), [25_000, 60_000, 8500]);
  const gaps = [0, 2000, 6000, 30_000, 2 ** 53].map(parts.delivery).map(thousandths);
  assert.deepEqual(gaps, [0, 5000, 10_000, 20_000, 20_000]);
});

test("every part is a whole number, and worse never costs less", () => {
  let before = [0, 0, 0, 0];
  for (let step = 0; step < 40_000; step++) {
    const n = step * 997;
    const costs = [parts.delay(n), parts.loss(n), parts.disconnects(n * 5)];
    costs.push(parts.delivery(Math.floor(n / 1000)));
    costs.forEach((cost, part) => {
      assert.ok(Number.isSafeInteger(cost), `part ${part} at ${n} is ${cost}`);
      assert.ok(cost >= (before[part] ?? 0), `part ${part} costs less at ${n}`);
    });
    before = costs;
  }
});

test("the reason is the largest part, the first of equals, and none below half a point", () => {
  assert.equal(parts.largest([0, 3 * POINT, 7 * POINT, 7 * POINT, 0]), "disconnects");
  assert.equal(parts.largest([POINT / 2, 0, 0, 0, 0]), "delay");
  assert.equal(parts.largest([POINT / 2 - 1, 0, 0, 0, 0]), null);
  assert.equal(parts.raw([40, 45, 35, 60, 20].map((n) => n * POINT) as unknown as parts.Costs), 0);
});
