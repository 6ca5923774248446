//! Limits of the wire, each with its default. Both sides of every limit are tested where it holds.

/// Limits that a server announces or applies to one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest message, in bytes, either way.
    pub message_bytes_max: usize,
    /// The deepest nesting of arrays and objects in a payload.
    pub payload_depth_max: usize,
    /// The most channels one link may follow.
    pub channels_max: usize,
}

impl Limits {
    /// The largest offset: what a double holds exactly.
    pub const OFFSET_MAX: u64 = 1 << 53;
    /// The largest duration or generation on the wire.
    pub const INTEGER_MAX: u64 = 1 << 53;
    /// The longest request id or timestamp that is echoed, in bytes.
    pub const SCALAR_BYTES_MAX: usize = 64;
    /// The longest name, version or platform of a client, in bytes.
    pub const CLIENT_FIELD_BYTES_MAX: usize = 128;
    /// The longest `stats` of a heartbeat, in bytes of JSON.
    pub const STATS_BYTES_MAX: usize = 4096;
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes_max: 1024 * 1024, payload_depth_max: 64, channels_max: 128 }
    }
}
