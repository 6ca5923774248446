//! `steadfast config`: the configuration with every default and what it means, or the settings that
//! a node would have here. Secrets are never shown.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use steadfast_server::config::{EXAMPLE, Overrides};

use crate::settings::{self, File};

/// What `config` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steadfast config --example > steadfast.toml
  steadfast config --print --config steadfast.toml")]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    what: What,
    /// The configuration for --print [default: steadfast.toml, where there is one]
    #[arg(long, value_name = "FILE", conflicts_with = "example")]
    config: Option<PathBuf>,
    /// As with `serve --dev`
    #[arg(long, conflicts_with = "example")]
    dev: bool,
}

/// One of the two.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct What {
    /// Print every setting with its default and what it means
    #[arg(long)]
    example: bool,
    /// Print the settings that come of the file and of STEADFAST_* variables, without secrets
    #[arg(long)]
    print: bool,
}

/// Prints one of the two.
pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let text = if args.what.example {
        EXAMPLE.to_owned()
    } else {
        let file = File::find(args.config.as_deref())?;
        let flags = Overrides { dev: args.dev, ..Overrides::default() };
        let config = settings::load(file.as_ref(), &flags)?;
        let source = match file {
            Some(file) => format!("of {} and the environment", file.path.display()),
            None => "of the environment".to_owned(),
        };
        format!("# The settings {source}; secrets are left out.\n\n{}", config.to_toml()?)
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
