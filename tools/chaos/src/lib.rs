//! Trials of the real server, as commands that print their figures and as functions for tests.
//!
//! [`kills::run`] kills a server on a disk, or the store it is on, again and again and counts what
//! was answered and lost. [`rates::run`] measures publishes a second and the time to deliver,
//! beside what the store alone could. [`nodes::run`] kills one of several nodes again and again and
//! looks at what every link was told. [`failover::run`] has a sentinel promote a replica that lags,
//! and looks who was told that events are gone.

pub mod cluster;
pub mod failover;
pub mod http;
pub mod kills;
pub mod load;
pub mod nodes;
pub mod process;
pub mod rates;
pub mod store;
