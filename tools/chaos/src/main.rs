//! The trials' command. In: what was typed. Out: figures on standard output; it ends with 1 where
//! something that was answered is lost.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand, ValueEnum};
use steadfast_chaos::cluster::Balancer;
use steadfast_chaos::load::Amount;
use steadfast_chaos::{failover, kills, nodes, rates};

/// Trials of the real server.
#[derive(Debug, Parser)]
#[command(name = "steadfast-chaos", version)]
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
    /// Kill one of three nodes on a Redis every few seconds while links follow, and count what each
    /// link was told
    Nodes {
        /// How often a node is killed
        #[arg(long, default_value_t = 12)]
        rounds: u32,
        /// How long until the next one is, in seconds
        #[arg(long, default_value_t = 5)]
        every: u64,
        /// What brings links to nodes
        #[arg(long, value_enum, default_value_t = Balancer::Nginx)]
        balancer: Balancer,
        #[command(flatten)]
        load: Load,
    },
    /// Kill a Redis whose replica lags, have a sentinel promote that, and count which links were
    /// told
    Failover {
        /// How often
        #[arg(long, default_value_t = 3)]
        rounds: u32,
        /// For how long the replica hears nothing before the kill, in milliseconds
        #[arg(long, default_value_t = 1_000)]
        lag: u64,
        /// Kill a node with it, so that its links come back by another one
        #[arg(long)]
        kill_node: bool,
        /// What brings links to nodes
        #[arg(long, value_enum, default_value_t = Balancer::Nginx)]
        balancer: Balancer,
        #[command(flatten)]
        load: Load,
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

/// How much there is to do meanwhile.
#[derive(Clone, Copy, Debug, clap::Args)]
struct Load {
    /// Links
    #[arg(long, default_value_t = 2_000)]
    links: usize,
    /// Channels; each link follows one
    #[arg(long, default_value_t = 200)]
    channels: usize,
    /// How many publish at once
    #[arg(long, default_value_t = 20)]
    writers: usize,
    /// Events a second of all of them together
    #[arg(long, default_value_t = 100)]
    rate: u32,
}

impl Load {
    fn amount(self) -> anyhow::Result<Amount> {
        let Self { links, channels, writers, rate } = self;
        if channels == 0 || writers == 0 || writers > channels || rate == 0 || links == 0 {
            anyhow::bail!("of each at least one, and a channel for each writer");
        }
        Ok(Amount { links, channels, writers, rate })
    }
}

fn main() -> anyhow::Result<ExitCode> {
    tokio::runtime::Runtime::new()?.block_on(measure(Cli::parse()))
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
        Command::Nodes { rounds, every, balancer, load } => {
            let (every, amount) = (Duration::from_secs(every), load.amount()?);
            let settings = nodes::Settings { server, rounds, every, balancer, amount };
            let report = nodes::run(&settings, say).await?;
            say(&report.to_string());
            Ok(if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Command::Failover { rounds, lag, kill_node: kills_node, balancer, load } => {
            let (lag, amount) = (Duration::from_millis(lag), load.amount()?);
            let settings = failover::Settings { server, rounds, lag, kills_node, balancer, amount };
            let report = failover::run(&settings, say).await?;
            say(&report.to_string());
            Ok(if report.is_honest() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
