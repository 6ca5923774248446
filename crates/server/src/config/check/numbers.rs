//! The rules for settings that are numbers: a range for each, and an order for some pairs.
//!
//! In: settings. Out: broken rules. The documentation of the settings has the ranges too.

use super::{Path, Rules, path};
use crate::auth::token::TOKEN_BYTES_MAX;
use crate::config::limits::NamespacePart;
use crate::config::settings::Config;

/// What a `hello` has besides its token, if it names few channels.
const AROUND_TOKEN_BYTES: usize = 1024;
const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const TIB: u64 = 1024 * 1024 * MIB;
const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
const MILLION: u64 = 1_000_000;

/// A setting, its value, the least and the most that it may be.
type Range = (&'static str, u64, u64, u64);

pub(super) fn check(rules: &mut Rules<'_>, config: &Config) {
    let ranges = [ports(config), limits(config), compression(config), times(config)];
    for (at, value, min, max) in ranges.into_iter().flatten() {
        within(rules, path(at), value, min, max);
    }
    let common = config.namespace_default;
    let common = NamespacePart {
        history_events_max: Some(common.history_events_max),
        history_age_ms: Some(common.history_age_ms),
        history_bytes_max: Some(common.history_bytes_max),
        history_bytes_total_min: Some(common.history_bytes_total_min),
        channels_max: Some(common.channels_max),
    };
    namespace(rules, config, &path("namespace_default"), common);
    for (name, part) in &config.namespaces {
        namespace(rules, config, &["namespaces".into(), name.clone()], *part);
    }
    minimums(rules, config);
    order(rules, config);
}

/// A first frame may be too short for the token in it.
pub(super) fn warnings(config: &Config) -> Option<String> {
    let (hello, least) = (config.limits.hello_bytes(), TOKEN_BYTES_MAX + AROUND_TOKEN_BYTES);
    (!config.dev && hello < least).then(|| {
        format!(
            "the first frame of a session has at most {hello} bytes, and a token in it may have \
             {TOKEN_BYTES_MAX}: clients with long tokens cannot connect; let \
             `limits.hello_bytes_max` and `limits.message_bytes_max` be {least} or more"
        )
    })
}

/// Together the namespaces cannot be sure of more than there is.
fn minimums(rules: &mut Rules<'_>, config: &Config) {
    let total = wide(config.limits.history_bytes_total_max);
    let named = config.namespaces.keys().map(|name| config.namespace(name));
    let all = named.chain([config.namespace_default]);
    let sum = all.fold(0, |sum: u64, one| sum.saturating_add(wide(one.history_bytes_total_min)));
    if sum > total {
        let wrong = format!("{total} is less than all `history_bytes_total_min` together, {sum}");
        let total = path("limits.history_bytes_total_max");
        rules.broken(&[total], wrong, format!("write {sum} or more"));
    }
}

fn ports(config: &Config) -> Vec<Range> {
    let (public, internal) = (&config.public, &config.internal);
    vec![
        ("public.connections_max", wide(public.connections_max), 1, MILLION),
        ("public.connections_per_ip_max", wide(public.connections_per_ip_max), 0, MILLION),
        ("public.connects_per_second_max", public.connects_per_second_max.into(), 0, MILLION),
        (
            "public.connects_per_second_per_ip_max",
            public.connects_per_second_per_ip_max.into(),
            0,
            MILLION,
        ),
        (
            "public.requests_per_second_per_connection_max",
            public.requests_per_second_per_connection_max.into(),
            0,
            MILLION,
        ),
        (
            "public.requests_per_second_per_ip_max",
            public.requests_per_second_per_ip_max.into(),
            0,
            MILLION,
        ),
        (
            "public.failed_tokens_per_second_per_ip_max",
            public.failed_tokens_per_second_per_ip_max.into(),
            0,
            MILLION,
        ),
        ("public.anonymous_ms_max", public.anonymous_ms_max, 1000, HOUR_MS),
        ("public.accept_backlog", public.accept_backlog.into(), 1, 65_535),
        ("public.keep_alive_ms", public.keep_alive_ms, 1000, HOUR_MS),
        ("internal.connections_max", wide(internal.connections_max), 1, MILLION),
        ("internal.keep_alive_ms", internal.keep_alive_ms, 1000, DAY_MS),
        ("auth.jwks.refresh_ms", config.auth.jwks.refresh_ms, 10_000, DAY_MS),
        ("auth.jwks.pause_ms", config.auth.jwks.pause_ms, 1000, HOUR_MS),
        ("auth.jwks.timeout_ms", config.auth.jwks.timeout_ms, 100, MINUTE_MS),
        ("auth.jwks.wait_ms", config.auth.jwks.wait_ms, 0, 10_000),
        ("auth.jwks.stale_ms_max", config.auth.jwks.stale_ms_max, 0, 30 * DAY_MS),
        ("auth.leeway_s", config.auth.leeway_s, 0, 300),
        ("auth.revocations_max", wide(config.auth.revocations_max), 1, MILLION),
        ("auth.revocation_kept_s", config.auth.revocation_kept_s, 60, 365 * DAY_MS / 1000),
        ("broker.hot_bytes_max", wide(config.broker.hot_bytes_max), 0, 64 * 1024 * MIB),
    ]
}

fn limits(config: &Config) -> Vec<Range> {
    let limits = &config.limits;
    let reserved = limits.reserved_epochs_max.map_or(1, wide);
    vec![
        ("limits.reserved_epochs_max", reserved, 1, 100 * MILLION),
        ("limits.message_bytes_max", wide(limits.message_bytes_max), KIB, 64 * MIB),
        ("limits.hello_bytes_max", wide(limits.hello_bytes()), KIB, 64 * MIB),
        ("limits.queue_messages_max", wide(limits.queue_messages_max), 1, 65_536),
        ("limits.queue_bytes_max", wide(limits.queue_bytes_max), KIB, 64 * MIB),
        ("limits.payload_depth_max", wide(limits.payload_depth_max), 1, 127),
        ("limits.channels_per_link_max", wide(limits.channels_per_link_max), 1, 65_536),
        ("limits.handshake_timeout_ms", limits.handshake_timeout_ms, 100, 2 * MINUTE_MS),
        ("limits.slow_timeout_ms", limits.slow_timeout_ms, 100, 10 * MINUTE_MS),
        ("limits.read_bytes_per_second_min", limits.read_bytes_per_second_min.into(), 0, MIB),
        ("limits.poll_bytes_total_max", wide(limits.poll_bytes_total_max), MIB, TIB),
        ("limits.frames_per_second_max", limits.frames_per_second_max.into(), 1, 100_000),
        ("limits.frames_burst_max", limits.frames_burst_max.into(), 1, MILLION),
        (
            "limits.publish_bytes_per_second_max",
            limits.publish_bytes_per_second_max.into(),
            KIB,
            1024 * MIB,
        ),
        ("limits.publish_bytes_burst_max", limits.publish_bytes_burst_max.into(), KIB, 1024 * MIB),
        ("limits.links_per_user_max", wide(limits.links_per_user_max), 0, MILLION),
        (
            "limits.publish_bytes_per_second_per_user_max",
            limits.publish_bytes_per_second_per_user_max.into(),
            0,
            1024 * MIB,
        ),
        (
            "limits.idempotency_keys_per_user_max",
            limits.idempotency_keys_per_user_max.into(),
            0,
            4 * MILLION,
        ),
        (
            "limits.new_channels_per_user_per_hour_max",
            limits.new_channels_per_user_per_hour_max.into(),
            0,
            4 * MILLION,
        ),
        ("limits.channels_max", wide(limits.channels_max), 1, 10 * MILLION),
        ("limits.history_bytes_total_max", wide(limits.history_bytes_total_max), MIB, TIB),
        ("limits.idempotency_keys_max", wide(limits.idempotency_keys_max), 1, 100 * MILLION),
        ("limits.idempotency_window_ms", limits.idempotency_window_ms, 1000, DAY_MS),
        ("limits.reserved_epoch_ms", limits.reserved_epoch_ms, 2 * MINUTE_MS, DAY_MS),
        ("limits.tickets_max", wide(limits.tickets_max), 1, MILLION),
        ("limits.tickets_per_ip_max", wide(limits.tickets_per_ip_max), 1, MILLION),
        (
            "limits.token_refreshes_per_minute_max",
            limits.token_refreshes_per_minute_max.into(),
            1,
            600,
        ),
        ("limits.tokens_waiting_max", wide(limits.tokens_waiting_max), 1, 65_536),
        ("limits.timeline_entries_max", wide(limits.timeline_entries_max), 0, 1024),
        ("limits.timeline_links_max", wide(limits.timeline_links_max), 0, MILLION),
        ("limits.publish_batch_max", wide(limits.publish_batch_max), 1, 100_000),
    ]
}

fn compression(config: &Config) -> Vec<Range> {
    let compression = &config.compression;
    vec![
        ("compression.message_bytes_min", wide(compression.message_bytes_min), 64, MIB),
        ("compression.level", compression.level.into(), 1, 9),
        ("compression.copies_bytes_max", wide(compression.copies_bytes_max), 64 * KIB, 1024 * MIB),
    ]
}

fn times(config: &Config) -> Vec<Range> {
    let (heartbeat, drain) = (&config.heartbeat, &config.drain);
    vec![
        ("heartbeat.ping_interval_ms", heartbeat.ping_interval_ms, 100, 10 * MINUTE_MS),
        ("heartbeat.ping_timeout_ms", heartbeat.ping_timeout_ms, 100, 10 * MINUTE_MS),
        ("heartbeat.sweep_interval_ms", heartbeat.sweep_interval_ms, 100, 10 * MINUTE_MS),
        ("heartbeat.interval_ms_min", heartbeat.interval_ms_min, 1000, HOUR_MS),
        ("heartbeat.interval_ms_max", heartbeat.interval_ms_max, 1000, HOUR_MS),
        ("drain.spread_ms", drain.spread_ms, 0, 10 * MINUTE_MS),
        ("drain.deadline_ms", drain.deadline_ms, 0, HOUR_MS),
        ("drain.after_ms", drain.after_ms, 0, 10 * MINUTE_MS),
        ("crash_window_ms", config.crash_window_ms, 0, 10 * MINUTE_MS),
    ]
}

fn namespace(rules: &mut Rules<'_>, config: &Config, at: &[String], part: NamespacePart) {
    let message = wide(config.limits.message_bytes_max);
    let ranges = [
        ("history_events_max", part.history_events_max.map(wide), 1, 10 * MILLION),
        ("history_age_ms", part.history_age_ms, 1000, 365 * DAY_MS),
        ("history_bytes_max", part.history_bytes_max.map(wide), KIB, TIB),
        ("history_bytes_total_min", part.history_bytes_total_min.map(wide), 0, TIB),
        ("channels_max", part.channels_max.map(wide), 0, 10 * MILLION),
    ];
    for (key, value, min, max) in ranges {
        if let Some(value) = value {
            within(rules, below(at, key), value, min, max);
        }
    }
    if let Some(bytes) = part.history_bytes_max.map(wide) {
        let pair = (below(at, "history_bytes_max"), bytes);
        at_least(rules, pair, (path("limits.message_bytes_max"), message));
    }
}

fn order(rules: &mut Rules<'_>, config: &Config) {
    let (limits, heartbeat, drain) = (&config.limits, &config.heartbeat, &config.drain);
    let pairs: [[(&str, u64); 2]; 7] = [
        [
            ("limits.message_bytes_max", wide(limits.message_bytes_max)),
            ("limits.hello_bytes_max", wide(limits.hello_bytes())),
        ],
        [
            ("limits.queue_bytes_max", wide(limits.queue_bytes_max)),
            ("limits.message_bytes_max", wide(limits.message_bytes_max)),
        ],
        [
            ("limits.frames_burst_max", limits.frames_burst_max.into()),
            ("limits.frames_per_second_max", limits.frames_per_second_max.into()),
        ],
        [
            ("limits.publish_bytes_burst_max", limits.publish_bytes_burst_max.into()),
            ("limits.publish_bytes_per_second_max", limits.publish_bytes_per_second_max.into()),
        ],
        [
            (
                "limits.reserved_epochs_max",
                wide(limits.reserved_epochs_max.unwrap_or(limits.channels_max)),
            ),
            ("limits.channels_max", wide(limits.channels_max)),
        ],
        [
            ("heartbeat.ping_interval_ms", heartbeat.ping_interval_ms),
            ("heartbeat.ping_timeout_ms", heartbeat.ping_timeout_ms),
        ],
        [
            ("heartbeat.interval_ms_max", heartbeat.interval_ms_max),
            ("heartbeat.interval_ms_min", heartbeat.interval_ms_min),
        ],
    ];
    for [larger, smaller] in pairs {
        at_least(rules, (path(larger.0), larger.1), (path(smaller.0), smaller.1));
    }
    let gone = drain.after_ms.saturating_add(drain.spread_ms);
    if drain.deadline_ms < gone {
        let paths = [path("drain.deadline_ms"), path("drain.after_ms"), path("drain.spread_ms")];
        let wrong = format!("{} comes before after_ms + spread_ms, {gone}", drain.deadline_ms);
        rules.broken(&paths, wrong, format!("write {gone} or more"));
    }
}

fn within(rules: &mut Rules<'_>, at: Path, value: u64, min: u64, max: u64) {
    if !(min..=max).contains(&value) {
        let mend = format!("write a number from {min} to {max}");
        rules.broken(&[at], format!("{value} is out of range"), mend);
    }
}

/// Reports the setting that must be the larger one, because it can be raised.
fn at_least(rules: &mut Rules<'_>, larger: (Path, u64), smaller: (Path, u64)) {
    if larger.1 < smaller.1 {
        let name = super::dotted(&smaller.0);
        let wrong = format!("{} is less than `{name}`, {}", larger.1, smaller.1);
        rules.broken(&[larger.0, smaller.0], wrong, format!("write {} or more", smaller.1));
    }
}

fn below(at: &[String], key: &str) -> Path {
    at.iter().cloned().chain([key.to_owned()]).collect()
}

fn wide(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
