// Twin of crates/link/src/phase.rs. What a link is doing: one of five things, each with all that
// belongs to it and nothing else. The five are what the app is shown.

import type { Millis } from "../machine/time.js";
import type { Effort } from "./effort.js";
import type { SocketId } from "./input.js";
import type { ChannelPoll } from "./poll.js";
import type { Session } from "./session.js";
import type { LinkState } from "./state.js";

/** What a link is doing. */
export type Phase =
  /** Nothing, until the app asks; or nothing, until the device has a network. */
  | {
      readonly kind: "resting" | "offline";
      readonly attempt?: undefined;
      readonly session?: undefined;
    }
  | Trying
  /** Following channels on a session. */
  | { readonly kind: "live"; readonly attempt?: undefined; readonly session: Session }
  | Polling;

/** Getting a session. */
export interface Trying {
  readonly kind: "trying";
  attempt: Attempt;
  /** Whether this is the first attempt since the app asked. */
  readonly isFirst: boolean;
  effort: Effort;
  readonly session?: undefined;
}

/** Polling, and trying to get a session. */
export interface Polling {
  readonly kind: "polling";
  /** One entry for each channel, in the same order. */
  readonly polls: ChannelPoll[];
  /** The way back to a session: an attempt that is planned or under way, … */
  attempt: Attempt | undefined;
  /** … or else a session that is live, but does not follow every channel yet. */
  session: Session | undefined;
  /** How many attempts have failed since polling began or the network changed. */
  returns: number;
  /** When a poll last brought an answer, or polling began. */
  answeredAt: Millis;
}

/** One attempt to get a session. */
export interface Attempt {
  /**
   * It waits for its time; or that has come, and it begins when the app has given a token; or the
   * socket is opening; or `hello` was sent on it.
   */
  readonly kind: "waiting" | "wanting_token" | "opening" | "greeting";
  /** When it begins, or else when it has taken too long. */
  at: Millis;
  /** Its socket, once there is one; else 0. */
  readonly socket: SocketId;
}

/** How far a socket has come: it is opening, `hello` was sent on it, it was welcomed. */
export type Stage = "opening" | "greeting" | "welcomed";

/** What the app is shown. */
export function shown(phase: Phase): LinkState {
  switch (phase.kind) {
    case "resting":
    case "offline":
      return "disconnected";
    case "trying":
      return phase.isFirst ? "connecting" : "reconnecting";
    case "live":
      return "connected";
    case "polling":
      return "fallback";
  }
}

/** An attempt that begins at this time. */
export const waiting = (at: Millis): Attempt => ({ kind: "waiting", at, socket: 0 });

/** The socket that is wanted; 0 for none. */
export const wantedSocket = ({ attempt, session }: Phase): SocketId =>
  (attempt ?? session)?.socket ?? 0;

/** How far this socket has come; none where it is no longer wanted. */
export function stage(phase: Phase, socket: SocketId): Stage | undefined {
  if (!socket || socket !== wantedSocket(phase)) return undefined;
  return phase.attempt ? (phase.attempt.kind as Stage) : "welcomed";
}
