//! Where a command's words go: results to one side, everything else to the other.

use super::stderr::Stderr;
use crate::report::{Colour, Look};
use anyhow::Context as _;
use std::io::{IsTerminal as _, Write};

/// The two sides, and what the first one is.
pub struct Screen<'a> {
    /// For results: standard output.
    pub out: &'a mut (dyn Write + Send),
    /// For everything else: standard error.
    pub notes: &'a mut (dyn Write + Send),
    /// How results are laid out.
    pub look: Look,
    /// Whether a person looks at the results as they come.
    pub terminal: bool,
}

impl Screen<'_> {
    /// Says something on the way to doing it: a reader that has gone away does not keep it from being done.
    ///
    /// # Errors
    /// Any other trouble of standard output.
    pub(super) fn say(&mut self, text: &str) -> anyhow::Result<()> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        forgive_closed_pipe(written).context("standard output cannot be written")?;
        Ok(())
    }

    /// Adds lines beside the results; that nobody can read them any more is no failure.
    pub(super) fn add_notes(&mut self, lines: &[String]) {
        for line in lines {
            let _ = writeln!(self.notes, "{line}");
        }
    }
}

/// Standard error for people: on a terminal, lines that are too long for it are broken between words. It never fails.
pub(super) fn notes() -> Notes<Stderr> {
    let stderr = std::io::stderr();
    let size = stderr.is_terminal().then(|| terminal_size::terminal_size_of(&stderr)).flatten();
    Notes::new(Stderr, size.map(|(width, _)| width.0))
}

/// Says a line to whoever is there, beside the results. Where nobody can be told, nobody is.
pub(super) fn note(line: &str) {
    let _ = writeln!(notes(), "{line}");
}

/// Breaks lines that are too long between words.
#[derive(Debug)]
pub(super) struct Notes<W> {
    to: W,
    look: Look,
    /// What was begun and has no end yet.
    line: Vec<u8>,
}

impl<W: Write> Notes<W> {
    fn new(to: W, width: Option<u16>) -> Self {
        Self { to, look: Look { width, colour: Colour::Plain }, line: Vec::new() }
    }

    fn put(&mut self, end: &str) -> std::io::Result<()> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        let laid_out = self.look.lay_out(vec![line]);
        // In one piece, as others may write to the same terminal.
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
        // A question stays on its line, and is seen before it is answered.
        if !self.line.is_empty() {
            self.put("")?;
        }
        self.to.flush()
    }
}

/// What was written, or that the reader had gone away, as `head` does: no error to a person.
pub(super) fn forgive_closed_pipe(written: std::io::Result<()>) -> std::io::Result<Flow> {
    match written {
        Ok(()) => Ok(Flow::Open),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Flow::Closed),
        Err(error) => Err(error),
    }
}

/// Whether somebody still reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Open,
    Closed,
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
