// Twin of crates/protocol/src/close.rs. Close codes and what each tells a client to do. The table
// of PROTOCOL.md, in code; of the codes, those that a client looks at.

/** Why a WebSocket was closed: a code of RFC 6455, or one of ours in 4000–4499. */
export type CloseCode = number;

/** What a client does about a close. */
export type Advice =
  /** Reconnect by the usual schedule and resume. */
  | "retry_now"
  /** Reconnect, but no sooner than the server's hint, or the schedule without one. */
  | "retry_after"
  /** Get a new token, then reconnect; stop when a new token is refused too. */
  | "refresh_token"
  /** Reconnect to the endpoint that `go_away` named. */
  | "move_to"
  /** Do not come back with the same request. */
  | "never";

/** A wanted end. */
export const NORMAL: CloseCode = 1000;
/** Broken WebSocket framing. */
export const PROTOCOL: CloseCode = 1002;
/** A binary message where only text is spoken. */
export const UNSUPPORTED: CloseCode = 1003;
/** A close frame without a code. Never sent. */
export const NO_CODE: CloseCode = 1005;
/** No close frame came at all. Never sent. */
export const ABNORMAL: CloseCode = 1006;
/** A message over the size limit. */
export const TOO_BIG: CloseCode = 1009;
/** The server restarts. */
export const RESTART: CloseCode = 1012;
/** The server is full. */
export const TRY_LATER: CloseCode = 1013;

/** An operator asked this session to reconnect. */
export const RECONNECT: CloseCode = 4002;
/** The server drains and named no other place. */
export const DRAINING: CloseCode = 4101;
/** The broker cannot be reached. Kept and not sent: a session waits for its broker. */
export const BROKER_UNAVAILABLE: CloseCode = 4102;
/** The token is past its time. */
export const TOKEN_EXPIRED: CloseCode = 4200;
/** There is no token, where one is wanted. */
export const TOKEN_MISSING: CloseCode = 4201;
/** The token is of a time to come: a clock is wrong. */
export const TOKEN_NOT_YET_VALID: CloseCode = 4203;
/** Served elsewhere from now on. */
export const MOVED: CloseCode = 4300;
/** A newer session of the same link is here. */
export const REPLACED: CloseCode = 4401;
/** Ended by an operator. */
export const DISCONNECTED: CloseCode = 4402;

/** What a client does about this code. Unknown codes are retried, after a while. */
export function advice(code: CloseCode): Advice {
  const hundred = Math.floor(code / 100);
  if (code === 1001 || code === NO_CODE || code === ABNORMAL || code === RESTART) {
    return "retry_now";
  }
  if (code >= 1000 && code <= 1010 && code !== 1004) return "never";
  switch (hundred) {
    case 40:
      return "retry_now";
    case 42:
      return "refresh_token";
    case 43:
      return "move_to";
    case 44:
      return "never";
    default:
      return "retry_after";
  }
}
