//! Metrics of sessions: how many there are, of what kind, how their links fare, and how they ended.
//! In: counts of the node. Out: metrics.

use std::array;

use prometheus_client::metrics::gauge::ConstGauge;
use steadfast_broker::MetricValue;
use steadfast_hub::{PLATFORMS, Totals, Transport};
use steadfast_protocol::codec::json::LinkGrade;

use super::Sheet;
use crate::backend_api::snapshot::NodeSnapshot;
use crate::node::Node;

impl Sheet<'_> {
    pub(super) fn connections(&mut self, snapshot: &NodeSnapshot) {
        let totals = &snapshot.totals;
        self.gauge("connections", "Sessions", totals.connections);
        self.gauge("connections_peak", "The most sessions at once", totals.peak);
        self.gauge("connections_healthy", "Sessions found healthy by a sweep", totals.healthy);
        self.gauge("sockets", "Sockets open on the public port", snapshot.sockets);
        self.counter("connections_accepted", "Sessions begun", totals.accepted);
        self.counter("connections_refused", "Connections refused: too many", snapshot.refused);
        self.gauge(
            "internal_sockets",
            "Sockets open on the internal port",
            snapshot.internal_sockets,
        );
        let refused = snapshot.internal_refused;
        self.counter(
            "internal_connections_refused",
            "Connections refused on the internal port: too many",
            refused,
        );
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

    /// What sessions are, what their links say, and how others ended.
    pub(super) fn sessions(&mut self, node: &Node, totals: &Totals) {
        let closes = node.session_count().closes();
        let closes = closes.into_iter().map(|(code, count)| (code, MetricValue::Counter(count)));
        self.family(("connections_closed", "Sessions ended, by close code"), "code", closes);
        let about = "Sessions by transport";
        let names = Transport::ALL.map(Transport::as_str);
        self.family(("sessions", about), "transport", gauges(names, totals.transports));
        let about = "WebSocket sessions by the quality that their link reported last";
        let quality = &totals.quality;
        let grades = gauges(LinkGrade::ALL.map(LinkGrade::as_str), quality.grades);
        self.family(("links_by_quality", about), "grade", grades);
        if quality.reporting > 0 {
            let about = "Mean share of time with data flowing, as links report it";
            let count = quality.reporting;
            self.ratio("links_availability_ratio", about, quality.availability, count);
            let about = "Mean share of time with data flowing over WebSocket, as links report it";
            let sum = quality.realtime_availability;
            self.ratio("links_realtime_availability_ratio", about, sum, count);
        }
        let about =
            "Time from the first event that waits until all that came are written to sockets";
        self.durations("fanout", about, node.session_count().fanout());
    }

    /// What their clients run on.
    pub(super) fn platforms(&mut self, counts: [u64; PLATFORMS.len()]) {
        let about = "Sessions by what their client runs on";
        self.family(("sessions_by_platform", about), "platform", gauges(PLATFORMS, counts));
    }

    /// What happened to links, as far as it is kept.
    pub(super) fn timelines(&mut self, totals: &Totals) {
        let about = "Entries in the timelines of links";
        self.gauge("timeline_entries", about, totals.timeline_entries);
        let about = "Timelines kept after their session";
        self.gauge("timelines_kept", about, totals.timelines_kept);
    }

    /// What was refused by the limits of connections, addresses and rates, by cause.
    pub(super) fn access(&mut self, node: &Node) {
        let help = "Connections, requests and tokens refused by a limit, by cause";
        let refusals = node.access.refusals().into_iter();
        let refusals = refusals.map(|(cause, count)| (cause, MetricValue::Counter(count)));
        self.family(("refusals", help), "cause", refusals);
        let about = "Addresses of clients that are remembered";
        self.gauge("addresses", about, node.access.addresses() as u64);
        self.gauge("users", "Users that are remembered", node.users.len() as u64);
    }

    /// The mean of shares in hundredths of a percent.
    #[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
    fn ratio(&mut self, name: &str, about: &str, sum: u64, count: u64) {
        let mean = sum as f64 / count as f64 / 10_000.0;
        self.0.register(name, about, ConstGauge::new(mean));
    }
}

fn gauges<const N: usize>(
    names: [&'static str; N],
    counts: [u64; N],
) -> impl Iterator<Item = (&'static str, MetricValue)> {
    array::IntoIter::into_iter(names.into_iter()).zip(counts.map(MetricValue::Gauge))
}
