// Twin of crates/link/src/coordinator/device.rs. What the device knows: networks that come, go and
// change, and sleep. In: its reports, and timers that fired late. Out: attempts and heartbeats at
// once.

import { type Millis, seconds } from "../../machine/time.js";
import { admitFree } from "../backoff.js";
import * as connector from "../connector.js";
import { waiting } from "../connector/attempt.js";
import { hastenAfterChange } from "../connector/timing.js";
import type { Link } from "../coordinator.js";
import * as credential from "../credential.js";
import { bounds } from "../device.js";
import * as health from "../health.js";
import type { Input, NetworkChanged } from "../input.js";
import { isLive } from "../phase.js";
import { clearEarlyLosses } from "../poller/flap_damping.js";
import * as subscriptions from "../subscriptions.js";
import { COMING_BACK } from "./dials.js";
import { fallBackIfWanted } from "./fallback.js";
import { paceSession, sendTimed } from "./measurements.js";
import { dropTransports } from "./reconnect.js";
import { cancelPolls } from "./returning.js";
import { doubtSession } from "./successor.js";
import { enterConnecting, enterOffline, enterReconnecting } from "./transitions.js";

/** How late a timer may fire before the device is taken to have slept. */
const LATE_MAX = seconds(5);
/** How late it may fire before an answer that is waited for may have come unseen. */
const LATE_LOOK_MAX = seconds(1);

export function onOnline(link: Link, now: Millis): void {
  link.isOnline = true;
  if (link.phase === "offline") comeOnline(link, now);
  else probeSession(link, now);
}

export function onOffline(link: Link, now: Millis): void {
  link.isOnline = false;
  link.device.network = "unknown";
  const { phase } = link;
  if (phase === "resting" || phase === "offline") return;
  dropTransports(link, now, COMING_BACK);
  enterOffline(link, now);
}

/** Another network is a network, also for a device that had reported none. */
export function onNetworkChanged(
  link: Link,
  now: Millis,
  { network = "unknown", key }: NetworkChanged,
): void {
  const { phase } = link;
  link.isOnline = true;
  link.device.network = network;
  connector.enterNetwork(link.connector, key ?? network);
  health.onNetworkChanged(link.health, bounds(link.device, link.settings));
  credential.expedite(link.credential, now);
  clearEarlyLosses(link.poller.flapDamping);
  if (phase === "resting") return;
  if (phase === "offline") return comeOnline(link, now);
  connector.onNetworkChanged(link.connector, now);
  if (isLive(phase)) {
    probeSession(link, now);
    return doubtSession(link, now);
  }
  hastenAfterChange(link.connector, now);
  fallBackIfWanted(link, now);
  probeSession(link, now);
  // Their network is gone: they are sent again.
  cancelPolls(link);
}

/** Evidence of a bad path, but none that anything is lost. */
export function onWeakNetwork(
  link: Link,
  now: Millis,
  { isWeak }: Input & { kind: "weak_network" },
): void {
  link.device.isWeak = isWeak;
  health.onWeakNetwork(link.health, now, isWeak, bounds(link.device, link.settings));
}

export function onForeground(link: Link, now: Millis): void {
  link.device.isBackground = false;
  paceSession(link, now);
  probeSession(link, now);
}

export function onBackground(link: Link, now: Millis): void {
  link.device.isBackground = true;
  paceSession(link, now);
}

export function onResumed(link: Link, now: Millis): void {
  credential.sleep(link.credential);
  link.publisher?.onResumed();
  health.onResumed(link.health, now);
  probeSession(link, now);
}

/**
 * From when on the device has slept, where this is the first that is heard of it: an input comes
 * much later than the wake that was asked for.
 */
export function sleptFrom(link: Link, now: Millis): Millis | undefined {
  const at = link.wake()?.at;
  return at !== undefined && now - at > LATE_MAX ? at : undefined;
}

/**
 * After sleep nothing counts as missed: what was waited for is waited for again. Says whether the
 * device has slept.
 */
export function noticeSleep(link: Link, now: Millis): boolean {
  const from = sleptFrom(link, now);
  if (from === undefined) {
    excuseLateness(link, now);
    return false;
  }
  const { settings } = link;
  link.record?.sleep(from, now);
  health.onSleep(link.health, from, now);
  link.messages?.sleep(now - from);
  connector.onSleep(link.connector, now, now - from);
  subscriptions.onSleep(link.subscriptions, now);
  credential.sleep(link.credential);
  // The server has long given the session up.
  const outlived = settings.heartbeatIntervalMs + settings.heartbeatTimeoutMs;
  if (now - from > outlived) doubtSession(link, now);
  // No answer can have come.
  link.poller.answeredAt = now;
  return true;
}

/** A timer fired late, if not by much: the answer that is waited for may be waiting, too. */
function excuseLateness(link: Link, now: Millis): void {
  const at = link.wake()?.at ?? now;
  const isLate = now - at > LATE_LOOK_MAX && link.settings.detection === "adaptive";
  if (isLate) health.onLateTimer(link.health, now);
}

function comeOnline(link: Link, now: Millis): void {
  credential.expedite(link.credential, now);
  link.connector.attempt = waiting(admitFree(link.connector.schedule, now));
  connector.connect(link.connector, now);
  if (link.hasConnected) enterReconnecting(link, now, "network_restored");
  else enterConnecting(link, now, "network_restored");
  fallBackIfWanted(link, now);
}

function probeSession(link: Link, now: Millis): void {
  sendTimed(link, now, health.probe(link.health, now, link.settings));
}
