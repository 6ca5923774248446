//! The client half, pure: one link, kept alive over any number of sockets and polls.
//!
//! [`Link`] is told what happened ([`Input`]) and when; it says what to do ([`Output`]) and when it
//! next wants to be woken. It never knows a URL, a socket, a clock or a thread.

#![no_std]

extern crate alloc;

mod backoff;
mod config;
mod connector;
mod coordinator;
mod credential;
mod device;
mod end;
mod health;
mod input;
mod message;
mod output;
mod pacer;
mod phase;
mod poller;
mod publisher;
mod quality;
#[cfg(feature = "scenario")]
pub mod scenario;
mod state;
mod statistics;
mod subscriptions;
mod wake;

pub use config::{Config, Detection};
pub use connector::network_history::{NetworkKey, NetworkRecord};
pub use coordinator::Link;
pub use input::{DialFailure, Input, NetworkKind, PollFailure, PollId, SocketId};
pub use message::{Clue, Message, MessageCode, Messages, Severity};
pub use output::{Notice, Output, PublishFailure};
pub use quality::{Grade, Part, Parts, QualityReport};
pub use state::{LinkState, Reason};
pub use statistics::Statistics;
pub use wake::Why;
