//! The settings that are numbers: limits, heartbeats, drain, and what a namespace keeps.
//!
//! In: nothing. Out: plain structs with their defaults. The documentation of each has its range;
//! `check` has it as a rule.

use serde::{Deserialize, Serialize};

const MIB: usize = 1024 * 1024;
/// The largest first frame of a session, if no setting says it: in all, and for each channel.
const HELLO_BYTES: usize = 64 * 1024;
const HELLO_BYTES_PER_CHANNEL: usize = 512;
/// Names with reserved epochs for each channel, if no setting says it.
const RESERVED_EPOCHS_PER_CHANNEL: usize = 4;

/// The limits. What is over a limit is refused, never stored and never waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The largest message or request body, in bytes, 1024 to 64 MiB. Default: 1 MiB.
    pub message_bytes_max: usize,
    /// The largest first frame of a session, which comes before anything is known of its sender,
    /// in bytes, 1024 to `message_bytes_max`. Default: 64 KiB, or 512 for each of
    /// `channels_per_link_max` where that is more.
    pub hello_bytes_max: Option<usize>,
    /// The most messages that wait for one session, 1 to 65536. Default: 32.
    pub queue_messages_max: usize,
    /// The most bytes that wait for one session, `message_bytes_max` to 64 MiB. Default: 1 MiB.
    pub queue_bytes_max: usize,
    /// The deepest nesting of a payload, 1 to 127 levels. Default: 64.
    pub payload_depth_max: usize,
    /// The most channels that one link follows, 1 to 65536. Default: 128.
    pub channels_per_link_max: usize,
    /// How long a handshake may take, `hello` included, in ms, 100 to 120000. Default: 10000.
    pub handshake_timeout_ms: u64,
    /// How long a session or the reader of a response may accept nothing, in ms, 100 to 600000.
    /// Default: 10000.
    pub slow_timeout_ms: u64,
    /// The least bytes that the reader of an HTTP response takes in a second, on average, 0 to
    /// 1048576; 0: no such limit. Default: 1024.
    pub read_bytes_per_second_min: u32,
    /// The most bytes of events in all answers to polls that are being written, 1 MiB to 1 TiB.
    /// Default: 128 MiB.
    pub poll_bytes_total_max: usize,
    /// The most frames that one session sends in a second, on average, 1 to 100000. Default: 50.
    pub frames_per_second_max: u32,
    /// The most frames at once, `frames_per_second_max` to 1000000. Default: 200.
    pub frames_burst_max: u32,
    /// The most bytes of `publish` frames that one session sends in a second, on average, 1024 to
    /// 1 GiB. Default: 1 MiB.
    pub publish_bytes_per_second_max: u32,
    /// The most such bytes at once, `publish_bytes_per_second_max` to 1 GiB; never less than
    /// `message_bytes_max`. Default: 4 MiB.
    pub publish_bytes_burst_max: u32,
    /// The most links that one user (a token's `sub`) has on this node, polls and event streams
    /// included, 0 to 1000000; 0: no such limit. Default: 1000.
    pub links_per_user_max: usize,
    /// The most bytes of `publish` frames that all links of one user send in a second, on average,
    /// 0 to 1 GiB; four times as many at once, and never less than `message_bytes_max`; 0: no such
    /// limit. Default: 4 MiB.
    pub publish_bytes_per_second_per_user_max: u32,
    /// The most idempotency keys of one user in any `idempotency_window_ms`, 0 to 4000000; half of
    /// them at once; 0: no such limit. Default: 100000.
    pub idempotency_keys_per_user_max: u32,
    /// The most channels that publishes of one user make in any hour, 0 to 4000000; half of them at
    /// once; 0: no such limit. Default: 1000.
    pub new_channels_per_user_per_hour_max: u32,
    /// The most channels of the node, 1 to 10000000. Default: 100000.
    pub channels_max: usize,
    /// The most bytes of history of all channels, 1 MiB to 1 TiB; with the memory broker all that
    /// events take in memory. Default: 1 GiB.
    pub history_bytes_total_max: usize,
    /// The most idempotency keys that are remembered, 1 to 100000000. Default: 1000000.
    pub idempotency_keys_max: usize,
    /// How long an idempotency key is remembered, in ms, 1000 to 86400000. Default: 300000.
    pub idempotency_window_ms: u64,
    /// The most names without events that keep a reserved epoch because somebody follows them or
    /// did a while ago, `channels_max` to 100000000. Default: four times `channels_max`.
    pub reserved_epochs_max: Option<usize>,
    /// How long such a name keeps its epoch after it was last followed, in ms, 120000 to 86400000.
    /// Default: 300000.
    pub reserved_epoch_ms: u64,
    /// The most tickets of the last 30 s, 1 to 1000000. Default: 10000.
    pub tickets_max: usize,
    /// The most of them that one address has, 1 to 1000000. Default: 1000.
    pub tickets_per_ip_max: usize,
    /// The most newer tokens that one session gets in a minute, 1 to 600. Default: 10.
    pub token_refreshes_per_minute_max: u32,
    /// The most tokens that wait because checking their signatures takes long (ES384), 1 to 65536.
    /// Default: 256.
    pub tokens_waiting_max: usize,
    /// The most entries of the timeline of a link, 0 to 1024; 0: no timelines. Default: 64.
    pub timeline_entries_max: usize,
    /// The most links whose timeline is kept after their session, 0 to 1000000. Default: 10000.
    pub timeline_links_max: usize,
    /// The most events in one request to publish many, 1 to 100000. Default: 1000.
    pub publish_batch_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: MIB,
            hello_bytes_max: None,
            queue_messages_max: 32,
            queue_bytes_max: MIB,
            payload_depth_max: 64,
            channels_per_link_max: 128,
            handshake_timeout_ms: 10_000,
            slow_timeout_ms: 10_000,
            read_bytes_per_second_min: 1024,
            poll_bytes_total_max: 128 * MIB,
            frames_per_second_max: 50,
            frames_burst_max: 200,
            publish_bytes_per_second_max: 1024 * 1024,
            publish_bytes_burst_max: 4 * 1024 * 1024,
            links_per_user_max: 1000,
            publish_bytes_per_second_per_user_max: 4 * 1024 * 1024,
            idempotency_keys_per_user_max: 100_000,
            new_channels_per_user_per_hour_max: 1000,
            channels_max: 100_000,
            history_bytes_total_max: 1024 * MIB,
            idempotency_keys_max: 1_000_000,
            idempotency_window_ms: 300_000,
            reserved_epochs_max: None,
            reserved_epoch_ms: 300_000,
            tickets_max: 10_000,
            tickets_per_ip_max: 1000,
            token_refreshes_per_minute_max: 10,
            tokens_waiting_max: 256,
            timeline_entries_max: 64,
            timeline_links_max: 10_000,
            publish_batch_max: 1000,
        }
    }
}

impl Limits {
    /// The largest first frame of a session, in bytes.
    pub fn hello_bytes(&self) -> usize {
        let for_channels = self.channels_per_link_max.saturating_mul(HELLO_BYTES_PER_CHANNEL);
        let usual = for_channels.max(HELLO_BYTES).min(self.message_bytes_max);
        self.hello_bytes_max.unwrap_or(usual)
    }

    /// The most bytes of `publish` frames at once: one message at least.
    pub fn publish_bytes_burst(&self) -> u32 {
        let message = u32::try_from(self.message_bytes_max).unwrap_or(u32::MAX);
        self.publish_bytes_burst_max.max(message)
    }

    /// The most bytes of `publish` frames of one user at once: one message at least.
    pub fn publish_bytes_per_user_burst(&self) -> u32 {
        let message = u32::try_from(self.message_bytes_max).unwrap_or(u32::MAX);
        self.publish_bytes_per_second_per_user_max.saturating_mul(4).max(message)
    }

    /// The most names that keep a reserved epoch.
    pub fn reserved_epochs(&self) -> usize {
        let from_channels = self.channels_max.saturating_mul(RESERVED_EPOCHS_PER_CHANNEL);
        self.reserved_epochs_max.unwrap_or(from_channels)
    }
}

/// How dead connections are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Heartbeat {
    /// How often a peer without a heartbeat of its own is pinged, in ms, 100 to 600000.
    /// Default: 20000.
    pub ping_interval_ms: u64,
    /// How long its answer may take, in ms, 100 to `ping_interval_ms`. Default: 10000.
    pub ping_timeout_ms: u64,
    /// How often stale sessions are looked for, in ms, 100 to 600000. Default: 30000.
    pub sweep_interval_ms: u64,
    /// The shortest heartbeat interval that a client is given, in ms, 1000 to `interval_ms_max`.
    /// Default: 1000.
    pub interval_ms_min: u64,
    /// The longest heartbeat interval that a client is given, in ms, up to 3600000.
    /// Default: 600000.
    pub interval_ms_max: u64,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self {
            ping_interval_ms: 20_000,
            ping_timeout_ms: 10_000,
            sweep_interval_ms: 30_000,
            interval_ms_min: 1000,
            interval_ms_max: 600_000,
        }
    }
}

/// How the node drains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Drain {
    /// Over how long clients are sent away, in ms, 0 to 600000. Default: 10000.
    pub spread_ms: u64,
    /// After how long the remaining sessions are closed, in ms, `after_ms` + `spread_ms` to
    /// 3600000. Default: 30000.
    pub deadline_ms: u64,
    /// How long clients wait before the first of them leaves, in ms, 0 to 600000. Default: 0.
    pub after_ms: u64,
}

impl Default for Drain {
    fn default() -> Self {
        Self { spread_ms: 10_000, deadline_ms: 30_000, after_ms: 0 }
    }
}

/// What the channels of a namespace keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NamespaceOptions {
    /// The most events that one channel keeps, 1 to 10000000. Default: 10000.
    pub history_events_max: usize,
    /// How long events are kept, in ms, 1000 to 31536000000 (a year). Default: 86400000 (a day).
    pub history_age_ms: u64,
    /// The most bytes that one channel keeps, `limits.message_bytes_max` to 1 TiB.
    /// Default: 16 MiB.
    pub history_bytes_max: usize,
    /// The bytes of history that the channels of the namespace have for sure, however much others
    /// keep, 0 to 1 TiB. Default: 0.
    pub history_bytes_total_min: usize,
    /// The most channels of the namespace, 0 to 10000000; 0: as many as `limits.channels_max` says.
    /// Default: 0.
    pub channels_max: usize,
}

impl Default for NamespaceOptions {
    fn default() -> Self {
        Self {
            history_events_max: 10_000,
            history_age_ms: 86_400_000,
            history_bytes_max: 16 * MIB,
            history_bytes_total_min: 0,
            channels_max: 0,
        }
    }
}

/// The options of one namespace that differ; ranges as in [`NamespaceOptions`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct NamespacePart {
    /// The most events that one channel keeps.
    pub history_events_max: Option<usize>,
    /// How long events are kept, in ms.
    pub history_age_ms: Option<u64>,
    /// The most bytes that one channel keeps.
    pub history_bytes_max: Option<usize>,
    /// The bytes of history that the channels of the namespace have for sure.
    pub history_bytes_total_min: Option<usize>,
    /// The most channels of the namespace.
    pub channels_max: Option<usize>,
}

impl NamespacePart {
    /// These options, or else those of `common`.
    pub fn over(self, common: NamespaceOptions) -> NamespaceOptions {
        NamespaceOptions {
            history_events_max: self.history_events_max.unwrap_or(common.history_events_max),
            history_age_ms: self.history_age_ms.unwrap_or(common.history_age_ms),
            history_bytes_max: self.history_bytes_max.unwrap_or(common.history_bytes_max),
            history_bytes_total_min: self
                .history_bytes_total_min
                .unwrap_or(common.history_bytes_total_min),
            channels_max: self.channels_max.unwrap_or(common.channels_max),
        }
    }
}
