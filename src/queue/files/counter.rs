//! The counter file beside the database: how many intents were committed to it. It is written after the commit of an intent
//! and before its call. A database that is behind its file, or has none, is a copy: exports may have begun that it does not
//! know. One that is level with its file has the whole history, on whatever host. It is synced, as the database is.

use crate::queue::files::own_files::{beside, sync_folder_of};
use crate::queue::queue_error::QueueError;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The ending of its name.
pub(in crate::queue) const COUNTER: &str = ".sent";

const TITLE: &str = "snapferry-intents";

/// A database by its id, and the intents that were ever committed to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::queue) struct Intents {
    pub(in crate::queue) origin: String,
    pub(in crate::queue) intents: i64,
}

impl Intents {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let title = words.next()?;
        let (origin, intents) = (words.next()?.to_owned(), words.next()?.parse().ok()?);
        (title == TITLE && words.next().is_none()).then_some(Self { origin, intents })
    }

    /// Always as long, so that one is written over another in one step.
    fn line(&self) -> String {
        format!("{TITLE} {:<32} {:020}\n", self.origin, self.intents)
    }
}

/// The file.
#[derive(Debug)]
pub(in crate::queue) struct Counter {
    path: PathBuf,
    file: Option<Arc<File>>,
}

impl Counter {
    /// That of a database: beside the file itself, and not beside a link to it.
    pub(in crate::queue) fn of(database: &Path) -> Self {
        Self { path: beside(database, COUNTER), file: None }
    }

    /// What it says; nothing where it is not there, or says nothing that can be understood.
    pub(in crate::queue) fn read(&self) -> Result<Option<Intents>, QueueError> {
        match std::fs::read(&self.path) {
            Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().and_then(Intents::parse)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Overwrites and syncs it: a file that is further behind its database than the last group marks a copy. The disk is waited for
    /// outside the runtime.
    pub(in crate::queue) async fn write(&mut self, count: &Intents) -> Result<(), QueueError> {
        let (file, line) = (self.open().map_err(|error| self.failed(error))?, count.line());
        let written = tokio::task::spawn_blocking(move || {
            // Whatever else was there could not be understood; a line of ours keeps its length.
            file.set_len(line.len() as u64)?;
            file.write_all_at(line.as_bytes(), 0)?;
            file.sync_data()
        });
        written.await.map_err(io::Error::from).flatten().map_err(|error| self.failed(error))
    }

    fn open(&mut self) -> io::Result<Arc<File>> {
        let file = match self.file.take() {
            Some(file) => file,
            None => Arc::new(OpenOptions::new().write(true).create(true).truncate(false).open(&self.path)?),
        };
        Ok(Arc::clone(self.file.insert(file)))
    }

    fn failed(&self, error: io::Error) -> QueueError {
        QueueError::Counter { file: self.path.clone(), source: Arc::new(error) }
    }

    /// Makes it, or writes it over.
    pub(in crate::queue) async fn make(&mut self, count: &Intents) -> Result<(), QueueError> {
        self.write(count).await?;
        sync_folder_of(&self.path);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(intents: i64) -> Intents {
        Intents { origin: "0123456789abcdef0123456789abcdef".to_owned(), intents }
    }

    #[tokio::test]
    async fn what_is_written_over_is_read_and_anything_else_is_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut counter = Counter::of(&folder.path().join("q.db"));
        assert_eq!(counter.path, folder.path().canonicalize().expect("a path").join("q.db.sent"));
        assert_eq!(counter.read().expect("a read"), None);
        for one in [count(0), count(7), count(i64::MAX), count(12)] {
            counter.make(&one).await.expect("written");
            assert_eq!(counter.read().expect("a read").as_ref(), Some(&one));
        }
        for (number, odd) in
            ["", "\0\0\0", "snapferry-intents x", "snapferry-intents x y", "other x 7", &"\0".repeat(4096)]
                .iter()
                .enumerate()
        {
            std::fs::write(&counter.path, odd).expect("written");
            assert_eq!(counter.read().expect("a read"), None, "{number}");
            counter.make(&count(3)).await.expect("written");
            assert_eq!(counter.read().expect("a read"), Some(count(3)), "{number}");
        }
    }
}
