//! Sockets, TLS, the addresses of clients, and the limits of connections: their number, rates, open
//! files and timeouts.

pub(crate) mod access_limits;
mod address_table;
pub(crate) mod client_address;
pub(crate) mod file_limit;
pub(crate) mod http_head;
pub(crate) mod http_timeout;
pub(crate) mod proxy_protocol;
pub mod socket;
pub mod tls;
pub(crate) mod write_progress;
