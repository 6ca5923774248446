// Twin of crates/link/src/phase.rs. What a link is doing: one of five things, which are what the
// app is shown. Two of them come in several kinds.

import type { LinkState } from "./state.js";

/** What a link is doing. */
export type Phase =
  /** Nothing, until the app asks. */
  | "resting"
  /** Nothing, until the device has a network. */
  | "offline"
  /**
   * Getting a session: by the first attempt since the app asked; by any later one; or unknown to
   * the app, since a session made way for the next one, which has said `hello`.
   */
  | "connecting"
  | "reconnecting"
  | "replacing"
  /** Following channels on a session; or on one that took the place of polling. */
  | "live"
  | "returned"
  /** Polling, and trying to get a session or having one that has to prove itself. */
  | "polling";

/** What the app is shown. */
export function shown(phase: Phase): LinkState {
  switch (phase) {
    case "resting":
    case "offline":
      return "disconnected";
    case "replacing":
    case "live":
    case "returned":
      return "connected";
    case "polling":
      return "fallback";
  }
  return phase;
}

/** Whether it follows channels on a session, and does not poll. */
export const isLive = (phase: Phase): boolean => phase === "live" || phase === "returned";
