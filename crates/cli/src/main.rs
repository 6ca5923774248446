//! The command line. In: what was typed. Out: one command run, its answer on standard output, what
//! people should know on standard error, and an exit code: 0 done, 1 failed, 2 not understood.

mod bench;
mod certificates;
mod check;
mod clock;
mod completions;
mod config;
mod doctor;
mod error_text;
mod key;
mod man;
mod progress;
mod publish;
mod serve;
mod settings;
mod subscribe;
mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The version, and the commit where it is known.
const VERSION: &str = env!("STEADFAST_VERSION");

/// The realtime link that holds: ordered events from backends to people's devices.
#[derive(Debug, Parser)]
#[command(version = VERSION, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a node
    Serve(serve::ServeArgs),
    /// Publish events to a channel
    Publish(publish::PublishArgs),
    /// Follow channels and print their events
    Subscribe(subscribe::SubscribeArgs),
    /// Make a signed token
    Token(token::TokenArgs),
    /// Check a configuration
    Check(check::CheckArgs),
    /// Print the configuration: an example, or the settings in force
    Config(config::ConfigArgs),
    /// Examine the way to a server, and say what to mend
    Doctor(doctor::DoctorArgs),
    /// Load a server and measure it
    Bench(bench::BenchArgs),
    /// Print a script that completes this program's commands in a shell
    Completions(completions::CompletionsArgs),
    /// Print the manual page, or write those of all commands
    Man(man::ManArgs),
    /// What `bench` runs as, where it needs more processes
    #[command(name = steadfast_loadgen::WORKER_COMMAND, hide = true)]
    BenchWorker,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", error_text::causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => Box::pin(serve::run(args)).await,
        Command::Publish(args) => Box::pin(publish::run(args)).await,
        Command::Subscribe(args) => Box::pin(subscribe::run(args)).await,
        Command::Token(args) => token::run(&args),
        Command::Check(args) => check::run(&args).await,
        Command::Config(args) => config::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::Man(args) => man::run(&args),
        Command::Doctor(args) => Box::pin(doctor::run(args)).await,
        Command::Bench(args) => bench::run(args).await,
        Command::BenchWorker => bench::work().await,
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_commands_are_put_together_well() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_is_not_understood_ends_with_code_2() {
        for typed in [
            "steadfast subscribe",
            "steadfast subscribe a::b",
            "steadfast subscribe a --since later",
            "steadfast publish build:1",
            "steadfast token --ttl soon --subscribe a",
            "steadfast bench --rate 1 --in-flight 1",
            "steadfast config",
            "steadfast config --example --print",
            "steadfast config --example --dev",
            "steadfast completions cmd",
            "steadfast doctor --idle 591",
            "steadfast nonsense",
        ] {
            let error = Cli::try_parse_from(typed.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{typed}");
        }
    }

    /// The unit is what people copy.
    #[test]
    fn the_unit_of_systemd_starts_the_server_and_waits_for_its_drain() {
        let unit = include_str!("../../../deploy/systemd/steadfast.service");
        let setting = |name: &str| unit.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        let typed = setting("ExecStart=/usr/bin/");
        let parsed = Cli::try_parse_from(typed.split(' '));
        assert!(parsed.is_ok(), "{typed}: {}", parsed.unwrap_err());
        let stop_s: u64 = setting("TimeoutStopSec=").strip_suffix('s').unwrap().parse().unwrap();
        let drain = steadfast_server::config::Drain::default();
        assert!(stop_s * 1_000 > drain.deadline_ms + 10_000, "{stop_s} s");
    }

    #[test]
    fn what_people_type_is_understood() {
        for typed in [
            "steadfast serve --dev",
            "steadfast serve --data-dir data",
            "steadfast serve --config a.toml --listen 127.0.0.1:0 --internal 127.0.0.1:0",
            "steadfast publish build:1 progress {\"pct\":40} --replace bar",
            "steadfast publish build:1 progress -",
            "steadfast publish build:1 change -5",
            "steadfast publish build:1 complete --final",
            "steadfast subscribe a b:c --since e1:5",
            "steadfast token --subscribe a b:* --publish * --ttl 1h --sub me",
            "steadfast token --new-key",
            "steadfast check --config a.toml",
            "steadfast config --example",
            "steadfast config --print --config a.toml",
            "steadfast completions bash",
            "steadfast man --dir pages",
            "steadfast doctor",
            "steadfast doctor https://a --channel b:1 --origin https://c --idle 590 --json",
            "steadfast bench",
            "steadfast bench storm --links 300 --json",
            "steadfast bench channels --in-flight 8 --server-pid 7",
        ] {
            let parsed = Cli::try_parse_from(typed.split(' '));
            assert!(parsed.is_ok(), "{typed}: {}", parsed.unwrap_err());
        }
    }
}
