// Twin of crates/link/src/coordinator/dials.rs. Opens the sockets that the connector dials, and
// closes those that are not needed. In: that an attempt is due, or that the path has begun to work.
// Out: sockets to open and to close, and a request for a token where the last one was refused. Must
// not know what follows when one opens.

import type { Millis } from "../../machine/time.js";
import { type CloseCode, RECONNECT } from "../../protocol/close.js";
import { awaitToken } from "../connector.js";
import type { SocketStage } from "../connector/attempt.js";
import { type Dial, find } from "../connector/connect_race.js";
import * as dialing from "../connector/dialing.js";
import type { Link } from "../coordinator.js";
import { want } from "../credential.js";
import type { SocketId } from "../input.js";

/** What the link closes a socket with when it means to come back. */
export const COMING_BACK: CloseCode = RECONNECT;

/** Begins the attempt that was planned; with a fresh token, where the last one was refused. */
export function beginAttempt(link: Link, now: Millis): void {
  if (link.credential.isRefused) {
    awaitToken(link.connector);
    return wantToken(link);
  }
  link.record?.begin(link.phase !== "connecting");
  openSocket(link, dialing.open(link.connector, now));
}

/** Asks the app for a token, unless it is being asked. */
export function wantToken(link: Link): void {
  if (want(link.credential)) link.out.push({ kind: "want_token" });
}

/**
 * Dials another endpoint beside the first. Its `hello` must not carry a token that a poll has found
 * to be refused.
 */
export function race(link: Link, now: Millis): void {
  openSocket(link, dialing.race(link.connector, now, link.credential.isRefused));
}

/** The path has just begun to work. */
export function retryAtOnce(link: Link, now: Millis): void {
  openSocket(link, dialing.retryAtOnce(link.connector, now));
}

function openSocket(link: Link, dial: Dial | undefined): void {
  if (!dial) return;
  const { socket, endpoint } = dial;
  const { to } = link.connector.endpoints;
  link.out.push({ kind: "open_socket", socket, to, endpoint: endpoint || undefined });
}

/** How far this socket has come; nothing where it is no longer wanted. */
export const stage = (
  { health: { session }, connector: { attempt } }: Link,
  socket: SocketId,
): SocketStage | undefined =>
  session?.socket === socket
    ? "welcomed"
    : attempt && find(attempt.dials, socket) && (attempt.kind as SocketStage);

/** Closes these sockets; unless told otherwise, to come back. */
export function closeSockets(link: Link, all: SocketId[], code: CloseCode = COMING_BACK): void {
  for (const socket of all) link.out.push({ kind: "close_socket", socket, code });
}
