//! How much of its limits a node uses. In: a node and its numbers. Out: a list of limits under the
//! names of their settings, with what is used of each.

use serde::Serialize;
use steadfast_broker::IN_FLIGHT_MAX;

use super::snapshot::NodeSnapshot;
use crate::node::Node;

/// One limit.
#[derive(Debug, Serialize)]
pub(super) struct LimitUse {
    /// The setting, or what is limited where no setting says it.
    name: &'static str,
    used: u64,
    max: u64,
}

/// All limits of the whole node that something is counted against.
pub(super) fn of(node: &Node, snapshot: &NodeSnapshot) -> Vec<LimitUse> {
    let (config, limits) = (&node.config, &node.config.limits);
    let sizes = [
        ("limits.channels_max", snapshot.kept, limits.channels_max),
        ("limits.history_bytes_total_max", snapshot.history_bytes, limits.history_bytes_total_max),
        ("limits.poll_bytes_total_max", snapshot.poll_bytes, limits.poll_bytes_total_max),
        ("limits.reserved_epochs_max", snapshot.reserved_epochs.names, limits.reserved_epochs()),
        ("limits.tickets_max", snapshot.tickets, limits.tickets_max),
        ("limits.tokens_waiting_max", snapshot.tokens_waiting, limits.tokens_waiting_max),
        ("auth.revocations_max", snapshot.revocations, config.auth.revocations_max),
        (
            "compression.copies_bytes_max",
            node.compression.bytes(),
            config.compression.copies_bytes_max,
        ),
        ("updates_in_flight", snapshot.in_flight, IN_FLIGHT_MAX),
    ];
    let sockets = [
        ("public.connections_max", snapshot.sockets, config.public.connections_max),
        ("internal.connections_max", snapshot.internal_sockets, config.internal.connections_max),
        ("limits.timeline_links_max", snapshot.totals.timelines_kept, limits.timeline_links_max),
    ];
    let sizes = sizes.into_iter().map(|(name, used, max)| (name, used as u64, max));
    let all = sockets.into_iter().chain(sizes);
    all.map(|(name, used, max)| LimitUse { name, used, max: max as u64 }).collect()
}
