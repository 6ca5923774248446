// Twin of crates/link/src/connector/dialing.rs. Dials the endpoints for an attempt: one, and after
// a while a second one beside it. In: that an attempt is due, or that the path has begun to work;
// sockets that open and fail. Out: what to dial, and which sockets have lost the race.

import { type Millis, NEVER, NOT_YET } from "../../machine/time.js";
import { admit, spend } from "../backoff.js";
import { type Connector, sockets } from "../connector.js";
import type { SocketId } from "../input.js";
import { endpointOf, newAttempt } from "./attempt.js";
import { type Dial, find, remove as removeDial } from "./connect_race.js";
import * as endpoints from "./endpoints.js";
import * as fallbackPolicy from "./fallback_policy.js";
import { hasten, timeWhenAsked } from "./timing.js";

/** Begins the attempt. */
export function open(connector: Connector, now: Millis): Dial {
  const { next } = connector.endpoints;
  // Whatever fails from here on, the change of network has had its attempt.
  connector.networkChangedAt = NOT_YET;
  const newest = dial(connector, now, next);
  const raceAt = connector.racing?.raceAt(connector.endpoints, now, next);
  const until = now + connector.settings.connectTimeoutMs;
  connector.attempt = newAttempt("opening", until, [newest], raceAt);
  watch(connector, now);
  return newest;
}

/**
 * Dials another endpoint beside the first, where the budget has room for it at once; not with a
 * token that was refused.
 */
export function race(connector: Connector, now: Millis, isRefused: boolean): Dial | undefined {
  const { attempt } = connector;
  if (!attempt) return undefined;
  attempt.raceAt = NEVER;
  const endpoint = endpoints.rivalOf(connector.endpoints, endpointOf(attempt)!);
  if (endpoint === undefined || isRefused || admit(connector.schedule, now) > now) return undefined;
  return dialBeside(connector, now, endpoint);
}

/**
 * The path has just begun to work: an attempt that waits need not wait any longer, and one that has
 * dialled into the dark dials again, where the budget has room for it at once.
 */
export function retryAtOnce(connector: Connector, now: Millis): Dial | undefined {
  hasten(connector, now);
  const { attempt } = connector;
  if (attempt?.kind !== "opening" || attempt.dials.length > 1) return undefined;
  if (timeWhenAsked(connector, now) > now) return undefined;
  connector.networkChangedAt = NOT_YET;
  const dial = dialBeside(connector, now, endpointOf(attempt)!);
  watch(connector, now);
  return dial;
}

function dialBeside(connector: Connector, now: Millis, endpoint: number): Dial {
  const newest = dial(connector, now, endpoint);
  const attempt = connector.attempt!;
  attempt.raceAt = NEVER;
  attempt.dials = [...attempt.dials, newest];
  return newest;
}

function dial(connector: Connector, now: Millis, endpoint: number): Dial {
  spend(connector.schedule, now);
  return { socket: ++connector.lastSocket, endpoint, since: now };
}

/** The attempt is under way. */
export function watch({ policy, settings }: Connector, now: Millis): void {
  if (policy) fallbackPolicy.watch(policy, now, settings);
}

/**
 * A socket of the attempt has opened, the first, and is kept. Returns the others; nothing where the
 * attempt has no such socket.
 */
export function onOpened(
  connector: Connector,
  now: Millis,
  socket: SocketId,
): SocketId[] | undefined {
  const { attempt } = connector;
  const opened = attempt?.kind === "opening" && find(attempt.dials, socket);
  if (!opened) return undefined;
  const losers = sockets(connector).filter((loser) => loser !== socket);
  connector.racing?.onOpened(connector, now - opened.since);
  connector.attempt = newAttempt("handshake", attempt.at, [opened]);
  return losers;
}

/** Whether the time that a socket took to open may be the browser's, and not the path's. */
export const isHeldBack = ({ policy, pace }: Connector): boolean =>
  policy ? fallbackPolicy.isHeldBack(policy) : !!pace?.failed;

/** `hello` is sent on the socket that has opened. */
export function onHello({ policy, settings }: Connector, now: Millis): void {
  if (policy) fallbackPolicy.open(policy, now, settings);
}

/** A socket of the attempt will not open. False where it was the only one. */
export function remove({ attempt }: Connector, socket: SocketId): boolean {
  const left = attempt ? removeDial(attempt.dials, socket) : [];
  if (attempt && left.length) attempt.dials = left;
  return !!left.length;
}

/** The attempt has failed: the next one goes elsewhere. */
export function onAttemptEnd(connector: Connector): void {
  const endpoint = endpointOf(connector.attempt);
  if (endpoint !== undefined) endpoints.fail(connector.endpoints, endpoint);
}
