//! An event before it has its position ([`Publish`]), and after ([`Publication`]); what its
//! publisher is told ([`Receipt`], [`PublishError`]).

use alloc::boxed::Box;
use alloc::sync::Arc;

use steadfast_protocol::{
    ChannelName, EncodedEvent, Epoch, ErrorCode, EventName, Payload, ReplaceKey,
};
use xxhash_rust::xxh3::Xxh3;

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

/// A hash of everything that a publish says besides its channel and key. The same key with another
/// fingerprint is another request. Stable over releases, since stores keep it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

/// The answer to a publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The numbering.
    pub epoch: Epoch,
    /// The place it was given, now or by the first request with the same key.
    pub offset: u64,
    /// Whether an earlier request with the same key and content made the event.
    pub is_repeat: bool,
}

/// What a store remembers of the first request with an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstAnswer {
    /// The place that the event was given.
    pub offset: u64,
    /// The request's; `None` where it was kept by a release that had none, which matches any.
    pub fingerprint: Option<Fingerprint>,
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

/// What an event takes in memory besides its text: itself, its counters, its place in a log, and
/// what the allocator adds to two pieces of memory. Measured with a million events of 128 bytes,
/// which took 320 bytes each.
pub const EVENT_OVERHEAD: usize = size_of::<Publication>() + 64;

/// A stored publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The numbering.
    pub epoch: Epoch,
    /// The place it was given, now or by the first request with the same key.
    pub offset: u64,
    /// What is to be handed on; `None` where the request repeated an earlier one.
    pub publication: Option<Arc<Publication>>,
}

/// Why a publish was refused. Nothing was stored. [`PublishError::refusal`] has the code and when
/// to try again; these and the text are the same over HTTP and in frames.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The channel has had its final event.
    #[error("the channel has had its final event; nothing can follow it")]
    Finished,
    /// The idempotency key came before, with another event.
    #[error(
        "this idempotency key was used for another event of this channel; \
         send the same event again, or another key"
    )]
    IdempotencyMismatch,
    /// There are as many channels as may be.
    #[error("there are {max} channels, as many as `limits.channels_max` says")]
    TooManyChannels {
        /// How many that is.
        max: usize,
    },
    /// There are as many channels as may be in the namespace.
    #[error("there are {max} channels in `{namespace}`, as many as its `channels_max` says")]
    NamespaceFull {
        /// Which one.
        namespace: Box<str>,
        /// How many that is.
        max: usize,
    },
    /// The stored events of all channels take as much room as they may.
    #[error("history takes all {bytes_max} bytes that `limits.history_bytes_total_max` allows")]
    StorageFull {
        /// How many bytes that is.
        bytes_max: usize,
    },
    /// As many idempotency keys are remembered as may be.
    #[error("{max} idempotency keys are remembered, as many as may be")]
    IdempotencyFull {
        /// How many that is.
        max: usize,
    },
    /// The user has published more than it may.
    #[error("the user is over `{setting}`; send the same again in {wait_s} s")]
    OverBudget {
        /// The setting that says so.
        setting: &'static str,
        /// After how many seconds.
        wait_s: u32,
    },
    /// The broker cannot be reached.
    #[error("the broker did not take the event")]
    Unavailable,
}

/// How a refused publish is reported, over HTTP and in frames alike. Its text is the error's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The code, which has an HTTP status too.
    pub code: ErrorCode,
    /// After how long the same publish may succeed, in seconds; `None` if it never will.
    pub retry_after_s: Option<u32>,
}

impl Fingerprint {
    /// Of these parts of an event.
    pub fn of(event: &str, data: &str, is_final: bool, replace: Option<&str>) -> Self {
        let mut hash = Xxh3::new();
        // With lengths in front, no two events are written alike.
        for part in [event, replace.unwrap_or_default(), data] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        hash.update(&[u8::from(is_final)]);
        Self(hash.digest())
    }
}

impl Publish {
    /// What tells a repeated request from another one with the same key.
    pub fn fingerprint(&self) -> Fingerprint {
        let replace = self.replace.as_ref().map(ReplaceKey::as_str);
        Fingerprint::of(self.event.as_str(), self.data.as_str(), self.is_final, replace)
    }
}

impl FirstAnswer {
    /// What another request with the same key is told; the event is in this epoch.
    pub fn repeat(&self, epoch: Epoch, publish: &Publish) -> Result<Receipt, PublishError> {
        match self.fingerprint {
            Some(first) if first != publish.fingerprint() => Err(PublishError::IdempotencyMismatch),
            Some(_) | None => Ok(Receipt { epoch, offset: self.offset, is_repeat: true }),
        }
    }
}

impl Published {
    /// What the publisher is told.
    pub fn into_receipt(self) -> Receipt {
        let Self { epoch, offset, publication } = self;
        Receipt { epoch, offset, is_repeat: publication.is_none() }
    }
}

impl PublishError {
    /// The table of refused publishes, as under P-36. What has to wait for old channels, events or
    /// keys to expire takes longer than a broker that is away for a moment.
    pub const fn refusal(&self) -> Refusal {
        let (code, retry_after_s) = match self {
            Self::Finished => (ErrorCode::ChannelFinished, None),
            Self::IdempotencyMismatch => (ErrorCode::IdempotencyMismatch, None),
            Self::TooManyChannels { .. } | Self::NamespaceFull { .. } => {
                (ErrorCode::TooManyChannels, Some(30))
            }
            Self::IdempotencyFull { .. } => (ErrorCode::IdempotencyFull, Some(30)),
            Self::StorageFull { .. } => (ErrorCode::StorageFull, Some(30)),
            Self::OverBudget { wait_s, .. } => (ErrorCode::RateLimited, Some(*wait_s)),
            Self::Unavailable => (ErrorCode::BrokerUnavailable, Some(1)),
        };
        Refusal { code, retry_after_s }
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    /// Stores keep fingerprints: a change makes repeated publishes look like other ones.
    #[test]
    fn the_fingerprint_of_an_event_is_the_same_in_every_release() {
        let plain = Fingerprint::of("progress", "{\"n\":1}", false, None);
        let keyed = Fingerprint::of("progress", "{\"n\":1}", false, Some("bar"));
        let last = Fingerprint::of("progress", "{\"n\":1}", true, None);
        let pinned = [0xbc98_bf03_c2ac_de2f, 0x877a_5646_fe59_3860, 0xee0e_0b66_a9ac_67fd];
        assert_eq!([plain.0, keyed.0, last.0], pinned);
    }

    #[test]
    fn no_part_of_an_event_can_pass_for_another() {
        assert_ne!(
            Fingerprint::of("ab", "c", false, None),
            Fingerprint::of("a", "bc", false, None)
        );
        let (key, none) = (Some("a"), None);
        assert_ne!(Fingerprint::of("a", "c", false, none), Fingerprint::of("", "c", false, key));
    }
}
