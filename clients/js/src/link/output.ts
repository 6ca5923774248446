// Twin of crates/link/src/output.rs. Everything a link asks its shell to do, and everything it
// tells its app.

import type { CloseCode } from "../protocol/close.js";
import type { Event } from "../protocol/event.js";
import type { ClientFrame } from "../protocol/frame/client.js";
import type { ChannelName, Epoch } from "../protocol/name.js";
import type { Gap, Position, Since } from "../protocol/position.js";
import type { PollId, SocketId } from "./input.js";
import type { Message } from "./message.js";
import type { QualityReport } from "./quality.js";
import type { LinkState, Reason } from "./state.js";

/** What to do, in the order given. */
export type Output =
  /**
   * Open a WebSocket, whose id this is from now on; answer with `socket_opened` or `socket_failed`.
   * `to` is another address than any endpoint's, as the server named it.
   */
  | ({
      readonly kind: "open_socket";
      readonly socket: SocketId;
      readonly to: string | null;
    } & ToEndpoint)
  /** Send a frame on this socket. */
  | { readonly kind: "send"; readonly socket: SocketId; readonly frame: ClientFrame }
  /** Close a socket, open or still opening, and forget it: nothing about it is wanted any more. */
  | { readonly kind: "close_socket"; readonly socket: SocketId; readonly code: CloseCode }
  /** Poll over HTTP; answer with `polled`. */
  | Poll
  /** Give up a poll: its answer is not wanted any more. */
  | { readonly kind: "cancel_poll"; readonly poll: PollId }
  /** See whether plain HTTP gets through to the server; answer with `probed`. */
  | ({ readonly kind: "probe" } & ToEndpoint)
  /** Get a fresh token from the app; answer with `token`. */
  | { readonly kind: "want_token" }
  /** Tell the app. */
  | Notice;

/** Which endpoint is meant. */
export interface ToEndpoint {
  /** Its number; left out for the first, which is 0. */
  readonly endpoint?: number | undefined;
}

/** One poll. */
export interface Poll extends ToEndpoint {
  readonly kind: "poll";
  /** Its id. */
  readonly poll: PollId;
  /**
   * Which channels, 1 to 128, and from where. One alone is asked for by the route of that channel.
   */
  readonly channels: readonly PolledChannel[];
  /** How long the server may wait for an event, in milliseconds. */
  readonly waitMs: number;
}

/** One channel of a poll. */
export interface PolledChannel {
  readonly channel: ChannelName;
  readonly since: Since;
}

/** What an app is told, in order. */
export type Notice =
  /** The link's state changed. Reported once for every change. */
  | {
      readonly kind: "state";
      readonly new: LinkState;
      readonly old: LinkState;
      readonly reason: Reason;
    }
  /**
   * A channel is followed from this position on, and whether everything after the app's position
   * will come. Told once for each session or first poll.
   */
  | {
      readonly kind: "subscribed";
      readonly channel: ChannelName;
      readonly position: Position;
      readonly isRecovered: boolean;
    }
  /** The next event, each offset once, in order. Its `epoch` is always filled in. */
  | ({ readonly kind: "event"; readonly epoch: Epoch } & Event)
  /** Events that cannot be given; told before the next event. */
  | { readonly kind: "gap"; readonly channel: ChannelName; readonly gap: Gap }
  /** The channel has ended; the link has left it. */
  | { readonly kind: "finished"; readonly channel: ChannelName }
  /**
   * The quality's grade changed. Heartbeats are what it is drawn from, so it is first told after
   * the third.
   */
  | ({ readonly kind: "quality" } & QualityReport)
  /** The server will not serve a channel; the link has left it. */
  | {
      readonly kind: "refused";
      readonly channel: ChannelName;
      readonly code: string;
      readonly message: string;
    }
  /** What people are to be told from now on: the most severe message that is true, or nothing. */
  | { readonly kind: "message"; readonly message: Message | null }
  /** The server has the event that was published with this ticket. */
  | {
      readonly kind: "published";
      readonly ticket: number;
      readonly epoch: Epoch;
      readonly offset: number;
    }
  /**
   * What was published with this ticket is given up. But for `uncertain` the server does not have
   * it. `code` is the server's word, or a {@link PublishFailure}.
   */
  | {
      readonly kind: "publish_failed";
      readonly ticket: number;
      readonly code: string;
      readonly message: string;
      readonly isRetryable: boolean;
    };

/** Why a link gives up a publish of its own accord. */
export type PublishFailure =
  /** As many wait to be answered as may. */
  | "outbox_full"
  /** It is larger than all that may wait, or than the server takes. */
  | "too_large"
  /** The link is at rest, or came to rest before it was sent. */
  | "closed"
  /**
   * It was sent and not answered: the server may or may not have it. It is too late to send it
   * again, since the server may have forgotten that it was sent before.
   */
  | "uncertain";

/** Whether the same may be published again: after `uncertain` it might make a second event. */
export const isRetryable = (failure: PublishFailure): boolean =>
  failure === "outbox_full" || failure === "closed";
