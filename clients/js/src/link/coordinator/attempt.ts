// Twin of crates/link/src/coordinator/attempt.rs. From nothing to a session. In: what a socket did.
// Out: the dials, the `hello`, the session. Must not know what frames say of channels.

import { type Millis, NEVER, NOT_YET, seconds } from "../../machine/time.js";
import { ABNORMAL, type CloseCode, RECONNECT } from "../../protocol/close.js";
import type { Welcome } from "../../protocol/frame/server.js";
import { admit, admitAsked, jittered, spend } from "../backoff.js";
import { accept, want } from "../credential.js";
import { type Dial, find, remove } from "../connect_race.js";
import * as policy from "../fallback_policy.js";
import { type End, closed, isFinal } from "../end.js";
import * as endpoints from "../endpoints.js";
import type { Input, SocketId } from "../input.js";
import type { Link } from "../coordinator.js";
import { type Phase, attemptSockets, endpointOf, newAttempt, stage } from "../phase.js";
import { sample } from "../server_clock.js";
import { newSession } from "../session.js";
import { subscribe } from "./app.js";
import { paceSession } from "./device.js";
import { recordFailure, closeSockets, onAttemptEnd, onSessionEnd } from "./reconnect.js";
import { enterLive } from "./transitions.js";
import { probeReturn } from "./polls.js";
import { replaceSession } from "./successor.js";

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

function openSocket(link: Link, now: Millis): void {
  const { phase } = link;
  if (!phase.attempt) return;
  // Whatever fails from here on, the change of network has had its attempt.
  link.networkChangedAt = NOT_YET;
  link.record.begin(!(phase.kind === "trying" && phase.shownAs === "connecting"));
  const { next } = link.endpoints;
  const hasRival = endpoints.rivalOf(link.endpoints, next) !== undefined;
  const raceAt = hasRival ? now + endpoints.raceAfter(link.endpoints) : NEVER;
  const until = now + link.config.connectTimeoutMs;
  phase.attempt = newAttempt("opening", until, [dial(link, now, next)], raceAt);
  watchAttempt(link, now);
}

function dial(link: Link, now: Millis, endpoint: number): Dial {
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

function watchAttempt(link: Link, now: Millis): void {
  if (link.phase.kind === "trying") policy.watch(link.phase.policy, now, link.config);
}

/**
 * The path has just begun to work: an attempt that waits need not wait any longer, and one that has
 * dialled into the dark dials again, where the budget has room for it at once.
 */
export function retryAtOnce(link: Link, now: Millis): void {
  const { attempt } = link.phase;
  const soonest = admitAsked(link.schedule, now, link.config);
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
  const { phase, config } = link;
  if (phase.kind !== "trying" || phase.attempt.kind !== "waiting") return;
  if (phase.policy.isServerBusy || link.channels.isEmpty() || link.device.isBackground) return;
  if (phase.attempt.at <= now + PROBE_PAUSE) return;
  phase.policy.probeAt = now + jittered(PROBE_PAUSE, config.jitterPercent, link.rng);
}

/** The first socket to open is kept. */
export function onSocketOpened(
  link: Link,
  now: Millis,
  { socket }: Input & { kind: "socket_opened" },
): void {
  const { phase } = link;
  const { attempt } = phase;
  const opened = attempt?.kind === "opening" && find(attempt.dials, socket);
  if (!opened || !phase.attempt) return;
  closeSockets(link, attemptSockets(phase).filter((loser) => loser !== socket));
  if (!isHeldBack(phase)) endpoints.open(link.endpoints, now - opened.since);
  phase.attempt = newAttempt("handshake", attempt.at, [opened]);
  replaceSession(link, now);
  if (link.phase.kind === "trying") policy.open(link.phase.policy, now, link.config);
  sendHello(link, now, socket);
}

/** Whether the time that a socket took to open may be the browser's, and not the path's. */
const isHeldBack = (phase: Phase): boolean =>
  (phase.kind === "trying" && policy.isHeldBack(phase.policy)) ||
  (phase.kind === "polling" && phase.returns > 0);

export function onSocketFailed(
  link: Link,
  now: Millis,
  { socket, failure }: Input & { kind: "socket_failed" },
): void {
  const isSession = stage(link.phase, socket) === "welcomed";
  onSocketEnd(link, now, socket, isSession ? closed(ABNORMAL) : failure);
}

export function onSocketClosed(
  link: Link,
  now: Millis,
  { socket, code }: Input & { kind: "socket_closed" },
): void {
  onSocketEnd(link, now, socket, closed(code));
}

function onSocketEnd(link: Link, now: Millis, socket: SocketId, end: End): void {
  switch (stage(link.phase, socket)) {
    case "opening":
      return onDialEnd(link, now, socket, end);
    case "handshake":
      return onAttemptEnd(link, now, end);
    case "welcomed":
      return onSessionEnd(link, now, end);
    case undefined:
      return;
  }
}

/**
 * One socket of an attempt will not open. The attempt goes on with its rival, which is dialled now
 * if that has not been done.
 */
function onDialEnd(link: Link, now: Millis, socket: SocketId, end: End): void {
  const { attempt } = link.phase;
  if (!attempt) return;
  if (!isFinal(end) && attempt.raceAt < NEVER) race(link, now);
  const left = remove(attempt.dials, socket);
  if (!left.length) return onAttemptEnd(link, now, end);
  attempt.dials = left;
  recordFailure(link, now, end);
}

/** The server took the session. */
export function onWelcome(link: Link, now: Millis, socket: SocketId, welcome: Welcome): void {
  const { phase } = link;
  const endpoint = endpointOf(phase.attempt);
  if (endpoint !== undefined) endpoints.welcome(link.endpoints, endpoint);
  link.hasConnected = true;
  link.record.succeed(now);
  const rtt = link.pathStats.welcome(now);
  if (rtt !== undefined) sample(link.serverClock, now, rtt, welcome.server_time);
  accept(link.credential, link.helloTokenVersion);
  link.publishes.onWelcome(welcome.limits.message_bytes);
  link.pacer.onWelcome(now, welcome.limits);
  const session = newSession(socket, welcome, now);
  if (phase.kind === "trying") enterLive(link, now, session, false);
  if (phase.kind === "polling") {
    phase.attempt = undefined;
    phase.session = session;
  }
  paceSession(link, now);
  for (const id of link.channels.unasked()) subscribe(link, now, id);
  probeReturn(link, now);
}

function sendHello(link: Link, now: Millis, socket: SocketId): void {
  const { config, credential } = link;
  link.helloTokenVersion = credential.version;
  link.helloSentAt = now;
  link.pathStats.ask(now, 0);
  const channels = link.channels.askAll(now);
  link.send(socket, {
    type: "hello",
    link: config.link,
    generation: ++link.generation,
    token: credential.token ?? undefined,
    client: config.client,
    heartbeat: { interval: config.heartbeatIntervalMs, timeout: config.heartbeatTimeoutMs },
    channels: channels.length ? channels : undefined,
  });
}
