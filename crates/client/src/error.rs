//! What can go wrong between an app and its client, in words that say what to do.

use crate::tls::TlsError;

/// Why an address is not one a client can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It cannot be read as a URL.
    #[error("{url:?} is not a URL; write one such as http://127.0.0.1:8080")]
    Unreadable {
        /// What was given.
        url: String,
    },
    /// It is of another scheme.
    #[error("{url:?} has the scheme {scheme:?}; use https:// or http://")]
    Scheme {
        /// What was given.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// It has a user, a query or a fragment. The URL is not repeated: it may hold a secret.
    #[error("the server's URL has a {part}; leave it out, and give a token with `token`")]
    Excess {
        /// `user`, `query` or `fragment`.
        part: &'static str,
    },
}

/// Why a client could not be started. Trouble with the network is none of these: a started client
/// goes on trying, and reports its state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server's address cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes; see that it is up as a whole")]
    Random(#[from] getrandom::Error),
    /// Nothing is there to check the server's certificate with.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The client was closed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client is closed; build another one")]
pub struct ClosedError;
