// Estimates and deadlines: their bounds, and what moves them. Twin of
// crates/link/src/health/rtt/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Estimator, type Path, Rtt, pathAfter } from "../../../src/link/health/rtt.js";
import { Rng } from "../../../src/machine/rng.js";

const PATHS: Path[] = ["warm", "cold"];

const rtt = () =>
  new Rtt({
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
      if (rng.between(0, 1)) one.miss();
      else one.sample(PATHS[rng.between(0, 1)]!, rng.between(0, most));
      for (const path of PATHS) {
        const [soft, hard] = [one.soft(path), one.hard(path)];
        assert.ok(soft <= hard && soft >= 1000 && soft <= 5000, `seed ${seed}: ${soft}`);
        assert.ok(Number.isInteger(hard), `seed ${seed}: ${hard}`);
        assert.ok(hard >= 4000 && hard <= 10_000, `seed ${seed}: ${hard}`);
      }
      assert.ok(one.soft("cold") >= 2000, `seed ${seed}`);
    }
  }
});

test("steady answers are learnt", () => {
  for (const [first, steady] of [[0, 100_000], [100_000, 0], [7, 77]] as const) {
    const estimator = new Estimator(first);
    for (let answer = 0; answer < 200; answer++) estimator.sample(steady);
    assert.ok(Math.abs(estimator.delay() - steady * 500) <= 30, `${estimator.delay()}`);
  }
});

test("the first round trip and the next are as in RFC 6298", () => {
  const estimator = new Estimator(100);
  assert.deepEqual([estimator.delay(), estimator.answerTimeout()], [150_000, 300]);
  estimator.sample(180);
  assert.deepEqual([estimator.delay(), estimator.answerTimeout()], [55_000 + 115_000, 340]);
});

test("a path is warm for five seconds", () => {
  assert.deepEqual([5000, 5001].map(pathAfter), PATHS);
});

test("a cold answer tells nothing of the warm path", () => {
  const one = rtt();
  one.sample("warm", 50);
  one.sample("cold", 1200);
  assert.deepEqual([one.soft("warm"), one.hard("warm")], [1000, 4000]);
  assert.deepEqual([one.soft("cold"), one.hard("cold")], [3600, 8200]);
  assert.equal(one.warm()?.delay(), 75_000);
});

test("an unknown path is given the longest time", () => {
  assert.deepEqual([rtt().soft("warm"), rtt().hard("cold")], [5000, 10_000]);
});

test("each miss doubles timeouts until an answer comes", () => {
  const one = rtt();
  one.sample("warm", 10);
  for (const soft of [1000, 2000, 4000, 5000, 5000]) {
    assert.equal(one.soft("warm"), soft);
    one.miss();
  }
  one.sample("warm", 10);
  assert.equal(one.soft("warm"), 1000);
});
