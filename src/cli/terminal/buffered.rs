//! Output that is held back, so that a command can start again without a trace of its first try.

use std::io::{Result, Write};

/// More than this is written as it comes, so that memory is flat.
const MOST: usize = 1 << 20;

/// Keeps back what is written, until it is much or is let go.
#[derive(Debug)]
pub(crate) struct BufferedOutput<W> {
    to: W,
    kept: Option<Vec<u8>>,
}

impl<W: Write> BufferedOutput<W> {
    pub(crate) fn new(to: W) -> Self {
        Self { to, kept: Some(Vec::new()) }
    }

    /// Forgets what was kept; false where some of it was written already.
    pub(crate) fn discard(&mut self) -> bool {
        self.kept.as_mut().map(Vec::clear).is_some()
    }

    /// Writes what was kept, and from now on at once.
    pub(crate) fn release(&mut self) -> Result<()> {
        self.to.write_all(&self.kept.take().unwrap_or_default())?;
        self.to.flush()
    }
}

impl<W: Write> Write for BufferedOutput<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match &mut self.kept {
            Some(kept) if kept.len() + bytes.len() <= MOST => kept.write(bytes),
            Some(_) => self.release().and_then(|()| self.to.write(bytes)),
            None => self.to.write(bytes),
        }
    }

    fn flush(&mut self) -> Result<()> {
        if self.kept.is_some() { Ok(()) } else { self.to.flush() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_can_be_taken_back_until_it_is_much() {
        let mut held = BufferedOutput::new(Vec::new());
        held.write_all(b"first").expect("kept");
        assert!(held.discard());
        held.write_all(b"second").expect("kept");
        assert_eq!(held.to, b"");
        held.release().expect("written");
        assert!(held.to == b"second" && !held.discard());

        let mut held = BufferedOutput::new(Vec::new());
        held.write_all(&vec![b'.'; MOST]).expect("kept");
        assert_eq!(held.to.len(), 0);
        held.write_all(b".").expect("written");
        assert!(held.to.len() == MOST + 1 && !held.discard());
    }
}
