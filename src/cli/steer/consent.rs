//! Asking before an act on many jobs: only on a terminal is there a person to ask.

use crate::cli::exit::{Exit, UsageError};
use crate::cli::terminal::screen::Screen;
use std::io::BufRead;

/// Who can be asked.
pub enum Asking<'a> {
    /// A person, who answers here.
    Person(&'a mut (dyn BufRead + Send)),
    /// Nobody: there is no terminal.
    Nobody,
}

/// Whether a command asks at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::Args)]
pub(crate) struct ConsentArgs {
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// The exit status of a command that the person did not agree to.
pub(crate) const CALLED_OFF: Exit = Exit::Failed;

impl ConsentArgs {
    /// Whether the person agrees to `what`, such as `Cancel 3 jobs`. With --yes nobody is asked.
    pub(crate) fn ask(self, what: &str, asking: &mut Asking<'_>, screen: &mut Screen<'_>) -> anyhow::Result<bool> {
        if self.yes {
            return Ok(true);
        }
        let Asking::Person(answers) = asking else {
            let message = format!("nothing was changed: no terminal to ask \"{what}?\"; add --yes to confirm");
            return Err(UsageError(message).into());
        };
        let (notes, style) = (&mut *screen.notes, screen.style);
        write!(notes, "{} ", style.lay_out(vec![format!("{what}? [y/N]")]).trim_end())?;
        notes.flush()?;
        let mut answer = String::new();
        if answers.read_line(&mut answer)? == 0 {
            // At the end of the input the line of the question is still open.
            writeln!(notes)?;
        }
        if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            return Ok(true);
        }
        writeln!(notes, "Nothing was changed.")?;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::TextStyle;

    fn ask(yes: bool, mut asking: Asking<'_>, notes: &mut Vec<u8>) -> anyhow::Result<bool> {
        let mut out = Vec::new();
        let mut screen = Screen { out: &mut out, notes, style: TextStyle::default(), terminal: false };
        ConsentArgs { yes }.ask("Cancel 3 jobs", &mut asking, &mut screen)
    }

    fn asked(answer: &str) -> (bool, String) {
        let (mut answers, mut notes) = (answer.as_bytes(), Vec::new());
        let consent = ask(false, Asking::Person(&mut answers), &mut notes);
        (consent.expect("an answer"), String::from_utf8(notes).expect("UTF-8"))
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        for yes in ["y\n", "YES\n", " yes "] {
            assert_eq!(asked(yes), (true, "Cancel 3 jobs? [y/N] ".to_owned()));
        }
        for no in ["\n", "n\n", "yesterday\n"] {
            assert_eq!(asked(no), (false, "Cancel 3 jobs? [y/N] Nothing was changed.\n".to_owned()));
        }
        assert_eq!(asked("").1, "Cancel 3 jobs? [y/N] \nNothing was changed.\n");
    }

    #[test]
    fn without_a_terminal_nothing_is_done_unless_yes_was_said() {
        let mut notes = Vec::new();
        let error = ask(false, Asking::Nobody, &mut notes).expect_err("refused");
        assert!(error.is::<UsageError>() && error.to_string().contains("--yes"), "{error}");
        let given = ask(true, Asking::Nobody, &mut notes).expect("given");
        assert_eq!((given, notes), (true, Vec::new()));
    }
}
