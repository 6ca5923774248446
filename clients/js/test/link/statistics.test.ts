// Shares of time in every kind of life.

import assert from "node:assert/strict";
import { test } from "node:test";

import * as records from "../../src/link/statistics.js";

test("shares are right before the first connection and during an outage", () => {
  const record = records.newRecord();
  assert.equal(records.statistics(record, 500).availability, 0);
  records.turn(record, 1000, "down");
  assert.equal(records.statistics(record, 3000).availability, 0);
  records.turn(record, 3000, "live");
  assert.equal(records.statistics(record, 9000).availability, 7500);
  records.turn(record, 9000, "down");
  const outage = records.statistics(record, 21_000);
  assert.deepEqual([outage.availability, outage.realtimeAvailability], [3000, 3000]);
  assert.deepEqual([outage.totalDowntime, outage.lastDisconnectedAt], [14_000, 9000]);
});

test("polling is available but not in real time", () => {
  const record = records.newRecord();
  records.turn(record, 0, "live");
  assert.equal(records.statistics(record, 0).availability, 10_000);
  records.turn(record, 3000, "polled");
  const { availability, realtimeAvailability, totalDowntime } = records.statistics(record, 9000);
  assert.deepEqual([availability, realtimeAvailability, totalDowntime], [10_000, 3333, 0]);
});

test("sleep and wanted rest count as neither", () => {
  const record = records.newRecord();
  records.turn(record, 0, "down");
  records.turn(record, 1000, "live");
  records.sleep(record, 2000, 3_600_000);
  records.turn(record, 3_602_000, "unwanted");
  const { availability, totalDowntime } = records.statistics(record, 9_999_999);
  assert.deepEqual([availability, totalDowntime], [7500, 1000]);
});

test("a share is rounded down, also over years", () => {
  const record = records.newRecord();
  const year = 365 * 86_400_000;
  records.turn(record, 0, "down");
  records.turn(record, 1, "live");
  assert.equal(records.statistics(record, 20 * year).availability, 9999);
});

test("a reconnect counts once as begun and once as ended", () => {
  const record = records.newRecord();
  records.begin(record, false);
  records.fail(record);
  records.begin(record, true);
  records.fail(record);
  records.fail(record);
  records.begin(record, true);
  assert.equal(records.statistics(record, 0).totalReconnects, 2);
  records.succeed(record, 7);
  records.answer(record, 40);
  const statistics = records.statistics(record, 9);
  assert.deepEqual([statistics.successfulReconnects, statistics.failedReconnects], [1, 1]);
  assert.deepEqual([statistics.lastConnectedAt, statistics.lastAnswerRtt], [7, 40]);
});

test("a reconnect that nobody wants any more was none", () => {
  const record = records.newRecord();
  records.begin(record, true);
  records.withdraw(record);
  records.withdraw(record);
  records.fail(record);
  records.begin(record, false);
  records.withdraw(record);
  const { totalReconnects, failedReconnects } = records.statistics(record, 0);
  assert.deepEqual([totalReconnects, failedReconnects], [0, 0]);
});
