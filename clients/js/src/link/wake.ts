// Twin of crates/link/src/wake.rs. Why a link wants to be woken.

/** What will be due. */
export type Why =
  /** The socket or its welcome has taken too long. */
  | "connect_timeout"
  /** The next attempt. */
  | "backoff"
  /** The next heartbeat. */
  | "heartbeat"
  /** An answer is overdue. */
  | "doubt"
  /** No sign of life came in time. */
  | "heartbeat_timeout"
  /** A look at how long nothing has come. */
  | "health"
  /** The server asked to leave by now. */
  | "leave"
  /** A channel is asked for again: the server could not serve it, or did not answer. */
  | "subscribe"
  /** A publish may be sent, or has waited too long for its answer. */
  | "publish"
  /** Long enough without data to poll, since plain HTTP gets through. */
  | "effort"
  /** The next poll. */
  | "poll"
  /** A poll has taken too long. */
  | "poll_timeout"
  /** The next attempt to come back from polling. */
  | "return"
  /** What people are told changes. */
  | "message";
