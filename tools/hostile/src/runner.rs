//! Runs cases, one after the other, beside healthy clients. In: cases, the server's program. Out: a
//! row for each: how late events were, what the server held, and what was not as it must be.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::attackers::Attackers;
use crate::case::{Attempt, Case, Deed, Target};
use crate::healthy::{Faults, Healthy, Latency};
use crate::logs;
use crate::server::{Footprint, Server};
use crate::setup::Setup;
use crate::table::{Row, Verdict};

/// How long healthy clients are alone at first.
const QUIET: Duration = Duration::from_secs(4);
/// How long they are again, where a case made them late.
const QUIET_AGAIN: Duration = Duration::from_secs(2);
/// How long a case lasts at least.
const LASTS: Duration = Duration::from_secs(1);
/// How often a new attempt begins.
const PACE: Duration = Duration::from_millis(5);
/// Attempts of a case that run at once.
const AT_ONCE: usize = 32;
/// Bytes a second of all attempts together, since an attacker's path has an end.
const BYTES_PER_SECOND: u32 = 20_000_000;
/// How long descriptors and memory have to come back, once the case is over.
const SETTLES_WITHIN: Duration = Duration::from_secs(25);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(20);
/// How often a case is tried again that made healthy clients late alone: on a busy machine others
/// do as well.
const TRIES: usize = 3;
/// Rounds of a case behind which memory is left, until one takes no more.
const ROUNDS_MAX: usize = 5;
/// Events may be twice as late as in the quiet, or this late, in milliseconds.
const LATE_MS: f64 = 10.0;
/// Files that a store on disk may have begun meanwhile.
const STORE_FILES_MORE: usize = 16;
/// Memory may be a twentieth more than before, or so many bytes.
const MEMORY_MORE: u64 = 4 * 1024 * 1024;

/// What to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server.
    pub server: PathBuf,
    /// The level of its log.
    pub level: String,
}

/// A server and the healthy clients beside it.
#[derive(Debug)]
pub struct Stage {
    /// The server.
    pub server: Server,
    /// The clients.
    pub healthy: Healthy,
    /// Whom attackers attack.
    pub target: Arc<Target>,
    /// How late events are without an attack.
    pub quiet: Latency,
    /// What the server holds without one.
    pub rest: Footprint,
    attackers: Attackers,
}

impl Stage {
    /// Starts both, and measures the quiet.
    pub async fn start(settings: &Settings, setup: Setup) -> anyhow::Result<Self> {
        let server = Server::start(&settings.server, setup, &settings.level).await?;
        let certificate = setup.has_tls().then(|| server.certificate());
        let healthy = Healthy::start((server.public, server.internal), certificate).await?;
        let target = Arc::new(Target::new(server.public, server.internal));
        let attackers = Attackers::start()?;
        healthy.take_latency();
        tokio::time::sleep(QUIET).await;
        let quiet = healthy.take_latency();
        let rest = server.footprint()?;
        Ok(Self { server, healthy, target, quiet, rest, attackers })
    }

    /// The attackers' thread.
    pub fn attackers(&self) -> &Handle {
        self.attackers.handle()
    }

    /// Has healthy clients alone for a while.
    async fn is_quiet_again(&mut self) {
        self.healthy.take_latency();
        tokio::time::sleep(QUIET_AGAIN).await;
        self.quiet = self.healthy.take_latency();
    }

    /// Runs a case, again where it made healthy clients late and nothing else is wrong.
    pub async fn run(&mut self, case: &Case) -> anyhow::Result<Row> {
        let mut row = self.run_once(case).await?;
        for _ in 1..TRIES {
            if row.verdict != Verdict::Late {
                break;
            }
            self.is_quiet_again().await;
            row = self.run_once(case).await?;
        }
        // What one round took and a later one finds is not lost: the allocator has kept it. Each of
        // its arenas grows once, so that takes a few rounds; what is lost grows in all of them.
        if row.verdict == Verdict::Kept {
            row.verdict = self.run_until_enough(case).await?;
        }
        if !row.is_good() && !case.open.is_empty() {
            row.verdict = Verdict::Open(case.open);
        }
        Ok(row)
    }

    /// Runs a case until it takes no more memory; what became of it then.
    async fn run_until_enough(&mut self, case: &Case) -> anyhow::Result<Verdict> {
        for _ in 0..ROUNDS_MAX {
            match self.run_once(case).await?.verdict {
                Verdict::Good | Verdict::Late => return Ok(Verdict::Kept),
                Verdict::Kept => {}
                other @ (Verdict::Wrong(_) | Verdict::Open(_)) => return Ok(other),
            }
        }
        Ok(Verdict::Wrong("memory is left each time".to_owned()))
    }

    /// Runs a case once.
    pub async fn run_once(&mut self, case: &Case) -> anyhow::Result<Row> {
        let before = self.server.footprint()?;
        self.server.forget_peak()?;
        self.healthy.take_latency();
        self.target.take_count();
        let (begun, cpu) = (Instant::now(), self.server.cpu_seconds()?);
        let deed = act(Arc::clone(&self.target), case.deed);
        let done = self.attackers().spawn(deed).await.context("an attacker has panicked")?;
        let latency = self.healthy.take_latency();
        let lasted = begun.elapsed();
        let cpu = (self.server.cpu_seconds()? - cpu) / lasted.as_secs_f64();
        self.target.release();
        let caught_up = self.healthy.catches_up().await;
        let (after, waited) = self.settles(case, before).await?;
        let peak = self.server.footprint()?.peak;
        let mut faults = self.healthy.take_faults();
        if let Err(error) = caught_up {
            faults.broken += 1;
            faults.first.get_or_insert(error.to_string());
        }
        let is_alive = self.server.is_alive()?;
        let mut row = Row {
            name: case.name.to_owned(),
            setup: case.setup,
            answered: self.target.take_count(),
            lasted,
            cpu,
            quiet_ms: self.quiet.percentile(99),
            late_ms: latency.percentile(99),
            faults,
            before,
            peak,
            after,
            waited,
            verdict: Verdict::Good,
        };
        row.verdict = verdict(&row, case.kept, done.err(), is_alive);
        Ok(row)
    }

    /// Waits until the server holds no more than before, or long enough.
    async fn settles(
        &self,
        case: &Case,
        before: Footprint,
    ) -> anyhow::Result<(Footprint, Duration)> {
        let begun = Instant::now();
        loop {
            let now = self.server.footprint()?;
            let is_settled =
                descriptors_fit(case.setup, before, now) && memory_fits(before, now, case.kept);
            if is_settled || begun.elapsed() > SETTLES_WITHIN {
                return Ok((now, begun.elapsed()));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends server and clients, and searches the log.
    pub async fn end(self, level: &str) -> anyhow::Result<logs::Search> {
        self.healthy.catches_up().await?;
        let faults = self.healthy.take_faults();
        anyhow::ensure!(faults == Faults::default(), "at the end: {faults:?}");
        self.healthy.end()?;
        let secrets = self.target.secrets();
        let folder = self.server.end().await?;
        logs::search(&folder.path().join("log"), &secrets, level)
    }
}

/// Whether descriptors are as many as before. A store on disk begins new files as it fills.
const fn descriptors_fit(setup: Setup, before: Footprint, now: Footprint) -> bool {
    let more = if matches!(setup, Setup::Disk) { STORE_FILES_MORE } else { 0 };
    now.descriptors <= before.descriptors + more
}

/// Whether memory is what it was, or little more.
fn memory_fits(before: Footprint, now: Footprint, kept: u64) -> bool {
    now.memory <= before.memory + (before.memory / 20).max(MEMORY_MORE) + kept
}

fn verdict(row: &Row, kept: u64, error: Option<anyhow::Error>, is_alive: bool) -> Verdict {
    let wrong = |what: String| Verdict::Wrong(what);
    if !is_alive {
        return wrong("the server has ended".to_owned());
    }
    if row.faults != Faults::default() {
        return wrong(format!("healthy clients: {:?}", row.faults));
    }
    if let Some(error) = error {
        return wrong(format!("{error:#}"));
    }
    if !descriptors_fit(row.setup, row.before, row.after) {
        return wrong("descriptors are left".to_owned());
    }
    if !memory_fits(row.before, row.after, kept) {
        return Verdict::Kept;
    }
    let is_late = row.late_ms > (2.0 * row.quiet_ms).max(LATE_MS);
    if is_late { Verdict::Late } else { Verdict::Good }
}

async fn act(target: Arc<Target>, deed: Deed) -> anyhow::Result<()> {
    match deed {
        Deed::Each(attempt) => each(target, attempt).await,
        Deed::Script(script) => script(target).await,
    }
}

/// Attempts one after the other and beside each other, at a steady pace.
async fn each(target: Arc<Target>, attempt: fn(usize) -> Attempt) -> anyhow::Result<()> {
    let begun = Instant::now();
    let mut pace = tokio::time::interval(PACE);
    let mut running = JoinSet::new();
    let mut number = 0;
    while begun.elapsed() < LASTS {
        pace.tick().await;
        if running.len() >= AT_ONCE {
            running.join_next().await.context("no attempt")???;
        }
        let target = Arc::clone(&target);
        let attempt = attempt(number);
        let bytes = u32::try_from(attempt.send.len()).unwrap_or(u32::MAX);
        tokio::time::sleep(Duration::from_secs(1) / BYTES_PER_SECOND * bytes).await;
        running.spawn(async move {
            attempt.run(&target, number).await?;
            target.count(1);
            anyhow::Ok(())
        });
        number += 1;
    }
    while let Some(done) = running.join_next().await {
        done??;
    }
    Ok(())
}
