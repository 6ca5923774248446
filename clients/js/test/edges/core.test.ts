// The core and its plugins as pages load them: minified modules that share their short names. In:
// the build, a real server, a path that blocks WebSocket. And that their types need no more than
// `lib: ["es2022"]`.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { WebSocket } from "ws";
import type * as Core from "../../src/core.js";
import type { messages } from "../../src/messages.js";
import type { networks } from "../../src/networks.js";
import type { publishing } from "../../src/publishing.js";
import type { quality } from "../../src/quality.js";
import type { racing } from "../../src/racing.js";
import type { statistics } from "../../src/statistics.js";
import { Proxy } from "../proxy.js";
import { Server, Told, within } from "../server.js";
import { HURRY, upTo } from "./subject.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "steadfast-core-"));
const open: { close(): void }[] = [];

let server: Server;
let proxy: Proxy;
let core: typeof Core;

/** A module of the build. */
const load = async <T>(name: string): Promise<T> =>
  (await import(pathToFileURL(join(folder, `dist/${name}.min.js`)).href)) as T;

before(async () => {
  server = await Server.dev();
  proxy = await Proxy.start(server.port);
  const at = new URL("../../../build/bundles.mjs", import.meta.url);
  const { pageModules } = (await import(at.href)) as {
    pageModules(): Promise<Map<string, string>>;
  };
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  for (const [path, code] of await pageModules()) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), code);
  }
  // What a page has.
  Object.assign(globalThis, { WebSocket });
  core = await load<typeof Core>("core");
});
afterEach(() => {
  open.splice(0).forEach((one) => one.close());
  proxy.mode = "pass";
});
after(async () => {
  Reflect.deleteProperty(globalThis, "WebSocket");
  rmSync(folder, { recursive: true });
  proxy.end();
  await server.kill();
});

test("the core alone resumes after a cut, polls where it must, and returns", async () => {
  const { connect } = core;
  const client = connect({ url: proxy.url, settings: { ...HURRY, fallbackEffortMs: 300 } });
  open.push(client);
  const [states, events] = [new Told<string>(), new Told<number>()];
  client.onStateChange((state) => states.push(state));
  const subscription = client.subscribe("core:1", { onEvent: ({ offset }) => events.push(offset) });
  await states.first("a session", (state) => state === "connected");
  await server.publishes("core:1", "progress", 1);
  await events.count("event", 1);
  proxy.cut();
  await server.publishes("core:1", "progress", 2);
  await events.count("event", 2);
  proxy.mode = "forbid";
  proxy.cut();
  await server.publishes("core:1", "progress", 3);
  await events.count("event", 3);
  assert.equal(client.state, "fallback");
  const before = states.all.length;
  proxy.mode = "pass";
  await states.count("state", before + 1);
  assert.equal(client.state, "connected");
  await server.publishes("core:1", "complete", 4);
  await events.count("event", 4);
  assert.deepEqual(events.all, upTo(4));
  assert.equal(subscription.position?.offset, 4);
  for (const name of ["publish", "quality", "notices", "getStatistics"]) {
    assert.ok(!(name in client), name);
  }
});

test("every plugin adds what it is for, and shares the errors of the core", async () => {
  const plugins = [
    (await load<{ messages: typeof messages }>("messages")).messages(),
    (await load<{ networks: typeof networks }>("networks")).networks(),
    (await load<{ publishing: typeof publishing }>("publishing")).publishing(),
    (await load<{ quality: typeof quality }>("quality")).quality(),
    (await load<{ racing: typeof racing }>("racing")).racing(),
    (await load<{ statistics: typeof statistics }>("statistics")).statistics(),
  ] as const;
  const texts = new Map<string, string>();
  const storage = {
    getItem: (key: string) => texts.get(key) ?? null,
    setItem: (key: string, text: string) => void texts.set(key, text),
  };
  const url = [proxy.url, `http://127.0.0.1:${server.port}`];
  const { connect, isSteadfastError } = core;
  const client = connect({ url, plugins, storage, settings: HURRY });
  open.push(client);
  const [notices, events] = [new Told<unknown>(), new Told<unknown>()];
  client.onNotice(notices.push);
  client.onQuality(() => {});
  client.subscribe("core:2", { onEvent: ({ data }) => events.push(data) });
  const { offset } = await within("an answer", client.publish("core:2", "note", { n: 1 }));
  assert.equal(offset, 1);
  await events.count("event", 1);
  assert.deepEqual(events.all, [{ n: 1 }]);
  const bad = await client.publish("no name!", "note").catch((error: unknown) => error);
  assert.ok(isSteadfastError(bad) && bad instanceof core.SteadfastError && bad.code === "bad_name");
  assert.equal(client.quality.grade, "unknown");
  assert.equal(client.notices, null);
  const { availability, lastConnectedAt } = client.getStatistics();
  assert.ok(availability > 0 && lastConnectedAt !== null);
  client.close();
  assert.ok(texts.has("steadfast:networks"), "networks are saved");
});

test("a plugin may serve two clients", async () => {
  const { publishing: make } = await load<{ publishing: typeof publishing }>("publishing");
  const plugins = [make()] as const;
  const clients = [1, 2].map(() => core.connect({ url: proxy.url, plugins, settings: HURRY }));
  open.push(...clients);
  clients.forEach((client) => client.subscribe("core:3"));
  const answers = clients.map((client) => client.publish("core:3", "note"));
  const offsets = (await within("answers", Promise.all(answers))).map(({ offset }) => offset);
  assert.deepEqual(offsets.sort(), [1, 2]);
});

test("the types say which plugins there are, with `lib: [\"es2022\"]`", () => {
  const compiled = (...args: string[]): string => {
    const tsc = `${ROOT}node_modules/typescript/bin/tsc`;
    return String(spawnSync(process.execPath, [tsc, ...args], { cwd: folder }).stdout);
  };
  const types = compiled("-p", `${ROOT}tsconfig.types.json`, "--outDir", join(folder, "types"));
  const text = `import { connect } from "./types/core.js";
    import { publishing } from "./types/publishing.js";
    import { networks } from "./types/networks.js";
    import { quality } from "./types/quality.js";
    import { useChannel, useLink } from "./types/react.js";
    import { Publisher, makeToken } from "./types/server.js";
    const client = connect({ url: "https://h", plugins: [publishing(), networks(), quality()] });
    void client.publish("a:1", "note").then(({ offset }): number => offset);
    const grade: string = client.quality.grade;
    client.subscribe("a:1");
    export const state: string = useLink(client).state;
    export const first: unknown = useChannel(client, "a:1", { keep: 10 }).events[0]?.data;
    const publisher = new Publisher({ url: "http://h", retry: { deadlineMs: 5 } });
    void publisher.publish("a:1", "note", makeToken("k", { sub: "u" }));
    // @ts-expect-error: no plugin has it
    client.getStatistics();
    // @ts-expect-error: the core has none
    void connect({ url: "https://h" }).publish("a:1", grade);
  `;
  writeFileSync(join(folder, "app.ts"), text);
  const options = "--noEmit --strict --target es2022 --lib es2022 --module esnext";
  const more = "--skipLibCheck false --moduleResolution bundler";
  assert.deepEqual([types, compiled(...`${options} ${more}`.split(" "), "app.ts")], ["", ""]);
});
