// Twin of crates/protocol/src/payload.rs. The app's own JSON: carried, and never looked into.

/** Any JSON value. */
export type Payload = unknown;

/** A number or a short string that the other side echoes without reading it. */
export type Scalar = number | string;
