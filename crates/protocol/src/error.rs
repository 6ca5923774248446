//! What can be wrong with a frame, and the stable words for it on the wire.

use alloc::string::String;

/// The `code` of an `error` frame. Stable: apps compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// The text is not JSON, or not an object.
    BadJson,
    /// A field is missing or of the wrong kind.
    BadFrame,
    /// The `type` is none of the protocol's.
    UnknownType,
    /// The channel's name breaks the rules.
    BadChannel,
    /// The payload nests too deep.
    TooDeep,
    /// The token does not permit it.
    Forbidden,
    /// The link follows as many channels as it may, or there are as many as the service keeps.
    TooManyChannels,
    /// The channel has had its final event.
    ChannelFinished,
    /// The link does not follow this channel.
    NotSubscribed,
    /// The idempotency key was used for another event.
    IdempotencyMismatch,
    /// No more idempotency keys can be remembered for now.
    IdempotencyFull,
    /// There is no room for more history.
    StorageFull,
    /// The broker did not answer.
    BrokerUnavailable,
    /// Something failed that should not.
    Internal,
}

impl ErrorCode {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::BadFrame => "bad_frame",
            Self::UnknownType => "unknown_type",
            Self::BadChannel => "bad_channel",
            Self::TooDeep => "too_deep",
            Self::Forbidden => "forbidden",
            Self::TooManyChannels => "too_many_channels",
            Self::ChannelFinished => "channel_finished",
            Self::NotSubscribed => "not_subscribed",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::IdempotencyFull => "idempotency_full",
            Self::StorageFull => "storage_full",
            Self::BrokerUnavailable => "broker_unavailable",
            Self::Internal => "internal",
        }
    }

    /// Whether the same request may succeed later.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::IdempotencyFull
            | Self::StorageFull
            | Self::BrokerUnavailable
            | Self::Internal => true,
            Self::BadJson
            | Self::BadFrame
            | Self::UnknownType
            | Self::BadChannel
            | Self::TooDeep
            | Self::Forbidden
            | Self::TooManyChannels
            | Self::ChannelFinished
            | Self::IdempotencyMismatch
            | Self::NotSubscribed => false,
        }
    }
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
