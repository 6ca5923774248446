// What survives a reload: positions, and what is remembered of networks. A "reload" is another
// client on the same storage.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import type { DeviceInput, PositionStorage } from "../../src/node.js";
import { loadNetworks, saveNetworks } from "../../src/storage.js";
import { Proxy } from "../proxy.js";
import { Server, Told } from "../server.js";
import { closeAll, follow, offsets, subject, upTo } from "./subject.js";

let server: Server;
let proxy: Proxy;
before(async () => {
  server = await Server.dev();
  proxy = await Proxy.start(server.port);
});
afterEach(closeAll);
after(async () => {
  proxy.end();
  await server.kill();
});

class Stored implements PositionStorage {
  readonly texts = new Map<string, string>();
  getItem(key: string): string | null {
    return this.texts.get(key) ?? null;
  }
  setItem(key: string, text: string): void {
    this.texts.set(key, text);
  }
}

test("after a reload a channel goes on where it was, nothing lost or doubled", async () => {
  const storage = new Stored();
  const got: number[] = [];
  for (const life of upTo(4)) {
    const { client } = subject(server.url, { storage });
    const followed = follow(client, "reload:1");
    await server.publishes("reload:1", "progress", life);
    await server.publishes("reload:1", "progress", life);
    await followed.events.count("event", 2);
    got.push(...offsets(followed));
    client.close();
    await server.publishes("reload:1", "progress", "while nobody is there");
    const missed = subject(server.url, { storage });
    const others = follow(missed.client, "reload:1");
    await others.events.count("event", 1);
    got.push(...offsets(others));
    missed.client.close();
  }
  assert.deepEqual(got, upTo(12));
});

test("a page that goes out of sight is saved at once: it may never be heard of again", async () => {
  const storage = new Stored();
  const device = new Told<(input: DeviceInput) => void>();
  const { client } = subject(server.url, {
    storage,
    lifecycle: (tell) => {
      device.push(tell);
      return () => {};
    },
  });
  const followed = follow(client, "reload:2");
  await server.publishes("reload:2", "progress", 1);
  await followed.events.count("event", 1);
  device.all[0]!({ kind: "background" });
  const { positions } = JSON.parse(storage.texts.get("steadfast")!);
  assert.equal(positions["reload:2"].offset, 1);
});

test("what a loop has not read is not behind the position", async () => {
  const storage = new Stored();
  for (const n of upTo(5)) await server.publishes("reload:3", "progress", n);
  const { client } = subject(server.url, { storage });
  const got: number[] = [];
  for await (const { offset } of client.subscribe("reload:3")) {
    got.push(offset);
    if (offset === 2) break;
  }
  client.close();
  const again = subject(server.url, { storage });
  const followed = follow(again.client, "reload:3");
  await followed.events.count("event", 3);
  assert.deepEqual([...got, ...offsets(followed)], upTo(5));
});

test("positions are those of a key, `since` outdoes them, and false keeps none", async () => {
  const storage = new Stored();
  await server.publishes("reload:4", "progress", 1);
  const read = async (options: object, since?: "start"): Promise<number[]> => {
    const { client } = subject(server.url, { storage, ...options });
    const followed = follow(client, "reload:4", since ? { since } : {});
    await followed.subscribed.count("word", 1);
    await server.publishes("reload:4", "progress", "more");
    await followed.events.first("the newest", ({ data }) => data === "more");
    const got = offsets(followed);
    client.close();
    return got;
  };
  assert.deepEqual(await read({ key: "mine" }), [1, 2]);
  assert.deepEqual(await read({ key: "mine" }), [3]);
  assert.deepEqual((await read({ key: "yours" }))[0], 1);
  assert.deepEqual((await read({ key: "mine" }, "start"))[0], 1);
  assert.deepEqual((await read({ storage: false }))[0], 1);
  const keys = [...storage.texts.keys()].sort();
  assert.deepEqual(keys, ["mine", "steadfast:networks", "yours"]);
});

test("on a network that was seen to block WebSocket the next client polls at once", async () => {
  const storage = new Stored();
  await server.publishes("reload:5", "progress", 1);
  proxy.mode = "forbid";
  const life = async (): Promise<readonly string[]> => {
    const it = subject(proxy.url, { storage });
    await it.client.subscribe("reload:5", { since: "start" })[Symbol.asyncIterator]().next();
    it.client.close();
    return it.states.all;
  };
  const tried = "reconnecting (was connecting): unreachable";
  assert.ok((await life()).includes(tried));
  for (const _ of upTo(3)) await life();
  const states = await life();
  assert.deepEqual(states.slice(0, 2), [
    "connecting (was disconnected): asked",
    "fallback (was connecting): websocket_blocked",
  ]);
});

test("what is remembered of networks ages by the device's clock, and is checked", () => {
  const storage = new Stored();
  const record = { key: "wifi", odds: 3, sightings: 2, ageMs: 1_000 };
  saveNetworks(storage, "k", 1_000_000, [record]);
  assert.deepEqual(loadNetworks(storage, "k", 1_005_000), [{ ...record, ageMs: 6_000 }]);
  assert.deepEqual(loadNetworks(storage, "k", 500), [record], "a clock set back ages nothing");
  for (const text of ["", "{", "7", '{"version":2}', '{"version":1,"networks":7}']) {
    storage.setItem("k", text);
    assert.deepEqual(loadNetworks(storage, "k", 0), [], text);
  }
  storage.setItem("k", '{"version":1,"savedAt":0,"networks":[{"key":"a"},null,7]}');
  assert.deepEqual(loadNetworks(storage, "k", 0), []);
  assert.deepEqual(loadNetworks(undefined, "k", 0), []);
});
