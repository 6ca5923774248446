//! The settings of compression over WebSocket.
//!
//! In: nothing. Out: a plain struct with its defaults. The documentation of each has its range;
//! `check` has it as a rule.

use serde::{Deserialize, Serialize};
use steadfast_websocket::deflate::LEVEL;

/// How messages over WebSocket are compressed, for clients that offer permessage-deflate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CompressionSettings {
    /// Whether it is agreed to. Default: true.
    pub enabled: bool,
    /// The smallest event that is sent compressed, in bytes, 64 to 1048576. Default: 300.
    pub message_bytes_min: usize,
    /// How hard to try, 1 (fast) to 9 (small). Default: 6.
    pub level: u32,
    /// The most memory of compressed copies that are kept for the other followers of a channel,
    /// together with what they are copies of, in bytes, 64 KiB to 1 GiB. One copy may be larger
    /// alone. Default: 8 MiB.
    pub copies_bytes_max: usize,
}

impl Default for CompressionSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            message_bytes_min: 300,
            level: LEVEL,
            copies_bytes_max: 8 * 1024 * 1024,
        }
    }
}
