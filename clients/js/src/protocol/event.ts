// Twin of crates/protocol/src/event.rs. An event as a client reads it.

import type { ChannelName, Epoch, EventName } from "./name.js";
import type { Payload } from "./payload.js";

/** One publication of a channel. */
export interface Event {
  /** Its channel. */
  readonly channel: ChannelName;
  /** The epoch of `offset`; left out on the wire where it is the one last told. */
  readonly epoch?: Epoch;
  /** Its place in the channel. */
  readonly offset: number;
  /** Its kind. */
  readonly event: EventName;
  /** The app's own value. */
  readonly data: Payload;
  /** When it was published: RFC 3339 with milliseconds. */
  readonly time: string;
}
