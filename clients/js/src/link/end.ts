// Twin of crates/link/src/end.rs. How an attempt or a session ended, and what that says. In: what
// happened to a socket. Out: the reason for the app, and what it is evidence of.

import * as CloseCode from "../protocol/close.js";
import type { DialFailure } from "./input.js";
import type { Reason } from "./state.js";

/** The end of an attempt or of a session. */
export type End =
  /** The socket did not open. */
  | DialFailure
  /**
   * No welcome came in time; nothing was heard in time; events of a channel were missing or its
   * request was not answered, and asking again did not mend it; the server had asked to leave.
   */
  | { readonly kind: "timeout" | "silent" | "unrecoverable" | "left" }
  /** The socket was closed or lost: what to do about its code. */
  | { readonly kind: CloseCode.Advice; readonly code: CloseCode.CloseCode };

/**
 * What an end is evidence of: nothing in particular, no answer or a loss; something between the
 * link and the server does not pass WebSocket; the server is there, and wants patience or another
 * token.
 */
export type Evidence = "silence" | "blocked" | "busy";

/** The socket was closed or lost. */
export const closed = (code: CloseCode.CloseCode): End => ({ kind: CloseCode.advice(code), code });

/** The code of the close, if that is what it was. */
export const codeOf = (end: End): CloseCode.CloseCode | undefined =>
  "code" in end ? end.code : undefined;

/** What the app is told. */
export function reasonOf(end: End): Reason {
  switch (end.kind) {
    case "unreachable":
    case "blocked":
    case "portal":
    case "busy":
    case "refused":
      return "unreachable";
    case "timeout":
      return "connect_timeout";
    case "silent":
      return "heartbeat_timeout";
    case "left":
      return "server_asked";
    default:
      switch (codeOf(end)) {
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
export function evidenceOf({ kind }: End): Evidence {
  switch (kind) {
    case "blocked":
    case "portal":
      return "blocked";
    case "busy":
    case "left":
    case "retry_after":
    case "move_to":
    case "refresh_token":
      return "busy";
    default:
      return "silence";
  }
}

/** Whether nothing can follow. */
export const isFinal = ({ kind }: End): boolean => kind === "refused" || kind === "never";

/** Whether an attempt that goes on beside the session that ended may take its place. */
export function allowsSuccessor({ kind }: End): boolean {
  switch (kind) {
    case "retry_now":
    case "retry_after":
    case "move_to":
    case "silent":
    case "unrecoverable":
      return true;
    default:
      return false;
  }
}

/** Whether it was meant by the server, or is about the token: it says nothing of the path. */
export const isPlanned = (end: End): boolean =>
  end.kind === "refresh_token" || reasonOf(end) === "server_asked";

/** Whether the shell still has the socket, so that it must be told to close it. */
export const leavesSocket = ({ kind }: End): boolean =>
  kind === "timeout" || kind === "silent" || kind === "unrecoverable" || kind === "left";

/** Whether nothing was said at the end, as when a server crashes. */
export function isSudden(end: End): boolean {
  const code = codeOf(end);
  return code === CloseCode.NO_CODE || code === CloseCode.ABNORMAL;
}
