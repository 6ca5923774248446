//! The server half's shell: two ports, sockets and the broker around the pure hub.
//!
//! [`server::Server::start`] listens; [`server::Server::run`] serves until the process is asked to
//! end, then drains. The public port is for clients, the internal one for backends and operators.

pub mod auth;
pub mod backend_api;
pub mod client_api;
pub mod config;
mod drain;
pub mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod json_object;
mod log;
pub mod net;
pub mod node;
mod pressure;
pub mod problem;
pub mod reload;
pub mod server;
pub mod session;
mod suggestion;
