//! WebSocket framing of either side, without a socket, a clock or a task.
//!
//! In: the bytes that a peer sent, the payloads meant for it. Out: whole messages in order, or
//! why the connection ends; headers, whole short frames, and frames joined into one write. Headers
//! are read and written by tungstenite, and flate2 compresses; what is ours is that an idle link
//! owns no buffer and no window. Must not know: what a message says, who writes it.

pub mod deflate;
pub mod inbound;
mod mask;
pub mod outbound;

/// The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`.
pub use tungstenite::handshake::derive_accept_key as accept_key;

pub use deflate::{Deflater, Inflater};
pub use inbound::{Feed, Framing, Inbound, InboundError, Limits, Message, Role};
pub use outbound::{Header, Joined};
