// Shares of time in every kind of life.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Record } from "../../src/link/statistics.js";

test("shares are right before the first connection and during an outage", () => {
  const record = new Record();
  assert.equal(record.statistics(500).availability, 0);
  record.turn(1000, "down");
  assert.equal(record.statistics(3000).availability, 0);
  record.turn(3000, "live");
  assert.equal(record.statistics(9000).availability, 7500);
  record.turn(9000, "down");
  const outage = record.statistics(21_000);
  assert.deepEqual([outage.availability, outage.realtimeAvailability], [3000, 3000]);
  assert.deepEqual([outage.totalDowntime, outage.lastDisconnectedAt], [14_000, 9000]);
});

test("polling is available but not in real time", () => {
  const record = new Record();
  record.turn(0, "live");
  assert.equal(record.statistics(0).availability, 10_000);
  record.turn(3000, "polled");
  const { availability, realtimeAvailability, totalDowntime } = record.statistics(9000);
  assert.deepEqual([availability, realtimeAvailability, totalDowntime], [10_000, 3333, 0]);
});

test("sleep and wanted rest count as neither", () => {
  const record = new Record();
  record.turn(0, "down");
  record.turn(1000, "live");
  record.sleep(2000, 3_600_000);
  record.turn(3_602_000, "unwanted");
  const { availability, totalDowntime } = record.statistics(9_999_999);
  assert.deepEqual([availability, totalDowntime], [7500, 1000]);
});

test("a share is rounded down, also over years", () => {
  const record = new Record();
  const year = 365 * 86_400_000;
  record.turn(0, "down");
  record.turn(1, "live");
  assert.equal(record.statistics(20 * year).availability, 9999);
});

test("a reconnect counts once as begun and once as ended", () => {
  const record = new Record();
  record.begin(false);
  record.fail();
  record.begin(true);
  record.fail();
  record.fail();
  record.begin(true);
  assert.equal(record.statistics(0).totalReconnects, 2);
  record.succeed(7);
  record.answer(40);
  const statistics = record.statistics(9);
  assert.deepEqual([statistics.successfulReconnects, statistics.failedReconnects], [1, 1]);
  assert.deepEqual([statistics.lastConnectedAt, statistics.lastAnswerRtt], [7, 40]);
});

test("a reconnect that nobody wants any more was none", () => {
  const record = new Record();
  record.begin(true);
  record.withdraw();
  record.withdraw();
  record.fail();
  record.begin(false);
  record.withdraw();
  const { totalReconnects, failedReconnects } = record.statistics(0);
  assert.deepEqual([totalReconnects, failedReconnects], [0, 0]);
});
