//! The client half, pure: one link, kept alive over any number of sockets and polls.
//!
//! [`Link`] is told what happened ([`Input`]) and when; it says what to do ([`Output`]) and when it
//! next wants to be woken. It never knows a URL, a socket, a clock or a thread.

#![no_std]

extern crate alloc;

mod config;
mod input;
mod output;
mod state;

pub use config::Config;
pub use input::{DialFailure, Input, PollFailure, PollId, SocketId};
pub use output::{Notice, Output};
pub use state::{LinkState, Reason};
