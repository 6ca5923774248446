// Twin of crates/link/src/coordinator/attempt.rs. What the sockets of an attempt do. In: sockets
// that open, fail and close, and the `welcome`. Out: the `hello`, the session, or the end of the
// attempt. Must not know what frames say of channels.

import { type Millis, NEVER } from "../../machine/time.js";
import { ABNORMAL } from "../../protocol/close.js";
import type { Welcome } from "../../protocol/frame/server.js";
import { find, remove } from "../connect_race.js";
import type { Link } from "../coordinator.js";
import { accept } from "../credential.js";
import { type End, closed, isFinal } from "../end.js";
import * as endpoints from "../endpoints.js";
import * as policy from "../fallback_policy.js";
import * as health from "../health.js";
import type { Input, SocketId } from "../input.js";
import { type Phase, attemptSockets, endpointOf, newAttempt } from "../phase.js";
import { subscribe } from "./app.js";
import { closeSockets, race, stage } from "./dials.js";
import { paceSession } from "./measurements.js";
import { onAttemptEnd, onSessionEnd, recordFailure } from "./reconnect.js";
import { probeReturn } from "./returning.js";
import { replaceSession } from "./successor.js";
import { enterLive } from "./transitions.js";

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
  if (link.phase.kind === "trying") policy.open(link.phase.policy, now, link.settings);
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
  const isSession = stage(link, socket) === "welcomed";
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
  switch (stage(link, socket)) {
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
  health.onWelcome(link.health, now, socket, welcome);
  accept(link.credential, link.helloTokenVersion);
  link.publisher.onWelcome(welcome.limits.message_bytes);
  link.pacer.onWelcome(now, welcome.limits);
  if (phase.kind === "trying") enterLive(link, now, false);
  if (phase.kind === "polling") phase.attempt = undefined;
  paceSession(link, now);
  for (const id of link.subscriptions.unrequested()) subscribe(link, now, id);
  probeReturn(link, now);
}

function sendHello(link: Link, now: Millis, socket: SocketId): void {
  const { settings, credential } = link;
  link.helloTokenVersion = credential.version;
  link.helloSentAt = now;
  health.onHello(link.health, now);
  const channels = link.subscriptions.requestAll(now);
  link.send(socket, {
    type: "hello",
    link: settings.link,
    generation: ++link.generation,
    token: credential.token ?? undefined,
    client: settings.client,
    heartbeat: { interval: settings.heartbeatIntervalMs, timeout: settings.heartbeatTimeoutMs },
    channels: channels.length ? channels : undefined,
  });
}
