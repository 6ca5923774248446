// What the page makes of a client, over one that a test plays.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ChannelEvent, Client, Message, Reason, SubscribeOptions } from "../../src/index.js";
import type { LinkState } from "../../src/index.js";
import { Journal } from "../journal.js";
import { Watch } from "../watch.js";

/** A client as a test plays it. */
class Script {
  followed: [channel: string, options: SubscribeOptions][] = [];
  left: string[] = [];
  isClosed = false;
  tellState: (state: LinkState, old: LinkState, reason: Reason) => void = () => {};
  tellNotice: (notice: Message | null) => void = () => {};

  onStateChange(listener: typeof this.tellState): void {
    this.tellState = listener;
  }

  onNotice(listener: typeof this.tellNotice): void {
    this.tellNotice = listener;
  }

  onQuality(): void {}

  subscribe(channel: string, options: SubscribeOptions): { unsubscribe(): void } {
    this.followed.push([channel, options]);
    return { unsubscribe: () => this.left.push(channel) };
  }

  close(): void {
    this.isClosed = true;
    this.tellState("disconnected", "connected", "closed");
  }

  get last(): SubscribeOptions {
    return this.followed.at(-1)?.[1] ?? {};
  }
}

const NOTICE: Message = { code: "LINK_RECONNECTING", severity: "info", retryInMs: null };
const event = (offset: number): ChannelEvent => ({
  channel: "diagnosis:1",
  epoch: "a",
  offset,
  event: "progress",
  data: null,
  time: new Date(0).toISOString(),
});

function setUp(journal = new Journal()) {
  const clients: Script[] = [];
  const connect = (): Client => {
    const client = new Script();
    clients.push(client);
    return client as unknown as Client;
  };
  let changes = 0;
  const watch = new Watch(connect, { url: "http://test" }, journal, () => changes++, () => 1_000);
  return { watch, journal, clients, changes: () => changes };
}

test("what the link tells goes into the journal", () => {
  const { watch, journal, clients, changes } = setUp();
  watch.open();
  watch.follow("diagnosis:1");
  const [client] = clients as [Script];
  client.tellState("connected", "connecting", "welcomed");
  client.last.onEvent?.(event(1));
  const [from, to] = [{ epoch: "a", offset: 1 }, { epoch: "b", offset: 0 }];
  client.last.onGap?.({ from, to, cause: "epoch_changed" });
  const before = changes();
  client.last.onFinished?.();
  assert.equal(changes(), before + 1);
  assert.deepEqual(journal.states, [{ state: "connected", reason: "welcomed", at: 1_000 }]);
  assert.deepEqual(journal.entries.map(({ kind }) => kind), ["event", "gap"]);
  assert.equal(journal.isFinished, true);
});

test("a job that is new is followed from its start, a known one from its position", () => {
  const known = new Journal();
  known.follow("diagnosis:1");
  known.hand(event(1), 1_000);
  const { watch, clients } = setUp(known);
  watch.open();
  assert.equal(clients[0]?.followed.at(-1)?.[0], "diagnosis:1");
  assert.equal("since" in (clients[0]?.last ?? {}), false);
  watch.follow("diagnosis:2");
  assert.equal(clients[0]?.last.since, "start");
  assert.deepEqual(clients[0]?.left, ["diagnosis:1"]);
});

test("a link that is made anew follows the same job, unless it has ended", () => {
  const { watch, journal, clients } = setUp();
  watch.open();
  watch.follow("diagnosis:1");
  watch.close();
  assert.equal(clients[0]?.isClosed, true);
  assert.deepEqual(journal.states.at(-1)?.reason, "closed");
  watch.open();
  assert.deepEqual(clients[1]?.followed.map(([channel]) => channel), ["diagnosis:1"]);
  clients[1]?.last.onFinished?.();
  watch.close();
  watch.open();
  assert.deepEqual(clients[2]?.followed, []);
});

test("a job that is started while there is no link is followed once there is one", () => {
  const { watch, clients } = setUp();
  watch.open();
  watch.close();
  watch.follow("diagnosis:1");
  assert.deepEqual(clients[0]?.followed, []);
  watch.open();
  assert.equal(clients[1]?.followed.length, 1);
});

test("what people are told ends with the link that it is about", () => {
  const { watch, clients } = setUp();
  watch.open();
  clients[0]?.tellNotice(NOTICE);
  assert.equal(watch.notice, NOTICE);
  watch.close();
  assert.equal(watch.notice, null);
  watch.open();
  clients[0]?.tellNotice(NOTICE);
  assert.equal(watch.notice, null, "an older link has nothing to say any more");
});
