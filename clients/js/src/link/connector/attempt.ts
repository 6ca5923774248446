// Twin of crates/link/src/connector/attempt.rs. One attempt to get a session: it waits for its time
// or for a token, opens sockets, and sends `hello` on the first that is open. In: the time. Out:
// what is due, and its sockets.

import { type Millis, NEVER } from "../../machine/time.js";
import type { ConnectRace } from "./connect_race.js";

/** One attempt to get a session. */
export interface Attempt {
  /**
   * It waits for its time; or that has come, and it begins when the app has given a token; or its
   * sockets are opening; or `hello` was sent on the one that is left.
   */
  readonly kind: "waiting" | "awaiting_token" | "opening" | "handshake";
  /** When it begins, or else when it has failed. */
  at: Millis;
  /** Its sockets, once it has begun. */
  dials: ConnectRace;
  /**
   * When to dial another endpoint beside the first; never once that was done, or if there is none.
   */
  raceAt: Millis;
}

/** How far a socket has come: it is opening, `hello` was sent on it, it was welcomed. */
export type SocketStage = "opening" | "handshake" | "welcomed";

/** An attempt that begins at this time. */
export const waiting = (at: Millis): Attempt => newAttempt("waiting", at);

/** An attempt that has come so far. */
export const newAttempt = (
  kind: Attempt["kind"],
  at: Millis,
  dials: ConnectRace = [],
  raceAt: Millis = NEVER,
): Attempt => ({ kind, at, dials, raceAt });

/** The endpoint that an attempt dialled last, once it has begun. */
export const endpointOf = (attempt: Attempt | undefined): number | undefined =>
  attempt?.dials.at(-1)?.endpoint;

/** An attempt that waits need not wait any longer than until `at`. */
export function hasten(attempt: Attempt | undefined, at: Millis): void {
  if (attempt?.kind === "waiting") attempt.at = Math.min(attempt.at, at);
}
