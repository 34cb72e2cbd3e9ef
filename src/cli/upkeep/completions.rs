//! `snapferry completions`: completion scripts for shells.

use crate::cli::exit::Exit;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use std::io::Write;

/// Print a shell completion script
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  snapferry completions bash > /etc/bash_completion.d/snapferry
  snapferry completions zsh > \"${fpath[1]}/_snapferry\"
  snapferry completions fish > ~/.config/fish/completions/snapferry.fish
  snapferry completions powershell >> $PROFILE")]
pub(crate) struct CompletionsArgs {
    /// Shell to complete for
    shell: Shell,
}

/// Prints the script.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::Cli::command(), "snapferry", &mut script);
    std::io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}
