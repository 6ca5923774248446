//! `steadfast completions`: what a shell needs to complete this program's commands and flags.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::Cli;

/// What `completions` is told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  steadfast completions bash > /etc/bash_completion.d/steadfast
  steadfast completions zsh > /usr/local/share/zsh/site-functions/_steadfast
  steadfast completions fish > ~/.config/fish/completions/steadfast.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    std::io::stdout().write_all(&script(args.shell))?;
    Ok(ExitCode::SUCCESS)
}

fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut script);
    script
}

#[cfg(test)]
mod tests {
    use super::script;
    use crate::Cli;
    use clap::{CommandFactory, ValueEnum};
    use clap_complete::Shell;

    #[test]
    fn each_shell_is_told_of_each_command() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            for command in Cli::command().get_subcommands().filter(|one| !one.is_hide_set()) {
                assert!(script.contains(command.get_name()), "{shell}: {}", command.get_name());
            }
            assert!(script.contains("data-dir"), "{shell}");
        }
    }
}
