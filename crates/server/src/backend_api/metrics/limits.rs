//! Metrics of limits: what is the most of each thing that another metric counts. In: the settings.
//! Out: metrics.

use steadfast_broker::IN_FLIGHT_MAX;

use super::Sheet;
use crate::config::Limits;
use crate::node::Node;

impl Sheet<'_> {
    pub(super) fn limits(&mut self, node: &Node) {
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
                "The most tickets of 30 s of an address",
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
        self.timeline_limits(limits);
        self.user_limits(limits);
        self.address_limits(node);
    }

    fn timeline_limits(&mut self, limits: &Limits) {
        let about = "The most entries of the timeline of a link";
        self.gauge("limit_timeline_entries", about, limits.timeline_entries_max as u64);
        let about = "The most timelines kept after their session";
        self.gauge("limit_timelines_kept", about, limits.timeline_links_max as u64);
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

    fn address_limits(&mut self, node: &Node) {
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
}
