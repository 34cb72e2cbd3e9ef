//! Where a command's words go: results to one side, everything else to the other.

use crate::report::Look;
use anyhow::Context as _;
use std::io::Write;

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

impl std::fmt::Debug for Screen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screen").field("look", &self.look).field("terminal", &self.terminal).finish_non_exhaustive()
    }
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
