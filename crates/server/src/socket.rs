//! The WebSocket layer of the server: bytes on one side, whole messages on the other.
//!
//! In: an upgrade request, the bytes a client sent, the payloads meant for it. Out: the answer
//! to the request, messages in order, bytes to write. An idle link owns no buffer here.
//! Must not know: what a message says, sockets, time, tasks.

pub mod inbound;
pub mod outbound;
mod shared;
mod stream;
pub mod upgrade;

pub use inbound::{Feed, Inbound, InboundError, Limits, Message};
pub use outbound::{Batch, BatchLimits, Header, Joined};
pub use shared::{Shared, TryWrite};
pub use stream::Stream;
pub use upgrade::UpgradeRefusal;
