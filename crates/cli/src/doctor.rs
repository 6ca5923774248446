//! `steadfast doctor`: follows the way from this machine to a server, step by step. In: the
//! server's URL, and what an app would connect with. Out: one finding per check on standard output,
//! each with the setting that mends it; exit code 1 if one failed.

mod finding;
mod idle;
mod intermediary;
mod reach;
mod requests;
mod session;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use steadfast_client::{Builder, ChannelName, Client, PathProbe};

use crate::{certificates, key};
use finding::{CheckOutcome, Finding};

/// The longest idle time that can be tested, in seconds: heartbeats may be that far apart.
const IDLE_S_MAX: u64 = 590;

/// What `doctor` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A token is read from --token-file, else from STEADFAST_TOKEN. A check that needs one is skipped
without it. The last check lets links idle, several at once: it takes as long as --idle says.

Examples:
  steadfast doctor https://live.example.org
  steadfast doctor https://live.example.org --token-file token --channel build:1 --idle 300
  steadfast doctor http://127.0.0.1:8080 --origin https://app.example.org --idle 0 --json")]
pub(crate) struct DoctorArgs {
    /// The server's address for clients
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8080")]
    server: String,
    /// A file that holds a token and nothing else
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// A channel that the token may follow, for the check of event streams
    #[arg(long, value_name = "CHANNEL", default_value = "doctor", value_parser = ChannelName::new)]
    channel: ChannelName,
    /// The origin of your page, as a browser sends it, such as https://app.example.org
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,
    /// For how many seconds links are left idle, to find what cuts them; 0 leaves that out
    #[arg(long, value_name = "SECONDS", default_value_t = 75,
          value_parser = clap::value_parser!(u64).range(0..=IDLE_S_MAX))]
    idle: u64,
    /// A file with certificates of CAs to trust besides those of this machine, as PEM
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Print one JSON object per check
    #[arg(long)]
    json: bool,
}

/// The server that is examined, and what an app would connect to it with.
struct Subject {
    server: String,
    roots: Vec<Vec<u8>>,
    token: Option<String>,
    channel: ChannelName,
    origin: Option<String>,
}

impl Subject {
    /// The value of the header `Authorization`, where there is a token.
    fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("Bearer {token}"))
    }

    /// A client of this server; what it follows is left to the caller.
    fn client(&self) -> Builder {
        let mut builder = Client::builder(&self.server);
        for pem in &self.roots {
            builder = builder.root_certificate(pem.clone());
        }
        match &self.token {
            Some(token) => builder.token(token),
            None => builder,
        }
    }
}

/// Prints findings as they come.
struct FindingPrinter {
    is_json: bool,
    is_colored: bool,
    failed: usize,
    warned: usize,
}

impl FindingPrinter {
    fn print(&mut self, finding: &Finding) -> anyhow::Result<()> {
        match finding.outcome {
            CheckOutcome::Failed => self.failed += 1,
            CheckOutcome::Warning => self.warned += 1,
            CheckOutcome::Passed | CheckOutcome::Skipped => {}
        }
        let text = if self.is_json { finding.json() } else { finding.text(self.is_colored) };
        let mut out = std::io::stdout().lock();
        writeln!(out, "{text}")
            .and_then(|()| out.flush())
            .context("standard output cannot be written")
    }

    fn summarize(&self) {
        match (self.failed, self.warned) {
            (0, 0) => eprintln!("no problems seen"),
            (failed, warned) => eprintln!("{failed} failed, {warned} to look at"),
        }
    }
}

/// Runs all checks, the later ones only as far as the earlier ones let them.
pub(crate) async fn run(args: DoctorArgs) -> anyhow::Result<ExitCode> {
    let token = key::from_file_or_variable(args.token_file.as_deref(), key::TOKEN_VARIABLE)?;
    let roots = match &args.ca {
        Some(path) => vec![certificates::from_file(path)?],
        None => Vec::new(),
    };
    let DoctorArgs { server, channel, origin, .. } = args;
    let probe = PathProbe::new(&server, &roots)?;
    let subject = Subject { server, roots, token, channel, origin };
    let is_colored = std::io::stdout().is_terminal();
    let mut printer = FindingPrinter { is_json: args.json, is_colored, failed: 0, warned: 0 };
    examine(&subject, &probe, args.idle, &mut printer).await?;
    if !args.json {
        printer.summarize();
    }
    Ok(if printer.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn examine(
    subject: &Subject,
    probe: &PathProbe,
    idle_s: u64,
    printer: &mut FindingPrinter,
) -> anyhow::Result<()> {
    for finding in reach::check(probe).await {
        let is_end = finding.outcome == CheckOutcome::Failed && finding.is_decisive;
        printer.print(&finding)?;
        if is_end {
            return Ok(());
        }
    }
    let (intermediary, findings) = requests::check_http(subject, probe).await?;
    let is_reached = findings.iter().all(|finding| finding.outcome != CheckOutcome::Failed);
    for finding in &findings {
        printer.print(finding)?;
    }
    if !is_reached {
        return Ok(());
    }
    let findings = requests::check_routes(subject, probe, intermediary).await;
    let is_upgraded = findings.iter().all(|finding| {
        finding.check != requests::UPGRADE || finding.outcome == CheckOutcome::Passed
    });
    for finding in &findings {
        printer.print(finding)?;
    }
    let is_live = if is_upgraded {
        let (is_live, findings) = session::check(subject).await?;
        for finding in &findings {
            printer.print(finding)?;
        }
        is_live
    } else {
        printer.print(&Finding::skipped("session", "no WebSocket gets through"))?;
        false
    };
    if idle_s == 0 {
        return printer.print(&Finding::skipped("idle", "left out by --idle 0"));
    }
    let poll = requests::check_poll(subject, probe, intermediary, idle_s);
    let idle = async {
        if is_live {
            return idle::check(subject, intermediary, idle_s).await;
        }
        Ok(Finding::skipped("idle", "there is no session to leave idle"))
    };
    let (poll, idle) = tokio::join!(poll, idle);
    printer.print(&poll)?;
    printer.print(&idle?)
}
