//! `steadfast bench`: loads a running server and says what came of it. In: how many links, how
//! fast, how long. Out: a table or JSON on standard output, progress on a terminal, and exit code
//! 1 where a link failed or an event was lost, doubled or out of order.

mod args;
mod report;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use steadfast_loadgen::{
    BenchError, Connects, Deliveries, Hiring, Load, Target, Usage, WorkerPool, usage,
};

use crate::key;
use crate::progress::Progress;
pub(crate) use args::BenchArgs;
use args::Wanted;
use report::{Memory, Report};

/// The variable that holds a token.
const TOKEN_VARIABLE: &str = "STEADFAST_TOKEN";
/// The variable that holds the internal port's key.
const KEY_VARIABLE: &str = "STEADFAST_KEY";
/// How long a server is left alone before its memory is looked at.
const SETTLE: Duration = Duration::from_secs(1);

/// Runs the load and prints the report.
pub(crate) async fn run(args: BenchArgs) -> anyhow::Result<ExitCode> {
    // The generator waits by itself, in a poll of its own.
    tokio::task::spawn_blocking(move || load(&args)).await?
}

/// Becomes a worker of a run.
pub(crate) async fn work() -> anyhow::Result<ExitCode> {
    tokio::task::spawn_blocking(steadfast_loadgen::work).await?.map_err(|why| anyhow!(why))?;
    Ok(ExitCode::SUCCESS)
}

fn load(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let wanted = args.wanted();
    if let Some(load) = &wanted.load {
        load.check()?;
    }
    let target = target(args)?;
    target.look()?;
    let cost = || args.server_pid.map(look_at).transpose();
    let mut progress = Progress::new();
    let mut workers = WorkerPool::hire(hiring(args, &wanted, target)?)?;
    let before = cost()?;
    let connects = connect(&mut workers, &wanted, &mut progress)?;
    let hold = if before.is_some() { wanted.hold.max(SETTLE) } else { wanted.hold };
    workers.hold(hold, &mut progress.step("idle"))?;
    let idle = cost()?;
    let mut report = Report::new(&workers, &wanted, connects);
    if let (Some(before), Some(idle)) = (before, idle) {
        report.memory = Some(Memory::between(before, idle, report.connects.live));
    }
    if let Some(load) = &wanted.load {
        let found = publish(&mut workers, load, &mut progress)?;
        report.deliveries = Some(found);
        if let (Some(idle), Some(after)) = (idle, cost()?) {
            report.add_cpu(idle, after);
        }
    }
    workers.dismiss();
    progress.clear();
    let text = if args.json { report.json()? } else { report.table() };
    writeln!(io::stdout().lock(), "{text}").context("standard output cannot be written")?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn connect(
    workers: &mut WorkerPool,
    wanted: &Wanted,
    progress: &mut Progress,
) -> anyhow::Result<Connects> {
    let opened = workers.connect(&wanted.connecting, &mut progress.step("connect"));
    opened.map_err(|error| {
        // The classes of close codes that are about tokens.
        if !error.to_string().contains("closed with 42") {
            return error.into();
        }
        anyhow!(
            "{error}; give a token with --token-file or {TOKEN_VARIABLE} (`steadfast token` makes \
             them, `--subscribe 'bench:*'` is enough)"
        )
    })
}

fn publish(
    workers: &mut WorkerPool,
    load: &Load,
    progress: &mut Progress,
) -> anyhow::Result<Deliveries> {
    let found = workers.publish(load, &mut progress.step("publish"));
    found.map_err(|error| {
        if let BenchError::Publish(why) = &error
            && why.starts_with("401")
        {
            return anyhow!("{error}; give the key with --key-file or {KEY_VARIABLE}");
        }
        error.into()
    })
}

fn target(args: &BenchArgs) -> anyhow::Result<Target> {
    let mut target = Target::steadfast(&args.server, &args.internal)?;
    target.token = match &args.token_file {
        Some(path) => Some(key::from_file(path)?),
        None => key::from_variable(TOKEN_VARIABLE)?,
    };
    target.key = match &args.key_file {
        Some(path) => Some(key::from_file(path)?),
        None => key::from_variable(KEY_VARIABLE)?,
    };
    Ok(target)
}

fn hiring(args: &BenchArgs, wanted: &Wanted, target: Target) -> anyhow::Result<Hiring> {
    let program = std::env::current_exe().context("this program's own file is not known")?;
    let run = key::request_name()?;
    let name = run.get(..8).unwrap_or(&run);
    Ok(Hiring {
        target,
        program,
        links: wanted.links,
        channels: wanted.channels,
        // A channel of an earlier run has a history, and this one is not about that.
        channel_prefix: format!("bench:{name}-"),
        link_prefix: format!("bench-{name}-"),
        heartbeat_ms: args.heartbeat_ms,
        workers: args.processes,
    })
}

fn look_at(pid: u32) -> anyhow::Result<Usage> {
    usage(pid).with_context(|| {
        format!("--server-pid {pid}: what that process costs cannot be read; is it running here?")
    })
}
