//! The sockets of the server, and how one becomes a WebSocket.
//!
//! In: an upgrade request, frames to write. Out: the answer to the request, bytes written. Framing
//! itself is the crate `steadfast-websocket`. Must not know: what a message says.

mod batch;
mod shared;
mod stream;
pub mod upgrade;

pub use batch::{Batch, BatchLimits};
pub use shared::{Shared, TryWrite};
pub use stream::Stream;
pub use upgrade::UpgradeRefusal;
