//! `snapferry man`: the manual pages.

use crate::cli::exit::{Exit, UsageError};
use anyhow::Context;
use clap::builder::Resettable;
use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Write a man page for each command
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  snapferry man ~/.local/share/man/man1      then: man snapferry-retry
  snapferry man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Output directory (created if missing)
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Writes them.
pub(crate) fn man(args: &ManArgs) -> anyhow::Result<Exit> {
    let folder = &args.folder;
    std::fs::create_dir_all(folder).map_err(|_| {
        UsageError(format!("cannot create the folder {}; name a folder that you may write to", folder.display()))
    })?;
    pages(folder).with_context(|| format!("cannot write the man pages to {}", folder.display()))?;
    Ok(Exit::Done)
}

fn pages(folder: &Path) -> io::Result<()> {
    let mut command = crate::cli::Cli::command().disable_help_subcommand(true);
    command.build();
    command.get_subcommands().chain([&command]).try_for_each(|command| page(command.clone(), folder))
}

fn page(mut command: Command, folder: &Path) -> io::Result<()> {
    let usage = command.render_usage().to_string();
    let after = command.get_after_long_help().or(command.get_after_help()).map(ToString::to_string);
    let plain = command.override_usage(usage.trim_start_matches("Usage: ").to_owned());
    let page = Man::new(plain.after_help(Resettable::Reset).after_long_help(Resettable::Reset));
    let mut file = File::create(folder.join(page.get_filename()))?;
    page.render(&mut file)?;
    sections(&after.unwrap_or_default()).to_writer(&mut file)
}

/// What follows the options in --help: a list under its name, line by line, and the rest as text.
fn sections(after: &str) -> Roff {
    let mut roff = Roff::default();
    for part in after.split("\n\n") {
        if let Some((name, list)) = part.split_once(":\n") {
            roff.control("SH", [name.to_uppercase().as_str()]);
            roff.control("nf", []);
            for line in list.lines() {
                roff.text([roman(line)]);
            }
            roff.control("fi", []);
        } else {
            let status = part.strip_prefix("Exit status: ");
            roff.control("SH", [if status.is_some() { "EXIT STATUS" } else { "NOTES" }]);
            roff.text([roman(status.unwrap_or(part))]);
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap_complete::Shell;
    use std::process::{Command as Program, Stdio};

    #[test]
    fn every_command_has_its_page() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("share/man1");
        man(&ManArgs { folder: folder.clone() }).expect("pages");
        let mut names: Vec<String> = crate::cli::Cli::command()
            .get_subcommands()
            .map(|command| format!("snapferry-{}.1", command.get_name()))
            .collect();
        names.push("snapferry.1".to_owned());
        assert!(names.len() > 20, "{names:?}");
        for name in names {
            let page = std::fs::read_to_string(folder.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(page.contains("\n.SH EXAMPLES\n.nf\n  snapferry "), "{name}: {page}");
            assert!(!page.contains("EXTRA") && !page.contains("Examples:"), "{name}: {page}");
        }
        let page = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a page");
        assert!(page("snapferry-plan.1").contains("[OPTIONS] <FILE|\\->\n"), "{}", page("snapferry-plan.1"));
        assert!(page("snapferry-plan.1").contains("\n.SH \"EXIT STATUS\"\n0 no row would fail, "));
        assert!(page("snapferry-simulate.1").contains("\n.SH FAULTS\n.nf\n  ok  "));
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named_with_the_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "").expect("a file");
        for name in [&file, &file.join("man1")] {
            let error = man(&ManArgs { folder: name.clone() }).expect_err("no folder");
            let said = error.to_string();
            assert!(error.is::<UsageError>() && said.ends_with("name a folder that you may write to"), "{said}");
            assert!(said.contains(&name.display().to_string()) && !said.contains("os error"), "{said}");
        }
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        let mut command = crate::cli::Cli::command();
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
        let mut command = crate::cli::Cli::command();
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
            clap_complete::generate(shell, &mut crate::cli::Cli::command(), "snapferry", &mut script);
            let text = String::from_utf8(script.clone()).expect("UTF-8");
            for word in ["doctor", "policy", "failures", "retry", "--database"] {
                assert!(text.contains(word.trim_start_matches('-')), "{shell}: no {word}");
            }
            let Some(program) = program else { continue };
            let folder = tempfile::tempdir().expect("a folder");
            let file = folder.path().join("script");
            std::fs::write(&file, &script).expect("written");
            // Where the shell is not installed, nothing more can be said.
            if let Ok(read) = Program::new(program).arg("-n").arg(&file).stderr(Stdio::piped()).output() {
                assert!(read.status.success(), "{shell}: {}", String::from_utf8_lossy(&read.stderr));
            }
        }
    }
}
