//! What can be wrong with a frame or a request: one table of the stable words for it, which HTTP
//! shares.

use alloc::string::String;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident, $word:literal, $status:expr, $is_retryable:literal;)*) => {
        /// The `code` of an `error` frame. Stable: apps compare them.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The word on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }

            /// The status of an HTTP response with this code; `None` for a code of frames alone.
            pub const fn http_status(self) -> Option<u16> {
                match self {
                    $(Self::$name => $status,)*
                }
            }

            /// Whether the same request may succeed later, where the request itself does not say.
            pub const fn is_retryable(self) -> bool {
                match self {
                    $(Self::$name => $is_retryable,)*
                }
            }
        }
    };
}

// A row is: the code, its word, its HTTP status, and whether the request may succeed later.
error_codes! {
    /// The text is not JSON, or not an object.
    BadJson, "bad_json", Some(400), false;
    /// A field is missing or of the wrong kind.
    BadFrame, "bad_frame", None, false;
    /// The `type` is none of the protocol's.
    UnknownType, "unknown_type", None, false;
    /// The channel's name breaks the rules.
    BadChannel, "bad_channel", Some(400), false;
    /// The payload nests too deep.
    TooDeep, "too_deep", Some(400), false;
    /// The token does not permit it.
    Forbidden, "forbidden", Some(403), false;
    /// The link follows as many channels as it may, or there are as many as the service keeps.
    TooManyChannels, "too_many_channels", Some(503), false;
    /// The channel has had its final event.
    ChannelFinished, "channel_finished", Some(409), false;
    /// The link does not follow this channel.
    NotSubscribed, "not_subscribed", None, false;
    /// The idempotency key was used for another event.
    IdempotencyMismatch, "idempotency_mismatch", Some(422), false;
    /// No more idempotency keys can be remembered for now.
    IdempotencyFull, "idempotency_full", Some(503), true;
    /// The sender is over its rate.
    RateLimited, "rate_limited", Some(429), true;
    /// There is no room for more history.
    StorageFull, "storage_full", Some(507), true;
    /// The broker did not answer.
    BrokerUnavailable, "broker_unavailable", Some(503), true;
    /// Something failed that should not.
    Internal, "internal", Some(500), true;
}

/// Why a text is not a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// The stable word.
    pub code: ErrorCode,
    /// What was wrong and where, for a developer.
    pub message: String,
    /// The `id` of the frame, where it could be read, to be echoed.
    pub id: Option<crate::Scalar>,
    /// The channel that the frame names, where it could be read.
    pub channel: Option<crate::ChannelName>,
}
