// The client against the real server, on a path without faults.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { isSteadfastError } from "../../src/errors.js";
import type { ChannelEvent, Since } from "../../src/node.js";
import { Server, Told, prints, within } from "../server.js";
import { closeAll, follow, offsets, subject, upTo } from "./subject.js";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

let server: Server;
before(async () => {
  server = await Server.dev();
});
afterEach(closeAll);
after(async () => {
  await server.kill();
  assert.deepEqual(unhandled, [], "no rejection is left to nobody");
});

const code = (expected: string) => (error: unknown) =>
  isSteadfastError(error) && error.code === expected;

test("events come from the start, in order, and the end ends the link", async () => {
  for (const n of [1, 2]) await server.publishes("job:1", "progress", { n });
  const { client, states } = subject(server.url);
  assert.deepEqual([client.state, client.reason], ["disconnected", "closed"]);
  const followed = follow(client, "job:1");
  await followed.events.count("event", 2);
  assert.equal(client.state, "connected");
  await server.publishes("job:1", "complete", { n: 3 }, { final: true });
  await within("the end", followed.subscription.finished);
  await states.first("rest", (state) => state.startsWith("disconnected"));
  assert.deepEqual(offsets(followed), [1, 2, 3]);
  const { epoch, time, ...rest } = followed.events.all[2]!;
  assert.deepEqual(rest, { channel: "job:1", offset: 3, event: "complete", data: { n: 3 } });
  assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  assert.deepEqual(followed.subscription.position, { epoch, offset: 3 });
  assert.deepEqual(states.all, [
    "connecting (was disconnected): asked",
    "connected (was connecting): welcomed",
    "disconnected (was connected): finished",
  ]);
});

// P-161
test("large events come compressed, three in a row, and each is whole", async () => {
  const before = await server.metric("compressed_messages_total");
  const texts = upTo(3).map((n) => `many words, ${n} of three `.repeat(100 * n));
  for (const text of texts) await server.publishes("large:1", "progress", text);
  const followed = follow(subject(server.url).client, "large:1");
  await followed.events.count("event", 3);
  assert.deepEqual(
    followed.events.all.map(({ data }) => data),
    texts,
  );
  assert.equal((await server.metric("compressed_messages_total")) - before, 3);
});

test("a finished link comes back for another channel", async () => {
  await server.publishes("job:2", "complete", null, { final: true });
  const { client, states } = subject(server.url);
  await within("the end", client.subscribe("job:2", { onEvent() {} }).finished);
  await states.first("rest", (state) => state.endsWith("finished"));
  const again = follow(client, "job:3");
  await server.publishes("job:3", "progress", 1);
  await again.events.count("event", 1);
});

test("a loop over a channel gets its events and ends with it", async () => {
  const { client } = subject(server.url);
  const subscription = client.subscribe("loop:1");
  const publishing = (async () => {
    for (const n of upTo(20)) await server.publishes("loop:1", "progress", n);
    await server.publishes("loop:1", "complete", 21, { final: true });
  })();
  const got: unknown[] = [];
  for await (const event of subscription) got.push(event.data);
  await publishing;
  assert.deepEqual(got, upTo(21));
});

test("leaving a loop leaves the channel, and it can be followed again from there", async () => {
  const { client } = subject(server.url);
  for (const n of upTo(3)) await server.publishes("loop:2", "progress", n);
  const subscription = client.subscribe("loop:2");
  assert.throws(() => client.subscribe("loop:2"), code("already_subscribed"));
  for await (const event of subscription) if (event.offset === 2) break;
  await assert.rejects(subscription.finished, code("closed"));
  const since = subscription.position!;
  assert.equal(since.offset, 2);
  const again = follow(client, "loop:2", { since });
  await again.events.count("event", 1);
  assert.deepEqual(offsets(again), [3]);
});

test("`now` is behind the newest event, and unsubscribing ends the telling", async () => {
  await server.publishes("now:1", "progress", 1);
  const { client } = subject(server.url);
  const followed = follow(client, "now:1", { since: "now" });
  await followed.subscribed.count("word", 1);
  await server.publishes("now:1", "progress", 2);
  await followed.events.count("event", 1);
  followed.subscription.unsubscribe();
  followed.subscription.unsubscribe();
  const other = follow(client, "now:1", { since: "start" });
  await server.publishes("now:1", "progress", 3);
  await other.events.count("event", 3);
  assert.deepEqual(offsets(followed), [2]);
});

test("what is published is answered with its position, and comes back", async () => {
  const { client } = subject(server.url);
  const followed = follow(client, "own:1");
  const data = { text: "as it was" };
  const first = client.publish("own:1", "note", data);
  data.text = "changed later";
  const second = client.publish("own:1", "note");
  assert.equal((await within("an answer", first)).offset, 1);
  assert.equal((await within("an answer", second)).offset, 2);
  await within("an answer", client.publish("own:1", "end", null, { final: true }));
  await within("the end", followed.subscription.finished);
  const got = followed.events.all.map(({ event, data }) => [event, data]);
  assert.deepEqual(got, [
    ["note", { text: "as it was" }],
    ["note", null],
    ["end", null],
  ]);
});

test("what cannot be published is told, and nobody has to listen", async () => {
  const { client } = subject(server.url);
  follow(client, "own:2");
  const loop: Record<string, unknown> = {};
  loop.loop = loop;
  void client.publish("own:2", "note", loop);
  await assert.rejects(client.publish("own:2", "note", loop), code("bad_data"));
  await assert.rejects(client.publish("no good", "note"), code("bad_name"));
  await assert.rejects(client.publish("own:2", ""), code("bad_name"));
  await assert.rejects(client.publish("own:2", "note", 1, { replace: "\n" }), code("bad_name"));
  assert.throws(() => client.subscribe("no good"), code("bad_name"));
  await client.publish("own:2", "end", null, { final: true });
  await assert.rejects(within("a refusal", client.publish("own:2", "late")), isSteadfastError);
  client.close();
  await assert.rejects(client.publish("own:2", "note"), code("closed"));
  assert.throws(() => client.subscribe("own:3"), code("closed"));
});

test("callbacks may ask for anything, and what they throw breaks nothing", async () => {
  for (const n of upTo(3)) await server.publishes("deep:1", "progress", n);
  const { client, errors } = subject(server.url);
  const [seen, others] = [new Told<number>(), new Told<ChannelEvent>()];
  const subscription = client.subscribe("deep:1", {
    onEvent({ offset }) {
      seen.push(offset);
      if (offset === 1) client.subscribe("deep:2", { onEvent: others.push });
      if (offset === 1) void client.publish("deep:2", "note", client.getStatistics());
      if (offset === 2) throw new Error("a bug of the app");
      if (offset === 3) subscription.unsubscribe();
    },
  });
  await seen.count("event", 3);
  await others.count("event", 1);
  assert.equal(errors.all.length, 1);
  assert.equal((errors.all[0]!.cause as Error).message, "a bug of the app");
  client.onStateChange((state) => state === "disconnected" && client.close());
  client.close();
  assert.equal(client.state, "disconnected");
});

test("statistics, quality and notices are there at any instant", async () => {
  const { client, states } = subject(server.url);
  const before = client.getStatistics();
  assert.deepEqual(before, {
    totalReconnects: 0,
    successfulReconnects: 0,
    failedReconnects: 0,
    lastConnectedAt: null,
    lastDisconnectedAt: null,
    totalDowntime: 0,
    availability: 0,
    realtimeAvailability: 0,
  });
  await states.first("a session", (state) => state.startsWith("connected"));
  // Of the first millisecond nothing is known yet.
  while (client.getStatistics().availability === 0) await new Promise(setImmediate);
  const { lastConnectedAt, availability } = client.getStatistics();
  assert.ok(Math.abs(Date.parse(lastConnectedAt!) - Date.now()) < 5_000, String(lastConnectedAt));
  assert.ok(availability > 0 && availability <= 100, String(availability));
  assert.equal(client.quality.grade, "unknown");
  assert.equal(client.notices, null);
  client.close();
  client.close();
  assert.notEqual(client.getStatistics().lastDisconnectedAt, null);
});

test("a client that is disposed of is closed", async () => {
  const { client, states } = subject(server.url);
  await states.first("a session", (state) => state.startsWith("connected"));
  (client as { [Symbol.dispose]?: () => void })[Symbol.dispose]?.();
  if (Symbol.dispose) assert.equal(client.state, "disconnected");
  else client.close();
});

test("loops and waits end when the client is closed", async () => {
  const { client, states } = subject(server.url);
  const subscription = client.subscribe("quiet:1");
  const looping = (async () => {
    for await (const event of subscription) assert.fail(event.event);
  })();
  await states.first("a session", (state) => state.startsWith("connected"));
  client.close();
  await within("the end of the loop", looping);
  await assert.rejects(subscription.finished, code("closed"));
});

test("a server with keys wants a token, at first and again once one is refused", async (t) => {
  const KEY = "0123456789abcdef0123456789abcdef";
  const keys = { AUTH__HS256_KEY: KEY, INTERNAL__KEY: "a-backends-own-key-0001" };
  const guarded = await Server.start([], keys, keys.INTERNAL__KEY);
  t.after(() => guarded.kill());
  const env = { STEADFAST_AUTH__HS256_KEY: KEY };
  const good = await prints(["token", "--subscribe", "demo:*", "--ttl", "1h"], env);
  await guarded.publishes("demo:1", "progress", 1);

  const asked: string[] = [];
  const renewed = subject(guarded.url, {
    token: (why) => {
      asked.push(why);
      return why === "first" ? "a.b.c" : Promise.resolve(good);
    },
  });
  const followed = follow(renewed.client, "demo:1");
  const forbidden = follow(renewed.client, "other:1");
  await followed.events.count("event", 1);
  assert.deepEqual(asked, ["first", "refused"]);
  await forbidden.errors.count("refusal", 1);
  assert.equal(forbidden.errors.all[0]!.code, "forbidden");
  await assert.rejects(forbidden.subscription.finished, code("forbidden"));

  const without = subject(guarded.url, {
    token: () => null,
  });
  const loop = without.client.subscribe("demo:1");
  await assert.rejects(async () => {
    for await (const event of loop) assert.fail(event.event);
  }, code("rejected"));
  await without.notices.first("a word to people", (notice) => notice?.code === "AUTH_REQUIRED");
  assert.equal(without.client.reason, "rejected");
});

test("a client outlives its tokens: the session is given the next one in time", async (t) => {
  const KEY = "0123456789abcdef0123456789abcdef";
  const keys = { AUTH__HS256_KEY: KEY, INTERNAL__KEY: "a-backends-own-key-0001" };
  const settings = { ...keys, AUTH__LEEWAY_S: "0", HEARTBEAT__SWEEP_INTERVAL_MS: "200" };
  const guarded = await Server.start([], settings, keys.INTERNAL__KEY);
  t.after(() => guarded.kill());
  const env = { STEADFAST_AUTH__HS256_KEY: KEY };
  const asked = new Told<string>();
  const { client, states } = subject(guarded.url, {
    token: (why) => {
      asked.push(why);
      return prints(["token", "--subscribe", "demo:*", "--ttl", "4s"], env);
    },
  });
  const { events } = follow(client, "demo:1");
  await asked.count("request for a token", 3);
  await guarded.publishes("demo:1", "progress", 1);
  await events.count("event", 1);
  assert.deepEqual(asked.all, ["first", "expiring", "expiring"]);
  const connected = "connected (was connecting): welcomed";
  assert.deepEqual(states.all, ["connecting (was disconnected): asked", connected]);
});

test("a `since` that is nearly a position is refused in the client, and naming the channel", () => {
  const { client } = subject(server.url);
  for (const since of [
    { epoch: "e", offset: "2" },
    { epoch: "e", offset: -1 },
    { epoch: "e", offset: NaN },
    { epoch: "e", offset: 2 ** 53 + 2 },
    { epoch: "", offset: 1 },
    { offset: 1 },
    { epoch: "e" },
    "latest",
    "2",
    7,
  ]) {
    assert.throws(
      () => client.subscribe("since:1", { since: since as Since }),
      (error) => code("bad_since")(error) && /^since:1 /.test((error as Error).message),
      JSON.stringify(since),
    );
  }
  client.subscribe("since:1", { since: { epoch: "e", offset: 0 } }).unsubscribe();
});

test("more channels at once than a server takes frames are followed at its pace", async () => {
  // P-69
  const strict = await Server.dev({
    LIMITS__FRAMES_PER_SECOND_MAX: "20",
    LIMITS__FRAMES_BURST_MAX: "20",
  });
  const { client, states } = subject(strict.url);
  const first = follow(client, "pace:0");
  await first.subscribed.count("session", 1);
  const some = upTo(20).map((n) => follow(client, `pace:${n}`));
  some.forEach(({ subscription }) => subscription.unsubscribe());
  const others = upTo(20).map((n) => follow(client, `pace:other-${n}`));
  for (const { subscribed } of others) await subscribed.count("subscription", 1);
  assert.deepEqual(
    states.all.filter((state) => !state.startsWith("connect")),
    [],
  );
  await strict.kill();
});

test("120 channels are left for 120 others on one session", async () => {
  const { client, states } = subject(server.url);
  const some = upTo(120).map((n) => follow(client, `many:${n}`));
  for (const { subscribed } of some) await subscribed.count("subscription", 1);
  some.forEach(({ subscription }) => subscription.unsubscribe());
  const others = upTo(120).map((n) => follow(client, `many:other-${n}`));
  for (const { subscribed } of others) await subscribed.count("subscription", 1);
  assert.deepEqual(
    states.all.filter((state) => !state.startsWith("connect")),
    [],
  );
});

test("that all has finished is told behind the last event, also to who iterates", async () => {
  const { client } = subject(server.url);
  const order: string[] = [];
  client.onStateChange((state, _, reason) => order.push(`${state} ${reason}`));
  const loop = (async () => {
    for await (const { event } of client.subscribe("last:1")) order.push(event);
  })();
  await server.publishes("last:1", "progress", 1);
  await server.publishes("last:1", "complete", 2, { final: true });
  await within("the end of the loop", loop);
  assert.deepEqual(order.slice(-3), ["progress", "complete", "disconnected finished"]);
  assert.equal(client.reason, "finished");

  // Nobody who iterates: nobody is waited for.
  const idle = subject(server.url);
  idle.client.subscribe("last:1");
  await idle.states.first("the end", (state) => state.endsWith("finished"));
});
