//! WebSocket framing of the server's side, without a socket, a clock or a task.
//!
//! In: the bytes that a client sent, the payloads meant for it. Out: whole messages in order, or
//! why the connection ends; headers, whole short frames, and frames joined into one write. Headers
//! are read and written by tungstenite; what is ours is that an idle link owns no buffer. Must not
//! know: what a message says, who writes it.

pub mod inbound;
pub mod outbound;

pub use inbound::{Feed, Inbound, InboundError, Limits, Message};
pub use outbound::{Header, Joined};
