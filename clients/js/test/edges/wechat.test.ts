// The client in a mini-program: a simulated `wx` over real sockets, against the real server.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, mock, test } from "node:test";
import { wechat as lifecycle } from "../../src/lifecycle/wechat.js";
import type { Client, ConnectOptions } from "../../src/wechat.js";
import { SteadfastError, connect } from "../../src/wechat.js";
import { Proxy } from "../proxy.js";
import { Server, Told } from "../server.js";
import { type Phone, Wx } from "../wx.js";
import { HURRY, follow, offsets, upTo } from "./subject.js";

let server: Server;
let proxy: Proxy;
let wx: Wx;
let uninstall: () => void;
const clients: Client[] = [];

function phone(is: Phone): void {
  wx = new Wx(is);
  uninstall = wx.install();
}

before(async () => {
  server = await Server.dev();
});
beforeEach(async () => {
  proxy = await Proxy.start(server.port);
  phone({});
});
afterEach(async () => {
  clients.splice(0).forEach((client) => client.close());
  assert.deepEqual(wx.offences, []);
  assert.equal(wx.ears, 0, "a closed client listens to nothing");
  proxy.end();
  while (wx.sockets.size > 0) await new Promise(setImmediate);
  uninstall();
});
after(() => server.kill());

function opened(options: Partial<ConnectOptions> = {}) {
  const [states, errors] = [new Told<string>(), new Told<SteadfastError>()];
  const settings = { ...HURRY, ...options.settings };
  const client = connect({ url: proxy.url, onError: errors.push, ...options, settings });
  clients.push(client);
  client.onStateChange((state, _, reason) => states.push(`${state}: ${reason}`));
  return { client, states, errors };
}

test("a mini-program follows, publishes and goes on after a restart", async () => {
  const { storage } = wx;
  const { client } = opened();
  const followed = follow(client, "wx:1");
  assert.equal((await client.publish("wx:1", "note", { n: 1 })).offset, 1);
  await followed.events.count("event", 1);
  client.close();
  await server.publishes("wx:1", "progress", { n: 2 });
  uninstall();
  phone({ storage });
  const again = follow(opened().client, "wx:1");
  await again.events.count("event", 1);
  assert.deepEqual(offsets(again), [2]);
});

test("where WebSocket is blocked it polls, no longer than a phone permits", async () => {
  proxy.mode = "forbid";
  const settings = { fallbackEffortMs: 300, pollWaitMs: 120_000 };
  const { client, states } = opened({ settings });
  const followed = follow(client, "wx:2");
  await states.first("polling", (state) => state.startsWith("fallback"));
  for (const n of upTo(3)) {
    await server.publishes("wx:2", "progress", n);
    await followed.events.count("event", n);
  }
  const polls = wx.requests.filter(({ url }) => url.includes("/events?"));
  assert.ok(
    polls.some(({ url }) => url.includes("wait=50")),
    "50 s is the longest wait",
  );
  assert.ok(wx.requests.every(({ timeout }) => timeout! <= 60_000));
  proxy.mode = "pass";
  await states.first("the way back", (state) => state.startsWith("connected"));
  await server.publishes("wx:2", "progress", 4);
  await followed.events.count("event", 4);
  assert.deepEqual(offsets(followed), upTo(4));
});

test("hidden, it says goodbye before the phone cuts; shown, it is back at once", async () => {
  const { client, states } = opened();
  const followed = follow(client, "wx:3");
  await states.first("a session", (state) => state.startsWith("connected"));
  wx.hide();
  await states.first("a goodbye", (state) => state === "disconnected: offline");
  await server.publishes("wx:3", "progress", 1);
  wx.suspend();
  wx.show();
  await followed.events.count("event", 1);
  assert.deepEqual(states.all, [
    "connecting: asked",
    "connected: welcomed",
    "disconnected: offline",
    "reconnecting: network_restored",
    "connected: welcomed",
  ]);
});

test("a socket that the phone took is lost, whatever code it says", async () => {
  const { client, states } = opened();
  const followed = follow(client, "wx:4");
  await states.first("a session", (state) => state.startsWith("connected"));
  for (const socket of [...wx.sockets]) socket.lose(1000, "interrupted");
  await states.first("a loss", (state) => state === "reconnecting: lost");
  await server.publishes("wx:4", "progress", 1);
  await followed.events.count("event", 1);
});

test("one that comes back to sight at once keeps its socket", async () => {
  const { client, states } = opened();
  const followed = follow(client, "wx:5");
  await states.first("a session", (state) => state.startsWith("connected"));
  wx.hide();
  wx.show();
  await server.publishes("wx:5", "progress", 1);
  await followed.events.count("event", 1);
  assert.deepEqual([states.all.length, wx.opened], [2, 1]);
});

test("a phone without a network is told from a server that cannot be reached", async () => {
  uninstall();
  phone({ networkType: "none" });
  const { client, states } = opened();
  follow(client, "wx:6");
  await states.first("rest", (state) => state === "disconnected: offline");
  wx.move("4g");
  await states.first("a session", (state) => state.startsWith("connected"));
});

test("five sockets may be open at once; the sixth client is told, and waits for room", async () => {
  const five = upTo(5).map(() => opened());
  for (const { states } of five)
    await states.first("a session", (state) => /^connected/.test(state));
  const sixth = opened();
  await sixth.errors.first("a word", ({ code }) => code === "too_many_sockets");
  assert.equal(wx.sockets.size, 5);
  five[0]!.client.close();
  await sixth.states.first("a session", (state) => state.startsWith("connected"));
});

test("a socket is never closed before it is open, and is then closed", async () => {
  proxy.stall(true);
  const { client, states } = opened({ settings: { connectTimeoutMs: 50 } });
  await states.first("a loss", (state) => state === "reconnecting: connect_timeout");
  client.close();
  const count = wx.sockets.size;
  assert.ok(count > 0);
  proxy.stall(false);
  while (wx.sockets.size > 0) await new Promise(setImmediate);
});

test("TLS is asked for, but of a developer, and an unlisted domain is named", async () => {
  uninstall();
  phone({ envVersion: "release", domains: ["https://listed.example", "wss://listed.example"] });
  const isInsecure = { code: "insecure_url", name: "SteadfastError" };
  assert.throws(() => connect({ url: server.url }), isInsecure);
  assert.throws(() => connect({ url: ["https://listed.example", server.url] }), isInsecure);
  const { errors } = opened({ url: "https://other.example" });
  const error = await errors.first("a word", () => true);
  assert.equal(error.code, "domain_not_listed");
  assert.match(error.message, /domain list/);
});

test("what the phone says is told as it is", async () => {
  const inputs: string[] = [];
  const end = lifecycle((input) => {
    const { kind, ...more } = input;
    inputs.push([kind, ...Object.values(more)].join(" "));
  });
  await new Promise((resolve) => wx.getNetworkType({ success: resolve }));
  wx.move("5g");
  wx.move("none");
  wx.move("unknown");
  wx.weaken(true);
  end();
  assert.deepEqual(inputs, [
    "network_changed wifi",
    "network_changed cellular",
    "offline",
    "network_changed unknown",
    "weak_network true",
  ]);
});

test("a phone that stood still tells of it when it is shown, however long it was", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const steady = mock.method(performance, "now", () => Date.now());
  const inputs: string[] = [];
  const end = lifecycle(({ kind }) => inputs.push(kind));
  const pass = (ms: number): void => mock.timers.tick(ms);
  wx.hide();
  pass(4_499);
  wx.show();
  assert.deepEqual(inputs.splice(0), ["background", "foreground"]);
  wx.hide();
  pass(4_500);
  assert.deepEqual(inputs.splice(0), ["background", "offline"]);
  wx.move("4g");
  wx.show();
  assert.deepEqual(inputs.splice(0), ["resumed", "online", "foreground"]);
  wx.hide();
  // Timers stand still, the clock does not.
  steady.mock.mockImplementation(() => Date.now() + 60_000);
  wx.show();
  assert.deepEqual(inputs.splice(0), ["background", "offline", "resumed", "online", "foreground"]);
  end();
  steady.mock.restore();
  mock.timers.reset();
});
