// Twin of crates/link/src/input.rs. Everything that can happen to a link: what its app asks, what
// its device knows, what came of the things it asked its shell to do, and the time.

import type { CloseCode } from "../protocol/close.js";
import type { Token } from "../protocol/frame/client.js";
import type { ServerFrame } from "../protocol/frame/server.js";
import type { ChannelName, EventName, ReplaceKey } from "../protocol/name.js";
import type { Payload } from "../protocol/payload.js";
import type { PollAnswer } from "../protocol/poll.js";
import type { Since } from "../protocol/position.js";
import type { NetworkKey } from "./connector/network_history.js";

/** One socket of a link; never used again for another. */
export type SocketId = number;

/** One poll of a link; never used again for another. */
export type PollId = number;

/** What happened. */
export type Input =
  /** The app wants the link up. Ignored while it is. */
  | { readonly kind: "connect" }
  /** The app wants to follow a channel; from the start, unless told. Ignored while it is. */
  | { readonly kind: "subscribe"; readonly channel: ChannelName; readonly since?: Since }
  /** The app no longer wants a channel. */
  | { readonly kind: "unsubscribe"; readonly channel: ChannelName }
  /** The app publishes an event. */
  | Publish
  /**
   * The app gives a token, at first or in answer to `want_token`; null when there is none, which
   * ends the link.
   */
  | { readonly kind: "token"; readonly token: Token | null }
  /**
   * The app cannot say now whether there is a token: asking it failed or took too long. It is asked
   * again after a pause.
   */
  | { readonly kind: "token_unavailable" }
  /** The app ends the link. */
  | { readonly kind: "close" }
  | { readonly kind: "retry" }
  /** The device reports a network. */
  | { readonly kind: "online" }
  /** The device reports no network. */
  | { readonly kind: "offline" }
  /** The device moved to another network. */
  | NetworkChanged
  /** The device calls its network weak, or no longer does. */
  | { readonly kind: "weak_network"; readonly isWeak: boolean }
  /** The device woke from sleep, or a page became visible again. */
  | { readonly kind: "resumed" }
  /** Somebody looks at the app. So it is taken to be at first. */
  | { readonly kind: "foreground" }
  /** Nobody looks at the app any more. */
  | { readonly kind: "background" }
  /** A socket is open; nothing was said on it yet. */
  | { readonly kind: "socket_opened"; readonly socket: SocketId }
  /** A socket could not be opened. */
  | { readonly kind: "socket_failed"; readonly socket: SocketId; readonly failure: DialFailure }
  /** A frame came. */
  | { readonly kind: "socket_frame"; readonly socket: SocketId; readonly frame: ServerFrame }
  /** Bytes or a frame of a kind that is only a sign of life came. */
  | { readonly kind: "socket_alive"; readonly socket: SocketId }
  /** A socket is gone, by a close frame or without one (1006). */
  | { readonly kind: "socket_closed"; readonly socket: SocketId; readonly code: CloseCode }
  /** A poll has come back, with an answer or a failure. */
  | Polled
  /** A probe has come back: whether our server answered it over plain HTTP. */
  | { readonly kind: "probed"; readonly isOk: boolean }
  /** The time has come that `wake` named, or some later time. */
  | { readonly kind: "tick" };

/** The device moved to another network. */
export interface NetworkChanged {
  readonly kind: "network_changed";
  /** What that one is. */
  readonly network?: NetworkKind | undefined;
  /**
   * What it is called, so that it is known again; where there is none, networks of a kind are taken
   * for the same.
   */
  readonly key?: NetworkKey | null | undefined;
}

/**
 * A publish. It is sent in the order of its channel while there is a session, and waits while there
 * is none: also while the link polls. Answered by exactly one `published` or `publish_failed`.
 */
export interface Publish {
  readonly kind: "publish";
  /** Chosen by the shell, and never again for another; named in the answer. */
  readonly ticket: number;
  /** Where to. */
  readonly channel: ChannelName;
  /** Its kind. */
  readonly event: EventName;
  /** The app's own value. */
  readonly data: Payload;
  /** Whether it ends the channel. */
  readonly isFinal?: boolean | undefined;
  /** The key of the events it may stand in for. */
  readonly replace?: ReplaceKey | null | undefined;
}

/** What came of a poll. */
export type Polled = { readonly kind: "polled"; readonly poll: PollId } & (
  | { readonly answer: PollAnswer; readonly failure?: undefined }
  | { readonly failure: PollFailure; readonly answer?: undefined }
);

/** What a network is, as far as the device knows. */
export type NetworkKind = "wifi" | "cellular" | "wired" | "other" | "unknown";

/** How a socket failed to open. */
export type DialFailure =
  /** No connection: refused, reset, no route, no name. */
  | { readonly kind: "unreachable" }
  /**
   * Connected, but the upgrade was answered with something that is not a WebSocket and not our
   * server's refusal: a proxy, a portal, a firewall.
   */
  | { readonly kind: "blocked" }
  /** Blocked, by a network that sends everybody to a page of its own, to sign in there. */
  | { readonly kind: "portal" }
  /** Our server refused, and says when to come back: no sooner than this, in milliseconds. */
  | { readonly kind: "busy"; readonly retry_after_ms: number }
  /** Our server refused for good: bad request, origin, version. */
  | { readonly kind: "refused" };

/** How a poll failed. */
export type PollFailure =
  /** No answer, or not from our server. */
  | { readonly kind: "unreachable" }
  /** Our server is busy or draining, and says when to come back, in milliseconds. */
  | { readonly kind: "busy"; readonly retry_after_ms: number }
  /** The token is missing, expired or not accepted. */
  | { readonly kind: "unauthorized" }
  /**
   * The token does not permit this channel, or the request can never succeed: the server knows no
   * requests for many channels.
   */
  | { readonly kind: "refused" };
