//! Every message of the wire, one object a frame, told apart by `type`.
//! What each field means and who may send it stands in PROTOCOL.md.

pub(crate) mod client;
pub(crate) mod server;
