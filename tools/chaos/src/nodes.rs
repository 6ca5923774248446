//! Many nodes are one service: of three on one store, one is killed every few seconds and started
//! again, while links follow and writers publish. In: how much, how often, behind what. Out: what
//! became of every answered event at every link, and how long it took.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::sync::watch;

use crate::cluster::{Balancer, Cluster, NODES};
use crate::load::{Amount, Apps, Book, Sums, Writers};
use crate::store::{Kind, Store};

/// How long all links may take to be there at first.
const ALL_THERE: Duration = Duration::from_mins(2);
/// How long they may take to have everything in the end.
const ALL_TOLD: Duration = Duration::from_secs(90);
/// What comes after the last thing that is missing would be one too many: how long it is awaited.
const TOO_MANY: Duration = Duration::from_secs(1);

/// What is tried.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server.
    pub server: PathBuf,
    /// How often a node is killed.
    pub rounds: u32,
    /// How long until the next one is.
    pub every: Duration,
    /// What brings links to nodes.
    pub balancer: Balancer,
    /// How much there is to do meanwhile.
    pub amount: Amount,
}

/// What became of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// How much there was to do.
    pub amount: Amount,
    /// Nodes killed.
    pub kills: u32,
    /// Events answered.
    pub acked: usize,
    /// Publishes sent again.
    pub repeated: u64,
    /// Links that in the end did not have everything.
    pub behind: usize,
    /// What each link was told.
    pub sums: Sums,
    /// The longest that a killed node took to serve again.
    pub restart: Duration,
    /// How long it all took.
    pub took: Duration,
}

impl Report {
    /// Whether every link was handed everything, once, in order, and told of no gap.
    pub fn is_kept(&self) -> bool {
        self.behind == 0 && self.acked > 0 && self.sums.faults == crate::load::Faults::default()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults = self.sums.faults;
        let rows = [
            ("links", self.amount.links as u64),
            ("channels", self.amount.channels as u64),
            ("nodes killed", self.kills.into()),
            ("acked", self.acked as u64),
            ("sent again", self.repeated),
            ("handed to apps", self.sums.handed as u64),
            ("lost", faults.lost),
            ("doubled", faults.doubled),
            ("disordered", faults.disordered),
            ("gaps told", faults.gaps),
            ("gaps not told", faults.untold),
            ("links behind", self.behind as u64),
            ("went to polling", self.sums.polled),
        ];
        for (name, count) in rows {
            writeln!(f, "{name:<16} {count:>10}")?;
        }
        writeln!(f, "{:<16} {}", "to deliver", self.sums.deliver)?;
        writeln!(f, "{:<16} {}", "back after kill", self.sums.back)?;
        writeln!(f, "{:<16} {} ms", "node back in", self.restart.as_millis())?;
        write!(f, "{:<16} {:>9.1}s", "time", self.took.as_secs_f64())
    }
}

/// Runs the trial; `tell` is given a line a round.
pub async fn run(settings: &Settings, mut tell: impl FnMut(&str)) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let (amount, store) = (settings.amount, Store::start(Kind::RedisSynced).await?);
    let url = store.url();
    let variables = [("BROKER__KIND", "redis"), ("BROKER__REDIS__SERVERS", &*url)];
    let mut cluster = Cluster::start(&settings.server, &variables, settings.balancer).await?;
    let book = Arc::<Book>::default();
    let (killed, kills) = watch::channel(None);
    let apps = Apps::start(amount, &cluster.clients(), &book, &kills).await?;
    let absent = apps.until_live(ALL_THERE).await;
    if absent > 0 {
        bail!("{absent} of {} links have no session", amount.links);
    }
    tell(&format!("all links are there after {:.1} s", begun.elapsed().as_secs_f64()));
    let writers = Writers::start(amount, &cluster.backends(), &book);
    let mut restart = Duration::ZERO;
    for round in 0..settings.rounds {
        tokio::time::sleep(settings.every).await;
        let at = round as usize % NODES;
        let links = cluster.stats(at).await?["connections"]["now"].as_u64();
        killed.send_replace(Some(Instant::now()));
        cluster.kill(at).await?;
        let back = cluster.begin(at).await?;
        restart = restart.max(back);
        let (sent, answered) = book.counts();
        tell(&format!(
            "kill {}: node-{} with {} links, serves again after {} ms; {answered} of {sent} acked",
            round + 1,
            at + 1,
            links.unwrap_or(0),
            back.as_millis()
        ));
    }
    tokio::time::sleep(settings.every).await;
    let repeated = writers.stop().await?;
    let behind = apps.until_complete(&book, ALL_TOLD).await;
    tokio::time::sleep(TOO_MANY).await;
    Ok(Report {
        amount,
        kills: settings.rounds,
        acked: book.counts().1,
        repeated,
        behind,
        sums: apps.sums(&book),
        restart,
        took: begun.elapsed(),
    })
}
