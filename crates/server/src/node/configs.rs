//! What the settings mean to the hub and to the broker. In: checked settings. Out: their
//! configurations.

use steadfast_history::{HistoryConfig, NamespaceBudget, Retention};
use steadfast_hub::HubConfig;
use steadfast_machine::Span;
use steadfast_protocol::Limits;

use crate::config::{Config, NamespaceOptions};

pub(super) const fn limits(config: &Config) -> Limits {
    Limits {
        message_bytes_max: config.limits.message_bytes_max,
        payload_depth_max: config.limits.payload_depth_max,
        channels_max: config.limits.channels_per_link_max,
    }
}

/// The configuration of one of `count` hubs.
pub(super) fn hub_config(config: &Config, count: usize) -> HubConfig {
    HubConfig {
        node: config.node.name.as_str().into(),
        region: config.node.region.as_str().into(),
        limits: limits(config),
        queue_messages_max: config.limits.queue_messages_max,
        queue_bytes_max: config.limits.queue_bytes_max,
        slow_timeout: Span(config.limits.slow_timeout_ms),
        ping_interval: Span(config.heartbeat.ping_interval_ms),
        ping_timeout: Span(config.heartbeat.ping_timeout_ms),
        sweep_interval: Span(config.heartbeat.sweep_interval_ms),
        heartbeat_min: Span(config.heartbeat.interval_ms_min),
        heartbeat_max: Span(config.heartbeat.interval_ms_max),
        crash_window: Span(config.crash_window_ms),
        path_idle_limit: None,
        frames_per_second_max: config.limits.frames_per_second_max,
        frames_burst_max: config.limits.frames_burst_max,
        publish_bytes_per_second_max: config.limits.publish_bytes_per_second_max,
        publish_bytes_burst_max: config.limits.publish_bytes_burst(),
        token_refreshes_per_minute_max: config.limits.token_refreshes_per_minute_max,
        timeline_entries_max: config.limits.timeline_entries_max,
        timeline_links_max: config.limits.timeline_links_max.div_ceil(count.max(1)),
        ..HubConfig::default()
    }
}

pub(super) fn streams_config(config: &Config, epoch_seed: u64) -> HistoryConfig {
    let names = config.namespaces.keys();
    let namespaces =
        names.map(|name| (name.as_str().into(), retention(&config.namespace(name)))).collect();
    HistoryConfig {
        retention: retention(&config.namespace_default),
        namespaces,
        budget: budget(&config.namespace_default),
        budgets: config
            .namespaces
            .keys()
            .map(|name| (name.as_str().into(), budget(&config.namespace(name))))
            .collect(),
        channels_max: config.limits.channels_max,
        bytes_total_max: config.limits.history_bytes_total_max,
        idempotency_keys_max: config.limits.idempotency_keys_max,
        idempotency_window: Span(config.limits.idempotency_window_ms),
        reserved_epochs_max: config.limits.reserved_epochs(),
        reserved_epoch_lasts: Span(config.limits.reserved_epoch_ms),
        epoch_seed,
    }
}

const fn retention(options: &NamespaceOptions) -> Retention {
    Retention {
        events_max: options.history_events_max,
        age_max: Span(options.history_age_ms),
        bytes_max: options.history_bytes_max,
    }
}

const fn budget(options: &NamespaceOptions) -> NamespaceBudget {
    NamespaceBudget {
        bytes_total_min: options.history_bytes_total_min,
        channels_max: options.channels_max,
    }
}
