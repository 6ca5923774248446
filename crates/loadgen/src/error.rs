//! What can stop a run: what, where, and what to do.

use std::io;
use std::net::SocketAddr;

/// Why a run could not begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// Not an address that can be used.
    #[error("{url:?} cannot be used: {why}; write one such as http://127.0.0.1:8080")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody listens there.
    #[error("nothing answers at {address}: {source}; is the server running there?")]
    Unreachable {
        /// Where.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// More than this machine's limits allow.
    #[error("{wanted} links are too many: {why}")]
    TooManyLinks {
        /// How many were asked for.
        wanted: usize,
        /// Which limit, and what to do.
        why: String,
    },
    /// A figure that makes no run.
    #[error("{what} is {got}, but must be {must}")]
    Size {
        /// Which figure.
        what: &'static str,
        /// What was given.
        got: String,
        /// Its range.
        must: String,
    },
    /// Not one link came to life.
    #[error("none of {links} links came to life: {reason}")]
    NoLink {
        /// How many tried.
        links: usize,
        /// The most frequent reason.
        reason: String,
    },
    /// The server does not take events.
    #[error("the server does not take events: {0}")]
    Publish(String),
    /// A worker process failed.
    #[error("a worker process cannot go on: {0}")]
    Worker(String),
    /// The system refused something that the generator needs.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
}

impl BenchError {
    /// Turns the system's refusal into an error that says what was tried.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}
