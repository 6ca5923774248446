//! The attacks' command. In: what was typed. Out: a table on standard output; it ends with 1 where
//! anything is not as it must be.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use steadfast_hostile::case::Case;
use steadfast_hostile::runner::{Settings, Stage};
use steadfast_hostile::setup::{self, Setup};
use steadfast_hostile::table::{HEAD, Verdict, megabytes};
use steadfast_hostile::{cases, floods};

/// Attacks on the real server, beside healthy clients.
#[derive(Debug, Parser)]
#[command(name = "steadfast-hostile", version)]
struct Cli {
    /// The server to attack [default: `steadfast` beside this program]
    #[arg(long, global = true, value_name = "FILE")]
    server: Option<PathBuf>,
    /// The level of the server's log
    #[arg(long, global = true, default_value = "info")]
    log: String,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all cases, or those whose names have one of these words; what runs without a command
    Cases {
        /// Parts of names
        words: Vec<String>,
    },
    /// Measure floods, three rounds of each
    Floods {
        /// Parts of names
        words: Vec<String>,
    },
    /// List the cases
    List,
}

fn main() -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(attack(Cli::parse()))
}

async fn attack(cli: Cli) -> anyhow::Result<ExitCode> {
    let server = match cli.server {
        Some(server) => server,
        None => std::env::current_exe()?.with_file_name("steadfast"),
    };
    if !server.exists() {
        anyhow::bail!("{} is not there; build it, or name it with --server", server.display());
    }
    let settings = Settings { server, level: cli.log };
    match cli.command.unwrap_or(Command::Cases { words: Vec::new() }) {
        Command::Cases { words } => {
            let mut wanted = cases::all();
            let is_wanted = |case: &Case| words.iter().any(|word| case.name.contains(&**word));
            wanted.retain(|case| words.is_empty() || is_wanted(case));
            run(&settings, &wanted).await
        }
        Command::Floods { words } => {
            let mut wanted = floods::all();
            let is_wanted = |case: &Case| words.iter().any(|word| case.name.contains(&**word));
            wanted.retain(|case| words.is_empty() || is_wanted(case));
            flood(&settings, &wanted).await
        }
        Command::List => {
            for case in cases::all() {
                say(&format!("| {} | {} | {} |", case.name, case.setup.name(), case.attack));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs cases, each on the server that it is for.
async fn run(settings: &Settings, wanted: &[Case]) -> anyhow::Result<ExitCode> {
    say(HEAD);
    let (mut good, mut bad) = (0, Vec::new());
    for setup in setup::ALL {
        let mut cases = wanted.iter().filter(|case| case.setup == setup).peekable();
        if cases.peek().is_none() {
            continue;
        }
        let mut stage = Stage::start(settings, setup).await?;
        let (rest, name) = (stage.rest, setup.name());
        for case in cases {
            let row = stage.run(case).await?;
            say(&row.to_string());
            if row.is_good() {
                good += 1;
            } else {
                bad.push(row.name);
            }
        }
        let end = stage.server.footprint()?;
        let search = stage.end(&settings.level).await?;
        say(&format!(
            "\nserver `{name}`: memory {} MB at first, {} MB in the end; descriptors {}, {}; \
             {} lines of its log searched, secrets in {:?}, panics {}\n",
            megabytes(rest.memory),
            megabytes(end.memory),
            rest.descriptors,
            end.descriptors,
            search.lines,
            search.found,
            search.panics
        ));
        if !search.is_clean() {
            bad.push(format!("the log of the server `{name}`"));
        }
    }
    say(&format!("{good} good, {} not: {bad:?}", bad.len()));
    Ok(if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Measures floods, each on a server of its own.
async fn flood(settings: &Settings, wanted: &[Case]) -> anyhow::Result<ExitCode> {
    say(floods::HEAD);
    for case in wanted {
        let mut stage = Stage::start(settings, Setup::Usual).await?;
        let mut rows = Vec::new();
        for _ in 0..floods::ROUNDS {
            rows.push(stage.run_once(case).await?);
        }
        stage.end(&settings.level).await?;
        say(&floods::Medians::of(&rows).to_string());
        for row in rows.iter().filter(|row| matches!(row.verdict, Verdict::Wrong(_))) {
            say(&format!("{}: {:?}", row.name, row.verdict));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn say(text: &str) {
    // Whoever does not read any more needs no table.
    drop(writeln!(io::stdout(), "{text}"));
}
