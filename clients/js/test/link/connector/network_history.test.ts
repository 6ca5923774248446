// What is remembered of networks, and for how long. Twin of
// crates/link/src/connector/network_history/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  type NetworkHistory,
  recordFailure,
  clear,
  isBlocked,
  isSuspected,
  newNetworkHistory,
  records,
  recordFallback,
} from "../../../src/link/connector/network_history.js";

const DAY = 24 * 3_600_000;

const on = (network: string): NetworkHistory => ({ ...newNetworkHistory([]), current: network });

test("two blocked attempts are suspicious and one is not", () => {
  const memory = on("office");
  recordFailure(memory, 0, "blocked", false);
  assert.ok(!isSuspected(memory, 0));
  recordFailure(memory, 1, "blocked", false);
  assert.ok(isSuspected(memory, 1));
  recordFailure(memory, 2, "busy", false);
  assert.ok(!isSuspected(memory, 2), "the server was reached");
});

test("silence speaks against a network only where HTTP gets through", () => {
  const memory = on("office");
  for (let at = 0; at < 20; at++) recordFailure(memory, at, "silence", false);
  assert.ok(!isSuspected(memory, 20));
  for (let at = 20; at < 26; at++) recordFailure(memory, at, "silence", true);
  assert.ok(isSuspected(memory, 26));
});

test("a network is known after three sightings for a day and until a session lives", () => {
  const memory = on("office");
  for (let at = 0; at < 3; at++) {
    assert.ok(!isBlocked(memory, at));
    recordFallback(memory, at);
  }
  assert.ok(isBlocked(memory, DAY + 1));
  assert.ok(!isBlocked(memory, DAY + 2));
  recordFallback(memory, 4);
  clear(memory);
  assert.ok(!isBlocked(memory, 4));
});

test("networks never share what is remembered", () => {
  const memory = on("office");
  for (let at = 0; at < 3; at++) recordFallback(memory, at);
  memory.current = "home";
  assert.ok(!isBlocked(memory, 3));
  clear(memory);
  memory.current = "office";
  assert.ok(isBlocked(memory, 4));
});

test("what was saved is known again and goes on ageing", () => {
  const memory = on("office");
  for (let at = 0; at < 3; at++) recordFallback(memory, at * 1000);
  const saved = records(memory, 5000);
  assert.deepEqual(saved, [{ key: "office", odds: -2, sightings: 3, ageMs: 3000 }]);
  const again = { ...newNetworkHistory(JSON.parse(JSON.stringify(saved))), current: "office" };
  assert.deepEqual(records(again, 0), saved);
  assert.ok(isBlocked(again, DAY - 3001));
  assert.ok(!isBlocked(again, DAY - 3000));
});

test("nonsense that was saved is bounded", () => {
  const saved = (odds: number, ageMs: number) => [{ key: "a", odds, sightings: 0, ageMs }];
  assert.equal(records(newNetworkHistory(saved(127, 0)), 0)[0]?.odds, 6);
  assert.deepEqual(records(newNetworkHistory(saved(-128, 0)), 0), []);
  assert.deepEqual(records(newNetworkHistory(saved(5, 2 ** 53)), 0), []);
});

test("the oldest network makes room", () => {
  const memory = newNetworkHistory([]);
  for (let n = 0; n <= 20; n++) {
    memory.current = `n${n}`;
    recordFallback(memory, n);
    assert.ok(records(memory, n).length <= 20);
  }
  const kept = records(memory, 100).map((one) => one.key);
  assert.equal(kept[0], "n1");
  assert.equal(kept.length, 20);
});
