//! Where a command writes: results to standard output, everything else to standard error.

use crate::cli::terminal::stderr::Stderr;
use crate::report::{Colour, TextStyle};
use anyhow::Context as _;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::io::{IsTerminal as _, Write};
use std::time::Duration;

/// Standard output and standard error, and how to write to them.
pub struct Screen<'a> {
    /// Results.
    pub out: &'a mut (dyn Write + Send),
    /// Everything else.
    pub notes: &'a mut (dyn Write + Send),
    /// How results are laid out.
    pub style: TextStyle,
    /// Whether results go to a terminal.
    pub terminal: bool,
}

impl Screen<'_> {
    /// Prints a result. A reader that has gone away does not stop the command.
    pub(crate) fn say(&mut self, text: &str) -> anyhow::Result<()> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        forgive_closed_pipe(written).context("cannot write to standard output")
    }

    /// Prints a result for programs.
    pub(crate) fn say_json(&mut self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        self.say(&(serde_json::to_string_pretty(value)? + "\n"))
    }

    /// Adds notes; if they cannot be written, that is no failure.
    pub(crate) fn add_notes(&mut self, lines: &[String]) {
        for line in lines {
            let _ = writeln!(self.notes, "{line}");
        }
    }
}

/// Standard error for people: on a terminal, long lines are broken between words. It never fails.
pub(crate) fn notes() -> Notes<Stderr> {
    let stderr = std::io::stderr();
    let size = stderr.is_terminal().then(|| terminal_size::terminal_size_of(&stderr)).flatten();
    Notes::new(Stderr, size.map(|(width, _)| width.0))
}

/// Prints a note to standard error, if it can be written.
pub(crate) fn note(line: &str) {
    let _ = writeln!(notes(), "{line}");
}

/// A bar on standard error, laid out by `template`.
pub(crate) fn bar(all: &MultiProgress, length: u64, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    all.add(ProgressBar::new(length).with_style(style.progress_chars("=> ")))
}

/// A spinner on standard error.
pub(crate) fn spinner(all: &MultiProgress, message: String) -> ProgressBar {
    let spinner = all.add(ProgressBar::new_spinner().with_message(message));
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// Breaks long lines between words.
#[derive(Debug)]
pub(crate) struct Notes<W> {
    to: W,
    style: TextStyle,
    /// The line that has not ended yet.
    line: Vec<u8>,
}

impl<W: Write> Notes<W> {
    fn new(to: W, width: Option<u16>) -> Self {
        Self { to, style: TextStyle { width, colour: Colour::Plain }, line: Vec::new() }
    }

    fn put(&mut self, end: &str) -> std::io::Result<()> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        let laid_out = self.style.lay_out(vec![line]);
        // In one piece, as other threads may write to the same terminal.
        self.to.write_all(format!("{}{end}", laid_out.trim_end_matches('\n')).as_bytes())?;
        self.to.flush()
    }
}

impl<W: Write> Write for Notes<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        for byte in bytes {
            match byte {
                b'\n' => self.put("\n")?,
                other => self.line.push(*other),
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        // A question has to be seen before its line ends.
        if !self.line.is_empty() {
            self.put("")?;
        }
        self.to.flush()
    }
}

/// A reader that has gone away, as `head` does, is no error.
pub(crate) fn forgive_closed_pipe(written: std::io::Result<()>) -> std::io::Result<()> {
    written.or_else(|error| if error.kind() == std::io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_broken_between_words_and_a_question_stays_on_its_line() {
        let mut seen = Vec::new();
        let mut notes = Notes::new(&mut seen, Some(20));
        let long = "a long";
        write!(notes, "the first line is {long} one\n\nretry them?").expect("written");
        write!(notes, " [y/N] ").expect("written");
        notes.flush().expect("written");
        assert_eq!(String::from_utf8_lossy(&seen), "the first line is a\n  long one\n\nretry them? [y/N] ");
        let mut seen = Vec::new();
        let mut notes = Notes::new(&mut seen, None);
        writeln!(notes, "however long it is, in a pipe it is one line").expect("written");
        assert_eq!(String::from_utf8_lossy(&seen), "however long it is, in a pipe it is one line\n");
    }
}
