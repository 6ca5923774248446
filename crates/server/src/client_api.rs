//! The public port: accepts sockets, answers HTTP requests and serves WebSockets. Limits are
//! checked before any work is done for a peer: first the number of connections, then time, then
//! size.

pub(crate) mod answer_budget;
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
mod poll_answer;
mod poll_many;
mod poll_query;
mod refuse;
mod router;
pub(crate) mod tickets;
mod unavailable;
mod upgrade;

pub use listener::{accept, adopt, bind, serve};
pub(crate) use refuse::RefusalPolicy;
