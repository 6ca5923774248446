// Answers of polls, alone and beside a session.

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Notice } from "../../../src/link/output.js";
import type { Subscription } from "../../../src/link/subscriptions/subscription.js";
import * as subscription from "../../../src/link/subscriptions/subscription.js";
import type { Subscribed } from "../../../src/protocol/frame/server.js";
import type { PollPage } from "../../../src/protocol/poll.js";
import type { Gap, Position, Since } from "../../../src/protocol/position.js";

const at = (epoch: string, offset: number): Position => ({ epoch, offset });
const follow = (since: Since) => subscription.newSubscription(1, "a:1", since);

const answer = (epoch: string, offsets: number[], offset: number): PollPage => ({
  channel: "a:1",
  epoch,
  offset,
  events: offsets.map((offset) => ({ offset, event: "progress", data: null, time: "" })),
  final: false,
  gap: null,
});

const subscribed = (epoch: string, offset: number, gap: Gap | null = null): Subscribed => ({
  type: "subscribed",
  channel: "a:1",
  epoch,
  offset,
  recovered: !gap,
  gap,
});

/** Whether the answer was taken, and the offsets told, with 0 for each gap. */
function take(one: Subscription, answer: PollPage, asked: Since): [boolean, number[]] {
  const told: number[] = [];
  const tell = (notice: Notice) => {
    if (notice.kind === "event") told.push(notice.offset);
    if (notice.kind === "gap") told.push(0);
  };
  return [subscription.onPage(one, answer, asked, false, tell), told];
}

const silent = () => {};

const subscribe = (one: Subscription, frame: Subscribed) =>
  subscription.onSubscribed(one, frame, undefined, silent);

// P-23
test("an answer tells only what is new", () => {
  const one = follow(at("e1", 5));
  assert.deepEqual(take(one, answer("e1", [4, 5, 6, 7], 7), at("e1", 3)), [true, [6, 7]]);
  assert.deepEqual(one.position, at("e1", 7));
});

// P-71
test("what an answer leaves out is told as a gap", () => {
  const one = follow(at("e1", 3));
  const told = take(one, answer("e1", [5, 8], 9), at("e1", 3));
  assert.deepEqual(told, [true, [0, 5, 0, 8, 0]]);
  assert.deepEqual(one.position, at("e1", 9));
});

// P-74
test("an answer from a place the link has left is not taken", () => {
  const one = follow(at("e2", 1));
  assert.deepEqual(take(one, answer("e1", [4], 4), at("e1", 3)), [false, []]);
  assert.deepEqual(take(one, answer("e2", [9], 9), "now"), [false, []]);
  assert.deepEqual(one.position, at("e2", 1));
});

// P-21, P-23
test("a session asked from now does not skip what polling began behind", () => {
  const one = follow("now");
  subscription.request(one, 0, undefined);
  assert.deepEqual(take(one, answer("e1", [], 5), "now"), [true, []]);
  assert.equal(subscribe(one, subscribed("e1", 7)), "broken");
  assert.deepEqual(one.position, at("e1", 5));
});

// P-21, P-27
test("news of an epoch that polling has left behind is asked for again", () => {
  const one = follow(at("e1", 2));
  subscription.request(one, 0, undefined);
  assert.equal(subscribe(one, subscribed("e1", 2)), "kept");
  assert.deepEqual(take(one, answer("e2", [1], 1), subscription.since(one)), [true, [0, 1]]);
  assert.deepEqual(take(one, answer("e3", [1], 1), subscription.since(one)), [true, [0, 1]]);
  const late: Gap = { from: at("e1", 2), to: at("e2", 0), cause: "epoch_changed" };
  assert.equal(subscribe(one, subscribed("e2", 0, late)), "broken");
  assert.deepEqual(one.position, at("e3", 1));
  const passed: Gap = { from: at("e2", 0), to: at("e3", 0), cause: "epoch_changed" };
  assert.equal(subscribe(one, subscribed("e3", 0, passed)), "kept");
  assert.deepEqual(one.position, at("e3", 1));
});

test("what is asked for does not move when later events come", () => {
  const one = follow(at("e1", 0));
  const asked = subscription.request(one, 0, undefined);
  subscription.onSubscribed(one, subscribed("e1", 0), undefined, silent);
  const event = { channel: "a:1", offset: 1, event: "progress", data: 7, time: "" };
  const told: Notice[] = [];
  assert.equal(subscription.onEvent(one, event, (notice) => told.push(notice)), "kept");
  assert.deepEqual(told, [{ kind: "event", epoch: "e1", ...event }]);
  assert.deepEqual([asked, subscription.since(one)], [at("e1", 0), at("e1", 1)]);
});

// P-21
test("an event is live that was published since the session follows, and not told yet", () => {
  const one = follow(at("e1", 2));
  assert.equal(subscription.isLive(one, 9), false);
  subscription.request(one, 0, undefined);
  subscription.onSubscribed(one, { ...subscribed("e1", 2), head: 5 }, undefined, silent);
  assert.deepEqual([5, 6].map((offset) => subscription.isLive(one, offset)), [false, true]);
  take(one, answer("e1", [3, 4, 5, 6], 6), subscription.since(one));
  assert.deepEqual([6, 7].map((offset) => subscription.isLive(one, offset)), [false, true]);
});
