//! The server half's shell: two ports, sockets, the clock and the broker around the pure hub.
//!
//! [`Server::start`] listens; [`Server::run`] serves until the process is asked to end, then
//! drains. The public port is for clients, the internal one for backends and operators.

mod addresses;
mod bell;
pub mod config;
pub mod connection;
mod descriptors;
pub mod error;
mod had_ends;
mod head;
pub mod headcount;
pub mod internal;
mod log;
mod near;
pub mod node;
pub mod origin;
mod patience;
pub mod problem;
pub mod public;
pub mod server;
pub mod shard;
pub mod socket;
pub mod tls;
pub mod token;
