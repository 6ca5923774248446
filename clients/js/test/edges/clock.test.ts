// The clock: steps of two clocks in, time and sleep out.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock } from "../../src/clock.js";

function clocks(steadyMs: number | undefined) {
  const at = { wall: 1_000_000, steady: steadyMs ?? 0 };
  const steady = steadyMs === undefined ? undefined : () => at.steady;
  return { at, clock: new Clock({ wall: () => at.wall, steady }) };
}

test("time is the steady clock's, in whole milliseconds", () => {
  const { at, clock } = clocks(5.5);
  for (let step = 0; step < 1_000; step++) {
    at.steady += 0.25;
    at.wall += step % 4 === 0 ? 1 : 0;
    clock.now();
  }
  assert.equal(clock.now(), 250, "looking often adds nothing");
});

test("a wall clock that ran ahead by more than five seconds is sleep, and time that passed", () => {
  const { at, clock } = clocks(0);
  at.steady += 60_000;
  at.wall += 65_000;
  assert.equal(clock.now(), 60_000, "5 s is an adjusted clock");
  assert.equal(clock.hasSlept(), false);
  at.steady += 1_000;
  at.wall += 6_001;
  assert.equal(clock.now(), 66_001);
  assert.equal(clock.hasSlept(), true);
  assert.equal(clock.hasSlept(), false, "and is told once");
});

test("a wall clock set back is no sleep, nor does it hide the next one", () => {
  const { at, clock } = clocks(0);
  at.wall = 5;
  at.steady += 1_000;
  assert.equal(clock.now(), 1_000);
  at.wall += 3_600_000;
  at.steady += 10;
  assert.equal(clock.hasSlept(), true);
  assert.equal(clock.now(), 3_601_000);
});

test("without a steady clock time follows the wall, and never goes back", () => {
  const { at, clock } = clocks(undefined);
  at.wall += 7_000;
  assert.equal(clock.now(), 7_000);
  at.wall -= 4_000;
  assert.equal(clock.now(), 7_000);
  at.wall += 1_000;
  assert.equal(clock.now(), 8_000);
  assert.equal(clock.hasSlept(), false, "lateness alone tells of sleep there");
});

test("an instant is given the date that the wall shows now for then", () => {
  const { at, clock } = clocks(0);
  at.steady += 1_500;
  at.wall = Date.parse("1970-01-01T00:16:41.000Z");
  assert.equal(clock.date(500), "1970-01-01T00:16:40.000Z");
});
