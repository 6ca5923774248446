//! What one peer may send: whose side this is, and how much of what.
//!
//! In: nothing. Out: plain settings with their defaults.

/// What one peer may send at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest message, in bytes of payload, over all its fragments; of a compressed one both
    /// as it comes and inflated. Default 1 MiB.
    pub message_bytes_max: usize,
    /// How many fragments of one message may be empty: those escape the limit in bytes.
    /// Default 1024.
    pub empty_fragments_max: u32,
    /// The longest first message, in bytes, where that is less. Default: no limit of its own.
    pub first_message_bytes_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: 1024 * 1024,
            empty_fragments_max: 1024,
            first_message_bytes_max: u32::MAX,
        }
    }
}

/// Which side of a connection reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// The server: every frame that it reads must be masked.
    #[default]
    Server,
    /// The client: no frame that it reads may be masked.
    Client,
}

/// Which kinds of frames are taken. Default: a client's text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Framing {
    /// Who reads.
    pub role: Role,
    /// Whether binary messages are taken, and not an error.
    pub is_binary_taken: bool,
    /// Whether permessage-deflate was agreed.
    pub is_compressed: bool,
}
