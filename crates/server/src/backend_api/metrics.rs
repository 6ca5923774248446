//! `GET /metrics`: the node's numbers for Prometheus, in the OpenMetrics text format. In: the
//! numbers, read at each scrape. Out: text. Every limit is given beside what it limits.

mod limits;
mod process;
mod sessions;

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

use crate::node::Node;
use crate::problem::{Code, Problem};
use steadfast_broker::{BrokerMetric, Histogram, MetricValue};

use super::metric_family::MetricFamily;
use super::snapshot::NodeSnapshot;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers with all metrics.
pub(super) async fn metrics(State(node): State<Arc<Node>>) -> Result<Response, Problem> {
    let snapshot = NodeSnapshot::of(&node).await;
    let mut registry = Registry::default();
    process::register(&mut registry, &node);
    let mut sheet = Sheet(registry.sub_registry_with_prefix("steadfast"));
    sheet.node(&node, &snapshot);
    sheet.connections(&snapshot);
    sheet.sessions(&node, &snapshot.totals);
    sheet.platforms(node.platforms().await);
    sheet.timelines(&snapshot.totals);
    sheet.access(&node);
    sheet.token_keys(&node);
    sheet.certificates(&node);
    sheet.reloads(&node);
    sheet.channels(&snapshot);
    sheet.events(&node, &snapshot);
    sheet.compression(&node);
    sheet.broker(&node.broker.metrics());
    sheet.limits(&node);
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => Ok(([(CONTENT_TYPE, OPEN_METRICS)], text).into_response()),
        Err(_) => Err(Problem::new(Code::Internal, "the metrics could not be written")),
    }
}

/// The metrics of one scrape.
struct Sheet<'a>(&'a mut Registry);

impl Sheet<'_> {
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

    /// The keys behind `auth.jwks.url`, if there is one.
    fn token_keys(&mut self, node: &Node) {
        let Some(jwks) = node.admissions.jwks() else { return };
        let help = "Fetches of the keys of tokens, by result";
        let fetches =
            jwks.fetches.into_iter().map(|(word, count)| (word, MetricValue::Counter(count)));
        self.family(("jwks_fetches", help), "result", fetches);
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
        let counts = node.reload.counts().into_iter();
        let counts = counts.map(|(word, count)| (word, MetricValue::Counter(count)));
        self.family(("config_reloads", help), "result", counts);
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

    fn events(&mut self, node: &Node, snapshot: &NodeSnapshot) {
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
        let about = "Time from a request to publish until the broker has answered";
        self.durations("publish", about, node.publish_times.histogram());
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
            (
                "compressed_before",
                "Messages sent compressed, as they were before",
                &counts.bytes_before,
            ),
            (
                "compressed_after",
                "Messages sent compressed, as they were sent",
                &counts.bytes_after,
            ),
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

    /// One number for each value of a label.
    fn family<T: Into<String>>(
        &mut self,
        (name, help): (&'static str, &'static str),
        label: &'static str,
        values: impl IntoIterator<Item = (T, MetricValue)>,
    ) {
        let metric = |(word, value): (T, MetricValue)| BrokerMetric {
            labels: vec![(label, word.into())],
            ..BrokerMetric::new(name, help, value)
        };
        self.0.register(name, help, MetricFamily(values.into_iter().map(metric).collect()));
    }

    /// How long something takes.
    fn durations(&mut self, name: &'static str, help: &'static str, value: Histogram) {
        let metric = BrokerMetric::new(name, help, MetricValue::Durations(value));
        self.0.register_with_unit(name, help, Unit::Seconds, MetricFamily(vec![metric]));
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
