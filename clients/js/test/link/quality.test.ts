// The properties of the score: bounded, steady, blind to sleep, and the same lives as in Rust.

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Flow, type Quality, approach } from "../../src/link/quality.js";
import * as qualities from "../../src/link/quality.js";
import { POINT } from "../../src/link/quality/fixed.js";
import { Rng } from "../../src/machine/rng.js";

const TICK = 15_000;
const CEILINGS: { [flow in Flow]: number } = {
  offline: 0,
  down: 20,
  suspect: 40,
  polled: 55,
  live: 100,
  unwanted: 100,
};
const FLOWS = Object.keys(CEILINGS) as Flow[];

/** A link that is live, with as many answers at 50 ms as there are ticks. */
function live(ticks: number): Quality {
  const quality = qualities.newQuality();
  qualities.onFlow(quality, 0, "live");
  for (let tick = 1; tick <= ticks; tick++) qualities.onAnswer(quality, tick * TICK, 50);
  return quality;
}

/** One thing that happens to both, at its own time each. */
function happen(all: readonly [Quality, number][], rng: Rng): Flow | undefined {
  const draw = rng.between(0, 5);
  const n = rng.between(0, 4_000_000);
  const flow = FLOWS[n % FLOWS.length] ?? "live";
  for (const [quality, now] of all) {
    if (draw === 0) qualities.onAnswer(quality, now, n % 4000);
    if (draw === 1) qualities.onMiss(quality, now);
    if (draw === 2) qualities.onDisconnect(quality, now, false);
    if (draw === 3) qualities.onDelivery(quality, now, n);
    if (draw === 4) qualities.onDelay(quality, n);
    if (draw === 5) qualities.onFlow(quality, now, flow);
  }
  return draw === 5 ? flow : undefined;
}

test("a report is bounded and whole whatever happens", () => {
  for (let seed = 0; seed < 100; seed++) {
    const rng = new Rng(seed);
    const quality = qualities.newQuality();
    let flow: Flow = "unwanted";
    for (let step = 0, now = 0; step < 100; step++) {
      now += rng.between(0, [100, 40_000][step % 2] ?? 0);
      flow = happen([[quality, now]], rng) ?? flow;
      for (const later of [0, 1, 100_000, 10_000_000_000]) {
        const { score, parts } = qualities.report(quality, now + later);
        assert.ok(Number.isInteger(score) && score >= 0 && score <= CEILINGS[flow], `${seed}`);
        const { delay, loss, disconnects, outage, delivery } = parts;
        assert.ok(delay <= 40 && loss <= 45 && disconnects <= 35, `${seed}`);
        assert.ok(outage <= 60 && delivery <= 20, `${seed}`);
      }
    }
  }
});

test("time asleep adds nothing", () => {
  for (let seed = 0; seed < 100; seed++) {
    const rng = new Rng(seed);
    const [awake, asleep] = [qualities.newQuality(), qualities.newQuality()];
    const place = rng.between(0, 99);
    for (let step = 0, now = 0, shift = 0; step < 100; step++) {
      now += rng.between(0, 20_000);
      if (step === place) {
        shift = rng.between(1, 4_000_000_000);
        qualities.onSleep(asleep, now, now + shift);
      }
      happen([[awake, now], [asleep, now + shift]], rng);
      const later = qualities.report(asleep, now + shift);
      assert.deepEqual(qualities.report(awake, now), later, `seed ${seed}`);
    }
  }
});

test("a report changes nothing", () => {
  const quality = live(4);
  qualities.onDelay(quality, 800_000);
  qualities.onMiss(quality, 5 * TICK);
  const before = qualities.report(quality, 6 * TICK);
  qualities.report(quality, 60 * TICK);
  assert.deepEqual(qualities.report(quality, 6 * TICK), before);
});

test("a score moves towards what speaks for it and never past", () => {
  const rng = new Rng(1);
  for (let n = 0; n < 2000; n++) {
    const [score, raw] = [rng.between(0, 100 * POINT), rng.between(0, 100 * POINT)];
    const span = rng.between(0, 200_000);
    const next = approach(score, raw, span);
    assert.ok(next >= Math.min(score, raw) && next <= Math.max(score, raw));
    // In two steps as in one.
    const half = Math.floor(span / 2);
    const twice = approach(approach(score, raw, half), raw, span - half);
    assert.ok(Math.abs(twice - next) <= POINT / 256, `${next} and ${twice}`);
  }
});

test("in one tick a score falls by four fifths and rises by two", () => {
  assert.ok(Math.abs(approach(100 * POINT, 0, TICK) - 20 * POINT) <= POINT / 1000);
  assert.ok(Math.abs(approach(0, 100 * POINT, TICK) - 40 * POINT) <= POINT / 1000);
});

test("a good link is excellent from the third answer on", () => {
  const grades = [0, 2, 3, 10].map((ticks) => qualities.report(live(ticks), ticks * TICK).grade);
  assert.deepEqual(grades, ["unknown", "unknown", "excellent", "excellent"]);
  const { score, reason } = qualities.report(live(3), 3 * TICK);
  assert.deepEqual([score, reason], [100, null]);
});

test("a ceiling acts at once and the way back takes a minute", () => {
  const quality = live(10);
  const lost = 10 * TICK;
  qualities.onDisconnect(quality, lost, false);
  qualities.onFlow(quality, lost, "down");
  const { score, grade, reason, parts } = qualities.report(quality, lost);
  assert.deepEqual([score, grade, reason, parts.disconnects], [20, "bad", "disconnects", 7]);
  qualities.onFlow(quality, lost + 1000, "live");
  const gradeAfter = (ticks: number) => {
    const one = qualities.clone(quality);
    for (let tick = 1; tick <= ticks; tick++) {
      qualities.onAnswer(one, lost + 1000 + tick * TICK, 50);
    }
    return qualities.report(one, lost + 1000 + ticks * TICK).grade;
  };
  assert.deepEqual([4, 5, 12].map(gradeAfter), ["bad", "good", "excellent"]);
});

test("a planned end is no disconnect and a lost session counts half after twenty minutes", () => {
  const quality = live(3);
  const now = 3 * TICK;
  const cost = (later: number) => qualities.report(quality, now + later).parts.disconnects;
  qualities.onDisconnect(quality, now, true);
  assert.equal(cost(0), 0);
  for (let n = 0; n < 4; n++) qualities.onDisconnect(quality, now, false);
  assert.deepEqual([0, 1_200_000, 2_400_000].map(cost), [28, 14, 7]);
});

test("a fault shows at the first miss and the next grade two ticks later", () => {
  const quality = live(10);
  qualities.onDelay(quality, 800_000);
  const grades = [11, 12, 13, 14].map((tick) => {
    qualities.onMiss(quality, tick * TICK);
    return qualities.report(quality, tick * TICK).grade;
  });
  assert.deepEqual(grades, ["fair", "fair", "fair", "poor"]);
  assert.equal(qualities.report(quality, 14 * TICK).reason, "loss");
});

test("a weak network is fair at best, as long as the device says so", () => {
  const quality = live(10);
  qualities.onWeak(quality, 10 * TICK, true);
  assert.equal(qualities.report(quality, 10 * TICK).grade, "fair");
  qualities.onWeak(quality, 10 * TICK, false);
  assert.equal(qualities.report(quality, 20 * TICK).score, 100);
});

test("time that nobody wanted adds nothing", () => {
  const quality = live(3);
  qualities.onFlow(quality, 3 * TICK, "unwanted");
  const later = 3 * TICK + 86_400_000;
  assert.deepEqual(qualities.report(quality, later), qualities.report(quality, 3 * TICK));
  qualities.onFlow(quality, later, "live");
  assert.equal(qualities.report(quality, later).grade, "excellent");
});
