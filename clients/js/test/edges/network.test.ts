// The client against the real server, with a network in between that does what networks do. No
// event may be lost or doubled, whatever happens.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Proxy } from "../proxy.js";
import { Server } from "../server.js";
import { type Subject, closeAll, follow, offsets, subject, upTo } from "./subject.js";

const unhandled: unknown[] = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

let server: Server;
let proxy: Proxy;
before(async () => {
  server = await Server.dev();
});
beforeEach(async () => {
  proxy = await Proxy.start(server.port);
});
afterEach(() => {
  closeAll();
  proxy.end();
});
after(async () => {
  await server.kill();
  assert.deepEqual(unhandled, [], "no rejection is left to nobody");
});

const is = (start: string) => (state: string) => state.startsWith(`${start} `);

/** So many changes of state from now on begin with `start`. */
async function next({ states }: Subject, start: string): Promise<void> {
  const from = states.all.length;
  let at = 0;
  await states.first(start, (state) => at++ >= from && is(start)(state));
}

test("a cut is mended: nothing is lost, nothing doubled", async () => {
  const it = subject(proxy.url);
  const followed = follow(it.client, "cut:1");
  await it.states.first("a session", is("connected"));
  for (const round of [0, 1, 2]) {
    await server.publishes("cut:1", "progress", round);
    await followed.events.count("event", 2 * round + 1);
    const back = next(it, "connected");
    proxy.cut();
    await server.publishes("cut:1", "progress", round);
    await back;
    await followed.events.count("event", 2 * round + 2);
  }
  assert.deepEqual(offsets(followed), upTo(6));
  const { totalReconnects, successfulReconnects } = it.client.getStatistics();
  assert.ok(totalReconnects >= 3 && successfulReconnects === 3);
  assert.ok(it.client.getStatistics().availability < 100);
});

test("what was published into a cut comes once", async () => {
  const it = subject(proxy.url);
  const followed = follow(it.client, "cut:2");
  await it.states.first("a session", is("connected"));
  const sent = upTo(10).map((n) => it.client.publish("cut:2", "note", n));
  proxy.cut();
  sent.push(...upTo(10).map((n) => it.client.publish("cut:2", "note", n + 10)));
  const positions = await Promise.all(sent);
  assert.deepEqual(
    positions.map(({ offset }) => offset),
    upTo(20),
  );
  await followed.events.count("event", 20);
  assert.deepEqual(
    followed.events.all.map(({ data }) => data),
    upTo(20),
  );
});

test("a path that swallows everything is noticed, and left", async () => {
  const settings = { heartbeatIntervalMs: 1_000, heartbeatTimeoutMs: 1_000, hardMinMs: 500 };
  const it = subject(proxy.url, { settings });
  const followed = follow(it.client, "stall:1");
  await server.publishes("stall:1", "progress", 1);
  await followed.events.count("event", 1);
  proxy.stall(true);
  await server.publishes("stall:1", "progress", 2);
  await it.states.first("a verdict", (state) => state.endsWith("heartbeat_timeout"));
  proxy.stall(false);
  await followed.events.count("event", 2);
  assert.deepEqual(offsets(followed), [1, 2]);
});

for (const mode of ["forbid", "page"] as const) {
  test(`where upgrades are answered otherwise (${mode}) events come by polling`, async () => {
    proxy.mode = mode;
    const it = subject(proxy.url, { settings: { fallbackEffortMs: 500 } });
    const followed = follow(it.client, `poll:${mode}`);
    await it.states.first("polling", is("fallback"));
    assert.equal(it.client.reason, "websocket_blocked");
    for (const n of [1, 2, 3]) {
      await server.publishes(`poll:${mode}`, "progress", n);
      await followed.events.count("event", n);
    }
    const waiting = it.client.publish(`poll:${mode}`, "note", 4);
    proxy.mode = "pass";
    await it.states.first("the way back", is("connected"));
    assert.equal((await waiting).offset, 4);
    await server.publishes(`poll:${mode}`, "progress", 5);
    await followed.events.count("event", 5);
    assert.deepEqual(offsets(followed), upTo(5));
    const { realtimeAvailability, availability } = it.client.getStatistics();
    assert.ok(realtimeAvailability < availability);
  });
}

test("a portal is told apart from a firewall, and people are told to sign in", async () => {
  proxy.mode = "portal";
  const it = subject(proxy.url, { settings: { fallbackAttempts: 1_000 } });
  follow(it.client, "portal:1");
  await it.notices.first("a word to people", (notice) => notice?.code === "CAPTIVE");
  proxy.mode = "pass";
  await it.states.first("a session", is("connected"));
});

test("a server that lost its memory is told of as a gap, before the next event", async () => {
  const own = await Server.dev();
  const it = subject(own.url);
  const followed = follow(it.client, "gap:1");
  const { epoch } = await own.publishes("gap:1", "progress", 1);
  await followed.events.count("event", 1);
  const back = next(it, "connected");
  await own.kill();
  await own.restart();
  const renewed = await own.publishes("gap:1", "progress", 2);
  await back;
  await followed.events.count("event", 2);
  assert.notEqual(renewed.epoch, epoch);
  assert.equal(followed.gaps.all.length, 1);
  const [gap] = followed.gaps.all;
  assert.deepEqual(gap!.from, { epoch, offset: 1 });
  assert.equal(gap!.cause, "epoch_changed");
  assert.equal(gap!.to.epoch, renewed.epoch);
  assert.deepEqual(followed.events.all[1]!.epoch, renewed.epoch);
  await it.notices.first("a word to people", (notice) => notice?.code === "GAP_LOST");
  await own.kill();
});

test("nobody there is unreachable, and closing meanwhile leaves nothing running", async () => {
  proxy.mode = "refuse";
  const it = subject(proxy.url);
  const followed = follow(it.client, "none:1");
  const sent = it.client.publish("none:1", "note");
  await it.states.first("another attempt", is("reconnecting"));
  assert.equal(it.client.reason, "unreachable");
  it.client.close();
  await assert.rejects(sent, { code: "closed", isRetryable: true });
  await assert.rejects(followed.subscription.finished, { code: "closed" });
  assert.deepEqual(it.states.all.at(-1), "disconnected (was reconnecting): closed");
});

test("a slow reader of a loop holds at most 1,024, and loses none of the rest", async () => {
  const count = 3_000;
  for (let sent = 0; sent < count; sent += 100) {
    await Promise.all(upTo(100).map((n) => server.publishes("slow:1", "progress", n)));
  }
  const reader = subject(server.url);
  const subscription = reader.client.subscribe("slow:1", { since: "start" });
  const held = (): number => (subscription as unknown as { waiting: unknown[] }).waiting.length;
  // The first pages come while nobody reads.
  await reader.states.first("a session", is("connected"));
  let got = 0;
  for await (const event of subscription) {
    assert.equal(event.offset, ++got);
    assert.ok(held() <= 1_024, `${held()} are held`);
    if (got === 1) while (held() < 1_023) await new Promise(setImmediate);
    if (got === count) break;
  }
});

test("an app can count down to the next attempt", async () => {
  const { client, states } = subject("http://127.0.0.1:1", { settings: { backoffMinMs: 60_000 } });
  assert.equal(client.nextAttemptInMs, null, "one is under way");
  await states.first("a lost attempt", (state) => state.startsWith("reconnecting"));
  const planned = client.nextAttemptInMs ?? 0;
  assert.ok(planned > 20_000 && planned <= 78_000, `${planned} ms`);
  client.close();
  assert.equal(client.nextAttemptInMs, null, "none is planned");
});
