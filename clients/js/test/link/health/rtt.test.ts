// Estimates and deadlines: their bounds, and what moves them. Twin of
// crates/link/src/health/rtt/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Path, Rtt } from "../../../src/link/health/rtt.js";
import * as rtts from "../../../src/link/health/rtt.js";
import { Rng } from "../../../src/machine/rng.js";

const PATHS: Path[] = ["warm", "cold"];

const rtt = (): Rtt =>
  rtts.newRtt({
    softMin: { warm: 1000, cold: 2000 },
    softMax: 5000,
    hardMin: 4000,
    hardMax: 10_000,
  });

test("deadlines keep their bounds whatever comes", () => {
  for (let seed = 0; seed < 200; seed++) {
    const [one, rng] = [rtt(), new Rng(seed)];
    for (let step = 0; step < 100; step++) {
      const most = rng.between(0, 1) ? 5000 : 2 ** 32 - 1;
      if (rng.between(0, 1)) rtts.miss(one);
      else rtts.sample(one, PATHS[rng.between(0, 1)]!, rng.between(0, most));
      for (const path of PATHS) {
        const [soft, hard] = [rtts.soft(one, path), rtts.hard(one, path)];
        assert.ok(soft <= hard && soft >= 1000 && soft <= 5000, `seed ${seed}: ${soft}`);
        assert.ok(Number.isInteger(hard), `seed ${seed}: ${hard}`);
        assert.ok(hard >= 4000 && hard <= 10_000, `seed ${seed}: ${hard}`);
      }
      assert.ok(rtts.soft(one, "cold") >= 2000, `seed ${seed}`);
    }
  }
});

test("steady answers are learnt", () => {
  for (const [first, steady] of [[0, 100_000], [100_000, 0], [7, 77]] as const) {
    const estimator = rtts.newEstimator(first);
    for (let answer = 0; answer < 200; answer++) rtts.smooth(estimator, steady);
    assert.ok(Math.abs(rtts.delay(estimator) - steady * 500) <= 30, `${rtts.delay(estimator)}`);
  }
});

test("the first round trip and the next are as in RFC 6298", () => {
  const estimator = rtts.newEstimator(100);
  assert.deepEqual([rtts.delay(estimator), rtts.answerTimeout(estimator)], [150_000, 300]);
  rtts.smooth(estimator, 180);
  assert.deepEqual([rtts.delay(estimator), rtts.answerTimeout(estimator)], [55_000 + 115_000, 340]);
});

test("a path is warm for five seconds", () => {
  assert.deepEqual([5000, 5001].map(rtts.pathAfter), PATHS);
});

test("a cold answer tells nothing of the warm path", () => {
  const one = rtt();
  rtts.sample(one, "warm", 50);
  rtts.sample(one, "cold", 1200);
  assert.deepEqual([rtts.soft(one, "warm"), rtts.hard(one, "warm")], [1000, 4000]);
  assert.deepEqual([rtts.soft(one, "cold"), rtts.hard(one, "cold")], [3600, 8200]);
  assert.equal(rtts.delay(one.estimators.warm!), 75_000);
});

test("an unknown path is given the longest time", () => {
  assert.deepEqual([rtts.soft(rtt(), "warm"), rtts.hard(rtt(), "cold")], [5000, 10_000]);
});

test("each miss doubles timeouts until an answer comes", () => {
  const one = rtt();
  rtts.sample(one, "warm", 10);
  for (const soft of [1000, 2000, 4000, 5000, 5000]) {
    assert.equal(rtts.soft(one, "warm"), soft);
    rtts.miss(one);
  }
  rtts.sample(one, "warm", 10);
  assert.equal(rtts.soft(one, "warm"), 1000);
});
