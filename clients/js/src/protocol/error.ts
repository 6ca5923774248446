// Twin of crates/protocol/src/error.rs. The stable words for what can be wrong with a request: of
// all, those that a client says itself.

/** The link follows as many channels as it may. */
export const TOO_MANY_CHANNELS = "too_many_channels";
/** The token does not permit it. */
export const FORBIDDEN = "forbidden";
