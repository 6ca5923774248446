// The drop-in for version 2.1.0: a page of that time, in a simulated mini-program, on the real
// server.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import webSocketClient, { ConnectionState, WebSocketClient } from "../../src/v2.js";
import { Proxy } from "../proxy.js";
import { Server, Told } from "../server.js";
import { Wx } from "../wx.js";
import { type Shown, diagnosisPage } from "./report/page.js";
import { HURRY } from "./subject.js";

let server: Server;
let proxy: Proxy;
let uninstall: () => void;

before(async () => {
  server = await Server.dev();
});
beforeEach(async () => {
  proxy = await Proxy.start(server.port);
  const wx = new Wx();
  uninstall = wx.install();
  webSocketClient.configure({ url: proxy.url, settings: HURRY });
});
afterEach(() => {
  webSocketClient.disconnect();
  webSocketClient.resetStatistics();
  proxy.end();
  uninstall();
});
after(() => server.kill());

function opened(executionId: string) {
  const shown = new Told<Shown>();
  const page = diagnosisPage(shown.push);
  page.onLoad({ executionId });
  const becomes = (status: string) =>
    shown.first(status, ({ connectionStatus }) => connectionStatus === status);
  return { page, shown, becomes };
}

test("the page shows progress, result and end, and the colours of its states", async () => {
  const { page, shown, becomes } = opened("8f3c");
  await becomes("connected");
  assert.ok(webSocketClient.isConnected());
  for (const percent of [20, 60]) await server.publishes("diagnosis:8f3c", "progress", { percent });
  await server.publishes("diagnosis:8f3c", "result", { score: 7 });
  await server.publishes("diagnosis:8f3c", "complete", {}, { final: true });
  await becomes("disconnected");
  const { progress, result, isComplete, statusColor, availability } = page.data;
  assert.deepEqual([progress, result, isComplete, statusColor], [60, { score: 7 }, true, "#ccc"]);
  assert.match(availability!, /^\d{1,3}\.\d\d%$/);
  assert.deepEqual(
    shown.all.flatMap(({ connectionStatus, statusColor }) =>
      connectionStatus ? [[connectionStatus, statusColor]] : [],
    ),
    [
      ["connecting", "#ffa500"],
      ["connected", "#52c41a"],
      ["disconnected", "#ccc"],
    ],
  );
  assert.equal(webSocketClient.getConnectionStatus(), ConnectionState.DISCONNECTED);
});

test("after `onFallback` events go on arriving, and the connection returns", async () => {
  proxy.mode = "forbid";
  const { page, shown, becomes } = opened("8f3d");
  await becomes("fallback");
  assert.equal(page.data.hint, "使用轮询降级方案");
  await server.publishes("diagnosis:8f3d", "progress", { percent: 30 });
  await shown.first("progress by polling", ({ progress }) => progress === 30);
  assert.equal(webSocketClient.isConnected(), false);
  assert.ok(webSocketClient.getReconnectAttempts() > 0);
  proxy.mode = "pass";
  await becomes("connected");
  assert.equal(webSocketClient.getReconnectAttempts(), 0);
  await server.publishes("diagnosis:8f3d", "error", { message: "no such brand" });
  await shown.first("an error", ({ error }) => error === "no such brand");
  page.onUnload();
  assert.equal(page.data.connectionStatus, "disconnected");
});

test("a cut is told and mended; statistics add up until they are reset", async () => {
  const first = opened("8f3e");
  await first.becomes("connected");
  proxy.cut();
  await first.becomes("reconnecting");
  await first.shown.first("a word", ({ hint }) => hint === "断开：lost");
  while (!webSocketClient.isConnected()) await new Promise(setImmediate);
  const { totalReconnects, successfulReconnects, totalDowntime, lastConnectedAt } =
    webSocketClient.getStatistics();
  assert.ok(totalReconnects >= 1 && successfulReconnects === 1 && totalDowntime > 0);
  assert.ok(Date.parse(lastConnectedAt!) <= Date.now());

  const second = opened("8f3f");
  await second.becomes("connected");
  assert.equal(first.page.data.connectionStatus, "disconnected", "one connection at a time");
  const both = webSocketClient.getStatistics();
  assert.equal(both.successfulReconnects, 1);
  assert.ok(both.totalDowntime >= totalDowntime);
  assert.notEqual(both.lastDisconnectedAt, null);
  assert.ok(parseFloat(both.availability) < 100);

  webSocketClient.resetStatistics();
  const reset = webSocketClient.getStatistics();
  assert.deepEqual(
    [reset.totalReconnects, reset.totalDowntime, reset.lastConnectedAt],
    [0, 0, null],
  );
  assert.equal(reset.availability, "100.00%");
});

test("one that was never connected is at rest", () => {
  const client = new WebSocketClient();
  client.disconnect();
  assert.equal(client.getConnectionStatus(), "disconnected");
  assert.equal(client.getReconnectAttempts(), 0);
  assert.equal(client.getStatistics().availability, "0.00%");
  assert.throws(() => client.connect("8f40"), { code: "bad_url" });
});
