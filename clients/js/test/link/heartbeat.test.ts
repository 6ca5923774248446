// One pulse: its two deadlines, what clears them, and what is timed. Twin of
// crates/link/src/heartbeat/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Pulse, newPatience } from "../../src/link/heartbeat.js";

const PATIENCE = { soft: 1000, hard: 4000 };

const newPulse = () => new Pulse({ interval: 15_000, timeout: 10_000 }, 0);

const dueKind = (pulse: Pulse, now: number) => pulse.due(now, PATIENCE)?.kind;

const send = (pulse: Pulse, now: number) => assert.equal(dueKind(pulse, now), "send");

function ack(pulse: Pulse, id: number, now: number): number | undefined {
  pulse.hear();
  return pulse.onAck(id, now);
}

test("doubt comes once and the verdict follows from the first question", () => {
  const pulse = newPulse();
  send(pulse, 15_000);
  assert.deepEqual(pulse.wake(), { at: 16_000, why: "doubt" });
  assert.equal(dueKind(pulse, 15_999), undefined);
  assert.equal(dueKind(pulse, 16_000), "doubt");
  assert.ok(pulse.isDoubted());
  assert.deepEqual(pulse.wake(), { at: 19_000, why: "heartbeat_timeout" });
  assert.equal(dueKind(pulse, 18_999), undefined);
  assert.equal(dueKind(pulse, 19_000), "dead");
});

test("any sign of life clears doubt and the late answer is still timed", () => {
  const pulse = newPulse();
  send(pulse, 15_000);
  assert.equal(dueKind(pulse, 16_000), "doubt");
  assert.equal(ack(pulse, 1, 17_500), 2500);
  assert.ok(!pulse.isDoubted() && !pulse.isWaiting());
  assert.equal(ack(pulse, 2, 17_600), undefined);
  assert.equal(ack(pulse, 1, 17_700), undefined, "a duplicate");
});

test("after sleep nothing from before it is timed or waited for", () => {
  const pulse = newPulse();
  send(pulse, 15_000);
  pulse.renew(60_000);
  assert.equal(ack(pulse, 1, 60_000), undefined);
  assert.ok(pulse.isAnswered);
  assert.ok(pulse.isProbeDue);
  send(pulse, 60_000);
  assert.equal(ack(pulse, 1, 60_010), undefined);
  assert.equal(ack(pulse, 2, 60_020), 20);
});

test("what is heard meanwhile does not hide sleep from the answer that is timed", () => {
  const pulse = newPulse();
  send(pulse, 15_000);
  pulse.hear();
  assert.ok(pulse.isTiming());
  assert.equal(pulse.wake().at, 16_000);
  assert.equal(dueKind(pulse, 16_000), undefined);
  assert.equal(pulse.wake().at, 30_000);
  assert.ok(!pulse.isTiming());
  assert.equal(ack(pulse, 1, 19_001), undefined, "later than any verdict");
});

test("a longer interval begins with the heartbeat that tells it", () => {
  const pulse = newPulse();
  pulse.pace(1000, 55_000);
  assert.equal(pulse.wake().at, 15_000);
  const beat = pulse.due(15_000, PATIENCE);
  assert.ok(beat?.kind === "send" && beat.frame.next_ms === 55_000);
  assert.equal(ack(pulse, 1, 15_040), 40);
  assert.equal(pulse.wake().at, 70_000);
  pulse.pace(30_000, 0);
  assert.equal(pulse.wake().at, 45_000);
});

test("patience keeps within the timeout and leaves room to notice sleep", () => {
  assert.deepEqual(newPatience(5000, 11_000, 10_000), { soft: 5000, hard: 10_000 });
  assert.deepEqual(newPatience(3000, 4000, 10_000), { soft: 2000, hard: 4000 });
});
