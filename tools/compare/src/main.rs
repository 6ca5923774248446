//! `make bench`: this server beside others and a floor without features, in turn, round by round.
//! In: what to compare. Out: tables on standard output, progress on standard error, every value in
//! the build folder. See bench/README.md.

mod cores;
mod figures;
mod floor;
mod peers;
mod rows;
mod server;
mod table;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, ensure};
use clap::{Parser, Subcommand};
use steadfast_loadgen::{WORKER_COMMAND, links_per_process, work};

use cores::Cores;
use floor::Manner;
use peers::{Peer, Places};
use rows::{Bed, Row, Sizes};
use table::Table;

/// The hidden command by which this program becomes a floor.
const FLOOR_COMMAND: &str = "floor";

/// Measures this server beside others and beside a floor without features.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    hidden: Option<Hidden>,
    /// How often everything is measured; medians are shown [default: 3, or 1 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: Option<u64>,
    /// Smaller and shorter: about five minutes
    #[arg(long)]
    quick: bool,
    /// Only these servers [default: all]
    #[arg(long, value_enum, num_args = 1.., value_name = "SERVER")]
    only: Vec<Peer>,
    /// Only these measurements [default: all]
    #[arg(long, value_enum, num_args = 1.., value_name = "ROW")]
    rows: Vec<Row>,
    /// How long each load lasts, in seconds [default: 5, or 2 with --quick]
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: Option<u64>,
    /// Links of the big rows [default: 10000, or 4000 with --quick]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=100_000))]
    links: Option<u64>,
    /// The binary that is compared
    #[arg(long, value_name = "FILE", default_value = "target/release/steadfast")]
    steadfast: PathBuf,
    /// The peers' sources
    #[arg(long, value_name = "DIR", default_value = "bench/peers")]
    sources: PathBuf,
    /// Where peers are installed, and where every value is written
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    build: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Hidden {
    /// The generator's worker
    #[command(name = WORKER_COMMAND, hide = true)]
    Worker,
    /// The floor
    #[command(name = FLOOR_COMMAND, hide = true)]
    Floor { manner: Manner, links: u16, publish: u16 },
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.hidden {
        None => compare(cli),
        Some(Hidden::Worker) => work().map_err(|why| anyhow!(why)),
        Some(Hidden::Floor { manner, links, publish }) => {
            let here = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            floor::serve(*manner, here(*links), here(*publish))
        }
    }
}

fn compare(cli: &Cli) -> anyhow::Result<()> {
    let sizes = sizes(cli)?;
    let places = places(cli)?;
    let mut table = Table::new(sizes);
    let peers = install(cli, &places, &mut table);
    let cores = Cores::find();
    if cores.is_none() {
        eprintln!("there is one core alone: servers and generator share it");
    }
    if let Some(cores) = cores {
        cores.enter_generator();
    }
    let bed = Bed { places: &places, cores, sizes };
    let rounds = cli.rounds.unwrap_or(if cli.quick { 1 } else { 3 });
    let rows = if cli.rows.is_empty() { Row::ALL.to_vec() } else { cli.rows.clone() };
    let begun = Instant::now();
    for round in 1..=rounds {
        for peer in &peers {
            for row in &rows {
                let (name, row_name, passed) = (peer.name(), row.name(), begun.elapsed());
                eprintln!("{:4} s  round {round}/{rounds}  {name}: {row_name}", passed.as_secs());
                match row.run(*peer, &bed) {
                    Ok(found) => table.add(*peer, row_name, found),
                    Err(error) => table.fail(*peer, row_name, &format!("{error:#}")),
                }
            }
        }
        // What was found so far is kept, whatever happens to the next round.
        let path = places.build.join("results.json");
        std::fs::write(&path, format!("{:#}\n", table.json()))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let text = table.markdown();
    std::fs::write(places.build.join("results.md"), &text)?;
    writeln!(std::io::stdout().lock(), "{text}").context("standard output cannot be written")
}

fn sizes(cli: &Cli) -> anyhow::Result<Sizes> {
    let many = cli.links.unwrap_or(if cli.quick { 4_000 } else { 10_000 });
    let seconds = cli.seconds.unwrap_or(if cli.quick { 2 } else { 5 });
    let many = usize::try_from(many)?;
    // A server is one process, and cannot hold more than one worker can.
    let held = links_per_process();
    ensure!(many <= held, "a process holds {held} links here; raise `ulimit -n` or give --links");
    Ok(Sizes { many, channels: many / 2, lasts: Duration::from_secs(seconds) })
}

fn places(cli: &Cli) -> anyhow::Result<Places> {
    std::fs::create_dir_all(&cli.build)
        .with_context(|| format!("{} cannot be made", cli.build.display()))?;
    let whole = |path: &PathBuf| std::path::absolute(path);
    Ok(Places {
        sources: whole(&cli.sources)?,
        build: whole(&cli.build)?,
        steadfast: whole(&cli.steadfast)?,
        own: std::env::current_exe().context("this program's own file is not known")?,
    })
}

/// The servers that could be installed.
fn install(cli: &Cli, places: &Places, table: &mut Table) -> Vec<Peer> {
    let wanted = if cli.only.is_empty() { Peer::ALL.to_vec() } else { cli.only.clone() };
    let mut ready = Vec::new();
    for peer in wanted {
        eprintln!("installing {}", peer.name());
        match peer.install(places) {
            Ok(()) => ready.push(peer),
            Err(error) => {
                eprintln!("  not possible: {error:#}");
                table.leave_out(peer, format!("{error:#}"));
            }
        }
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::{Cli, sizes};
    use clap::{CommandFactory, Parser};

    #[test]
    fn the_command_is_put_together_well() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_quick_run_is_smaller_and_what_is_typed_counts() {
        let sized = |typed: &str| {
            let sizes = sizes(&Cli::try_parse_from(typed.split(' ')).unwrap()).unwrap();
            (sizes.many, sizes.channels, sizes.lasts.as_secs())
        };
        assert_eq!(sized("compare --links 600"), (600, 300, 5));
        assert_eq!(sized("compare --quick --links 600"), (600, 300, 2));
        assert_eq!(sized("compare --links 10 --seconds 9"), (10, 5, 9));
        assert!(Cli::try_parse_from(["compare", "--rows", "idle", "storm"]).is_ok());
        assert!(Cli::try_parse_from(["compare", "--rounds", "0"]).is_err());
        assert!(Cli::try_parse_from(["compare", "--only", "nobody"]).is_err());
    }
}
