// Twin of crates/link/src/end.rs. How an attempt or a session ended, and what that says. In: what
// happened to a socket. Out: the reason for the app, and what it is evidence of.

import * as CloseCode from "../protocol/close.js";
import type { DialFailure } from "./input.js";
import type { Reason } from "./state.js";

/** The end of an attempt or of a session. */
export type End =
  /** The socket did not open. */
  | { readonly kind: "dial"; readonly failure: DialFailure }
  /** No welcome came in time. */
  | { readonly kind: "timeout" }
  /** The socket was closed or lost. */
  | { readonly kind: "closed"; readonly code: CloseCode.CloseCode }
  /** Nothing was heard in time. */
  | { readonly kind: "silent" }
  /**
   * Events of a channel were missing or its request was not answered, and asking again did not mend
   * it.
   */
  | { readonly kind: "unmended" }
  /** The server had asked to leave. */
  | { readonly kind: "left" };

/**
 * What an end is evidence of: nothing in particular, no answer or a loss; something between the
 * link and the server does not pass WebSocket; the server is there, and wants patience or another
 * token.
 */
export type Evidence = "silence" | "blocked" | "busy";

/** What the app is told. */
export function endReason(end: End): Reason {
  switch (end.kind) {
    case "dial":
      return "unreachable";
    case "timeout":
      return "connect_timeout";
    case "silent":
      return "heartbeat_timeout";
    case "left":
      return "server_asked";
    case "unmended":
      return "lost";
    case "closed":
      switch (end.code) {
        case CloseCode.RECONNECT:
        case CloseCode.RESTART:
        case CloseCode.MOVED:
        case CloseCode.DRAINING:
          return "server_asked";
        default:
          return "lost";
      }
  }
}

/** What it is evidence of. */
export function endEvidence(end: End): Evidence {
  switch (end.kind) {
    case "dial": {
      const { kind } = end.failure;
      if (kind === "busy") return "busy";
      return kind === "blocked" || kind === "portal" ? "blocked" : "silence";
    }
    case "left":
      return "busy";
    case "closed": {
      const advice = CloseCode.advice(end.code);
      return advice === "retry_now" || advice === "never" ? "silence" : "busy";
    }
    default:
      return "silence";
  }
}

/** Whether the shell still has the socket, so that it must be told to close it. */
export const leavesSocket = (end: End): boolean => end.kind !== "dial" && end.kind !== "closed";

/** Whether nothing was said at the end, as when a server crashes. */
export const isSudden = (end: End): boolean =>
  end.kind === "closed" && (end.code === CloseCode.NO_CODE || end.code === CloseCode.ABNORMAL);
