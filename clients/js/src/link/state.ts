// Twin of crates/link/src/state.rs. The five states a link shows to its app, and the reasons for
// entering them, in the words that users see.

/** What an app is shown. */
export type LinkState =
  /** At rest: not trying. */
  | "disconnected"
  /** The first attempt. */
  | "connecting"
  /** A WebSocket session is live. */
  | "connected"
  /** Any later attempt. */
  | "reconnecting"
  /** Events arrive by polling; WebSocket attempts go on. */
  | "fallback";

/** Why a state was entered. */
export type Reason =
  /** The app asked to connect. */
  | "asked"
  /** The app closed the link. */
  | "closed"
  /** Every channel has ended. */
  | "finished"
  /** The server gave a code that forbids retrying. */
  | "rejected"
  /** The device reports no network. Ends by itself. */
  | "offline"
  /** The device reports a network again, or another one. */
  | "network_restored"
  /** A session was welcomed. */
  | "welcomed"
  /** The socket was closed or lost. */
  | "lost"
  /** No sign of life within the heartbeat timeout. */
  | "heartbeat_timeout"
  /** No welcome within the connection timeout. */
  | "connect_timeout"
  /** The socket could not be opened. */
  | "unreachable"
  /** The server asked to reconnect. */
  | "server_asked"
  /** WebSocket does not get through while HTTP does. */
  | "websocket_blocked";
