//! The simulator's command: many seeds and a table, or one seed and its log.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use steadfast_sim::{Setup, Tally, run};

/// One invented network in virtual time around the real link and the real hub.
#[derive(Debug, Parser)]
#[command(name = "steadfast-sim", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run many seeds and print a table; ends with 1 where a promise broke
    Run {
        /// How many
        #[arg(long, default_value_t = 100)]
        seeds: u32,
        /// The first one
        #[arg(long, default_value_t = 0)]
        from: u32,
    },
    /// Run one seed and print all that happens
    Replay {
        /// Which
        #[arg(long)]
        seed: u32,
    },
}

fn main() -> io::Result<ExitCode> {
    let out = &mut io::stdout().lock();
    match Arguments::parse().command {
        Command::Run { seeds, from } => run_many(out, from, seeds),
        Command::Replay { seed } => replay_one(out, seed),
    }
}

fn run_many(out: &mut impl Write, from: u32, seeds: u32) -> io::Result<ExitCode> {
    let begun = Instant::now();
    let (mut tally, mut failures) = (Tally::default(), 0);
    for seed in from..from.saturating_add(seeds) {
        let report = run(seed, Setup::default());
        tally += report.tally;
        if report.violation.is_some() {
            failures += 1;
            writeln!(out, "{report}\n    steadfast-sim replay --seed {seed}")?;
        }
    }
    writeln!(out, "{}", tally.table(begun.elapsed()))?;
    writeln!(out, "{:<22} {failures:>12}", "failures")?;
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn replay_one(out: &mut impl Write, seed: u32) -> io::Result<ExitCode> {
    let report = run(seed, Setup { is_logged: true, ..Setup::default() });
    for line in &report.log {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{report}")?;
    Ok(if report.violation.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
