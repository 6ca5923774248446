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
    /// A socket that was inherited cannot be used.
    #[error("the inherited socket cannot be used: {0}")]
    Inherited(std::io::Error),
    /// A socket that was inherited would open a node in `--dev` to other machines.
    #[error("the inherited socket listens on {0}: with --dev a node listens on loopback alone")]
    Exposed(SocketAddr),
    /// The operating system gave no randomness.
    #[error("the operating system gave no random numbers: {0}")]
    Random(getrandom::Error),
    /// An allowed origin cannot be read.
    #[error(transparent)]
    Origin(#[from] crate::auth::origin::OriginError),
    /// The broker cannot be started as the settings describe it.
    #[error(transparent)]
    Broker(#[from] steadfast_broker::StartError),
    /// The public port cannot speak TLS with the files it was given.
    #[error(transparent)]
    Tls(#[from] crate::net::tls::TlsError),
    /// The keys of tokens cannot be used.
    #[error("the keys of tokens cannot be used: {0}")]
    Keys(String),
    /// The revocations of an earlier run cannot be read.
    #[error("the revocations in {} cannot be read: {source}", file.display())]
    Revocations {
        /// Where they are.
        file: std::path::PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The signals that end the process cannot be heard.
    #[error("cannot listen for signals: {0}")]
    Signal(std::io::Error),
}
