//! `steadfast check`: each mistake of a configuration and how to mend it. Starts nothing, and
//! asks nobody but the issuer of tokens, where `--online` says so.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use steadfast_server::auth::jwks;
use steadfast_server::config::{Config, Overrides};

use crate::settings::{self, FILE_NAME, File};

/// What `check` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The configuration [default: steadfast.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Fetch the keys of tokens too, where auth.jwks.url is set
    #[arg(long)]
    online: bool,
}

/// Prints every mistake, or that there is none.
pub(crate) async fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let file = File::find(args.config.as_deref())?.with_context(|| {
        format!("there is no {FILE_NAME} in this folder; name a file with --config")
    })?;
    let mut out = std::io::stdout();
    match settings::load(Some(&file), &Overrides::default()) {
        Ok(config) => {
            for warning in config.warnings() {
                writeln!(out, "warning: {warning}")?;
            }
            writeln!(out, "{} is valid", file.path.display())?;
            if args.online { keys(&config, &mut out).await } else { Ok(ExitCode::SUCCESS) }
        }
        Err(error) => {
            for mistake in &error.mistakes {
                writeln!(out, "{mistake}")?;
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Says what came of fetching the keys of tokens.
async fn keys(config: &Config, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match jwks::try_out(&config.auth.jwks).await {
        None => writeln!(out, "`auth.jwks.url` is not set: there is nothing to fetch")?,
        Some(Ok((keys, 0))) => writeln!(out, "`auth.jwks.url` has {keys} keys")?,
        Some(Ok((keys, skipped))) => {
            writeln!(out, "`auth.jwks.url` has {keys} keys, and {skipped} that cannot be used")?;
        }
        Some(Err(failure)) => {
            writeln!(out, "`auth.jwks.url`: {failure}")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
