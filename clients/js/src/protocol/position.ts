// Twin of crates/protocol/src/position.rs. Where a subscriber stands in a channel, where it wants
// to start, and what it missed.

import { INTEGER_MAX } from "./limits.js";
import { type Epoch, isEpoch } from "./name.js";

/** The last event that a subscriber's app has been handed; offset 0 is before the first. */
export interface Position {
  /** The numbering that `offset` belongs to. */
  readonly epoch: Epoch;
  /** 1 for the first event of the epoch, without holes; at most 2^53. */
  readonly offset: number;
}

/** Where a subscription starts: at the oldest event kept, behind the newest, or behind this one. */
export type Since = "start" | "now" | Position;

/** Whether this is a position, whatever the types say. */
export function isPosition(value: unknown): value is Position {
  const { epoch, offset } = (value ?? {}) as Record<keyof Position, unknown>;
  const isNumber = Number.isInteger(offset) && (offset as number) >= 0;
  const isNamed = typeof epoch === "string" && isEpoch(epoch);
  return isNamed && isNumber && (offset as number) <= INTEGER_MAX;
}

/** Whether a subscription can start there. */
export const isSince = (value: unknown): value is Since =>
  value === "start" || value === "now" || isPosition(value);

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
