// Which subscription a frame is about, what is due, and when the last channel has ended. Twin of
// crates/link/src/subscriptions/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Subscriptions, readNumber } from "../../src/link/subscriptions.js";

function following(...names: string[]): Subscriptions {
  const subscriptions = new Subscriptions(2);
  for (const name of names) assert.equal(typeof subscriptions.add(name, "start"), "number");
  return subscriptions;
}

// P-29
test("a channel is added once and only where there is room", () => {
  const subscriptions = following("a:1", "a:2");
  assert.equal(subscriptions.add("a:1", "now"), "known");
  assert.equal(subscriptions.add("a:3", "now"), "full");
});

test("hello requests all channels and later ones are requested by id", () => {
  const subscriptions = following("a:1");
  assert.equal(subscriptions.requestAll(0).length, 1);
  assert.equal(subscriptions.add("a:2", "start"), 2);
  assert.deepEqual(subscriptions.unrequested(), [2]);
  const { id } = subscriptions.request(5, 2)!;
  assert.equal(subscriptions.byRequest(id!)?.channel, "a:2");
  assert.equal(subscriptions.byRequest(99), undefined);
  assert.deepEqual(subscriptions.unrequested(), []);
  assert.equal(readNumber(id), 1);
});

test("an unanswered request is due after its timeout and not before", () => {
  const subscriptions = following("a:1");
  assert.equal(subscriptions.nextDeadline(), Infinity);
  subscriptions.requestAll(0);
  assert.equal(subscriptions.nextDeadline(), 30_000);
  assert.equal(subscriptions.due(29_999), undefined);
  assert.equal(subscriptions.due(30_000), 1);
  subscriptions.onSleep(40_000);
  assert.equal(subscriptions.nextDeadline(), 70_000);
  subscriptions.onSessionLost();
  assert.equal(subscriptions.nextDeadline(), Infinity);
});

test("events are requested again once in a session", () => {
  const subscription = following("a:1").byId(1)!;
  assert.ok(subscription.tryResubscribe());
  assert.ok(!subscription.tryResubscribe());
  subscription.onSessionLost();
  assert.ok(subscription.tryResubscribe());
});

test("the last channel to end finishes the link until another is added", () => {
  const subscriptions = following("a:1", "a:2");
  subscriptions.remove(1);
  assert.ok(!subscriptions.onFinished());
  subscriptions.remove(2);
  assert.ok(subscriptions.onFinished() && subscriptions.isFinishing);
  subscriptions.add("a:3", "start");
  assert.ok(!subscriptions.isFinishing);
});
