// Twin of crates/protocol/src/poll.rs. The answer to a poll, as a client reads it.

import type { Event } from "./event.js";
import type { ChannelName, Epoch } from "./name.js";
import type { Gap, Position } from "./position.js";

/**
 * What a poll brought: of one channel (`GET /v1/channels/{channel}/events`) or of many (`POST
 * /v1/poll`).
 */
export interface PollAnswer {
  /** One for each channel that has something to say. */
  readonly pages: readonly PollPage[];
  /** The channels that are not served, each with the reason. */
  readonly refused: readonly PollRefusal[];
  /** How long to wait before the next poll, in milliseconds. */
  readonly next_poll_ms: number;
}

/** One channel's events after a position, and where that leaves the reader. */
export interface PollPage {
  /** Which channel. */
  readonly channel: ChannelName;
  /** The epoch of every offset here. */
  readonly epoch: Epoch;
  /** The position behind the last of `events`: what to ask for next. */
  readonly offset: number;
  /** In offset order. */
  readonly events: readonly PollEvent[];
  /** Whether the channel has ended and `events` reach its end. */
  readonly final: boolean;
  /** What can no longer be given, if anything. */
  readonly gap?: Gap | null;
}

/** One entry of a poll that the server does not serve. */
export interface PollRefusal {
  /** Its channel, or `[n]` where it has no name. */
  readonly channel: string;
  /** The stable word. */
  readonly code: string;
  /** In words, for a developer. */
  readonly detail: string;
}

/** Nothing new behind this position. */
export const emptyPage = (channel: ChannelName, { epoch, offset }: Position): PollPage => ({
  channel,
  epoch,
  offset,
  events: [],
  final: false,
});

/** One event of a poll's answer: its channel and epoch are those of the answer. */
export type PollEvent = Omit<Event, "channel" | "epoch">;

/** The same event with its channel and epoch. */
export const intoEvent = (one: PollEvent, channel: ChannelName, epoch: Epoch): Event => ({
  channel,
  epoch,
  offset: one.offset,
  event: one.event,
  data: one.data ?? null,
  time: one.time,
});
