//! What the hiring process tells its workers and hears from them: one JSON object a line.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::delivery_check::Faults;
use crate::target::Target;

/// Values and how often each was seen: a histogram on its way.
pub(crate) type Counted = Vec<(u64, u64)>;

/// To a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum WorkerOrder {
    /// The first order: which links.
    Begin(Box<Share>),
    /// Open all links.
    Connect(Opening),
    /// Count deliveries from here on.
    Measure,
    /// Say what was counted, where so many events of each channel were published.
    Collect(Vec<u64>),
    /// Close the links and end.
    End,
}

/// The links of one worker: some of all, each following one channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Share {
    pub(crate) target: Target,
    /// The first link's number, and how many.
    pub(crate) first: usize,
    pub(crate) links: usize,
    pub(crate) channels: usize,
    /// What channels' and links' names begin with.
    pub(crate) channel_prefix: String,
    pub(crate) link_prefix: String,
    /// The address that connections come from, where it is not the usual one.
    pub(crate) source: Option<Ipv4Addr>,
    pub(crate) heartbeat_ms: u64,
}

/// How links are opened.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Opening {
    /// At once at most.
    pub(crate) at_once: usize,
    /// A second at most.
    pub(crate) per_second: Option<f64>,
    /// How long one may take, in nanoseconds.
    pub(crate) patience: u64,
}

/// From a worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Word {
    /// So many links are live, so many failed.
    Progress { live: u64, failed: u64 },
    /// All links are live or have failed.
    Opened(Box<Opened>),
    /// Deliveries are counted, by so many live links of each channel that has any here.
    Measuring(Vec<(usize, u32)>),
    /// These events have reached all members here.
    Done(Vec<u64>),
    /// What was counted.
    Collected(Box<Collected>),
    /// It cannot go on.
    Failed(String),
}

/// What became of opening.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) failed: BTreeMap<String, u64>,
    /// Live links of each channel that has any here.
    pub(crate) members: Vec<(usize, u32)>,
    /// When the first link was begun and the last one was done.
    pub(crate) began_at: u64,
    pub(crate) ended_at: u64,
    /// Nanoseconds from the first packet to following the channel.
    pub(crate) took: Counted,
}

/// What became of a load.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Collected {
    pub(crate) deliveries: u64,
    pub(crate) bytes: u64,
    pub(crate) faults: Faults,
    /// When the last delivery came.
    pub(crate) ended_at: u64,
    /// Nanoseconds from the publish to the reader.
    pub(crate) took: Counted,
    /// Links that ended meanwhile, by reason.
    pub(crate) ended: BTreeMap<String, u64>,
}
