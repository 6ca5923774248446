// Twin of crates/link/src/phase.rs. What a link is doing: one of five things, each with all that
// belongs to it and nothing else. The five are what the app is shown.

import { type Millis, NEVER } from "../machine/time.js";
import type { ConnectRace } from "./connect_race.js";
import type { FallbackPolicy } from "./fallback_policy.js";
import type { SocketId } from "./input.js";
import type { Polls } from "./poll.js";
import type { LinkState } from "./state.js";

/** What a link is doing. */
export type Phase =
  /** Nothing, until the app asks; or nothing, until the device has a network. */
  | {
      readonly kind: "resting" | "offline";
      readonly attempt?: undefined;
    }
  | Trying
  | Live
  | Polling;

/** Getting a session. */
export interface Trying {
  readonly kind: "trying";
  attempt: Attempt;
  readonly shownAs: ShownAs;
  policy: FallbackPolicy;
}

/**
 * What an attempt is to the app: the first since it asked; any later one; or none of its business,
 * since a session made way for the next one, which has said `hello`. Each is what the app is shown.
 */
export type ShownAs = "connecting" | "reconnecting" | "connected";

/** Following channels on a session. */
export interface Live {
  readonly kind: "live";
  /** The attempt to get the session that takes its place, if there is one, … */
  attempt: Attempt | undefined;
  /** … because the server asked to leave, and not because the session may be dead. */
  isLeaving: boolean;
  /** Whether it took the place of polling. */
  readonly isReturn: boolean;
}

/** Polling, and trying to get a session. */
export interface Polling {
  readonly kind: "polling";
  /** Of each channel. */
  readonly polls: Polls;
  /** The way back to a session: an attempt that is planned or under way, … */
  attempt: Attempt | undefined;
  // … or else a session that is live, but does not follow every channel yet.
  /** How many attempts have failed since polling began or the network changed. */
  returns: number;
  /** When a poll last brought an answer, or polling began. */
  answeredAt: Millis;
  /** Whether the attempt under way began before anything was known to get through. */
  isInconclusive: boolean;
}

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

/** What the app is shown. */
export function shown(phase: Phase): LinkState {
  switch (phase.kind) {
    case "resting":
    case "offline":
      return "disconnected";
    case "trying":
      return phase.shownAs;
    case "live":
      return "connected";
    case "polling":
      return "fallback";
  }
}

/** An attempt that begins at this time. */
export const waiting = (at: Millis): Attempt => newAttempt("waiting", at);

/** An attempt that has come so far. */
export const newAttempt = (
  kind: Attempt["kind"],
  at: Millis,
  dials: ConnectRace = [],
  raceAt: Millis = NEVER,
): Attempt => ({ kind, at, dials, raceAt });

/** The endpoint that an attempt went to last, if it has begun. */
export const endpointOf = (attempt: Attempt | undefined): number | undefined =>
  attempt?.dials.at(-1)?.endpoint;

/** The sockets of the attempt. */
export const attemptSockets = ({ attempt }: Phase): SocketId[] =>
  attempt ? attempt.dials.map((dial) => dial.socket) : [];
