//! An event before it has its position ([`Publish`]), and after ([`Publication`]).

use alloc::boxed::Box;
use alloc::sync::Arc;

use steadfast_protocol::{ChannelName, EncodedEvent, Epoch, EventName, Payload, ReplaceKey};

/// What a publisher asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// Where to.
    pub channel: ChannelName,
    /// Its kind.
    pub event: EventName,
    /// The app's own value.
    pub data: Payload,
    /// Whether it ends the channel.
    pub is_final: bool,
    /// The key of the events that it may stand in for.
    pub replace: Option<ReplaceKey>,
    /// Repeating a request with the same key makes no second event.
    pub idempotency_key: Option<Box<str>>,
}

/// An event with its position, as the broker hands it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Its channel.
    pub channel: ChannelName,
    /// Its numbering.
    pub epoch: Epoch,
    /// Its place.
    pub offset: u64,
    /// Its kind.
    pub event: EventName,
    /// The key of the events that it may stand in for.
    pub replace: Option<ReplaceKey>,
    /// Whether it ends the channel.
    pub is_final: bool,
    /// Its text, shared by every subscriber.
    pub encoded: EncodedEvent,
}

/// The answer to a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The numbering.
    pub epoch: Epoch,
    /// The place it was given, now or by the first request with the same key.
    pub offset: u64,
    /// What is to be handed on; `None` where the request repeated an earlier one.
    pub publication: Option<Arc<Publication>>,
}

/// Why a publish was refused. Nothing was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// The channel has had its final event.
    Finished,
    /// There are as many channels as may be.
    TooManyChannels {
        /// How many that is.
        max: usize,
    },
    /// The stored events of all channels take as much room as they may.
    StorageFull {
        /// How many bytes that is.
        bytes_max: usize,
    },
    /// As many idempotency keys are remembered as may be.
    IdempotencyFull {
        /// How many that is.
        max: usize,
    },
    /// The broker cannot be reached.
    Unavailable,
}
