//! `steadfast man`: the manual pages of this program, made of what `--help` says. Out: the first
//! page, or the page of each command in a directory.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;

use crate::Cli;

/// What `man` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steadfast man | man -l -
  steadfast man --dir /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write the pages of all commands into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints a page, or writes all of them.
pub(crate) fn run(args: &ManArgs) -> anyhow::Result<ExitCode> {
    // Its own command is no page of interest.
    let command = Cli::command().disable_help_subcommand(true);
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir)
            .and_then(|()| clap_mangen::generate_to(command, dir))
            .with_context(|| format!("the pages cannot be written to {}", dir.display()))?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        std::io::stdout().write_all(&page)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::{ManArgs, run};
    use crate::Cli;
    use clap::CommandFactory;

    #[test]
    fn each_command_has_a_page_and_the_hidden_one_none() {
        let folder = tempfile::tempdir().unwrap();
        run(&ManArgs { dir: Some(folder.path().join("man1")) }).unwrap();
        let page = |name: &str| std::fs::read_to_string(folder.path().join("man1").join(name));
        assert!(page("steadfast.1").unwrap().contains("steadfast\\-serve(1)"));
        for command in Cli::command().get_subcommands() {
            let page = page(&format!("steadfast-{}.1", command.get_name()));
            assert_eq!(page.is_err(), command.is_hide_set(), "{}", command.get_name());
        }
        assert!(page("steadfast-serve.1").unwrap().contains("\\-\\-data\\-dir"));
    }
}
