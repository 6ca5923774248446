// Twin of crates/link/src/connector/evidence.rs. What speaks for polling: failures of attempts, and
// probes that show whether plain HTTP gets through. In: ends of attempts, answers to probes. Out:
// when to probe, and whether to fall back on polling.

import { type Millis, NOT_YET, seconds } from "../../machine/time.js";
import { jittered } from "../backoff.js";
import type { Connector } from "../connector.js";
import type { Evidence } from "../end.js";
import { failHttp } from "./endpoints.js";
import * as fallbackPolicy from "./fallback_policy.js";
import * as networkHistory from "./network_history.js";

/** How long a probe may take. */
const PROBE_TIMEOUT = seconds(5);
/** How long no probe is sent while the next attempt is waited for. */
const PROBE_PAUSE = seconds(5);

/** What an attempt's failure says of the network; `isPolled` where polls are answered. */
export function recordFailure(
  { policy, pace }: Connector,
  history: networkHistory.NetworkHistory,
  now: Millis,
  evidence: Evidence,
  isPolled: boolean,
): void {
  const isReturning = isPolled && !!pace && !pace.isInconclusive;
  const isTried = !!policy && fallbackPolicy.isProven(policy, now) && !policy.isInconclusive;
  networkHistory.recordFailure(history, now, evidence, isReturning || isTried);
  if (isReturning && evidence !== "busy") networkHistory.recordFallback(history, now);
}

/** Whether a probe could tell anything. */
export const wantsProbe = ({ policy }: Connector): boolean =>
  !!policy && !policy.isServerBusy;

/** Begins a probe, unless it would tell nothing or one is under way. Returns where it goes. */
export function probe(connector: Connector, now: Millis): number | undefined {
  const { probingUntil } = connector;
  if (probingUntil > now || !wantsProbe(connector)) return undefined;
  connector.probingUntil = now + PROBE_TIMEOUT;
  // The last one was never answered.
  if (probingUntil > NOT_YET) disprove(connector);
  return connector.endpoints.http;
}

/** A probe has ended. Returns whether it has shown in time that plain HTTP gets through. */
export function onProbed(connector: Connector, now: Millis, isOk: boolean): boolean {
  const isInTime = now <= connector.probingUntil;
  connector.probingUntil = NOT_YET;
  if (!isOk) disprove(connector);
  return isOk && isInTime;
}

function disprove({ policy, endpoints }: Connector): void {
  failHttp(endpoints);
  if (policy) fallbackPolicy.disprove(policy);
}

/**
 * Plans the next probe in a long pause between two attempts, so that a path that works again is
 * seen before the pause is over.
 */
export function planProbe(
  { attempt, policy, settings, rng }: Connector,
  now: Millis,
): void {
  if (!policy || attempt?.kind !== "waiting" || attempt.at <= now + PROBE_PAUSE) return;
  policy.probeAt = now + jittered(PROBE_PAUSE, settings.jitterPercent, rng);
}

/** Whether to fall back on polling. */
export function wantsFallback(
  { attempt, policy, networks, settings }: Connector,
  now: Millis,
): boolean {
  const isSuspected = !!networks?.isSuspected(now);
  // A socket that opened speaks for a path that is slow rather than blocked.
  const isThrough = attempt?.kind === "handshake" && !isSuspected;
  if (!policy || attempt?.kind === "awaiting_token" || isThrough) return false;
  return fallbackPolicy.wantsFallback(policy, now, isSuspected, settings);
}
