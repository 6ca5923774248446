// One pulse: its two deadlines, what clears them, and what is timed. Twin of
// crates/link/src/heartbeat/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  type Pulse,
  due,
  hear,
  isTiming,
  isWaiting,
  newPatience,
  newPulse,
  onAck,
  pace,
  renew,
  wake,
} from "../../src/link/heartbeat.js";

const PATIENCE = { soft: 1000, hard: 4000 };

const fresh = () => newPulse({ interval: 15_000, timeout: 10_000 }, 0);

const dueKind = (pulse: Pulse, now: number) => due(pulse, now, PATIENCE)?.kind;

const send = (pulse: Pulse, now: number) => assert.equal(dueKind(pulse, now), "say");

function ack(pulse: Pulse, id: number, now: number): number | undefined {
  hear(pulse);
  return onAck(pulse, id, now);
}

test("doubt comes once and the verdict follows from the first question", () => {
  const pulse = fresh();
  send(pulse, 15_000);
  assert.equal(wake(pulse), 16_000);
  assert.equal(dueKind(pulse, 15_999), undefined);
  assert.equal(dueKind(pulse, 16_000), "doubt");
  assert.ok(pulse.isDoubted);
  assert.equal(wake(pulse), 19_000);
  assert.equal(dueKind(pulse, 18_999), undefined);
  assert.equal(dueKind(pulse, 19_000), "dead");
});

test("any sign of life clears doubt and the late answer is still timed", () => {
  const pulse = fresh();
  send(pulse, 15_000);
  assert.equal(dueKind(pulse, 16_000), "doubt");
  assert.equal(ack(pulse, 1, 17_500), 2500);
  assert.ok(!pulse.isDoubted && !isWaiting(pulse));
  assert.equal(ack(pulse, 2, 17_600), undefined);
  assert.equal(ack(pulse, 1, 17_700), undefined, "a duplicate");
});

test("after sleep nothing from before it is timed or waited for", () => {
  const pulse = fresh();
  send(pulse, 15_000);
  renew(pulse, 60_000);
  assert.equal(ack(pulse, 1, 60_000), undefined);
  assert.ok(pulse.isAnswered);
  assert.ok(pulse.isProbeDue);
  send(pulse, 60_000);
  assert.equal(ack(pulse, 1, 60_010), undefined);
  assert.equal(ack(pulse, 2, 60_020), 20);
});

test("what is heard meanwhile does not hide sleep from the answer that is timed", () => {
  const pulse = fresh();
  send(pulse, 15_000);
  hear(pulse);
  assert.ok(isTiming(pulse));
  assert.equal(wake(pulse), 16_000);
  assert.equal(dueKind(pulse, 16_000), undefined);
  assert.equal(wake(pulse), 30_000);
  assert.ok(!isTiming(pulse));
  assert.equal(ack(pulse, 1, 19_001), undefined, "later than any verdict");
});

test("a longer interval begins with the heartbeat that tells it", () => {
  const pulse = fresh();
  pace(pulse, 1000, 55_000);
  assert.equal(wake(pulse), 15_000);
  const beat = due(pulse, 15_000, PATIENCE);
  assert.ok(beat?.kind === "say" && beat.frame.next_ms === 55_000);
  assert.equal(ack(pulse, 1, 15_040), 40);
  assert.equal(wake(pulse), 70_000);
  pace(pulse, 30_000, 0);
  assert.equal(wake(pulse), 45_000);
});

test("patience keeps within the timeout and leaves room to notice sleep", () => {
  assert.deepEqual(newPatience(5000, 11_000, 10_000), { soft: 5000, hard: 10_000 });
  assert.deepEqual(newPatience(3000, 4000, 10_000), { soft: 2000, hard: 4000 });
});
