// One pulse: its two deadlines, what clears them, and what is timed. Twin of
// crates/link/src/health/heartbeat_timer/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  type HeartbeatTimer,
  due,
  onActivity,
  isTiming,
  isWaiting,
  newAnswerTimeouts,
  newHeartbeatTimer,
  onAck,
  pace,
  renew,
  wake,
} from "../../../src/link/health/heartbeat_timer.js";

const PATIENCE = { soft: 1000, hard: 4000 };

const fresh = () => newHeartbeatTimer({ interval: 15_000, timeout: 10_000 }, 0);

const dueKind = (heartbeat: HeartbeatTimer, now: number) => due(heartbeat, now, PATIENCE)?.kind;

const send = (heartbeat: HeartbeatTimer, now: number) =>
  assert.equal(dueKind(heartbeat, now), "say");

function ack(heartbeat: HeartbeatTimer, id: number, now: number): number | undefined {
  onActivity(heartbeat);
  return onAck(heartbeat, id, now);
}

test("doubt comes once and the verdict follows from the first question", () => {
  const heartbeat = fresh();
  send(heartbeat, 15_000);
  assert.equal(wake(heartbeat), 16_000);
  assert.equal(dueKind(heartbeat, 15_999), undefined);
  assert.equal(dueKind(heartbeat, 16_000), "doubt");
  assert.ok(heartbeat.isDoubted);
  assert.equal(wake(heartbeat), 19_000);
  assert.equal(dueKind(heartbeat, 18_999), undefined);
  assert.equal(dueKind(heartbeat, 19_000), "dead");
});

test("any sign of life clears doubt and the late answer is still timed", () => {
  const heartbeat = fresh();
  send(heartbeat, 15_000);
  assert.equal(dueKind(heartbeat, 16_000), "doubt");
  assert.equal(ack(heartbeat, 1, 17_500), 2500);
  assert.ok(!heartbeat.isDoubted && !isWaiting(heartbeat));
  assert.equal(ack(heartbeat, 2, 17_600), undefined);
  assert.equal(ack(heartbeat, 1, 17_700), undefined, "a duplicate");
});

test("after sleep nothing from before it is timed or waited for", () => {
  const heartbeat = fresh();
  send(heartbeat, 15_000);
  renew(heartbeat, 60_000);
  assert.equal(ack(heartbeat, 1, 60_000), undefined);
  assert.ok(heartbeat.isAnswered);
  assert.ok(heartbeat.isProbeDue);
  send(heartbeat, 60_000);
  assert.equal(ack(heartbeat, 1, 60_010), undefined);
  assert.equal(ack(heartbeat, 2, 60_020), 20);
});

test("what is heard meanwhile does not hide sleep from the answer that is timed", () => {
  const heartbeat = fresh();
  send(heartbeat, 15_000);
  onActivity(heartbeat);
  assert.ok(isTiming(heartbeat));
  assert.equal(wake(heartbeat), 16_000);
  assert.equal(dueKind(heartbeat, 16_000), undefined);
  assert.equal(wake(heartbeat), 30_000);
  assert.ok(!isTiming(heartbeat));
  assert.equal(ack(heartbeat, 1, 19_001), undefined, "later than any verdict");
});

test("a longer interval begins with the heartbeat that tells it", () => {
  const heartbeat = fresh();
  pace(heartbeat, 1000, 55_000);
  assert.equal(wake(heartbeat), 15_000);
  const beat = due(heartbeat, 15_000, PATIENCE);
  assert.ok(beat?.kind === "say" && beat.frame.next_ms === 55_000);
  assert.equal(ack(heartbeat, 1, 15_040), 40);
  assert.equal(wake(heartbeat), 70_000);
  pace(heartbeat, 30_000, 0);
  assert.equal(wake(heartbeat), 45_000);
});

test("timeouts keeps within the timeout and leaves room to notice sleep", () => {
  assert.deepEqual(newAnswerTimeouts(5000, 11_000, 10_000), { soft: 5000, hard: 10_000 });
  assert.deepEqual(newAnswerTimeouts(3000, 4000, 10_000), { soft: 2000, hard: 4000 });
});
