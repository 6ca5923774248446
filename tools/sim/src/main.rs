//! The simulator's command: many seeds and a table, or one seed and its log.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use steadfast_sim::{Coverage, MUTANTS, Setup, TUNINGS, Tally, run, table, trace};

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
    /// Write random lives of a link as scenarios, for any language to run again; ends with 1 where
    /// some input was never seen in some state
    Trace {
        /// How many
        #[arg(long, default_value_t = 1000)]
        seeds: u32,
        /// How many steps each has
        #[arg(long, default_value_t = 120)]
        steps: usize,
        /// The folder to write to
        #[arg(long, default_value = "target/traces")]
        out: PathBuf,
    },
    /// Measure how soon faults are noticed and mended; ends with 1 where an event was lost or a
    /// time is beyond its bound
    Table {
        /// How many runs of each fault
        #[arg(long, default_value_t = 1000)]
        seeds: u32,
        /// Print JSON instead of Markdown
        #[arg(long)]
        json: bool,
    },
    /// Break each policy by its setting, and show what notices
    Mutants {
        /// How many runs of all faults, and of each fault of the table
        #[arg(long, default_value_t = 12)]
        seeds: u32,
    },
    /// Run one seed and print all that happens
    Replay {
        /// Which
        #[arg(long)]
        seed: u32,
    },
}

/// Faults that are named for one mutant.
const FAULTS_SHOWN: usize = 2;

fn main() -> io::Result<ExitCode> {
    let out = &mut io::stdout().lock();
    match Arguments::parse().command {
        Command::Run { seeds, from } => run_many(out, from, seeds),
        Command::Trace { seeds, steps, out: folder } => write_traces(out, seeds, steps, &folder),
        Command::Table { seeds, json } => print_table(out, seeds, json),
        Command::Mutants { seeds } => print_mutants(out, seeds),
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

fn write_traces(
    out: &mut impl Write,
    seeds: u32,
    steps: usize,
    folder: &Path,
) -> io::Result<ExitCode> {
    fs::create_dir_all(folder)?;
    let mut coverage = Coverage::default();
    for seed in 0..seeds {
        let trace = trace(seed, steps).map_err(|undrawn| io::Error::other(undrawn.0))?;
        fs::write(folder.join(format!("{seed:05}.json")), trace.text)?;
        coverage += trace.coverage;
    }
    let missing = coverage.missing();
    writeln!(out, "{seeds} traces of {steps} steps are in {}", folder.display())?;
    writeln!(
        out,
        "{} pairs of a state and an input, {} never seen",
        coverage.pairs_max(),
        missing.len()
    )?;
    if let Some((pair, count)) = coverage.rarest() {
        writeln!(out, "the rarest pair, seen {count} times, is {pair}")?;
    }
    for pair in &missing {
        writeln!(out, "never seen: {pair}")?;
    }
    Ok(if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_table(out: &mut impl Write, seeds: u32, is_json: bool) -> io::Result<ExitCode> {
    let table = table(seeds, TUNINGS);
    if is_json {
        writeln!(out, "{}", serde_json::to_string_pretty(&table)?)?;
    } else {
        write!(out, "{}", table.markdown())?;
    }
    let problems = table.problems();
    for problem in &problems {
        writeln!(io::stderr(), "{problem}")?;
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn print_mutants(out: &mut impl Write, seeds: u32) -> io::Result<ExitCode> {
    writeln!(out, "| setting | checks of the simulator | rows of the table |")?;
    writeln!(out, "| --- | --- | --- |")?;
    for mutant in MUTANTS {
        let checks: Vec<&str> = mutant.checks(seeds).into_iter().collect();
        let faults = mutant.faults(seeds);
        let more = faults.len().saturating_sub(FAULTS_SHOWN);
        let shown = faults[..faults.len() - more].join("; ");
        let shown = if more > 0 { format!("{shown}; {more} more") } else { shown };
        let cells = [checks.join(", "), shown];
        let [checks, faults] = cells.map(|cell| if cell.is_empty() { "–".into() } else { cell });
        writeln!(out, "| {} | {checks} | {faults} |", mutant.name)?;
    }
    Ok(ExitCode::SUCCESS)
}
