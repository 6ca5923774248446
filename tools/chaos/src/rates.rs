//! Publishes a second and the time to deliver, for memory and disk, beside what the store alone
//! could. In: how many publish at once. Out: medians of several rounds, all of one run: machines
//! differ, and so do their hours, so only figures of one run are to be compared.

mod broker;
mod deliver;
mod log;
mod raw;
mod script;
pub mod servers;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::bail;
use tokio::task::JoinSet;

use crate::http::Wire;
use crate::process::Server;

/// The text in a payload, in bytes: that of an event as reports of progress are.
const TEXT_BYTES: usize = 150;
/// Channels that each writer publishes to.
const CHANNELS: usize = 5;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server.
    pub server: PathBuf,
    /// Rounds, of which the medians are told.
    pub rounds: usize,
    /// How many publish at once.
    pub writers: usize,
    /// How long each measurement takes, in seconds.
    pub seconds: u64,
}

/// The medians.
#[derive(Clone, Debug, Default)]
pub struct Report {
    writers: usize,
    /// Events a second that the store alone takes.
    raw: f64,
    /// Those that the disk broker takes without the server around it, and the memory broker.
    disk_broker: f64,
    memory_broker: f64,
    /// Those that the server takes over HTTP.
    disk: f64,
    memory: f64,
    /// From the publish to the follower, in milliseconds, at the median and for 99 of 100.
    disk_deliver: (f64, f64),
    memory_deliver: (f64, f64),
    /// The broker's part of what the store could, in the median of the rounds.
    broker_part: f64,
    /// The server's.
    server_part: f64,
    /// Events in one commit of the disk broker.
    per_commit: f64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (disk, memory) = (self.disk_deliver, self.memory_deliver);
        let (writers, per_commit) = (self.writers, self.per_commit);
        writeln!(f, "{writers} writers at once, {per_commit:.1} events a commit; medians")?;
        writeln!(f, "| | publishes/s | of the store | deliver p50 ms | p99 ms |")?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        writeln!(f, "| the store alone, one commit for all that wait | {:.0} | 1 | | |", self.raw)?;
        let (rate, part) = (self.disk_broker, self.broker_part);
        writeln!(f, "| disk, the broker alone | {rate:.0} | {part:.2} | | |")?;
        let (rate, part) = (self.disk, self.server_part);
        let (p50, p99) = disk;
        writeln!(f, "| disk, over HTTP | {rate:.0} | {part:.2} | {p50:.2} | {p99:.2} |")?;
        writeln!(f, "| memory, the broker alone | {:.0} | | | |", self.memory_broker)?;
        let (p50, p99) = memory;
        write!(f, "| memory, over HTTP | {:.0} | | {p50:.2} | {p99:.2} |", self.memory)
    }
}

/// Measures; `tell` is given a line a round.
pub async fn run(settings: &Settings, mut tell: impl FnMut(&str)) -> anyhow::Result<Report> {
    let mut rounds = Vec::new();
    for number in 1..=settings.rounds {
        let round = round(settings).await?;
        tell(&format!(
            "round {number}: store {:.0}, disk broker {:.0}, disk {:.0}, memory broker {:.0}, \
             memory {:.0} publishes/s",
            round.raw, round.disk_broker, round.disk, round.memory_broker, round.memory
        ));
        rounds.push(round);
    }
    let of = |figure: fn(&Report) -> f64| median(rounds.iter().map(figure).collect());
    Ok(Report {
        writers: settings.writers,
        raw: of(|round| round.raw),
        disk_broker: of(|round| round.disk_broker),
        memory_broker: of(|round| round.memory_broker),
        disk: of(|round| round.disk),
        memory: of(|round| round.memory),
        disk_deliver: (of(|round| round.disk_deliver.0), of(|round| round.disk_deliver.1)),
        memory_deliver: (of(|round| round.memory_deliver.0), of(|round| round.memory_deliver.1)),
        broker_part: of(|round| round.broker_part),
        server_part: of(|round| round.server_part),
        per_commit: of(|round| round.per_commit),
    })
}

/// One of each, one after the other.
async fn round(settings: &Settings) -> anyhow::Result<Report> {
    let lasts = Duration::from_secs(settings.seconds);
    let (store, data) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let raw = raw::rate(store.path(), settings.writers, lasts).await?;
    let (disk_broker, per_commit) =
        broker::rate(Some(&data.path().join("alone")), settings.writers, lasts).await?;
    let (disk, disk_deliver) = served(settings, Some(&data.path().join("served"))).await?;
    let (memory_broker, _) = broker::rate(None, settings.writers, lasts).await?;
    let (memory, memory_deliver) = served(settings, None).await?;
    Ok(Report {
        writers: settings.writers,
        raw,
        disk_broker,
        memory_broker,
        disk,
        memory,
        disk_deliver,
        memory_deliver,
        broker_part: disk_broker / raw,
        server_part: disk / raw,
        per_commit,
    })
}

/// The rate of a server over HTTP, then the time to deliver.
async fn served(
    settings: &Settings,
    data_dir: Option<&std::path::Path>,
) -> anyhow::Result<(f64, (f64, f64))> {
    served_by(Server::start(&settings.server, data_dir, &[]).await?, settings).await
}

async fn served_by(server: Server, settings: &Settings) -> anyhow::Result<(f64, (f64, f64))> {
    let lasts = Duration::from_secs(settings.seconds);
    let internal = server.internal;
    let body: Arc<str> = body().into();
    let rate = together(settings.writers, lasts, |writer, tally| {
        let body = Arc::clone(&body);
        async move {
            let mut wire = Wire::to(internal).await?;
            for number in 0.. {
                let channel = format!("rate:{writer}-{}", number % CHANNELS);
                let key = format!("{writer}-{number}");
                let reply = wire.publish(&channel, &key, &body).await?;
                if reply.status != 201 {
                    bail!("a publish answers {}", reply.status);
                }
                if !tally.one_more() {
                    break;
                }
            }
            Ok(())
        }
    })
    .await?;
    let delivered = deliver::times(&server, lasts).await?;
    server.kill().await?;
    Ok((rate, delivered))
}

fn body() -> String {
    format!(r#"{{"event":"progress","data":{{"text":"{}"}}}}"#, "x".repeat(TEXT_BYTES))
}

/// What all writers of a measurement count.
#[derive(Debug, Default)]
struct Tally {
    count: AtomicU64,
    is_over: AtomicBool,
}

impl Tally {
    /// Counts one more; false where time is up.
    fn one_more(&self) -> bool {
        self.count.fetch_add(1, Ordering::Relaxed);
        !self.is_over.load(Ordering::Relaxed)
    }
}

/// Has so many writers work for a while; how many things a second they got done.
async fn together<F>(
    writers: usize,
    lasts: Duration,
    work: impl Fn(usize, Arc<Tally>) -> F,
) -> anyhow::Result<f64>
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let tally = Arc::<Tally>::default();
    let mut tasks = JoinSet::new();
    let begun = Instant::now();
    for writer in 0..writers {
        tasks.spawn(work(writer, Arc::clone(&tally)));
    }
    tokio::time::sleep(lasts).await;
    tally.is_over.store(true, Ordering::Relaxed);
    for done in tasks.join_all().await {
        done?;
    }
    let count = u32::try_from(tally.count.load(Ordering::Relaxed))?;
    Ok(f64::from(count) / begun.elapsed().as_secs_f64())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(0.0)
}
