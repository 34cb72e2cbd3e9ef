//! `snapferry man`: the manual pages.

use super::exit::Exit;
use anyhow::Context;
use clap::{Args, CommandFactory};
use std::path::{Path, PathBuf};

/// Write a manual page for each command into a folder
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  snapferry man ~/.local/share/man/man1      then: man snapferry-retry
  snapferry man /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// The folder; it is made where it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes them.
///
/// # Errors
/// A folder that cannot be written.
pub(super) fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    pages(&args.folder).with_context(|| format!("the manual pages cannot be written to {}", args.folder.display()))?;
    Ok(Exit::Done)
}

fn pages(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(super::Cli::command().disable_help_subcommand(true), folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap_complete::Shell;
    use std::process::{Command, Stdio};

    #[test]
    fn every_command_has_its_page() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("share/man1");
        pages(&folder).expect("pages");
        let mut names: Vec<String> = super::super::Cli::command()
            .get_subcommands()
            .map(|command| format!("snapferry-{}.1", command.get_name()))
            .collect();
        names.push("snapferry.1".to_owned());
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            let page = std::fs::read_to_string(folder.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(page.contains(".SH SYNOPSIS") && page.contains("Examples:"), "{name}: {page}");
        }
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        let mut command = super::super::Cli::command();
        command.clone().debug_assert();
        let help = command.render_help().to_string();
        assert!(help.contains("Examples:\n  snapferry "), "{help}");
        for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
            let help = sub.render_help().to_string();
            assert!(help.contains("Examples:\n  snapferry "), "{}: {help}", sub.get_name());
        }
    }

    #[test]
    fn help_fits_into_80_columns_and_no_example_is_broken() {
        let mut command = super::super::Cli::command();
        command.build();
        let mut wide = Vec::new();
        let mut look = |command: &mut clap::Command| {
            let name = command.get_name().to_owned();
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let long = command.render_long_help().to_string();
            // Without a terminal its width is the widest that there is.
            let lines = long.lines().chain(examples.lines().filter(|line| line.starts_with("  ")));
            wide.extend(lines.filter(|line| line.chars().count() > 80).map(|line| format!("{name}: {line}")));
        };
        look(&mut command);
        command.get_subcommands_mut().for_each(look);
        assert_eq!(wide, Vec::<String>::new());
    }

    #[test]
    fn every_shell_has_its_completions_and_reads_them() {
        let shells = [
            (Shell::Bash, Some("bash")),
            (Shell::Zsh, Some("zsh")),
            (Shell::Fish, Some("fish")),
            (Shell::PowerShell, None),
        ];
        for (shell, program) in shells {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut super::super::Cli::command(), "snapferry", &mut script);
            let text = String::from_utf8(script.clone()).expect("UTF-8");
            for word in ["doctor", "policy", "failures", "retry", "--database"] {
                assert!(text.contains(word.trim_start_matches('-')), "{shell}: no {word}");
            }
            let Some(program) = program else { continue };
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("script");
            std::fs::write(&file, &script).expect("written");
            // Where the shell is not installed, nothing more can be said.
            if let Ok(read) = Command::new(program).arg("-n").arg(&file).stderr(Stdio::piped()).output() {
                assert!(read.status.success(), "{shell}: {}", String::from_utf8_lossy(&read.stderr));
            }
        }
    }
}
