//! The load generator behind `steadfast bench`: many cheap links, publishers, and what became of
//! both.
//!
//! A [`WorkerPool`] is worker processes that hold the links, so that descriptors and ports suffice;
//! the process that started them publishes and counts. A worker is one thread around one poll, with
//! a reader of WebSocket frames that keeps no buffer for a link unless a frame came in half. All
//! processes of a machine share one monotonic clock, so a time that the publisher writes into an
//! event tells the reader how long it travelled.
//!
//! It knows the words of the wire (`steadfast-protocol`) and nothing of the server: it measures
//! from outside, through sockets and `/proc`, and it speaks to other servers too ([`Dialect`]), so
//! that they can be measured in the same way.
#![allow(clippy::cast_precision_loss, reason = "figures for people: 53 bits are plenty")]

mod clock;
mod delivery_check;
mod dialect;
mod error;
mod figures;
mod load;
mod payload;
mod process;
mod publisher;
mod sizes;
mod target;
mod wire;
mod worker;
mod worker_pool;
mod worker_protocol;

pub use dialect::Dialect;
pub use error::BenchError;
pub use figures::{Connects, Deliveries, Spread};
pub use load::{Load, Pace};
pub use process::{Usage, descendants, usage};
pub use sizes::{EVENT_BYTES_MAX, EVENT_BYTES_MIN, IN_FLIGHT_MAX, LINKS_MAX, links_per_process};
pub use target::{Publishing, Target};
pub use worker::work;
pub use worker_pool::{Connecting, Hiring, WORKER_COMMAND, WorkerPool};
