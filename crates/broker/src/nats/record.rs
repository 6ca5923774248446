//! The record of a log: the valid fence, the server process for which it was confirmed, and the
//! nodes that may know of lost events. In: the report of a node that connects. Out: the record to
//! be written, and the fence, or that the reports of others are awaited. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// How long nodes wait for each other's reports about a server process that changed.
pub(super) const PATIENCE_MS: u64 = 5_000;
/// How long a silent node counts as one that may have seen events.
pub(super) const SILENT_NODE_MS: u64 = 3_600_000;
/// Server runs that are remembered; a node that knows an older one raises the fence.
const RUNS_MAX: usize = 64;

/// The record, as it is stored in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogRecord {
    /// Processes of the server, oldest first; the fence of the last one is valid.
    runs: Vec<ServerRun>,
    /// Nodes, and when they last reported, by their clocks in ms since 1970.
    pub(super) nodes: BTreeMap<String, u64>,
    /// A process that has not been confirmed by every node yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<Pending>,
}

/// A process of the server, and its fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ServerRun {
    fence: String,
    process: String,
    /// The log's last sequence number when this run began.
    from: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    run: String,
    /// The log's last sequence number before any node connected.
    from: u64,
    since: u64,
    reports: BTreeSet<String>,
}

/// What a node knows of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KnownEnd {
    /// Empty if it knows nothing.
    pub(super) fence: String,
    pub(super) run: String,
    /// The highest sequence number that was acknowledged or delivered to it.
    pub(super) seen: u64,
}

/// The report of a node that connects.
#[derive(Debug)]
pub(super) struct NodeArrival<'a> {
    pub(super) node: &'a str,
    pub(super) known: &'a KnownEnd,
    /// The process of the server that it is connected to, and the log's last sequence number there.
    pub(super) run: &'a str,
    pub(super) last: u64,
    /// A new, unused fence.
    pub(super) fresh: &'a str,
    pub(super) now: u64,
}

/// The answer to a node's report.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FenceDecision {
    /// This fence is valid.
    Holds(String),
    /// The reports of other nodes are awaited.
    Wait,
}

/// How a node's knowledge relates to the record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// It knows nothing, or a fence that has been replaced.
    Free,
    /// The newest run.
    Current,
    /// Events that the log does not have any more.
    Lost,
}

impl LogRecord {
    /// The valid fence.
    pub(super) fn fence(&self) -> Option<&str> {
        self.runs.last().map(|run| &*run.fence)
    }

    /// Whether this process of the server has been confirmed.
    pub(super) fn is_settled_for(&self, run: &str) -> bool {
        self.pending.is_none() && self.runs.last().is_some_and(|last| last.process == run)
    }

    /// Removes a node that shuts down.
    pub(super) fn leave(&mut self, node: &str) {
        self.nodes.remove(node);
    }

    /// Takes in the report of a node that connects, or is still connected.
    pub(super) fn enter(&mut self, arrival: &NodeArrival<'_>) -> FenceDecision {
        self.nodes.retain(|_, at| arrival.now.saturating_sub(*at) <= SILENT_NODE_MS);
        self.nodes.insert(arrival.node.to_owned(), arrival.now);
        let Some(last) = self.runs.last() else { return self.begin(arrival) };
        let is_same = last.process == arrival.run;
        let pending = self.pending.as_ref().filter(|pending| pending.run == arrival.run);
        // Messages that nodes append when they connect say nothing about what the server kept.
        let kept = pending.map_or(arrival.last, |pending| pending.from);
        match self.memory(arrival.known, kept) {
            Memory::Lost => return self.raise(arrival),
            Memory::Free | Memory::Current if is_same => {
                return FenceDecision::Holds(last.fence.clone());
            }
            Memory::Free | Memory::Current => {}
        }
        self.report(arrival)
    }

    /// Creates the record. If it was merely deleted from a log that has everything the node knows
    /// of, nothing was lost and the fence stays.
    fn begin(&mut self, arrival: &NodeArrival<'_>) -> FenceDecision {
        let KnownEnd { fence, run, seen } = arrival.known;
        if fence.is_empty() || run != arrival.run || *seen > arrival.last {
            return self.raise(arrival);
        }
        self.push(ServerRun { fence: fence.clone(), process: run.clone(), from: 0 });
        FenceDecision::Holds(fence.clone())
    }

    /// Notes that one more node misses nothing at the new process of the server.
    fn report(&mut self, arrival: &NodeArrival<'_>) -> FenceDecision {
        let fresh = || Pending {
            run: arrival.run.to_owned(),
            from: arrival.last,
            since: arrival.now,
            reports: BTreeSet::new(),
        };
        let pending = self.pending.take().filter(|pending| pending.run == arrival.run);
        let mut pending = pending.unwrap_or_else(fresh);
        pending.reports.insert(arrival.node.to_owned());
        if self.nodes.keys().any(|node| !pending.reports.contains(node)) {
            if arrival.now.saturating_sub(pending.since) > PATIENCE_MS {
                return self.raise(arrival);
            }
            self.pending = Some(pending);
            return FenceDecision::Wait;
        }
        let fence = self.fence().unwrap_or_default().to_owned();
        self.push(ServerRun { fence: fence.clone(), process: pending.run, from: pending.from });
        FenceDecision::Holds(fence)
    }

    /// Whether the log still has everything that a node knows of; `kept` is its last sequence
    /// number.
    fn memory(&self, known: &KnownEnd, kept: u64) -> Memory {
        if known.fence.is_empty() {
            return Memory::Free;
        }
        let is_it = |run: &ServerRun| run.fence == known.fence && run.process == known.run;
        let Some(at) = self.runs.iter().rposition(is_it) else { return Memory::Lost };
        match self.runs.get(at + 1) {
            None if known.seen <= kept => Memory::Current,
            // The node that raised the fence has told all others.
            Some(_) if self.fence() != Some(&known.fence) => Memory::Free,
            Some(next) if known.seen <= next.from => Memory::Current,
            None | Some(_) => Memory::Lost,
        }
    }

    /// Events were lost: raises the fence, which changes the epoch of every channel.
    fn raise(&mut self, arrival: &NodeArrival<'_>) -> FenceDecision {
        let KnownEnd { fence, run, .. } = arrival.known;
        let is_known = |one: &ServerRun| one.fence == *fence && one.process == *run;
        if !fence.is_empty() && !self.runs.iter().any(is_known) {
            // Other nodes that know it see that a new fence followed, and do not raise a third.
            self.push(ServerRun { fence: fence.clone(), process: run.clone(), from: 0 });
        }
        let (fence, process) = (arrival.fresh.to_owned(), arrival.run.to_owned());
        self.push(ServerRun { fence: fence.clone(), process, from: arrival.last });
        self.pending = None;
        FenceDecision::Holds(fence)
    }

    fn push(&mut self, run: ServerRun) {
        self.runs.push(run);
        let over = self.runs.len().saturating_sub(RUNS_MAX);
        self.runs.drain(..over);
    }
}

#[cfg(test)]
mod tests;
