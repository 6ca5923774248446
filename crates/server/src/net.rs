//! Sockets, TLS, and the limits of connections: their number, open files and timeouts.

pub(crate) mod file_limit;
pub(crate) mod http_head;
pub(crate) mod http_timeout;
pub(crate) mod ip_limit;
pub mod socket;
pub mod tls;
pub(crate) mod write_progress;
