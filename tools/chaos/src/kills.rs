//! Acked is kept: a server on a disk, or the store that one is on, is killed at random moments
//! under load and started again. In: a seed, and how often. Out: how many events were answered, and
//! what became of each.

mod ledger;
mod victim;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use steadfast_machine::Rng;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::http::Wire;
use ledger::{Kept, Ledger, Sent};
use victim::Victim;

/// The victim lives this long in a round, in milliseconds.
const LIFE_MS: (u32, u32) = (100, 1_500);
/// Every fourth channel is of a namespace that keeps few events.
const FEW: &str = "few";
/// So many.
const FEW_EVENTS: u64 = 50;
/// What it is set up with: one namespace keeps few events, all others more than a trial makes.
const SETTINGS: [(&str, &str); 3] = [
    ("NAMESPACE_DEFAULT__HISTORY_EVENTS_MAX", "10000000"),
    ("NAMESPACE_DEFAULT__HISTORY_BYTES_MAX", "1099511627776"),
    ("NAMESPACES__FEW__HISTORY_EVENTS_MAX", "50"),
];
/// Events in one page that is read back.
const PAGE: usize = 1_000;

/// What is tried.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server.
    pub server: PathBuf,
    /// Where its channels are, which decides what is killed.
    pub broker: Broker,
    /// How often it is killed.
    pub rounds: u32,
    /// What decides when, and who publishes where.
    pub seed: u32,
    /// How many publish at once.
    pub writers: usize,
    /// To how many channels.
    pub channels: usize,
}

/// Where channels are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broker {
    /// On the server's disk; the server is killed.
    Disk,
    /// On a `redis-server` that syncs every write; that is killed.
    Redis,
    /// In JetStream; the `nats-server` is killed.
    Nats,
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How often it was killed.
    pub rounds: u32,
    /// Events that were answered.
    pub acked: u64,
    /// Those of them that are there, at their place, or that retention has dropped.
    pub kept: u64,
    /// Those that are not.
    pub lost: u64,
    /// Events that are there twice.
    pub doubled: u64,
    /// Events that stand before one that was sent earlier, or after a hole.
    pub disordered: u64,
    /// Channels that changed their epoch.
    pub renumbered: u64,
    /// Publishes that the kill left unanswered and that were sent again.
    pub repeated: u64,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// Whether the promise was kept.
    pub const fn is_kept(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.disordered == 0 && self.renumbered == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = [
            ("rounds", u64::from(self.rounds)),
            ("acked", self.acked),
            ("kept", self.kept),
            ("lost", self.lost),
            ("doubled", self.doubled),
            ("disordered", self.disordered),
            ("epochs changed", self.renumbered),
            ("sent again", self.repeated),
        ];
        for (name, count) in rows {
            writeln!(f, "{name:<16} {count:>10}")?;
        }
        write!(f, "{:<16} {:>9.1}s", "time", self.took.as_secs_f64())
    }
}

/// Runs the trial; `tell` is given a line a round.
pub async fn run(settings: &Settings, mut tell: impl FnMut(&str)) -> anyhow::Result<Report> {
    let begun = Instant::now();
    let mut rng = Rng::new(settings.seed);
    let mut ledger = Ledger::default();
    let mut repeated = 0;
    let mut victim = Victim::start(&settings.server, settings.broker, &SETTINGS).await?;
    for round in 1..=settings.rounds {
        let life = rng.between(LIFE_MS.0, LIFE_MS.1).into();
        let sent = load(settings, round, rng.next_u32(), &mut victim, life).await?;
        let restarted = Instant::now();
        victim.restart().await?;
        let restart = restarted.elapsed();
        for one in sent {
            let is_unanswered = one.answer.is_none();
            let one = if is_unanswered { repeat(victim.internal()?, one).await? } else { one };
            repeated += u64::from(is_unanswered);
            ledger.note(one);
        }
        let kept = read_back(&ledger, victim.public()?).await?;
        ledger.check(&kept);
        tell(&format!(
            "round {round}: killed after {life} ms, started again in {} ms, acked {}, lost {}",
            restart.as_millis(),
            ledger.acked(),
            ledger.faults.lost
        ));
    }
    victim.kill().await?;
    let faults = ledger.faults;
    Ok(Report {
        rounds: settings.rounds,
        acked: ledger.acked(),
        kept: ledger.acked() - faults.lost,
        lost: faults.lost,
        doubled: faults.doubled,
        disordered: faults.disordered,
        renumbered: faults.renumbered,
        repeated,
        took: begun.elapsed(),
    })
}

/// Publishes from all writers until the kill; all that was sent, answered or not.
async fn load(
    settings: &Settings,
    round: u32,
    seed: u32,
    victim: &mut Victim,
    life: u64,
) -> anyhow::Result<Vec<Sent>> {
    let (ended, end) = watch::channel(false);
    let mut writers = JoinSet::new();
    let internal = victim.internal()?;
    let channels: Arc<[String]> = (0..settings.channels).map(channel).collect();
    for writer in 0..settings.writers {
        let (channels, end) = (Arc::clone(&channels), end.clone());
        let rng = Rng::new(seed.wrapping_add(u32::try_from(writer)?));
        writers.spawn(write((round, writer), channels, rng, internal, end));
    }
    tokio::time::sleep(Duration::from_millis(life)).await;
    victim.kill().await?;
    ended.send_replace(true);
    Ok(writers.join_all().await.into_iter().flatten().collect())
}

fn channel(number: usize) -> String {
    let namespace = if number.is_multiple_of(4) { FEW } else { "many" };
    format!("{namespace}:{number}")
}

/// One writer: publishes, one after the other, until it gets no answer any more.
async fn write(
    (round, writer): (u32, usize),
    channels: Arc<[String]>,
    mut rng: Rng,
    internal: SocketAddr,
    end: watch::Receiver<bool>,
) -> Vec<Sent> {
    let mut sent = Vec::new();
    let Ok(mut wire) = Wire::to(internal).await else { return sent };
    for number in 0.. {
        if *end.borrow() {
            break;
        }
        let place = rng.next_u32() as usize % channels.len();
        let Some(channel) = channels.get(place).cloned() else { break };
        let key = format!("{round}-{writer}-{number}");
        let mut one = Sent { channel, key, by: writer, answer: None };
        let reply = wire.publish(&one.channel, &one.key, &one.body()).await;
        let answer = reply.ok().and_then(|reply| one.read(&reply).ok());
        one.answer = answer;
        let is_over = one.answer.is_none();
        sent.push(one);
        if is_over {
            break;
        }
    }
    sent
}

/// Sends again what was left unanswered, with the same key.
async fn repeat(internal: SocketAddr, mut one: Sent) -> anyhow::Result<Sent> {
    let mut wire = Wire::to(internal).await?;
    let reply = wire.publish(&one.channel, &one.key, &one.body()).await?;
    one.answer = Some(one.read(&reply)?);
    Ok(one)
}

/// Everything that is kept of the channels that were published to.
async fn read_back(ledger: &Ledger, public: SocketAddr) -> anyhow::Result<Vec<Kept>> {
    let mut wire = Wire::to(public).await?;
    let mut all = Vec::new();
    for channel in ledger.channels() {
        let mut kept = Kept::of(channel);
        let mut query = format!("limit={PAGE}");
        loop {
            let reply = wire.get(&format!("/v1/channels/{channel}/events?{query}")).await?;
            let count = kept.add(&reply)?;
            if count < PAGE {
                break;
            }
            query = format!("limit={PAGE}&epoch={}&offset={}", kept.epoch, kept.end);
        }
        all.push(kept);
    }
    Ok(all)
}
