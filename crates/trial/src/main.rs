//! The trials' command. In: what was typed. Out: figures on standard output; it ends with 1 where
//! something that was answered is lost.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use steadfast_trial::{counts, kills, rates};

/// Trials of the real server.
#[derive(Debug, Parser)]
#[command(name = "steadfast-trial", version)]
struct Cli {
    /// The server to try [default: `steadfast` beside this program]
    #[arg(long, global = true, value_name = "FILE")]
    server: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Kill a server on a disk under load, start it again, and count what it had answered and lost
    Kills {
        /// How often
        #[arg(long, default_value_t = 50)]
        rounds: u32,
        /// What decides when it is killed and who publishes where
        #[arg(long, default_value_t = 0)]
        seed: u32,
        /// How many publish at once
        #[arg(long, default_value_t = 16)]
        writers: usize,
        /// To how many channels
        #[arg(long, default_value_t = 100)]
        channels: usize,
    },
    /// Count the instructions of the path of an event, under valgrind; it ends with 1 where they
    /// are not as expected
    Counts,
    /// Do what is counted, so often
    #[command(hide = true)]
    Work {
        /// What
        name: String,
        /// How often
        times: u64,
    },
    /// Measure publishes a second and the time to deliver on Redis, beside its script alone
    Servers {
        /// Rounds, of which the medians are told
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// How many publish at once
        #[arg(long, default_value_t = 64)]
        writers: usize,
        /// How long each measurement takes, in seconds
        #[arg(long, default_value_t = 3)]
        seconds: u64,
    },
    /// Measure publishes a second and the time to deliver, for memory and disk, beside the store
    /// alone
    Rates {
        /// Rounds, of which the medians are told
        #[arg(long, default_value_t = 5)]
        rounds: usize,
        /// How many publish at once
        #[arg(long, default_value_t = 64)]
        writers: usize,
        /// How long each measurement takes, in seconds
        #[arg(long, default_value_t = 3)]
        seconds: u64,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    match cli.command {
        // Without a runtime, whose threads would be counted as well.
        Command::Work { name, times } => counts::run(&name, times).map(|()| ExitCode::SUCCESS),
        Command::Counts => count_all(),
        Command::Kills { .. } | Command::Servers { .. } | Command::Rates { .. } => {
            tokio::runtime::Runtime::new()?.block_on(measure(cli))
        }
    }
}

fn count_all() -> anyhow::Result<ExitCode> {
    let program = std::env::current_exe()?;
    let mut are_expected = true;
    for expected in counts::EXPECTED {
        let count = counts::count(&program, expected)?;
        say(&count.to_string());
        are_expected &= count.is_expected();
    }
    Ok(if are_expected { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(cli: Cli) -> anyhow::Result<ExitCode> {
    let server = match cli.server {
        Some(server) => server,
        None => std::env::current_exe()?.with_file_name("steadfast"),
    };
    if !server.exists() {
        anyhow::bail!("{} is not there; build it, or name it with --server", server.display());
    }
    match cli.command {
        Command::Kills { rounds, seed, writers, channels } => {
            let settings = kills::Settings { server, rounds, seed, writers, channels };
            let report =
                kills::run(&settings, say).await.with_context(|| format!("seed {seed}"))?;
            say(&report.to_string());
            Ok(if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Servers { rounds, writers, seconds } => {
            let settings = rates::Settings { server, rounds, writers, seconds };
            let report = rates::servers::run(&settings, say).await?;
            say(&report.to_string());
            Ok(ExitCode::SUCCESS)
        }
        Command::Rates { rounds, writers, seconds } => {
            let settings = rates::Settings { server, rounds, writers, seconds };
            let report = rates::run(&settings, say).await?;
            say(&report.to_string());
            Ok(ExitCode::SUCCESS)
        }
        Command::Counts | Command::Work { .. } => Ok(ExitCode::FAILURE),
    }
}

fn say(text: &str) {
    // Whoever does not read any more needs no figures.
    drop(writeln!(io::stdout(), "{text}"));
}
