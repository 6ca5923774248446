//! The trials' command. In: what was typed. Out: figures on standard output; it ends with 1 where
//! something that was answered is lost.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use steadfast_trial::{kills, rates};

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
    /// Kill a server on a disk, or the store it is on, under load, start it again, and count what
    /// was answered and lost
    Kills {
        /// Where its channels are
        #[arg(long, value_enum, default_value_t)]
        broker: Killed,
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
    /// Measure publishes a second and the time to deliver on Redis or NATS, beside what that takes
    /// alone
    Servers {
        /// Which of them
        #[arg(long, value_enum, default_value_t)]
        broker: Measured,
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

/// Where the channels are of a server that is tried.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Killed {
    /// On its disk: the server is killed
    #[default]
    Disk,
    /// On Redis that syncs every write: that is killed
    Redis,
    /// In NATS JetStream: that is killed
    Nats,
}

/// What is measured.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Measured {
    #[default]
    Redis,
    Nats,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let server = match cli.server {
        Some(server) => server,
        None => std::env::current_exe()?.with_file_name("steadfast"),
    };
    if !server.exists() {
        anyhow::bail!("{} is not there; build it, or name it with --server", server.display());
    }
    match cli.command {
        Command::Kills { broker, rounds, seed, writers, channels } => {
            let broker = match broker {
                Killed::Disk => kills::Broker::Disk,
                Killed::Redis => kills::Broker::Redis,
                Killed::Nats => kills::Broker::Nats,
            };
            let settings = kills::Settings { server, broker, rounds, seed, writers, channels };
            let report =
                kills::run(&settings, say).await.with_context(|| format!("seed {seed}"))?;
            say(&report.to_string());
            Ok(if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Servers { broker, rounds, writers, seconds } => {
            let shared = match broker {
                Measured::Redis => rates::servers::Shared::Redis,
                Measured::Nats => rates::servers::Shared::Nats,
            };
            let settings = rates::Settings { server, rounds, writers, seconds };
            let report = rates::servers::run(&settings, shared, say).await?;
            say(&report.to_string());
            Ok(ExitCode::SUCCESS)
        }
        Command::Rates { rounds, writers, seconds } => {
            let settings = rates::Settings { server, rounds, writers, seconds };
            let report = rates::run(&settings, say).await?;
            say(&report.to_string());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn say(text: &str) {
    // Whoever does not read any more needs no figures.
    drop(writeln!(io::stdout(), "{text}"));
}
