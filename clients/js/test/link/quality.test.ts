// The properties of the score: bounded, steady, blind to sleep, and the same lives as in Rust.

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Flow, Quality, approach } from "../../src/link/quality.js";
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
  const quality = new Quality();
  quality.onFlow(0, "live");
  for (let tick = 1; tick <= ticks; tick++) quality.onAnswer(tick * TICK, 50);
  return quality;
}

/** One thing that happens to both, at its own time each. */
function happen(all: readonly [Quality, number][], rng: Rng): Flow | undefined {
  const draw = rng.between(0, 5);
  const n = rng.between(0, 4_000_000);
  const flow = FLOWS[n % FLOWS.length] ?? "live";
  for (const [quality, now] of all) {
    if (draw === 0) quality.onAnswer(now, n % 4000);
    if (draw === 1) quality.onMiss(now);
    if (draw === 2) quality.onDisconnect(now, false);
    if (draw === 3) quality.onDelivery(now, n);
    if (draw === 4) quality.onDelay(n);
    if (draw === 5) quality.onFlow(now, flow);
  }
  return draw === 5 ? flow : undefined;
}

test("a report is bounded and whole whatever happens", () => {
  for (let seed = 0; seed < 100; seed++) {
    const rng = new Rng(seed);
    const quality = new Quality();
    let flow: Flow = "unwanted";
    for (let step = 0, now = 0; step < 100; step++) {
      now += rng.between(0, [100, 40_000][step % 2] ?? 0);
      flow = happen([[quality, now]], rng) ?? flow;
      for (const later of [0, 1, 100_000, 10_000_000_000]) {
        const { score, parts } = quality.report(now + later);
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
    const [awake, asleep] = [new Quality(), new Quality()];
    const place = rng.between(0, 99);
    for (let step = 0, now = 0, shift = 0; step < 100; step++) {
      now += rng.between(0, 20_000);
      if (step === place) {
        shift = rng.between(1, 4_000_000_000);
        asleep.onSleep(now, now + shift);
      }
      happen([[awake, now], [asleep, now + shift]], rng);
      assert.deepEqual(awake.report(now), asleep.report(now + shift), `seed ${seed}`);
    }
  }
});

test("a report changes nothing", () => {
  const quality = live(4);
  quality.onDelay(800_000);
  quality.onMiss(5 * TICK);
  const before = quality.report(6 * TICK);
  quality.report(60 * TICK);
  assert.deepEqual(quality.report(6 * TICK), before);
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
  const grades = [0, 2, 3, 10].map((ticks) => live(ticks).report(ticks * TICK).grade);
  assert.deepEqual(grades, ["unknown", "unknown", "excellent", "excellent"]);
  const { score, reason } = live(3).report(3 * TICK);
  assert.deepEqual([score, reason], [100, null]);
});

test("a ceiling acts at once and the way back takes a minute", () => {
  const quality = live(10);
  const lost = 10 * TICK;
  quality.onDisconnect(lost, false);
  quality.onFlow(lost, "down");
  const { score, grade, reason, parts } = quality.report(lost);
  assert.deepEqual([score, grade, reason, parts.disconnects], [20, "bad", "disconnects", 7]);
  quality.onFlow(lost + 1000, "live");
  const gradeAfter = (ticks: number) => {
    const one = quality.clone();
    for (let tick = 1; tick <= ticks; tick++) one.onAnswer(lost + 1000 + tick * TICK, 50);
    return one.report(lost + 1000 + ticks * TICK).grade;
  };
  assert.deepEqual([4, 5, 12].map(gradeAfter), ["bad", "good", "excellent"]);
});

test("a planned end is no disconnect and a lost session counts half after twenty minutes", () => {
  const quality = live(3);
  const now = 3 * TICK;
  const cost = (later: number) => quality.report(now + later).parts.disconnects;
  quality.onDisconnect(now, true);
  assert.equal(cost(0), 0);
  for (let n = 0; n < 4; n++) quality.onDisconnect(now, false);
  assert.deepEqual([0, 1_200_000, 2_400_000].map(cost), [28, 14, 7]);
});

test("a fault shows at the first miss and the next grade two ticks later", () => {
  const quality = live(10);
  quality.onDelay(800_000);
  const grades = [11, 12, 13, 14].map((tick) => {
    quality.onMiss(tick * TICK);
    return quality.report(tick * TICK).grade;
  });
  assert.deepEqual(grades, ["fair", "fair", "fair", "poor"]);
  assert.equal(quality.report(14 * TICK).reason, "loss");
});

test("a weak network is fair at best, as long as the device says so", () => {
  const quality = live(10);
  quality.onWeak(10 * TICK, true);
  assert.equal(quality.report(10 * TICK).grade, "fair");
  quality.onWeak(10 * TICK, false);
  assert.equal(quality.report(20 * TICK).score, 100);
});

test("time that nobody wanted adds nothing", () => {
  const quality = live(3);
  quality.onFlow(3 * TICK, "unwanted");
  const later = 3 * TICK + 86_400_000;
  assert.deepEqual(quality.report(later), quality.report(3 * TICK));
  quality.onFlow(later, "live");
  assert.equal(quality.report(later).grade, "excellent");
});
