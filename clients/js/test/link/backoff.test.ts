// Delays, budget and hints: bounds at the limit and one past it. Twin of
// crates/link/src/backoff/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  admit,
  admitAsked,
  admitFree,
  crashDelay,
  delay,
  hold,
  newSchedule,
  creditSession,
  spend,
} from "../../src/link/backoff.js";
import { DEFAULTS as config } from "../../src/link/config.js";
import { Rng } from "../../src/machine/rng.js";

const within = (least: number, most: number, actual: number) =>
  assert.ok(least <= actual && actual <= most, `${actual} is not from ${least} to ${most}`);

// P-60
test("every delay is within its bounds whatever the seed", () => {
  for (let seed = 0; seed < 500; seed++) {
    const [schedule, rng] = [newSchedule(), new Rng(seed)];
    for (const base of [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
      const least = Math.max(base * 0.7, config.delayFloorMs);
      within(least, base * 1.3, delay(schedule, config, rng));
    }
  }
});

// P-60
test("links at the cap do not share one delay", () => {
  const last = (seed: number) => {
    const [schedule, rng] = [newSchedule(), new Rng(seed)];
    return Array.from({ length: 9 }, () => delay(schedule, config, rng)).at(-1)!;
  };
  const above = Array.from({ length: 100 }, (_, seed) => last(seed)).filter((one) => one > 30_000);
  within(30, 70, above.length);
});

// P-62
test("a crash is spread over half its window", () => {
  for (let seed = 0; seed < 200; seed++) {
    within(1000, 30_000, crashDelay(newSchedule(), 60_000, config, new Rng(seed)));
  }
  assert.equal(crashDelay(newSchedule(), 0, config, new Rng(1)), config.delayFloorMs);
});

// P-65
test("ten attempts are free and the next one waits", () => {
  const schedule = newSchedule();
  for (let attempt = 0; attempt < 10; attempt++) {
    assert.equal(admit(schedule, 0), 0);
    spend(schedule, 0);
  }
  assert.equal(admit(schedule, 0), 15_000);
  assert.equal(admit(schedule, 15_000), 15_000);
});

// P-65
test("a session of a minute earns the whole budget", () => {
  const schedule = newSchedule();
  for (let attempt = 0; attempt < 10; attempt++) spend(schedule, 0);
  creditSession(schedule, 59_999, 59_999, true, config);
  for (let attempt = 0; attempt < 4; attempt++) spend(schedule, 60_000);
  assert.ok(admit(schedule, 60_000) > 60_000);
  creditSession(schedule, 60_000, 60_000, false, config);
  for (let attempt = 0; attempt < 10; attempt++) spend(schedule, 60_000);
  assert.equal(admit(schedule, 60_000), 75_000);
});

// P-61
test("only a session that held and answered starts the count anew", () => {
  const next = (held: number, isAnswered: boolean) => {
    const [schedule, rng] = [newSchedule(), new Rng(1)];
    for (let failure = 0; failure < 5; failure++) delay(schedule, config, rng);
    creditSession(schedule, held, held, isAnswered, config);
    return delay(schedule, config, rng);
  };
  assert.ok(next(30_000, true) <= 1300);
  assert.ok(next(29_999, true) > 1300);
  assert.ok(next(30_000, false) > 1300);
});

// P-50, P-60
test("a hint holds back every path and a free attempt comes once in five seconds", () => {
  const schedule = newSchedule();
  assert.deepEqual([100, 200, 300].map((now) => admitFree(schedule, now)), [100, 5100, 5100]);
  hold(schedule, 300, 20_000);
  assert.equal(admitFree(schedule, 400), 20_300);
  assert.equal(admitAsked(schedule, 400, config), 20_300);
  hold(schedule, 400, Infinity);
  assert.equal(admit(schedule, 400), 3_600_400);
});
