//! Trials of the real server, as commands that print their figures and as functions for tests.
//!
//! [`kills::run`] kills a server on a disk again and again and counts what it had answered and
//! lost. [`rates::run`] measures publishes a second and the time to deliver, beside what the store
//! alone could. [`counts`] counts the instructions of an event's path.

pub mod counts;
pub mod http;
pub mod kills;
pub mod process;
pub mod rates;
