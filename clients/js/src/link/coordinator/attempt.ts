// Twin of crates/link/src/coordinator/attempt.rs. What the sockets of an attempt do. In: sockets
// that open, fail and close, and the `welcome`. Out: the `hello`, the session, or the end of the
// attempt. Must not know what frames say of channels.

import { type Millis, NEVER } from "../../machine/time.js";
import { ABNORMAL } from "../../protocol/close.js";
import type { Welcome } from "../../protocol/frame/server.js";
import * as connector from "../connector.js";
import * as dialing from "../connector/dialing.js";
import type { Link } from "../coordinator.js";
import { type End, closed, isFinal } from "../end.js";
import * as health from "../health.js";
import type { Input, SocketId } from "../input.js";
import * as pacer from "../pacer.js";
import * as subscriptions from "../subscriptions.js";
import { subscribe } from "./app.js";
import { closeSockets, stage } from "./dials.js";
import { paceSession } from "./measurements.js";
import { onAttemptEnd, onSessionEnd, recordFailure } from "./reconnect.js";
import { onTokenAccepted } from "./refresh.js";
import { probeReturn } from "./returning.js";
import { replaceSession } from "./successor.js";
import { enterLive } from "./transitions.js";

/** The first socket to open is kept. */
export function onSocketOpened(
  link: Link,
  now: Millis,
  { socket }: Input & { kind: "socket_opened" },
): void {
  const losers = dialing.onOpened(link.connector, now, socket);
  if (!losers) return;
  closeSockets(link, losers);
  replaceSession(link, now);
  dialing.onHello(link.connector, now);
  sendHello(link, now, socket);
}

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
  const { attempt } = link.connector;
  const { racing } = link.connector;
  if (!isFinal(end) && attempt && attempt.raceAt < NEVER) racing?.race(link, now);
  if (dialing.remove(link.connector, socket)) recordFailure(link, now, end);
  else onAttemptEnd(link, now, end);
}

/** The server took the session. */
export function onWelcome(link: Link, now: Millis, socket: SocketId, welcome: Welcome): void {
  connector.onWelcome(link.connector);
  link.hasConnected = true;
  link.record?.succeed(now);
  health.onWelcome(link.health, now, socket, welcome);
  link.publisher?.onWelcome(welcome.limits.message_bytes);
  pacer.onWelcome(link.pacer, now, welcome.limits);
  onTokenAccepted(link, now, link.sessionTokenVersion, welcome.token_expires_in_ms);
  if (link.connector.policy) enterLive(link, now, false);
  paceSession(link, now);
  for (const id of subscriptions.unrequested(link.subscriptions)) subscribe(link, now, id);
  probeReturn(link, now);
}

function sendHello(link: Link, now: Millis, socket: SocketId): void {
  const { settings, credential } = link;
  link.sessionTokenVersion = credential.version;
  link.helloSentAt = now;
  health.onHello(link.health, now);
  const channels = subscriptions.requestAll(link.subscriptions, now);
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
