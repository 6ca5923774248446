// Which subscription a frame is about, what is due, and when the last channel has ended. Twin of
// crates/link/src/subscriptions/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Subscriptions } from "../../src/link/subscriptions.js";
import * as all from "../../src/link/subscriptions.js";
import { onSessionLost, tryResubscribe } from "../../src/link/subscriptions/subscription.js";

function following(...names: string[]): Subscriptions {
  const subscriptions = all.newSubscriptions(2);
  for (const name of names) assert.equal(typeof all.add(subscriptions, name, "start"), "number");
  return subscriptions;
}

// P-29
test("a channel is added once and only where there is room", () => {
  const subscriptions = following("a:1", "a:2");
  assert.equal(all.add(subscriptions, "a:1", "now"), "known");
  assert.equal(all.add(subscriptions, "a:3", "now"), "full");
});

test("hello requests all channels and later ones are requested by id", () => {
  const subscriptions = following("a:1");
  assert.equal(all.requestAll(subscriptions, 0).length, 1);
  assert.equal(all.add(subscriptions, "a:2", "start"), 2);
  assert.deepEqual(all.unrequested(subscriptions), [2]);
  const { id } = all.request(subscriptions, 5, 2)!;
  assert.equal(all.byRequest(subscriptions, id!)?.channel, "a:2");
  assert.equal(all.byRequest(subscriptions, 99), undefined);
  assert.deepEqual(all.unrequested(subscriptions), []);
  assert.equal(all.readNumber(id), 1);
});

test("an unanswered request is due after its timeout and not before", () => {
  const subscriptions = following("a:1");
  assert.equal(all.nextDeadline(subscriptions), Infinity);
  all.requestAll(subscriptions, 0);
  assert.equal(all.nextDeadline(subscriptions), 30_000);
  assert.equal(all.due(subscriptions, 29_999), undefined);
  assert.equal(all.due(subscriptions, 30_000), 1);
  all.onSleep(subscriptions, 40_000);
  assert.equal(all.nextDeadline(subscriptions), 70_000);
  all.onSessionLost(subscriptions);
  assert.equal(all.nextDeadline(subscriptions), Infinity);
});

test("events are requested again once in a session", () => {
  const subscription = all.byId(following("a:1"), 1)!;
  assert.ok(tryResubscribe(subscription));
  assert.ok(!tryResubscribe(subscription));
  onSessionLost(subscription);
  assert.ok(tryResubscribe(subscription));
});

test("the last channel to end finishes the link until another is added", () => {
  const subscriptions = following("a:1", "a:2");
  all.remove(subscriptions, 1);
  assert.ok(!all.onFinished(subscriptions));
  all.remove(subscriptions, 2);
  assert.ok(all.onFinished(subscriptions) && subscriptions.isFinishing);
  all.add(subscriptions, "a:3", "start");
  assert.ok(!subscriptions.isFinishing);
});
