// Twin of crates/protocol/src/limits.rs. Limits of the wire.

/** The largest offset, duration or generation: what a double holds exactly. */
export const INTEGER_MAX = 2 ** 53;
