// One session's health: what is due on it, what its answers tell, and what its end costs. Twin of
// crates/link/src/health/tests.rs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DEFAULTS as config } from "../../src/link/config.js";
import { bounds, newDevice } from "../../src/link/device.js";
import {
  type Health,
  isSuspect,
  newHealth,
  newMeter,
  nextAction,
  nextDeadline,
  onActivity,
  onGoAway,
  onHeartbeatAck,
  onHello,
  onSend,
  onSessionEnd,
  onWelcome,
  probe,
  report,
  review,
  takeSession,
} from "../../src/link/health.js";
import { newRecord, statistics } from "../../src/link/statistics.js";
import { onDisconnect } from "../../src/link/quality.js";
import type { QualityPart } from "../../src/parts/parts.js";
import { quality } from "../../src/parts/quality.js";

const TIME = "2026-02-28T00:00:09.000Z";

function onSession(meter?: QualityPart): Health {
  const health = newHealth(bounds(newDevice(), config), meter);
  onHello(health, 0);
  onWelcome(health, 40, 7, {
    type: "welcome",
    heartbeat: { interval: 15_000, timeout: 10_000 },
    limits: { message_bytes: 1 << 20 },
    crash_window_ms: 5000,
    server_time: TIME,
  });
  return health;
}

/** Sends the heartbeat that is due then. */
function beat(health: Health, now: number): void {
  const action = nextAction(health, now, config);
  assert.ok(action?.kind === "say" && action.frame.type === "heartbeat");
  onSend(health, now, action.frame, statistics(newRecord(), now));
}

test("without a session nothing is due", () => {
  const health = newHealth(bounds(newDevice(), config), undefined);
  assert.equal(nextDeadline(health, config), Infinity);
  assert.equal(nextAction(health, 9_000_000, config), undefined);
  assert.equal(probe(health, 0, config), undefined);
  assert.ok(!isSuspect(health, 0));
});

test("a heartbeat that is answered gives its round trip", () => {
  const health = onSession();
  assert.equal(health.session?.socket, 7);
  assert.equal(nextDeadline(health, config), 15_040);
  beat(health, 15_040);
  onActivity(health, 15_100);
  const ack = { type: "heartbeat_ack", id: 1, server_time: TIME } as const;
  assert.equal(onHeartbeatAck(health, 15_100, ack), 60);
  assert.equal(onHeartbeatAck(health, 15_110, ack), undefined, "a second answer");
});

test("silence is doubted and then ends the session", () => {
  const health = onSession();
  beat(health, 15_040);
  for (let kind; kind !== "silent"; ) {
    const at = nextDeadline(health, config);
    kind = nextAction(health, at, config)?.kind;
    if (kind === "doubt") assert.ok(isSuspect(health, at));
  }
  onSessionEnd(health, 30_000, { kind: "silent" });
  assert.equal(takeSession(health)?.since, 40);
  assert.equal(nextDeadline(health, config), Infinity);
});

test("a lost session costs quality and one that was to leave does not", () => {
  const score = (isLeaving: boolean): number => {
    const meter = newMeter();
    const health = onSession({
      ...quality(),
      onDisconnect: (now, isPlanned) => onDisconnect(meter.quality, now, isPlanned),
    });
    if (isLeaving) onGoAway(health, 90_000);
    review(meter, 40, "live");
    onSessionEnd(health, 50, { kind: "silent" });
    return report(meter, 50, undefined, "live").score;
  };
  assert.ok(score(false) < score(true));
  assert.equal(report(newMeter(), 50, undefined, "live").grade, "unknown");
});
