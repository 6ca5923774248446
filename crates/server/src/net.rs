//! Sockets, TLS and what bounds connections: their number, their files, their time.

pub(crate) mod file_limit;
pub(crate) mod http_head;
pub(crate) mod http_timeout;
pub(crate) mod ip_limit;
pub mod socket;
pub mod tls;
