//! The files of the store, and whether their names still lead to them. A file that was deleted or replaced still accepts writes while
//! it is open; nobody will ever read them.

use crate::queue::files::own_files::beside;
use crate::queue::queue_error::QueueError;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The database, its WAL, and the WAL's index: where they are at all, all three are there as long as a connection is open.
pub(in crate::queue) const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

/// The files behind the names when the store was opened.
#[derive(Debug)]
pub(in crate::queue) struct DatabaseFiles {
    files: Vec<(PathBuf, FileId)>,
}

/// Device and inode: what stays a file's own whatever becomes of its name.
type FileId = (u64, u64);

impl DatabaseFiles {
    /// For a store that is only read: no check.
    pub(in crate::queue) fn nowhere() -> Self {
        Self { files: Vec::new() }
    }

    /// Where the store at `path` is, now that a connection to it is open.
    pub(in crate::queue) fn of(path: &Path) -> io::Result<Self> {
        let mut files = vec![(path.to_owned(), identity(&path.metadata()?))];
        for ending in ENDINGS {
            let file = beside(path, ending);
            // A file system without shared memory has no WAL.
            if let Ok(found) = file.metadata() {
                files.push((file, identity(&found)));
            }
        }
        Ok(Self { files })
    }

    /// Whether all of it is still there.
    pub(in crate::queue) fn check(&self) -> Result<(), QueueError> {
        for (file, opened) in &self.files {
            let replaced = match file.metadata() {
                Ok(found) => identity(&found) != *opened,
                // Any other error does not show that it was: the database itself will.
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
            if replaced {
                return Err(QueueError::Replaced(file.clone()));
            }
        }
        Ok(())
    }
}

/// What changes with each write to a file itself.
pub(in crate::queue) type FileMark = (FileId, u64, i64, i64);

pub(in crate::queue) fn file_mark(path: &Path) -> Option<FileMark> {
    let found = path.metadata().ok()?;
    Some((identity(&found), found.len(), found.mtime(), found.mtime_nsec()))
}

/// The mark of a file at rest, which can be read without its WAL and locks: nobody has it open, and no log beside it holds anything.
/// Nothing where that is not so.
pub(in crate::queue) fn at_rest(path: &Path) -> Option<FileMark> {
    loop {
        let mark = file_mark(path)?;
        let is_empty = |ending: &&str| beside(path, ending).metadata().map_or(true, |log| log.len() == 0);
        let quiet = ["-wal", "-journal"].iter().all(is_empty);
        // The last to close it has written to it first.
        if !quiet || file_mark(path) == Some(mark) {
            return quiet.then_some(mark);
        }
    }
}

fn identity(found: &Metadata) -> FileId {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, write};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_file_at_rest_has_no_log_and_another_mark_after_each_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ferry.db");
        write(&path, [0; 10]).expect("a file");
        let written_at = |seconds: u64| {
            let file = File::options().write(true).open(&path).expect("the file");
            file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).expect("a time");
        };
        written_at(1_800_000_000);
        let before = at_rest(&path).expect("nobody writes");
        assert_eq!(at_rest(&path), Some(before));
        written_at(1_800_000_001);
        assert!(at_rest(&path).is_some_and(|now| now != before), "as long as before, and written since");
        write(folder.path().join("ferry.db-wal"), [0; 5]).expect("a log");
        assert_eq!(at_rest(&path), None, "with a log since");
    }
}
