// Twin of crates/protocol/src/frame/server.rs. Frames from a server to a client, as they travel;
// of their fields, those that a client reads.

import type { Event } from "../event.js";
import type { ChannelName, Epoch } from "../name.js";
import type { Scalar } from "../payload.js";
import type { Gap } from "../position.js";
import type { HeartbeatTerms } from "./client.js";

/** What a server says. */
export type ServerFrame =
  /** The answer to `hello`: the session is live. */
  | Welcome
  /** A channel is followed from here on; sent again where its numbering changed. */
  | Subscribed
  /** One event. */
  | ({ readonly type: "event" } & Event)
  /** Offsets that will not come, because newer events stand in for them. */
  | Superseded
  /** The channel has ended; nothing more will come. */
  | { readonly type: "finished"; readonly channel: ChannelName }
  /** The broker has the event; the id is the publish frame's. */
  | Published
  /** A newer token is in force; the id is the refresh frame's. */
  | Refreshed
  /** The answer to `heartbeat`, whose id it has. */
  | HeartbeatAck
  /** I am here. The id is the ping's. */
  | { readonly type: "pong"; readonly id?: Scalar }
  /** Are you there? The id is echoed in the `pong`. */
  | { readonly type: "ping"; readonly id?: Scalar }
  /** The server will leave; reconnect within a window. */
  | GoAway
  /** Something was wrong with what the client said; the session lives. */
  | ErrorFrame;

/** The answer to `hello`. */
export interface Welcome {
  readonly type: "welcome";
  /** The terms in force. */
  readonly heartbeat: HeartbeatTerms;
  /** What this link may do: the largest message in bytes, either way. */
  readonly limits: {
    readonly message_bytes: number;
    /** How many frames the server takes in the long run, and at once, where it says so. */
    readonly frames_per_second?: number | null;
    readonly frames_burst?: number | null;
  };
  /** After a sudden loss, spread the first attempt over this many milliseconds. */
  readonly crash_window_ms: number;
  /** How long the path in front of the server lets a link be idle, in milliseconds, if known. */
  readonly path_idle_limit_ms?: number | null;
  /** When the session ends with its token, in milliseconds, where the server knows `refresh`. */
  readonly token_expires_in_ms?: number | null;
  /** The server's time: RFC 3339 with milliseconds. */
  readonly server_time: string;
}

/** A channel is followed from here on. */
export interface Subscribed {
  readonly type: "subscribed";
  /** The request's; none where it was part of `hello`, or nothing was asked. */
  readonly id?: Scalar;
  /** Which. */
  readonly channel: ChannelName;
  /** The numbering of everything that follows. */
  readonly epoch: Epoch;
  /** The next event is the one after this. */
  readonly offset: number;
  /** The newest event there is now: until it is reached, history is being delivered. */
  readonly head?: number | null;
  /** Whether everything after the position asked for will come. */
  readonly recovered: boolean;
  /** What will not. */
  readonly gap?: Gap | null;
}

/** Offsets that will not come, because newer events with the same key stand in for them. */
export interface Superseded {
  readonly type: "superseded";
  /** Which channel. */
  readonly channel: ChannelName;
  /** The first offset left out. */
  readonly from: number;
  /** The last one. */
  readonly to: number;
}

/** The broker has the event. */
export interface Published {
  readonly type: "published";
  readonly id?: Scalar;
  /** Its numbering. */
  readonly epoch: Epoch;
  /** Its place. */
  readonly offset: number;
  /** Whether an earlier publish with the same key made it. */
  readonly repeated?: boolean;
}

/** A newer token is in force. */
export interface Refreshed {
  readonly type: "refreshed";
  readonly id?: Scalar;
  /** When the session ends with it, in milliseconds from now; none: it does not. */
  readonly expires_in_ms?: number | null;
}

/** The answer to `heartbeat`. */
export interface HeartbeatAck {
  readonly type: "heartbeat_ack";
  readonly id?: Scalar;
  /** The server's time: RFC 3339 with milliseconds. */
  readonly server_time: string;
}

/** The server will leave. */
export interface GoAway {
  readonly type: "go_away";
  /** Wait this long, in milliseconds … */
  readonly after_ms: number;
  /** … and up to this much longer, drawn at random. */
  readonly spread_ms: number;
  /** Where to go instead, if anywhere. */
  readonly to?: string | null;
}

/** Something was wrong. */
export interface ErrorFrame {
  readonly type: "error";
  /** The request's, where it had one. */
  readonly id?: Scalar;
  /** The channel concerned, where there is one. */
  readonly channel?: ChannelName | null;
  /** A stable word. */
  readonly code: string;
  /** What was wrong and what to do, for a developer. */
  readonly message: string;
  /** Whether the same request may succeed later. */
  readonly retry: boolean;
}
