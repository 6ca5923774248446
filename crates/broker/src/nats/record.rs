//! The record of a log: which fence holds, for which process of the server it was found to hold,
//! and which nodes could know better. In: what a node says when it comes. Out: the record as it
//! is to be written, and the fence, or that others are waited for. It asks nobody.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// How long nodes wait for each other to say what they saw of a server that changed.
pub(super) const PATIENCE_MS: u64 = 5_000;
/// How long a node that says nothing more counts as one that may have seen something.
pub(super) const SILENT_NODE_MS: u64 = 3_600_000;
/// Runs that are remembered; a node that knows an older one raises the fence.
const RUNS_MAX: usize = 64;

/// What the log says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogRecord {
    /// Processes of the server, oldest first; the last one's fence holds.
    runs: Vec<ServerRun>,
    /// Nodes, and when they last said that they are there, by their clocks in ms.
    pub(super) nodes: BTreeMap<String, u64>,
    /// A process that is not trusted yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<Pending>,
}

/// A fence over one process of the server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ServerRun {
    fence: String,
    process: String,
    /// The log's newest number when this began.
    from: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    run: String,
    /// The log's newest number before anybody came.
    from: u64,
    since: u64,
    reports: BTreeSet<String>,
}

/// The most that a node knows of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct KnownEnd {
    /// Empty where it knows nothing.
    pub(super) fence: String,
    pub(super) run: String,
    /// The highest number of a step that was acked or announced to it.
    pub(super) seen: u64,
}

/// A node that comes.
#[derive(Debug)]
pub(super) struct NodeArrival<'a> {
    pub(super) node: &'a str,
    pub(super) known: &'a KnownEnd,
    /// The process of the server that it has come to, and the log's newest number there.
    pub(super) run: &'a str,
    pub(super) last: u64,
    /// A fence that nobody has had.
    pub(super) fresh: &'a str,
    pub(super) now: u64,
}

/// What a node is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// This fence holds.
    Holds(String),
    /// Others are waited for.
    Wait,
}

/// How what a node knows goes together with the record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// It knows nothing, or a fence that was raised since.
    Free,
    /// The newest run.
    Current,
    /// Something that is not there any more.
    Lost,
}

impl LogRecord {
    /// Which fence holds.
    pub(super) fn fence(&self) -> Option<&str> {
        self.runs.last().map(|run| &*run.fence)
    }

    /// Whether this process of the server is trusted.
    pub(super) fn is_settled_for(&self, run: &str) -> bool {
        self.pending.is_none() && self.runs.last().is_some_and(|last| last.process == run)
    }

    /// A node leaves in peace.
    pub(super) fn leave(&mut self, node: &str) {
        self.nodes.remove(node);
    }

    /// A node comes, or says that it is still there.
    pub(super) fn enter(&mut self, arrival: &NodeArrival<'_>) -> Told {
        self.nodes.retain(|_, at| arrival.now.saturating_sub(*at) <= SILENT_NODE_MS);
        self.nodes.insert(arrival.node.to_owned(), arrival.now);
        let Some(last) = self.runs.last() else { return self.begin(arrival) };
        let is_same = last.process == arrival.run;
        let pending = self.pending.as_ref().filter(|pending| pending.run == arrival.run);
        // What nodes write here when they come is nothing that the server has kept.
        let kept = pending.map_or(arrival.last, |pending| pending.from);
        match self.memory(arrival.known, kept) {
            Memory::Lost => return self.raise(arrival),
            Memory::Free | Memory::Current if is_same => {
                return Told::Holds(last.fence.clone());
            }
            Memory::Free | Memory::Current => {}
        }
        self.report(arrival)
    }

    /// There is no record. Where somebody took it out of a log that has all that the node knows of,
    /// nothing was lost.
    fn begin(&mut self, arrival: &NodeArrival<'_>) -> Told {
        let KnownEnd { fence, run, seen } = arrival.known;
        if fence.is_empty() || run != arrival.run || *seen > arrival.last {
            return self.raise(arrival);
        }
        self.push(ServerRun { fence: fence.clone(), process: run.clone(), from: 0 });
        Told::Holds(fence.clone())
    }

    /// One more node has nothing against another process of the server.
    fn report(&mut self, arrival: &NodeArrival<'_>) -> Told {
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
            return Told::Wait;
        }
        let fence = self.fence().unwrap_or_default().to_owned();
        self.push(ServerRun { fence: fence.clone(), process: pending.run, from: pending.from });
        Told::Holds(fence)
    }

    /// Whether all that a node knows of is still there, as far as up to `kept`.
    fn memory(&self, known: &KnownEnd, kept: u64) -> Memory {
        if known.fence.is_empty() {
            return Memory::Free;
        }
        let is_it = |run: &ServerRun| run.fence == known.fence && run.process == known.run;
        let Some(at) = self.runs.iter().rposition(is_it) else { return Memory::Lost };
        match self.runs.get(at + 1) {
            None if known.seen <= kept => Memory::Current,
            // Whoever raised the fence has told everybody.
            Some(_) if self.fence() != Some(&known.fence) => Memory::Free,
            Some(next) if known.seen <= next.from => Memory::Current,
            None | Some(_) => Memory::Lost,
        }
    }

    /// Events were lost: from now on every epoch is another one.
    fn raise(&mut self, arrival: &NodeArrival<'_>) -> Told {
        let KnownEnd { fence, run, .. } = arrival.known;
        let is_known = |one: &ServerRun| one.fence == *fence && one.process == *run;
        if !fence.is_empty() && !self.runs.iter().any(is_known) {
            // Others who know it find that it was followed by a new one, and raise no third.
            self.push(ServerRun { fence: fence.clone(), process: run.clone(), from: 0 });
        }
        let (fence, process) = (arrival.fresh.to_owned(), arrival.run.to_owned());
        self.push(ServerRun { fence: fence.clone(), process, from: arrival.last });
        self.pending = None;
        Told::Holds(fence)
    }

    fn push(&mut self, run: ServerRun) {
        self.runs.push(run);
        let over = self.runs.len().saturating_sub(RUNS_MAX);
        self.runs.drain(..over);
    }
}

#[cfg(test)]
mod tests;
