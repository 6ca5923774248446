// Delays, budget and hints: bounds at the limit and one past it. Twin of
// crates/link/src/backoff/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Schedule } from "../../src/link/backoff.js";
import { DEFAULTS as config } from "../../src/link/config.js";
import { Rng } from "../../src/machine/rng.js";

const within = (least: number, most: number, actual: number) =>
  assert.ok(least <= actual && actual <= most, `${actual} is not from ${least} to ${most}`);

// P-60
test("every delay is within its bounds whatever the seed", () => {
  for (let seed = 0; seed < 500; seed++) {
    const [schedule, rng] = [new Schedule(), new Rng(seed)];
    for (const base of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      const least = Math.max(base * 0.7, config.delayFloorMs);
      within(least, base * 1.3, schedule.delay(config, rng));
    }
  }
});

// P-60
test("links at the cap do not share one delay", () => {
  const delay = (seed: number) => {
    const [schedule, rng] = [new Schedule(), new Rng(seed)];
    return Array.from({ length: 9 }, () => schedule.delay(config, rng)).at(-1)!;
  };
  const above = Array.from({ length: 100 }, (_, seed) => delay(seed)).filter((one) => one > 30_000);
  within(30, 70, above.length);
});

// P-62
test("a crash is spread over half its window", () => {
  for (let seed = 0; seed < 200; seed++) {
    within(1000, 30_000, new Schedule().crashDelay(60_000, config, new Rng(seed)));
  }
  assert.equal(new Schedule().crashDelay(0, config, new Rng(1)), config.delayFloorMs);
});

// P-65
test("ten attempts are free and the next one waits", () => {
  const schedule = new Schedule();
  for (let attempt = 0; attempt < 10; attempt++) {
    assert.equal(schedule.admit(0), 0);
    schedule.spend(0);
  }
  assert.equal(schedule.admit(0), 15_000);
  assert.equal(schedule.admit(15_000), 15_000);
});

// P-65
test("a session of a minute earns the whole budget", () => {
  const schedule = new Schedule();
  for (let attempt = 0; attempt < 10; attempt++) schedule.spend(0);
  schedule.settle(59_999, 59_999, true, config);
  for (let attempt = 0; attempt < 4; attempt++) schedule.spend(60_000);
  assert.ok(schedule.admit(60_000) > 60_000);
  schedule.settle(60_000, 60_000, false, config);
  for (let attempt = 0; attempt < 10; attempt++) schedule.spend(60_000);
  assert.equal(schedule.admit(60_000), 75_000);
});

// P-61
test("only a session that held and answered starts the count anew", () => {
  const next = (held: number, isAnswered: boolean) => {
    const [schedule, rng] = [new Schedule(), new Rng(1)];
    for (let failure = 0; failure < 5; failure++) schedule.delay(config, rng);
    schedule.settle(held, held, isAnswered, config);
    return schedule.delay(config, rng);
  };
  assert.ok(next(30_000, true) <= 1300);
  assert.ok(next(29_999, true) > 1300);
  assert.ok(next(30_000, false) > 1300);
});

// P-50, P-60
test("a hint holds back every path and a free attempt comes once in five seconds", () => {
  const schedule = new Schedule();
  assert.deepEqual([100, 200, 300].map((now) => schedule.admitFree(now)), [100, 5100, 5100]);
  schedule.hold(300, 20_000);
  assert.equal(schedule.admitFree(400), 20_300);
  assert.equal(schedule.admitAsked(400, config), 20_300);
  schedule.hold(400, Infinity);
  assert.equal(schedule.admit(400), 3_600_400);
});
