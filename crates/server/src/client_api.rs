//! The public port: sockets in, HTTP requests and WebSockets out.
//! Limits hold before any work is done for a peer: places first, then time, then size.

mod body;
pub(crate) mod delivered_finals;
mod demo;
mod detach;
mod event_stream;
mod fast_upgrade;
mod headers;
mod http_session;
mod listener;
mod poll;
mod poll_many;
mod poll_query;
mod refuse;
mod router;
mod unavailable;
mod upgrade;

pub use listener::{accept, bind, serve};
pub(crate) use refuse::RefusalPolicy;
