// One channel: the link's notices in, the app's calls out, and what waits is bounded.

import assert from "node:assert/strict";
import { test } from "node:test";
import { SteadfastError } from "../../src/errors.js";
import type { Position } from "../../src/protocol/position.js";
import type { ChannelNotice, SubscribeOptions } from "../../src/subscription.js";
import { Subscription } from "../../src/subscription.js";

function followed(options: SubscribeOptions) {
  const done: string[] = [];
  const text = (at: unknown): string =>
    typeof at === "string" ? at : `${(at as Position).offset}`;
  const subscription = new Subscription("a:1", options, {
    report: (error) => void done.push(error.code),
    follow: (_, since) => void done.push(`follow ${text(since)}`),
    leave: (_, isOver) => void done.push(isOver ? "leave" : "pause"),
    moved: (_, position) => void done.push(`at ${position.offset}`),
    ended: () => {},
  });
  return { subscription, done };
}

const event = (offset: number): ChannelNotice => ({
  kind: "event",
  channel: "a:1",
  epoch: "e",
  offset,
  event: "progress",
  data: offset,
  time: "2026-02-28T00:00:00.000Z",
});

const subscribed = (offset: number): ChannelNotice => ({
  kind: "subscribed",
  channel: "a:1",
  position: { epoch: "e", offset },
  isRecovered: true,
});

test("callbacks are told in order, and the position is behind what was handed", () => {
  const heard: unknown[] = [];
  const { subscription, done } = followed({
    onSubscribed: ({ position }) => heard.push(position.offset),
    onEvent: ({ offset }) => heard.push([offset, subscription.position?.offset, done.length]),
    onGap: ({ cause }) => heard.push(cause),
    onFinished: () => heard.push("finished"),
  });
  subscription.take(subscribed(0));
  subscription.take(event(1));
  const [from, to] = [
    { epoch: "e", offset: 1 },
    { epoch: "f", offset: 4 },
  ];
  subscription.take({ kind: "gap", channel: "a:1", gap: { from, to, cause: "epoch_changed" } });
  subscription.take({ kind: "finished", channel: "a:1" });
  assert.deepEqual(heard, [0, [1, 1, 1], "epoch_changed", "finished"]);
  assert.deepEqual(done, ["at 0", "at 1", "at 4"]);
  assert.deepEqual(subscription.position, to);
});

test("what was told before a loop began is in it", async () => {
  const gaps: unknown[] = [];
  const { subscription } = followed({ onGap: (gap) => gaps.push(gap.to.offset) });
  subscription.take(subscribed(0));
  subscription.take(event(1));
  const from = { epoch: "e", offset: 1 };
  const to = { epoch: "e", offset: 6 };
  subscription.take({ kind: "gap", channel: "a:1", gap: { from, to, cause: "retention" } });
  subscription.take(event(7));
  subscription.take({ kind: "finished", channel: "a:1" });
  const got: unknown[] = [];
  for await (const { offset } of subscription) got.push([offset, ...gaps]);
  assert.deepEqual(got, [[1], [7, 6]], "a gap is told before the next event, and no sooner");
  await subscription.finished;
});

test("at 1,024 unread notices a channel is left, until half are read", async () => {
  const { subscription, done } = followed({});
  for (let offset = 1; offset <= 1_023; offset++) subscription.take(event(offset));
  assert.equal(done.length, 0);
  subscription.take(event(1_024));
  subscription.take(event(1_025));
  assert.equal(done.join(), "pause");
  const loop = subscription[Symbol.asyncIterator]();
  for (let offset = 1; offset <= 511; offset++) {
    assert.equal((await loop.next()).value?.offset, offset);
  }
  assert.ok(!done.includes("follow 1024"));
  await loop.next();
  assert.deepEqual(
    done.filter((one) => !one.startsWith("at")),
    ["pause", "follow 1024"],
  );
  subscription.take(subscribed(1_024));
  for (let offset = 1_025; offset <= 1_100; offset++) subscription.take(event(offset));
  for (let offset = 513; offset <= 1_100; offset++) {
    assert.equal((await loop.next()).value?.offset, offset);
  }
});

test("several who wait for the next event get one each", async () => {
  const { subscription } = followed({});
  const loop = subscription[Symbol.asyncIterator]();
  const waiting = [loop.next(), loop.next(), loop.next()];
  subscription.take(event(1));
  subscription.take(event(2));
  subscription.take({ kind: "finished", channel: "a:1" });
  const got = await Promise.all(waiting);
  assert.deepEqual(
    got.map(({ value }) => value?.offset),
    [1, 2, undefined],
  );
  assert.deepEqual((await loop.next()).done, true);
});

test("a refusal is an error of its own word, once; what came before it comes first", async () => {
  const errors: unknown[] = [];
  const { subscription } = followed({ onError: ({ code }) => errors.push(code) });
  subscription.take(event(1));
  subscription.take({ kind: "refused", channel: "a:1", code: "forbidden", message: "no" });
  const got: number[] = [];
  await assert.rejects(
    async () => {
      for await (const { offset } of subscription) got.push(offset);
    },
    { code: "forbidden", message: "no" },
  );
  assert.deepEqual([got, errors], [[1], ["forbidden"]]);
  await assert.rejects(subscription.finished, { code: "forbidden" });
  for await (const one of subscription) assert.fail(String(one.offset));
});

test("a rejected link ends a loop; another one over the same channel goes on", async () => {
  const { subscription } = followed({});
  const loop = subscription[Symbol.asyncIterator]();
  const waiting = loop.next();
  subscription.reject(new SteadfastError("rejected", "no"));
  await assert.rejects(waiting, { code: "rejected" });
  subscription.take(event(1));
  assert.equal((await subscription[Symbol.asyncIterator]().next()).value?.offset, 1);
});

test("one that was left is told nothing more, also from within its own callback", () => {
  const { subscription, done } = followed({ onEvent: () => subscription.unsubscribe() });
  subscription.take(event(1));
  subscription.take(event(2));
  assert.deepEqual(done, ["leave", "at 1"]);
});
