//! The public port: sockets in, HTTP requests and WebSockets out.
//! Limits hold before any work is done for a peer: places first, then time, then size.

mod answer;
mod body;
mod demo;
mod drain;
mod first;
mod leave;
mod listen;
mod poll;
mod poll_many;
mod query;
mod refuse;
mod route;
mod stream;
mod upgrade;
mod watch;

pub use listen::{accept, bind, serve};
pub(crate) use refuse::Door;
