// What is built, not what it is built of: the one file for a script tag, whose names are mangled,
// and the mini-program's modules, each alone in a world that has nothing but what it may use.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createContext, runInContext } from "node:vm";
import { WebSocket } from "ws";
import type * as Steadfast from "../../src/index.js";
import type { SocketHandlers, Transport } from "../../src/transport.js";
import type * as V2 from "../../src/v2.js";
import { Proxy } from "../proxy.js";
import { Server, Told, prints, within } from "../server.js";
import { Wx } from "../wx.js";
import { HURRY, upTo } from "./subject.js";

type Bundles = Record<"scriptTag" | "miniProgram", () => Promise<Map<string, string>>>;

const ENGINE = { console, setTimeout, clearTimeout };
/** Younger than ES2018; a phone may lack them. */
const TOO_YOUNG = [
  "Object.fromEntries",
  "Object.hasOwn",
  "Array.prototype.at",
  "Array.prototype.flat",
  "Array.prototype.flatMap",
  "Array.prototype.findLast",
  "String.prototype.replaceAll",
  "String.prototype.matchAll",
  "String.prototype.at",
  "String.prototype.trimEnd",
  "Promise.allSettled",
  "Promise.any",
  "globalThis.structuredClone",
  "globalThis.globalThis",
];

let server: Server;
let proxy: Proxy;
let script: string;
let modules: Map<string, string>;
let uninstall = (): void => {};
const open: { close(): void }[] = [];

before(async () => {
  server = await Server.dev();
  proxy = await Proxy.start(server.port);
  // From build-test/test/edges, past what the compiler knows.
  const at = new URL("../../../build/bundles.mjs", import.meta.url);
  const bundles = (await import(at.href)) as Bundles;
  script = (await bundles.scriptTag()).get("dist/steadfast.min.js")!;
  modules = await bundles.miniProgram();
});
afterEach(() => {
  open.splice(0).forEach((one) => one.close());
  proxy.mode = "pass";
  uninstall();
});
after(async () => {
  proxy.end();
  await server.kill();
});

/** A page with this script in it. */
function page(more: object = {}): typeof Steadfast {
  const { performance, AbortController } = globalThis;
  const world = { ...ENGINE, performance, AbortController, fetch, WebSocket, ...more };
  const context = createContext(world);
  runInContext(script, context, { filename: pathToFileURL("steadfast.min.js").href });
  return (context as { Steadfast: typeof Steadfast }).Steadfast;
}

test("a script tag gives a whole client: events, polling, publishing, the end", async () => {
  const { connect, isSteadfastError } = page();
  proxy.mode = "forbid";
  const client = connect({ url: proxy.url, settings: { ...HURRY, fallbackEffortMs: 300 } });
  open.push(client);
  const [states, events] = [new Told<string>(), new Told<Steadfast.ChannelEvent>()];
  client.onStateChange((state, old, reason) => states.push(`${state} ${old} ${reason}`));
  const subscription = client.subscribe("bundle:1", { onEvent: events.push });
  await states.first("polling", (state) => state.startsWith("fallback"));
  await server.publishes("bundle:1", "progress", { own_name: 1 });
  await events.count("event", 1);
  proxy.mode = "pass";
  await states.first("a session", (state) => state.startsWith("connected"));
  const { epoch, offset } = await within("an answer", client.publish("bundle:1", "note", [1]));
  await client.publish("bundle:1", "end", null, { final: true, replace: "bar" });
  await within("the end", subscription.finished);
  assert.deepEqual(
    events.all.map(({ offset }) => offset),
    upTo(3),
  );
  const { time, ...first } = events.all[0]!;
  const data = { own_name: 1 };
  assert.equal(
    JSON.stringify(first),
    JSON.stringify({ channel: "bundle:1", epoch, offset: 1, event: "progress", data }),
  );
  assert.equal(offset, 2);
  assert.equal(subscription.position?.offset, 3);
  assert.equal(typeof client.getStatistics().realtimeAvailability, "number");
  assert.deepEqual(Object.keys(client.getStatistics()).sort(), [
    "availability",
    "failedReconnects",
    "lastConnectedAt",
    "lastDisconnectedAt",
    "realtimeAvailability",
    "successfulReconnects",
    "totalDowntime",
    "totalReconnects",
  ]);
  const { score, grade, parts, reason } = client.quality;
  assert.ok(score >= 0 && grade === "unknown" && "delay" in parts && reason !== undefined);
  assert.throws(
    () => connect({ url: "nowhere" }),
    (error) => isSteadfastError(error),
  );
});

test("a token goes with polls, too", async () => {
  const KEY = "0123456789abcdef0123456789abcdef";
  const keys = { AUTH__HS256_KEY: KEY, INTERNAL__KEY: "a-backends-own-key-0001" };
  const guarded = await Server.start([], keys, keys.INTERNAL__KEY);
  const env = { STEADFAST_AUTH__HS256_KEY: KEY };
  const token = await prints(["token", "--subscribe", "demo:*", "--ttl", "1h"], env);
  await guarded.publishes("demo:1", "progress", 1);
  const strict = await Proxy.start(guarded.port);
  strict.mode = "forbid";
  const client = page().connect({ url: strict.url, token, settings: HURRY });
  open.push(client, { close: () => strict.end() });
  const events = new Told<unknown>();
  client.subscribe("demo:1", { onEvent: events.push });
  await events.count("event", 1);
  assert.equal(client.state, "fallback");
  await guarded.kill();
});

test("names that leave the script are what others know: frames, storage, transports", async () => {
  const sent: Record<string, unknown>[] = [];
  let told: SocketHandlers | undefined;
  const sockets = new Told<string>();
  const transport: Transport = {
    openSocket(url, handlers) {
      told = handlers;
      sockets.push(url);
      return { send: (text) => sent.push(JSON.parse(text)), close: (code) => sent.push({ code }) };
    },
    request: () => () => {},
  };
  const texts = new Map<string, string>();
  const storage = {
    getItem: (key: string) => texts.get(key) ?? null,
    setItem: (key: string, text: string) => void texts.set(key, text),
  };
  const client = page().connect({
    url: "https://example.org",
    token: "t",
    key: "k",
    client: { name: "app", version: "1" },
    transport,
    storage,
  });
  open.push(client);
  const gaps: unknown[] = [];
  const seen: unknown[] = [];
  client.subscribe("a:1", {
    since: { epoch: "e", offset: 2 },
    onGap: (gap) => gaps.push(gap),
    onEvent: ({ offset }) => seen.push(offset),
    onSubscribed: ({ position, isRecovered }) => seen.push([position.epoch, isRecovered]),
  });
  await sockets.count("socket", 1);
  assert.equal(sockets.all[0], "wss://example.org/v1/ws");
  told!.onOpen();
  const { link, ...hello } = sent[0]!;
  assert.match(String(link), /^[0-9a-f]{32}$/);
  assert.deepEqual(hello, {
    type: "hello",
    generation: 1,
    token: "t",
    client: { name: "app", version: "1", platform: "browser" },
    heartbeat: { interval: 15_000, timeout: 10_000 },
    channels: [{ channel: "a:1", since: { epoch: "e", offset: 2 } }],
  });
  const hear = (frame: object): void => told!.onText(JSON.stringify(frame));
  const server_time = "2026-02-28T00:00:00.000Z";
  hear({
    type: "welcome",
    link,
    node: "n",
    region: "r",
    heartbeat: { interval: 15_000, timeout: 10_000 },
    limits: { message_bytes: 1_000_000, queue_messages: 32, channels: 128 },
    crash_window_ms: 4_000,
    server_time,
  });
  assert.equal(client.state, "connected");
  const [from, to] = [
    { epoch: "e", offset: 2 },
    { epoch: "f", offset: 6 },
  ];
  const gap = { from, to, cause: "epoch_changed" };
  hear({ type: "subscribed", channel: "a:1", ...to, head: 7, recovered: false, gap });
  hear({ type: "event", channel: "a:1", offset: 7, event: "x", data: 1, time: server_time });
  assert.equal(JSON.stringify(gaps), JSON.stringify([gap]));
  assert.deepEqual(seen, [["f", false], 7]);
  void client.publish("a:1", "y", { z: 1 }, { final: true, replace: "r" });
  const { id, idempotency_key, ...publish } = sent.at(-1)!;
  assert.ok(id && idempotency_key);
  assert.deepEqual(publish, {
    type: "publish",
    channel: "a:1",
    event: "y",
    data: { z: 1 },
    final: true,
    replace: "r",
  });
  client.close();
  assert.deepEqual(sent.at(-1), { code: 1000 });
  const stored = { version: 1, positions: { "a:1": { epoch: "f", offset: 7 } } };
  assert.deepEqual(JSON.parse(texts.get("k")!), stored);
  const { version, savedAt, networks } = JSON.parse(texts.get("steadfast:networks")!);
  assert.ok(version === 1 && savedAt > 0 && Array.isArray(networks));
});

/** A mini-program's `require`, in a world with `wx` and the language of 2018. */
function miniProgram(wx: Wx): (name: string) => unknown {
  const context = createContext({ ...ENGINE, wx });
  for (const name of TOO_YOUNG) runInContext(`delete ${name}`, context);
  const loaded = new Map<string, { exports: unknown }>();
  const load = (name: string): unknown => {
    const path = `miniprogram_dist/${name.replace("./", "")}`;
    const done = loaded.get(path);
    if (done) return done.exports;
    const module = { exports: {} };
    loaded.set(path, module);
    const wrapped = `(function (module, exports, require) {${modules.get(path)!}\n})`;
    const run = runInContext(wrapped, context, { filename: path }) as (...all: unknown[]) => void;
    run(module, module.exports, load);
    return module.exports;
  };
  return load;
}

test("a mini-program gets on with what a phone of 2018 has", async () => {
  const require = miniProgram(new Wx());
  const { connect } = require("index.js") as typeof Steadfast;
  assert.equal(require("wechat.js"), require("index.js"));
  const client = connect({ url: proxy.url, settings: HURRY });
  open.push(client);
  const events = new Told<unknown>();
  client.subscribe("bundle:2", { onEvent: ({ data }) => events.push(data) });
  await client.publish("bundle:2", "note", "hello");
  await events.count("event", 1);
  proxy.mode = "forbid";
  proxy.cut();
  await server.publishes("bundle:2", "progress", "by polling");
  await events.count("event", 2);
  assert.deepEqual(events.all, ["hello", "by polling"]);
});

test("its modules are taken for what they are inside a package of the other kind", () => {
  const folder = mkdtempSync(join(tmpdir(), "steadfast-modules-"));
  try {
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    mkdirSync(join(folder, "miniprogram_dist"));
    for (const [path, text] of modules) writeFileSync(join(folder, path), text);
    const load = createRequire(join(folder, "anywhere.js"));
    const { VERSION } = load("./miniprogram_dist/index.js") as typeof Steadfast;
    assert.match(VERSION, /^\d+\.\d+\.\d+$/);
    assert.equal(typeof load("./miniprogram_dist/texts.js").textOf, "function");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the drop-in and the texts work there, too", async () => {
  const require = miniProgram(new Wx());
  const { default: client } = require("v2.js") as typeof V2;
  client.configure({ url: proxy.url });
  const [progress, states] = [new Told<unknown>(), new Told<string>()];
  client.connect("m1", { onProgress: progress.push, onStateChange: states.push });
  open.push({ close: () => client.disconnect() });
  await server.publishes("diagnosis:m1", "progress", 1);
  await progress.count("progress", 1);
  assert.deepEqual(states.all, ["connecting", "connected"]);
  const { textOf } = require("texts.js") as typeof import("../../src/texts.js");
  const notice = { code: "NET_OFFLINE", severity: "warn", retryInMs: null } as const;
  assert.match(JSON.stringify(textOf(notice, "zh-CN")), /网络/);
});

test("the types need no more than `lib: [\"es2022\"]`", () => {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), "steadfast-types-"));
  const compiled = (...args: string[]): string => {
    const tsc = `${root}node_modules/typescript/bin/tsc`;
    return String(spawnSync(process.execPath, [tsc, ...args], { cwd: folder }).stdout);
  };
  const types = compiled("-p", `${root}tsconfig.types.json`, "--outDir", join(folder, "types"));
  const text = `import { connect } from "./types/index.js";
    connect({ url: "https://h" })[Symbol.dispose]();
  `;
  writeFileSync(join(folder, "app.ts"), text);
  const options = "--noEmit --strict --target es2022 --lib es2022 --module esnext";
  const app = compiled(...options.split(" "), "--moduleResolution", "bundler", "app.ts");
  rmSync(folder, { recursive: true });
  assert.deepEqual([types, app], ["", ""]);
});
