// How old events are by the server's clock. Twin of the tests in
// crates/link/src/health/server_clock.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { age, newServerClock, sample } from "../../../src/link/health/server_clock.js";

const TIME = "2026-02-28T00:00:10.000Z";

test("an event is as old as the server says", () => {
  const clock = newServerClock(0);
  assert.equal(age(clock, 500, TIME), undefined);
  sample(clock, 400, 100, "2026-02-28T00:00:09.000Z");
  // 9.050 s at 400 ms, so 10.150 s at 1500 ms.
  assert.equal(age(clock, 1500, TIME), 150);
  assert.equal(age(clock, 1000, TIME), 0, "it cannot come before it is");
  assert.equal(age(clock, 1500, "yesterday"), undefined);
});

test("the fastest answer of ten minutes counts", () => {
  const clock = newServerClock(0);
  sample(clock, 400, 100, "2026-02-28T00:00:09.000Z");
  sample(clock, 500, 101, "2026-02-28T00:00:00.000Z");
  sample(clock, 600, 5, "nonsense");
  assert.equal(age(clock, 1500, TIME), 150);
  sample(clock, 600_401, 3000, "2026-02-28T00:10:00.000Z");
  assert.equal(age(clock, 600_500, "2026-02-28T00:10:01.500Z"), 99);
});

test("what waited for the device has no age", () => {
  const clock = newServerClock(60_000);
  sample(clock, 60_100, 0, "2026-02-28T00:01:00.000Z");
  assert.equal(age(clock, 60_200, "2026-02-28T00:00:59.900Z"), 200);
  assert.equal(age(clock, 60_200, "2026-02-28T00:00:59.899Z"), undefined);
});
