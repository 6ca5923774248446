//! `GET /metrics`: the node's numbers for Prometheus, in the OpenMetrics text format. In: the
//! numbers, read at each scrape. Out: text. Every limit is given beside what it limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::CONTENT_TYPE;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::config::Limits;
use crate::node::Node;
use crate::problem::{Code, Problem};
use steadfast_broker::{BrokerMetric, IN_FLIGHT_MAX, MetricValue};
use steadfast_hub::Totals;

use super::metric_family::MetricFamily;
use super::snapshot::NodeSnapshot;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers with all metrics.
pub(super) async fn metrics(State(node): State<Arc<Node>>) -> Result<Response, Problem> {
    let snapshot = NodeSnapshot::of(&node).await;
    let mut sheet = Sheet(Registry::with_prefix("steadfast"));
    sheet.node(&node, &snapshot);
    sheet.connections(&snapshot);
    sheet.timelines(&snapshot.totals, &node.config.limits);
    sheet.access(&node);
    sheet.token_keys(&node);
    sheet.certificates(&node);
    sheet.reloads(&node);
    sheet.channels(&snapshot);
    sheet.events(&snapshot);
    sheet.compression(&node);
    sheet.broker(&node.broker.metrics());
    sheet.limits(&node);
    let mut text = String::new();
    match encode(&mut text, &sheet.0) {
        Ok(()) => Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response()),
        Err(_) => Err(Problem::new(Code::Internal, "the metrics could not be written")),
    }
}

/// The metrics of one scrape.
struct Sheet(Registry);

impl Sheet {
    fn node(&mut self, node: &Node, snapshot: &NodeSnapshot) {
        let labels = vec![
            ("node", node.config.node.name.clone()),
            ("region", node.config.node.region.clone()),
            ("broker", node.broker.name().to_owned()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        self.0.register("node", "Which node this is", Info::new(labels));
        let uptime = ConstGauge::new(snapshot.uptime_seconds);
        self.0.register_with_unit("uptime", "Time since the start", Unit::Seconds, uptime);
        let draining = u64::from(node.is_draining());
        self.gauge("draining", "1 while the node is leaving", draining);
    }

    fn connections(&mut self, snapshot: &NodeSnapshot) {
        let totals = &snapshot.totals;
        self.gauge("connections", "Sessions", totals.connections);
        self.gauge("connections_peak", "The most sessions at once", totals.peak);
        self.gauge("connections_healthy", "Sessions found healthy by a sweep", totals.healthy);
        self.gauge("sockets", "Sockets open on the public port", snapshot.sockets);
        self.counter("connections_accepted", "Sessions begun", totals.accepted);
        self.counter("connections_closed", "Sessions ended", totals.closed);
        self.counter("connections_refused", "Connections refused: too many", snapshot.refused);
        self.gauge(
            "internal_sockets",
            "Sockets open on the internal port",
            snapshot.internal_sockets,
        );
        let refused = snapshot.internal_refused;
        self.counter("internal_connections_refused", "The same, on the internal port", refused);
        self.counter("connections_replaced", "Sessions fenced by their link", totals.replaced);
        self.counter("connections_stale", "Sessions closed: silent", totals.stale);
        self.counter("connections_slow", "Sessions closed: too slow", totals.slow);
        self.counter("requests_rejected", "Refused: key, token or origin", snapshot.rejected);
        let revoked = snapshot.revocations as u64;
        self.gauge("revocations", "Revocations of tokens in force", revoked);
        self.gauge("tickets", "Tickets of the last 30 s", snapshot.tickets as u64);
        let waiting = snapshot.tokens_waiting as u64;
        self.gauge("tokens_waiting", "Tokens whose slow signatures wait to be checked", waiting);
        self.counter("polls", "Polls answered", snapshot.polls);
        let about = "Polls refused: other answers hold too much";
        self.counter("polls_refused", about, snapshot.polls_refused);
        self.bytes("poll_answers", "Events in answers that are written", snapshot.poll_bytes);
        let about = "Responses given up: read too slowly";
        self.counter("responses_slow", about, snapshot.responses_slow);
    }

    /// What happened to links, as far as it is kept.
    fn timelines(&mut self, totals: &Totals, limits: &Limits) {
        for (name, about, value) in [
            ("timeline_entries", "Entries in the timelines of links", totals.timeline_entries),
            ("timelines_kept", "Timelines kept after their session", totals.timelines_kept),
            (
                "limit_timeline_entries",
                "The most entries of the timeline of a link",
                limits.timeline_entries_max as u64,
            ),
            (
                "limit_timelines_kept",
                "The most timelines kept after their session",
                limits.timeline_links_max as u64,
            ),
        ] {
            self.gauge(name, about, value);
        }
    }

    /// What was refused by the limits of connections, addresses and rates, by cause.
    fn access(&mut self, node: &Node) {
        let help = "Connections, requests and tokens refused by a limit, by cause";
        let refusals = node.access.refusals().into_iter().map(|(cause, count)| BrokerMetric {
            name: "refusals",
            help,
            labels: vec![("cause", cause.to_owned())],
            value: MetricValue::Counter(count),
        });
        self.0.register("refusals", help, MetricFamily(refusals.collect()));
        let about = "Addresses of clients that are remembered";
        self.gauge("addresses", about, node.access.addresses() as u64);
        self.gauge("users", "Users that are remembered", node.users.len() as u64);
        let public = &node.config.public;
        for (name, about, value) in [
            (
                "limit_connections_per_address",
                "The most connections of an address",
                public.connections_per_ip_max as u64,
            ),
            (
                "limit_connects_per_second",
                "The most new connections in a second",
                public.connects_per_second_max.into(),
            ),
            (
                "limit_connects_per_second_per_address",
                "The most new connections of an address in a second",
                public.connects_per_second_per_ip_max.into(),
            ),
            (
                "limit_requests_per_second_per_connection",
                "The most requests on a connection in a second",
                public.requests_per_second_per_connection_max.into(),
            ),
            (
                "limit_requests_per_second_per_address",
                "The most requests of an address in a second",
                public.requests_per_second_per_ip_max.into(),
            ),
            (
                "limit_failed_tokens_per_second_per_address",
                "The most refused tokens of an address in a second",
                public.failed_tokens_per_second_per_ip_max.into(),
            ),
        ] {
            self.gauge(name, about, value);
        }
    }

    /// The keys behind `auth.jwks.url`, if there is one.
    fn token_keys(&mut self, node: &Node) {
        let Some(jwks) = node.admissions.jwks() else { return };
        let help = "Fetches of the keys of tokens, by result";
        let fetches = jwks.fetches.into_iter().map(|(result, count)| BrokerMetric {
            name: "jwks_fetches",
            help,
            labels: vec![("result", result.to_owned())],
            value: MetricValue::Counter(count),
        });
        self.0.register("jwks_fetches", help, MetricFamily(fetches.collect()));
        self.gauge("jwks_keys", "Keys that tokens are checked with", jwks.keys as u64);
        if let Some(age) = jwks.age {
            let age = ConstGauge::new(age.0 / 1000);
            let about = "Time since the keys of tokens were fetched";
            self.0.register_with_unit("jwks_age", about, Unit::Seconds, age);
        }
    }

    /// What became of files of certificates that changed.
    fn certificates(&mut self, node: &Node) {
        let help = "Changes of the files of TLS, by port and result";
        let reloads = node.tls.reloads().into_iter().map(|(port, result, count)| BrokerMetric {
            name: "tls_reloads",
            help,
            labels: vec![("port", port.to_owned()), ("result", result.to_owned())],
            value: MetricValue::Counter(count),
        });
        self.0.register("tls_reloads", help, MetricFamily(reloads.collect()));
    }

    fn reloads(&mut self, node: &Node) {
        let help = "Reloads of the configuration, by result";
        let counts = node.reload.counts().into_iter().map(|(result, count)| BrokerMetric {
            name: "config_reloads",
            help,
            labels: vec![("result", result.to_owned())],
            value: MetricValue::Counter(count),
        });
        self.0.register("config_reloads", help, MetricFamily(counts.collect()));
    }

    fn channels(&mut self, snapshot: &NodeSnapshot) {
        self.gauge("channels", "Channels known to the broker", snapshot.kept as u64);
        self.gauge("channels_followed", "Channels with subscribers", snapshot.followed as u64);
        self.gauge("subscriptions", "Subscribers of all channels", snapshot.totals.members);
        let reserved = snapshot.reserved_epochs;
        let about = "Names without events that have a reserved epoch";
        self.gauge("reserved_epochs", about, reserved.names as u64);
        let about = "Followed names without events that lost their epoch: no room";
        self.counter("reserved_epochs_dropped", about, reserved.dropped);
        let about = "Events that went before their time: history was full";
        self.counter("history_yielded_events", about, snapshot.yields.events);
        let about = "Channels that nobody used and that went early to make room for others";
        self.counter("forgotten_channels", about, snapshot.yields.channels);
        self.bytes("history", "Events kept in all channels", snapshot.history_bytes);
    }

    fn events(&mut self, snapshot: &NodeSnapshot) {
        let totals = &snapshot.totals;
        self.counter("events_published", "Events published", snapshot.published);
        self.counter(
            "publishes_repeated",
            "Publishes that repeated an earlier one and made no event",
            snapshot.repeated,
        );
        self.counter("tokens_refreshed", "Newer tokens of sessions", totals.refreshed);
        let about = "Publishes refused: their session sends too many bytes a second";
        self.counter("publishes_throttled", about, totals.throttled);
        self.counter("publish_errors", "Publishes refused", snapshot.publish_errors);
        self.counter("event_deliveries", "Events handed to sessions", totals.deliveries);
        self.counter(
            "queue_full",
            "Subscribers that fell behind, to be fed from history",
            totals.lagged,
        );
        self.gauge("relay_in_flight", "Announcements on their way", snapshot.in_flight as u64);
    }

    /// What compression over WebSocket does.
    fn compression(&mut self, node: &Node) {
        let compression = &node.compression;
        let counts = compression.counts();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let about = "Sessions that agreed to compression";
        self.gauge("compressed_sessions", about, count(&counts.sessions));
        let about = "Compressed copies made, each for all sessions that need it";
        self.counter("compressed_copies", about, count(&counts.copies));
        self.counter("compressed_messages", "Messages sent compressed", count(&counts.messages));
        let about = "Messages refused: they inflate past the limit";
        self.counter("inflated_too_long", about, count(&counts.refused));
        for (name, about, counter) in [
            ("compressed_before", "Messages sent compressed, before", &counts.bytes_before),
            ("compressed_after", "The same, as they were sent", &counts.bytes_after),
        ] {
            let counter = ConstCounter::new(count(counter));
            self.0.register_with_unit(name, about, Unit::Bytes, counter);
        }
        let about = "Compressed copies kept, and what they are of";
        self.bytes("compressed_copies", about, compression.bytes());
        let most = node.config.compression.copies_bytes_max;
        self.bytes("limit_compressed_copies", "The most bytes of such copies", most);
    }

    /// What the broker counts besides; metrics of one name stand together.
    fn broker(&mut self, metrics: &[BrokerMetric]) {
        for family in metrics.chunk_by(|one, next| one.name == next.name) {
            let Some(BrokerMetric { name, help, value, .. }) = family.first() else { continue };
            let metric = MetricFamily(family.to_vec());
            match value {
                MetricValue::Counter(_) | MetricValue::Gauge(_) => {
                    self.0.register(*name, *help, metric);
                }
                MetricValue::Bytes(_) => {
                    self.0.register_with_unit(*name, *help, Unit::Bytes, metric);
                }
                MetricValue::Durations(_) => {
                    self.0.register_with_unit(*name, *help, Unit::Seconds, metric);
                }
            }
        }
    }

    fn limits(&mut self, node: &Node) {
        let limits = &node.config.limits;
        let counts = [
            ("limit_connections", "The most connections", node.config.public.connections_max),
            (
                "limit_internal_connections",
                "The most connections of the internal port",
                node.config.internal.connections_max,
            ),
            ("limit_channels", "The most channels", limits.channels_max),
            (
                "limit_channels_per_link",
                "The most channels of a link",
                limits.channels_per_link_max,
            ),
            ("limit_queue_messages", "The most messages for a session", limits.queue_messages_max),
            (
                "limit_publish_batch_events",
                "The most events of a request",
                limits.publish_batch_max,
            ),
            ("limit_revocations", "The most revocations", node.config.auth.revocations_max),
            ("limit_tickets", "The most tickets of 30 s", limits.tickets_max),
            (
                "limit_tickets_per_address",
                "The most of them of an address",
                limits.tickets_per_ip_max,
            ),
            (
                "limit_token_refreshes_per_minute",
                "The most newer tokens that a session gets in a minute",
                limits.token_refreshes_per_minute_max as usize,
            ),
            ("limit_tokens_waiting", "The most tokens waiting", limits.tokens_waiting_max),
            ("limit_idempotency_keys", "The most keys remembered", limits.idempotency_keys_max),
            (
                "limit_reserved_epochs",
                "The most names with a reserved epoch",
                limits.reserved_epochs(),
            ),
            (
                "limit_publish_bytes_per_second",
                "The most bytes that a session publishes in a second",
                limits.publish_bytes_per_second_max as usize,
            ),
            ("limit_relay_in_flight", "The most announcements on their way", IN_FLIGHT_MAX),
        ];
        for (name, about, value) in counts {
            self.gauge(name, about, value as u64);
        }
        self.bytes(
            "limit_history",
            "The most bytes of events kept",
            limits.history_bytes_total_max,
        );
        let most = limits.poll_bytes_total_max;
        self.bytes("limit_poll_answers", "The most bytes of events in answers", most);
        self.bytes("limit_message", "The most bytes of a message", limits.message_bytes_max);
        self.bytes("limit_queue", "The most bytes for a session", limits.queue_bytes_max);
        self.user_limits(limits);
    }

    fn user_limits(&mut self, limits: &Limits) {
        let limits = [
            ("limit_links_per_user", "The most links of a user", limits.links_per_user_max),
            (
                "limit_publish_bytes_per_second_per_user",
                "The most bytes that a user publishes in a second",
                limits.publish_bytes_per_second_per_user_max as usize,
            ),
            (
                "limit_idempotency_keys_per_user",
                "The most keys of a user",
                limits.idempotency_keys_per_user_max as usize,
            ),
            (
                "limit_new_channels_per_user_per_hour",
                "The most channels that a user makes in an hour",
                limits.new_channels_per_user_per_hour_max as usize,
            ),
        ];
        for (name, about, value) in limits {
            self.gauge(name, about, value as u64);
        }
    }

    fn gauge(&mut self, name: &str, about: &str, value: u64) {
        self.0.register(name, about, ConstGauge::new(value));
    }

    fn bytes(&mut self, name: &str, about: &str, value: usize) {
        self.0.register_with_unit(name, about, Unit::Bytes, ConstGauge::new(value as u64));
    }

    fn counter(&mut self, name: &str, about: &str, value: u64) {
        self.0.register(name, about, ConstCounter::new(value));
    }
}
