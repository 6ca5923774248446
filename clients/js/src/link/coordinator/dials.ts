// Twin of crates/link/src/coordinator/dials.rs. Opens sockets for an attempt: one, and after a
// while a second one to another endpoint. In: that an attempt is due, or that the path has begun to
// work. Out: sockets to open, and a request for a token where the last one was refused. Must not
// know what follows when one opens.

import { type Millis, NEVER, NOT_YET, seconds } from "../../machine/time.js";
import { type CloseCode, RECONNECT } from "../../protocol/close.js";
import { admit, admitAsked, jittered, spend } from "../backoff.js";
import { type Dial, find } from "../connect_race.js";
import type { Link } from "../coordinator.js";
import { want } from "../credential.js";
import * as endpoints from "../endpoints.js";
import * as policy from "../fallback_policy.js";
import type { SocketId } from "../input.js";
import { type SocketStage, endpointOf, newAttempt } from "../phase.js";

/** What the link closes a socket with when it means to come back. */
export const COMING_BACK: CloseCode = RECONNECT;
/** How long no probe is sent while the next attempt is waited for. */
const PROBE_PAUSE = seconds(5);

/** Begins the attempt that was planned; with a fresh token, where the last one was refused. */
export function beginAttempt(link: Link, now: Millis): void {
  const { phase } = link;
  if (!link.credential.isRefused) return openSocket(link, now);
  if (!phase.attempt) return;
  phase.attempt = newAttempt("awaiting_token", NEVER);
  wantToken(link);
}

/** Asks the app for a token, unless it is being asked. */
export function wantToken(link: Link): void {
  if (want(link.credential)) link.out.push({ kind: "want_token" });
}

export function openSocket(link: Link, now: Millis): void {
  const { phase } = link;
  if (!phase.attempt) return;
  // Whatever fails from here on, the change of network has had its attempt.
  link.networkChangedAt = NOT_YET;
  link.record.begin(!(phase.kind === "trying" && phase.shownAs === "connecting"));
  const { next } = link.endpoints;
  const hasRival = endpoints.rivalOf(link.endpoints, next) !== undefined;
  const raceAt = hasRival ? now + endpoints.raceAfter(link.endpoints) : NEVER;
  const until = now + link.settings.connectTimeoutMs;
  phase.attempt = newAttempt("opening", until, [dial(link, now, next)], raceAt);
  watchAttempt(link, now);
}

export function dial(link: Link, now: Millis, endpoint: number): Dial {
  const socket = ++link.lastSocket;
  const { to } = link.endpoints;
  spend(link.schedule, now);
  link.out.push({ kind: "open_socket", socket, to, endpoint: endpoint || undefined });
  return { socket, endpoint, since: now };
}

/** Dials another endpoint beside the first, where the budget has room for it at once. */
export function race(link: Link, now: Millis): void {
  const { attempt } = link.phase;
  const dialled = endpointOf(attempt);
  if (!attempt || dialled === undefined) return;
  attempt.raceAt = NEVER;
  const endpoint = endpoints.rivalOf(link.endpoints, dialled);
  // Its `hello` would carry a token that a poll has found to be refused.
  if (link.credential.isRefused) return;
  if (endpoint === undefined || admit(link.schedule, now) > now) return;
  attempt.dials = [...attempt.dials, dial(link, now, endpoint)];
}

export function watchAttempt(link: Link, now: Millis): void {
  if (link.phase.kind === "trying") policy.watch(link.phase.policy, now, link.settings);
}

/**
 * The path has just begun to work: an attempt that waits need not wait any longer, and one that has
 * dialled into the dark dials again, where the budget has room for it at once.
 */
export function retryAtOnce(link: Link, now: Millis): void {
  const { attempt } = link.phase;
  const soonest = admitAsked(link.schedule, now, link.settings);
  if (attempt?.kind === "waiting") attempt.at = Math.min(attempt.at, soonest);
  const dialled = endpointOf(attempt);
  if (attempt?.kind !== "opening" || dialled === undefined) return;
  if (attempt.dials.length > 1 || soonest > now) return;
  attempt.raceAt = NEVER;
  link.networkChangedAt = NOT_YET;
  attempt.dials = [...attempt.dials, dial(link, now, dialled)];
  watchAttempt(link, now);
}

/**
 * Plans the next probe in a long pause between two attempts, so that a path that works again is
 * seen before the pause is over. In the background nobody waits for it.
 */
export function planProbe(link: Link, now: Millis): void {
  const { phase, settings } = link;
  if (phase.kind !== "trying" || phase.attempt.kind !== "waiting") return;
  if (phase.policy.isServerBusy || link.subscriptions.isEmpty() || link.device.isBackground) return;
  if (phase.attempt.at <= now + PROBE_PAUSE) return;
  phase.policy.probeAt = now + jittered(PROBE_PAUSE, settings.jitterPercent, link.rng);
}

/** How far this socket has come; nothing where it is no longer wanted. */
export const stage = (
  { health: { session }, phase: { attempt } }: Link,
  socket: SocketId,
): SocketStage | undefined =>
  session?.socket === socket
    ? "welcomed"
    : attempt && find(attempt.dials, socket) && (attempt.kind as SocketStage);

/** Closes these sockets; unless told otherwise, to come back. */
export function closeSockets(link: Link, all: SocketId[], code: CloseCode = COMING_BACK): void {
  for (const socket of all) link.out.push({ kind: "close_socket", socket, code });
}
