//! What a broker keeps of its channels, and how many there may be. The shell fills this from its
//! configuration.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use steadfast_machine::{Millis, Span};

/// How much of a channel is kept. What is over any of these goes, oldest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Events. Default 10,000.
    pub events_max: usize,
    /// Age. Default 24 h.
    pub age_max: Span,
    /// Bytes of encoded events. Default 16 MiB.
    pub bytes_max: usize,
}

impl Retention {
    /// Whether a channel that keeps so many events and bytes, the oldest since `oldest_at`, keeps
    /// more than it may at `now`.
    pub fn is_over(&self, events: u64, bytes: u64, oldest_at: Millis, now: Millis) -> bool {
        events > self.events_max as u64
            || bytes > self.bytes_max as u64
            || now.since(oldest_at) > self.age_max
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { events_max: 10_000, age_max: Span::seconds(86_400), bytes_max: 16 * 1024 * 1024 }
    }
}

/// What the channels of a namespace may have together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NamespaceBudget {
    /// Bytes of encoded events that other namespaces cannot take from it. Default 0.
    pub bytes_total_min: usize,
    /// Channels at once, 0 for as many as the broker has. Default 0.
    pub channels_max: usize,
}

/// Limits of all channels of a broker.
#[derive(Clone, Debug)]
pub struct HistoryConfig {
    /// What is kept of channels in a namespace that is not named.
    pub retention: Retention,
    /// What is kept, by namespace.
    pub namespaces: BTreeMap<Box<str>, Retention>,
    /// What the channels of a namespace that is not named may have together.
    pub budget: NamespaceBudget,
    /// The same, by namespace.
    pub budgets: BTreeMap<Box<str>, NamespaceBudget>,
    /// Channels at once. Default 100,000.
    pub channels_max: usize,
    /// Bytes of events in all channels. A broker in memory counts what they take there, others
    /// their text. Default 1 GiB.
    pub bytes_total_max: usize,
    /// Idempotency keys remembered at once. Default 1,000,000.
    pub idempotency_keys_max: usize,
    /// How long a key is remembered. Default 5 min.
    pub idempotency_window: Span,
    /// Names without events that have a reserved epoch because somebody follows them or did a while
    /// ago. Default 400,000.
    pub reserved_epochs_max: usize,
    /// How long such a name keeps its epoch after it was last seen followed. Brokers look at least
    /// once a minute. Default 5 min.
    pub reserved_epoch_lasts: Span,
    /// The seed of epochs and of the table of channels: from the operating system, so that no two
    /// runs share an epoch and nobody can choose names that collide.
    pub epoch_seed: u64,
}

impl Default for HistoryConfig {
    fn default() -> Self {
        Self {
            retention: Retention::default(),
            namespaces: BTreeMap::new(),
            budget: NamespaceBudget::default(),
            budgets: BTreeMap::new(),
            channels_max: 100_000,
            bytes_total_max: 1024 * 1024 * 1024,
            idempotency_keys_max: 1_000_000,
            idempotency_window: Span::seconds(300),
            reserved_epochs_max: 400_000,
            reserved_epoch_lasts: Span::seconds(300),
            epoch_seed: 0,
        }
    }
}

impl HistoryConfig {
    /// What is kept of channels in `namespace`.
    pub fn retention_of(&self, namespace: &str) -> Retention {
        self.namespaces.get(namespace).copied().unwrap_or(self.retention)
    }

    /// The most channels of `namespace`, 0 for no limit of its own.
    pub fn channels_max_of(&self, namespace: &str) -> usize {
        self.budgets.get(namespace).unwrap_or(&self.budget).channels_max
    }
}
