// Twin of crates/protocol/src/frame/client.rs. Frames from a client to a server, as they travel.

import type { ChannelName, EventName, Generation, LinkId, ReplaceKey } from "../name.js";
import type { Payload, Scalar } from "../payload.js";
import type { Since } from "../position.js";

/** What a client says. */
export type ClientFrame =
  /** The first frame of a session: connects, subscribes and resumes in one. */
  | Hello
  /** Starts to follow a channel. */
  | ({ type: "subscribe" } & ChannelRequest)
  /** Stops following a channel. The id is echoed in an error. */
  | { type: "unsubscribe"; id?: Scalar; channel: ChannelName }
  /** Publishes from a link. */
  | PublishFrame
  /** A newer token for the session. The id is echoed in `refreshed` or `error`. */
  | { type: "refresh"; id?: Scalar; token: Token }
  /** I am here, and will say so again within `next_ms`. */
  | Heartbeat
  /** Are you there? The id is echoed in the `pong`. */
  | { type: "ping"; id?: Scalar }
  /** I am here. The id is the ping's. */
  | { type: "pong"; id?: Scalar | undefined };

/** The first frame of a session. */
export interface Hello {
  type: "hello";
  /** The link, the same over all of its sessions. */
  link: LinkId;
  /** Higher for every new session of the link, from 1. */
  generation: Generation;
  /** Where the server wants one. */
  token?: Token | undefined;
  /** Who is speaking, for operators. */
  client?: ClientInfo | undefined;
  /** What the client proposes; the server's answer in `welcome` is in force. */
  heartbeat?: HeartbeatTerms;
  /** What to follow, each from its position. */
  channels?: ChannelRequest[] | undefined;
}

/** Who is speaking. */
export interface ClientInfo {
  /** The client library or app. */
  name: string;
  /** Its version. */
  version?: string;
  /** What it runs on. */
  platform?: string;
}

/** How often a client will be heard, and how long it may be late. Milliseconds. */
export interface HeartbeatTerms {
  /** The longest silence between two heartbeats, in milliseconds. */
  interval: number;
  /** How long an answer, or a late heartbeat, is waited for, in milliseconds. */
  timeout: number;
}

/** A wish to follow a channel. */
export interface ChannelRequest {
  /** Echoed in `subscribed` or `error`. */
  id?: Scalar;
  /** The channel. */
  channel: ChannelName;
  /** Where to start. */
  since: Since;
}

/** An event published by a link. */
export interface PublishFrame {
  type: "publish";
  /** Echoed in `published` or `error`. */
  id?: Scalar;
  /** Where to. */
  channel: ChannelName;
  /** Its kind. */
  event: EventName;
  /** The app's own value. */
  data: Payload;
  /** Whether it ends the channel; left out where it does not. */
  final?: true | undefined;
  /** The key of the events it may stand in for. */
  replace?: ReplaceKey | undefined;
  /** Repeating a frame with the same key makes no second event. */
  idempotency_key?: ReplaceKey;
}

/** A sign of life. */
export interface Heartbeat {
  type: "heartbeat";
  /** Echoed in `heartbeat_ack`. */
  id: Scalar;
  /** When the next one will come at the latest, in milliseconds from now. */
  next_ms: number;
  /** The link's own statistics, for operators. */
  stats?: HeartbeatStats;
}

/** How a link has fared, as operators are told. */
export interface HeartbeatStats {
  /** Time with data flowing, in percent. */
  readonly availability: number;
  /** The same for time on a session alone. */
  readonly realtime_availability: number;
  /** The score and the grade of its quality; no score where nothing is known. */
  readonly score: number | null;
  readonly grade: string;
  /** Attempts but the first. */
  readonly reconnects: number;
  /** A smoothed round trip, in milliseconds. */
  readonly rtt_ms?: number;
  /** The points that are taken off the score, by what takes them. */
  readonly parts: Readonly<Record<string, number>>;
}

/** A signed token. Never shown. */
export type Token = string;
