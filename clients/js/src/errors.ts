// What can go wrong between an app and its client, in words that say what to do. In: a stable
// word, a text, a cause. Out: one class of errors, told apart by `code`. Trouble with the network
// is no error: a client goes on trying, and tells its state.

/** The words of this client; those of a server may come as well. */
export type ErrorCode =
  /** The server's address cannot be used. */
  | "bad_url"
  /** The platform permits TLS alone, and the address is without. */
  | "insecure_url"
  /** The platform refuses the address: it is not on the list of the mini-program's domains. */
  | "domain_not_listed"
  /** As many sockets are open as the platform permits. */
  | "too_many_sockets"
  /** This runtime has no WebSocket of its own, and was given none. */
  | "no_websocket"
  /** A channel or event cannot have this name. */
  | "bad_name"
  /** A channel cannot start there: `since` is none of its three forms. */
  | "bad_since"
  /** The data cannot be written as JSON. */
  | "bad_data"
  /** The channel is followed already. */
  | "already_subscribed"
  /** The link was rejected: the text has the server's words, `client.notices` those for people. */
  | "rejected"
  /** The app's function for tokens failed, and is called again: see `cause`. */
  | "token_unavailable"
  /** A WebSocket could not be opened, for developers. */
  | "dial_failed"
  /** A callback of the app threw: see `cause`. */
  | "callback_failed"
  /** As much waits to be published as may. */
  | "outbox_full"
  /** It is larger than may be published. */
  | "too_large"
  /** The client is closed, or at rest. It was not sent. */
  | "closed"
  /** It was sent and not answered: the server may or may not have it. */
  | "uncertain"
  /** The token does not permit it. */
  | "forbidden"
  /** The link follows as many channels as it may. */
  | "too_many_channels"
  | (string & {});

/** The one class of errors. */
export class SteadfastError extends Error {
  override readonly name = "SteadfastError";

  constructor(
    /** A stable word. */
    readonly code: ErrorCode,
    message: string,
    /** Whether the same may be tried again, and may succeed then. */
    readonly isRetryable = false,
    /** What lies below, if anything. */
    override readonly cause?: unknown,
  ) {
    super(message);
  }
}

/** Whether something that was thrown is an error of this client. */
export const isSteadfastError = (error: unknown): error is SteadfastError =>
  error instanceof SteadfastError;
