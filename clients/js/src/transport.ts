// What a platform has to give so that a link can speak: sockets and plain requests. In: URLs and
// texts. Out: what came of them. A transport decides nothing and keeps nothing.

import type { SteadfastError } from "./errors.js";

/** How a socket failed to open; `unreachable` where the platform does not say. */
export type DialFailure =
  /** No connection, or no word on why. */
  | { readonly kind: "unreachable" }
  /** Something answered that is neither a WebSocket nor our server. */
  | { readonly kind: "blocked" }
  /** The network sends everybody to a page of its own. */
  | { readonly kind: "portal" }
  /** Our server refused, and says when to come back. */
  | { readonly kind: "busy"; readonly retry_after_ms: number }
  /** Our server refused for good. */
  | { readonly kind: "refused" };

/**
 * What a socket tells: nothing before `openSocket` has returned, nothing after `onFail` or
 * `onClose`, and nothing once it was closed.
 */
export interface SocketHandlers {
  onOpen(): void;
  /** A text message; `null` for one that is not text. */
  onText(text: string | null): void;
  /** It is gone: the code of the close frame, or 1006; the reason that came with it. */
  onClose(code: number, reason?: string): void;
  /** It could not be opened; `error` is for developers. */
  onFail(failure: DialFailure, error?: SteadfastError): void;
}

/** A socket, open or opening. */
export interface Socket {
  send(text: string): void;
  /** Ends it at whatever stage it is: with 1000, or a code of 4000 to 4999. */
  close(code: number): void;
}

/** A request to be made with GET; with POST where it has a body. */
export interface Request {
  readonly url: string;
  readonly body?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** An answer as it came, whatever its status. */
export interface Answer {
  readonly status: number;
  /** A header by its name in any case. */
  header(name: string): string | null;
  readonly text: string;
}

/** The way to servers. */
export interface Transport {
  /** Throws where the platform does not even try. */
  openSocket(url: string, handlers: SocketHandlers): Socket;
  /**
   * Asks, and follows no redirect; tells once, later, `undefined` where no answer came. Gives back
   * how to give it up, after which nothing is told.
   */
  request(request: Request, done: (answer: Answer | undefined) => void): () => void;
}
