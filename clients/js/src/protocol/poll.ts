// Twin of crates/protocol/src/poll.rs. The answer to a poll, as a client reads it.

import type { Event } from "./event.js";
import type { ChannelName, Epoch } from "./name.js";
import type { Gap } from "./position.js";

/** `GET /v1/channels/{channel}/events`: events after a position, and where that leaves us. */
export interface PollAnswer {
  /** The channel asked for. */
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
  /** How long to wait before the next poll, in milliseconds. */
  readonly next_poll_ms: number;
}

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
