//! Trials of the real server, as commands that print their figures and as functions for tests.
//!
//! [`kills::run`] kills a server on a disk, or the store it is on, again and again and counts what
//! was answered and lost. [`rates::run`] measures publishes a second and the time to deliver,
//! beside what the store alone could.

pub mod http;
pub mod kills;
pub mod process;
pub mod rates;
pub mod store;
