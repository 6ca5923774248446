//! Who may connect: the token of a client, and the origin of the page it runs in.

pub mod admission;
pub mod jwks;
pub mod origin;
pub(crate) mod revocations;
pub(crate) mod tickets;
pub mod token;
