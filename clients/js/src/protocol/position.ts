// Twin of crates/protocol/src/position.rs. Where a subscriber stands in a channel, where it wants
// to start, and what it missed.

import type { Epoch } from "./name.js";

/** The last event that a subscriber's app has been handed; offset 0 is before the first. */
export interface Position {
  /** The numbering that `offset` belongs to. */
  readonly epoch: Epoch;
  /** 1 for the first event of the epoch, without holes; at most 2^53. */
  readonly offset: number;
}

/** Where a subscription starts: at the oldest event kept, behind the newest, or behind this one. */
export type Since = "start" | "now" | Position;

/** Events that a subscriber asked for and can no longer be given. */
export interface Gap {
  /** The position asked for. */
  readonly from: Position;
  /** Where delivery goes on: the next event is the one after it. */
  readonly to: Position;
  /** Why. */
  readonly cause: GapCause;
}

/**
 * Why events are missing: they were older, or more, than the channel keeps; or the stored history
 * was lost, rolled back or deleted, and numbering began anew.
 */
export type GapCause = "retention" | "epoch_changed";
