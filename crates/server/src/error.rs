//! Why a node could not start or had to stop.

use std::net::SocketAddr;

/// A failure of the node as a whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// An address could not be listened on.
    #[error("cannot listen on {address}: {source}; is another process there?")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gave no random numbers: {0}")]
    Random(getrandom::Error),
    /// An allowed origin cannot be read.
    #[error(transparent)]
    Origin(#[from] crate::origin::OriginError),
    /// The broker cannot be had as the settings describe it.
    #[error(transparent)]
    Broker(#[from] crate::broker::BrokerError),
    /// The nats broker cannot be had as the settings describe it.
    #[error(transparent)]
    Nats(#[from] crate::broker::NatsError),
    /// The data directory of the disk broker cannot be used.
    #[error(transparent)]
    Disk(#[from] crate::broker::DiskError),
    /// The disk broker was chosen without a directory.
    #[error("the disk broker needs a directory; set `broker.data_dir`")]
    NoDataDir,
    /// The signals that end the process cannot be heard.
    #[error("cannot listen for signals: {0}")]
    Signal(std::io::Error),
}
