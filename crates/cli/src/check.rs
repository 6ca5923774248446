//! `steadfast check`: each mistake of a configuration and how to mend it. Starts nothing.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use steadfast_server::config::Overrides;

use crate::settings::{self, FILE_NAME, File};

/// What `check` is told.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    /// The configuration [default: steadfast.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Prints every mistake, or that there is none.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let file = File::find(args.config.as_deref())?.with_context(|| {
        format!("there is no {FILE_NAME} in this folder; name a file with --config")
    })?;
    let mut out = std::io::stdout().lock();
    match settings::load(Some(&file), &Overrides::default()) {
        Ok(config) => {
            for warning in config.warnings() {
                writeln!(out, "warning: {warning}")?;
            }
            writeln!(out, "{} is valid", file.path.display())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            for mistake in &error.mistakes {
                writeln!(out, "{mistake}")?;
            }
            Ok(ExitCode::FAILURE)
        }
    }
}
