// Twin of crates/link/src/connector.rs. Gets sessions: plans attempts, dials the endpoints, and
// judges by the failures whether this network blocks WebSocket. In: ends of attempts and sessions,
// sockets that open, probes, the time. Out: the time of the next attempt, what to dial, whether to
// fall back on polling. Must not know channels, polls or tokens.

import type { Rng } from "../machine/rng.js";
import { type Millis, NEVER, NOT_YET, type Span } from "../machine/time.js";
import type { NetworksPart, Parts, RacingPart } from "../parts/parts.js";
import { type Schedule, admit, newSchedule } from "./backoff.js";
import type { Bounded } from "./config.js";
import { type Attempt, endpointOf, newAttempt, waiting } from "./connector/attempt.js";
import { type Endpoints, forgetPath, newEndpoints, welcome } from "./connector/endpoints.js";
import * as fallbackPolicy from "./connector/fallback_policy.js";
import type { NetworkKey } from "./connector/network_history.js";
import { type ReturnPace, newReturnPace } from "./connector/return_pace.js";
import { timeWhenAsked } from "./connector/timing.js";
import type { SocketId } from "./input.js";

/** The attempt to get a session, and all that decides when and where the next one goes. */
export interface Connector {
  /** The attempt that is planned or under way. */
  attempt: Attempt | undefined;
  // What the attempts are for, and what their failures count towards: one of the next three at
  // most. There are none where the link is at rest or offline, or its session is good enough.
  /** They are for a session, while no data flows; … */
  policy: fallbackPolicy.FallbackPolicy | undefined;
  /** … or for one that takes the place of the live session, for this cause; … */
  cause: SuccessorCause | undefined;
  /** … or for one that takes the place of the polls. */
  pace: ReturnPace | undefined;
  readonly settings: Bounded;
  /** The link's. */
  readonly rng: Rng;
  readonly schedule: Schedule;
  readonly endpoints: Endpoints;
  readonly networks: NetworksPart | undefined;
  readonly racing: RacingPart | undefined;
  lastSocket: SocketId;
  /** When the network changed, until an attempt has begun on the new one. */
  networkChangedAt: Millis;
  /** Until when an answer to the newest probe is waited for. */
  probingUntil: Millis;
}

/**
 * Why a session is to have a successor: the server asked to leave; or the device has moved or
 * slept, so that the session may be dead.
 */
export type SuccessorCause = "leaving" | "moved";

/** No attempt yet; with what is remembered of networks. */
export const newConnector = (settings: Bounded, rng: Rng, parts: Parts): Connector => ({
  attempt: undefined,
  policy: undefined,
  cause: undefined,
  pace: undefined,
  settings,
  rng,
  schedule: newSchedule(),
  endpoints: newEndpoints(settings.endpoints),
  networks: parts.networks?.(settings.networks),
  racing: parts.racing?.(),
  lastSocket: 0,
  networkChangedAt: NOT_YET,
  probingUntil: NOT_YET,
});

/**
 * No data flows from now on: the attempt that is planned or under way is to change that. Perhaps
 * since a session was lost that had replaced polling and did not live for long; or since polls get
 * no answers, so that they do no better on a network that is known to block WebSocket.
 */
export function connect(
  connector: Connector,
  now: Millis,
  isKnownBlocked = !!connector.networks?.isBlocked(now),
  hasLostReturn = false,
): void {
  const policy = fallbackPolicy.newFallbackPolicy(now, isKnownBlocked, hasLostReturn);
  setPurpose(connector, policy);
}

/** A successor of the live session is to be got, by an attempt at `at`. */
export function replace(connector: Connector, at: Millis, cause: SuccessorCause): void {
  setPurpose(connector, undefined, cause);
  connector.attempt = waiting(at);
}

/** Polls begin beside the attempt. */
export function fallBack(connector: Connector, now: Millis): void {
  const { policy } = connector;
  if (!policy) return;
  const isOpening = connector.attempt?.kind === "opening";
  if (fallbackPolicy.isProven(policy, now)) connector.networks?.recordFallback(now);
  const pace = newReturnPace(policy.isInconclusive && isOpening);
  setPurpose(connector, undefined, undefined, pace);
}

/** No session is wanted, or the one that is there is good enough. */
export function stop(connector: Connector): void {
  connector.attempt = undefined;
  setPurpose(connector);
}

function setPurpose(
  connector: Connector,
  policy?: fallbackPolicy.FallbackPolicy,
  cause?: SuccessorCause,
  pace?: ReturnPace,
): void {
  connector.policy = policy;
  connector.cause = cause;
  connector.pace = pace;
}

/** The app is done with the link until it asks again. */
export function rest(connector: Connector): void {
  stop(connector);
  connector.endpoints.to = null;
  connector.networkChangedAt = NOT_YET;
}

/** When the attempt begins that is planned. */
export const nextAttemptAt = ({ attempt }: Connector): Millis | undefined =>
  attempt?.kind === "waiting" ? attempt.at : undefined;

/** The attempt cannot begin before the app has given a token. */
export function awaitToken(connector: Connector): void {
  connector.attempt = newAttempt("awaiting_token", NEVER);
}

/** The app gave a token that it had been asked for. */
export function onToken(connector: Connector, now: Millis): void {
  if (connector.attempt?.kind === "awaiting_token") {
    connector.attempt = waiting(admit(connector.schedule, now));
  }
  if (connector.policy) connect(connector, now);
}

/** The attempt has brought a session. */
export function onWelcome(connector: Connector): void {
  const endpoint = endpointOf(connector.attempt);
  if (endpoint !== undefined) welcome(connector.endpoints, endpoint);
  connector.attempt = undefined;
}

/** The server wants the session gone by now. */
export function leave(connector: Connector, now: Millis): void {
  connector.attempt ??= waiting(timeWhenAsked(connector, now));
  setPurpose(connector, undefined, "leaving");
}

/** The device is on another network, of which this is the key. */
export function enterNetwork({ networks, endpoints }: Connector, key: NetworkKey): void {
  networks?.enter(key);
  forgetPath(endpoints);
}

/** It is, while attempts are made or a session is live: a loss may be put down to it. */
export function onNetworkChanged(connector: Connector, now: Millis): void {
  const { policy, pace } = connector;
  connector.networkChangedAt = now;
  if (policy) fallbackPolicy.moveOn(policy, !!connector.networks?.isBlocked(now));
  if (pace) pace.failed = 0;
}

/** The device slept for so long: what was waited for is waited for again. */
export function onSleep(
  { attempt, policy, settings }: Connector,
  now: Millis,
  slept: Span,
): void {
  if (attempt?.dials.length) attempt.at = now + settings.connectTimeoutMs;
  if (policy) fallbackPolicy.sleep(policy, slept);
}

/** The sockets of the attempt. */
export const sockets = ({ attempt }: Connector): SocketId[] =>
  attempt ? attempt.dials.map((dial) => dial.socket) : [];

/** When something will be due. */
export const nextDeadline = ({ attempt, policy }: Connector): Millis =>
  Math.min(
    attempt ? Math.min(attempt.at, attempt.raceAt) : NEVER,
    policy ? fallbackPolicy.wake(policy) : NEVER,
  );
