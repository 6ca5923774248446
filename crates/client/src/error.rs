//! What can go wrong between an app and its client, in words that say what to do.

use crate::tls::TlsError;

/// The most endpoints of one service.
pub(crate) const ENDPOINTS_MAX: usize = 8;

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

/// Why a client could not be started, and what to do; the cause is the error's source. Trouble with
/// the network is none of these: a started client goes on trying, and reports its state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The server's address cannot be used.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// There are more endpoints than a link goes to.
    #[error("a service has at most {ENDPOINTS_MAX} endpoints, these are {count}; leave some out")]
    TooManyEndpoints {
        /// How many there are.
        count: usize,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes, which a link's id is made of; try again")]
    Random(#[from] getrandom::Error),
    /// Nothing is there to check the server's certificate with.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The client was closed before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the client is closed; build another one")]
pub struct ClosedError;

/// Why an event was not published, or not certainly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The data cannot be written as JSON.
    #[error("the data cannot be written as JSON: {reason}")]
    Data {
        /// What is wrong with it.
        reason: String,
    },
    /// As much waits to be published as may.
    #[error("{message}")]
    OutboxFull {
        /// How much that is.
        message: String,
    },
    /// It is larger than all that may wait, or than the server takes.
    #[error("{message}")]
    TooLarge {
        /// How large it may be.
        message: String,
    },
    /// The link is at rest: closed, finished or rejected. It was not sent.
    #[error("the link is at rest, so the event was not sent; reconnect, then publish it again")]
    AtRest,
    /// The client was closed before. It was not sent.
    #[error("the client is closed; build another one")]
    Closed,
    /// It was sent and not answered, and it is too late to send it again.
    #[error(
        "the event was sent and not answered; look whether it is there before sending it again"
    )]
    Uncertain,
    /// The server does not take it.
    #[error("the server does not take the event ({code}): {message}")]
    Refused {
        /// The stable word.
        code: Box<str>,
        /// In words, for a developer.
        message: String,
        /// Whether it may take it later.
        is_retryable: bool,
    },
}

impl PublishError {
    /// Whether the same event may be published again on this client, and may succeed then. After
    /// [`PublishError::Uncertain`] it might be there twice.
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::OutboxFull { .. } | Self::AtRest => true,
            Self::Refused { is_retryable, .. } => *is_retryable,
            Self::Data { .. } | Self::TooLarge { .. } | Self::Closed | Self::Uncertain => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ConnectError, UrlError};
    use std::error::Error;

    #[test]
    fn errors_say_the_next_step_and_keep_their_cause() {
        let random = ConnectError::from(getrandom::Error::UNSUPPORTED);
        let source = random.source().and_then(|cause| cause.downcast_ref::<getrandom::Error>());
        assert_eq!(source, Some(&getrandom::Error::UNSUPPORTED));
        let url = ConnectError::from(UrlError::Unreadable { url: "a b".into() });
        for error in [random, url] {
            assert!(error.to_string().contains("; "), "{error} says no next step");
        }
    }
}
