//! Failover honesty: a real sentinel promotes a replica that had not heard of everything, under
//! load. In: how much, and for how long the replica is cut off before its primary is killed. Out:
//! what the store lost, and whether every link was told so.

mod sentinel;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::sync::watch;

use self::sentinel::{Sentinel, cut, replica_of};
use crate::cluster::{Balancer, Cluster, NODES};
use crate::http::Wire;
use crate::load::{Amount, Apps, Book, Faults, Sums, Writers, channel};
use crate::store::{Kind, Store};

/// How long all links may take to be there at first, and to have everything in the end.
const PATIENCE: Duration = Duration::from_mins(2);
/// How long everything runs before the replica is cut off, and after the promotion.
const QUIET: Duration = Duration::from_secs(3);
/// How long a promotion may take.
const PROMOTED_WITHIN: Duration = Duration::from_mins(1);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(10);

/// What is tried.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server.
    pub server: PathBuf,
    /// How often, each time with new servers.
    pub rounds: u32,
    /// For how long the replica hears nothing before the primary is killed; with zero it may know
    /// everything.
    pub lag: Duration,
    /// Whether a node is killed with the primary, so that its links come back by another one.
    pub kills_node: bool,
    /// What brings links to nodes.
    pub balancer: Balancer,
    /// How much there is to do meanwhile.
    pub amount: Amount,
}

/// What became of it, in all rounds together.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Primaries killed.
    pub kills: u32,
    /// Links, each counted once a round.
    pub links: usize,
    /// Events answered.
    pub acked: usize,
    /// Those that the store did not have after the promotion.
    pub lost_by_store: usize,
    /// Rounds in which it had lost some.
    pub lossy: u32,
    /// Links that were told of a gap.
    pub told: usize,
    /// Links that had to be told: all of each round in which something was lost.
    pub to_tell: usize,
    /// What links were told of it.
    pub faults: Faults,
    /// Links that in the end did not have the newest event.
    pub behind: usize,
    /// The longest time without a store, from the kill on.
    pub away: Duration,
}

impl Report {
    /// Whether nobody was told "recovered" over a hole.
    pub const fn is_honest(&self) -> bool {
        let Faults { lost, doubled, disordered, untold, .. } = self.faults;
        let is_true = lost == 0 && doubled == 0 && disordered == 0 && untold == 0;
        is_true && self.behind == 0 && self.told >= self.to_tell && self.acked > 0
    }

    fn add(&mut self, links: usize, acked: usize, lost: usize, sums: &Sums) {
        self.kills += 1;
        self.links += links;
        self.acked += acked;
        self.lost_by_store += lost;
        self.lossy += u32::from(lost > 0);
        self.told += sums.links_told;
        self.to_tell += if lost > 0 { links } else { 0 };
        self.faults += sums.faults;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("primaries killed", u64::from(self.kills)),
            ("that cost events", self.lossy.into()),
            ("acked", self.acked as u64),
            ("lost by the store", self.lost_by_store as u64),
            ("links", self.links as u64),
            ("to be told", self.to_tell as u64),
            ("told of a gap", self.told as u64),
            ("missed and told", self.faults.told),
            ("missed, not told", self.faults.lost),
            ("recovered over a hole", self.faults.untold),
            ("doubled", self.faults.doubled),
            ("disordered", self.faults.disordered),
            ("links behind", self.behind as u64),
        ];
        for (name, count) in rows {
            writeln!(f, "{name:<22} {count:>10}")?;
        }
        write!(f, "{:<22} {:>7} ms", "longest without store", self.away.as_millis())
    }
}

/// Runs the trial; `tell` is given a line a round.
pub async fn run(settings: &Settings, mut tell: impl FnMut(&str)) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for number in 1..=settings.rounds {
        let before = report.clone();
        let away = round(settings, &mut report).await?;
        report.away = report.away.max(away);
        tell(&format!(
            "round {number}: a new primary after {} ms; of {} acked the store lost {}; {} of {} \
             links told of a gap",
            away.as_millis(),
            report.acked - before.acked,
            report.lost_by_store - before.lost_by_store,
            report.told - before.told,
            report.links - before.links,
        ));
    }
    Ok(report)
}

/// One promotion; how long there was no store.
async fn round(settings: &Settings, report: &mut Report) -> anyhow::Result<Duration> {
    let amount = settings.amount;
    let mut primary = Store::start(Kind::RedisSynced).await?;
    let replica = replica_of(&primary).await?;
    let sentinel = Sentinel::start(&primary).await?;
    let url = sentinel.url();
    let variables = [
        ("BROKER__KIND", "redis"),
        ("BROKER__REDIS__SENTINELS", &*url),
        ("BROKER__REDIS__MASTER_NAME", sentinel::NAME),
    ];
    let mut cluster = Cluster::start(&settings.server, &variables, settings.balancer).await?;
    let book = Arc::<Book>::default();
    let (_killed, kills) = watch::channel(None);
    let apps = Apps::start(amount, &cluster.clients(), &book, &kills).await?;
    let absent = apps.until_live(PATIENCE).await;
    if absent > 0 {
        bail!("{absent} of {} links have no session", amount.links);
    }
    let writers = Writers::start(amount, &cluster.backends(), &book);
    tokio::time::sleep(QUIET).await;
    if !settings.lag.is_zero() {
        cut(&replica, &primary).await?;
        tokio::time::sleep(settings.lag).await;
    }
    let killed = Instant::now();
    primary.kill().await?;
    if settings.kills_node {
        cluster.kill(NODES - 1).await?;
    }
    while !cluster.are_ready().await {
        if killed.elapsed() > PROMOTED_WITHIN {
            bail!("no node has a store {} s after the kill", PROMOTED_WITHIN.as_secs());
        }
        tokio::time::sleep(LOOK).await;
    }
    let away = killed.elapsed();
    if settings.kills_node {
        cluster.begin(NODES - 1).await?;
    }
    tokio::time::sleep(QUIET).await;
    writers.stop().await?;
    report.behind += apps.until_complete(&book, PATIENCE).await;
    let (acked, lost) = lost(&book, amount, &cluster).await?;
    report.add(amount.links, acked, lost, &apps.sums(&book));
    Ok(away)
}

/// How many events were answered, and how many of them the store does not have.
async fn lost(book: &Book, amount: Amount, cluster: &Cluster) -> anyhow::Result<(usize, usize)> {
    let mut wire = Wire::to(cluster.public(0)?).await?;
    let (mut all, mut lost) = (0, 0);
    for (at, acked) in book.acked(amount.channels).into_iter().enumerate() {
        let reply = wire.get(&format!("/v1/channels/{}/events?limit=1000", channel(at))).await?;
        let page = reply.json()?;
        let events = page["events"].as_array().with_context(|| format!("no page: {page}"))?;
        let there: BTreeSet<u64> =
            events.iter().filter_map(|event| event["data"]["n"].as_u64()).collect();
        all += acked.len();
        lost += acked.iter().filter(|one| !there.contains(&(one.number as u64))).count();
    }
    Ok((all, lost))
}
