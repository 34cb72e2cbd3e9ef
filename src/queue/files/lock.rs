//! Locks that the operating system holds for a process and releases when it ends, however it ends.

use crate::queue::files::inode::{Inode, Locked, Taken};
use crate::queue::files::own_files::beside;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Reading who holds a lock takes it, shared, for an instant; whoever wants the lock yields to others this often.
const ASKS: u32 = 200;

/// How often a lock that somebody else has is asked for again.
const POLL: Duration = Duration::from_millis(50);

/// What a lock is for; each has a file of its own beside the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Sending and tracking: one daemon per database. The lock is on the database itself, where that can be (see `Inode::lock`);
    /// its file shows others that there is one, and whose.
    Daemon,
    /// Making or migrating the database: one process at a time.
    Migration,
    /// Loading a batch: one at a time, so that a batch left `loading` is known to be of a killed load.
    Load,
}

impl Held {
    /// That of its file's name.
    pub(in crate::queue) fn ending(self) -> &'static str {
        match self {
            Self::Daemon => ".daemon.lock",
            Self::Migration => ".migrate.lock",
            Self::Load => ".load.lock",
        }
    }
}

/// A lock that lasts as long as this value, or the process.
#[derive(Debug)]
pub struct DatabaseLock {
    _inode: Option<Locked>,
    _file: File,
    path: PathBuf,
}

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error("another Snapferry ({holder}) is working on the database {database:?}; it holds {lock:?}")]
    Taken {
        /// What the holder wrote of itself.
        holder: String,
        /// The database.
        database: PathBuf,
        /// The lock file.
        lock: PathBuf,
    },
    /// The file is somebody else's.
    #[error(
        "the lock file {lock:?} belongs to another user (id {owner}) and may not be opened; `chown {us} {}` lets this one in",
        lock.display()
    )]
    NotOurs {
        /// The lock file.
        lock: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who would use it.
        us: u32,
    },
    /// The file could not be opened or locked.
    #[error("the lock file {lock:?} cannot be used; check the owner and mode of its folder, and the room on its disk")]
    Unusable {
        /// The lock file.
        lock: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl DatabaseLock {
    /// Takes the lock of `database`, without waiting; `who` names this process to others, such as `snapferry daemon, pid 812 on
    /// ferry-1, since 2026-11-30 15:48:00 UTC`.
    ///
    /// # Errors
    /// [`LockError::Taken`] when somebody has it.
    pub fn take(database: &Path, held: Held, who: &str) -> Result<Self, LockError> {
        let path = beside(database, held.ending());
        let unusable = |source| LockError::Unusable { lock: path.clone(), source };
        let taken = || LockError::Taken {
            holder: label(&path).unwrap_or_else(|| "unnamed".to_owned()),
            database: database.to_owned(),
            lock: path.clone(),
        };
        let mut inode = None;
        if held == Held::Daemon {
            match Inode::of(database).and_then(|inode| inode.lock(database)).map_err(unusable)? {
                Some(Ok(lock)) => inode = Some(lock),
                Some(Err(Taken)) => return Err(taken()),
                None => {}
            }
        }
        if inode.is_some() && path.metadata().is_ok_and(|found| found.uid() != us()) {
            // Another user has left it, and no longer holds it: it is created again.
            let _ = std::fs::remove_file(&path);
        }
        loop {
            let mut file = open(&path)?;
            match ask(&file) {
                Ok(()) if !is_at(&file, &path) => continue,
                Err(TryLockError::WouldBlock) if inode.is_none() => return Err(taken()),
                // Locking the file without the database has no effect.
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(source)) => return Err(unusable(source)),
            }
            // The name of the holder is a help, no condition: the database reports a full disk. But the name of another user's
            // process must not stay: the holder of the lock creates the file again.
            if sign(&mut file, who).is_err()
                && path.metadata().is_ok_and(|found| found.uid() != us())
                && std::fs::remove_file(&path).is_ok()
            {
                continue;
            }
            return Ok(Self { _inode: inode, _file: file, path });
        }
    }

    /// The name that the holder of the lock of `database` gave; nothing where the lock is free.
    ///
    /// # Errors
    /// The lock file is there and cannot be read.
    pub fn holder(database: &Path, held: Held) -> io::Result<Option<String>> {
        let path = beside(database, held.ending());
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(label(&path).unwrap_or_default())),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Releases the lock and deletes the file: for a lock that guards what is done once.
    pub(in crate::queue) fn remove(self) {
        // A file that stays is harmless.
        let _ = std::fs::remove_file(&self.path);
    }

    /// Takes the lock of `database` once it is free; the caller may give up meanwhile.
    ///
    /// # Errors
    /// [`LockError::Unusable`] or [`LockError::NotOurs`].
    pub(in crate::queue) async fn wait(database: &Path, held: Held, who: &str) -> Result<Self, LockError> {
        let mut logged = false;
        loop {
            match Self::take(database, held, who) {
                Err(LockError::Taken { holder, lock, .. }) => {
                    if !std::mem::replace(&mut logged, true) {
                        tracing::info!(holder, ?lock, "waiting for a lock");
                    }
                    tokio::time::sleep(POLL).await;
                }
                taken => return taken,
            }
        }
    }
}

/// Tries again until a process that only reads the holder, which takes no time, is done.
fn ask(file: &File) -> Result<(), TryLockError> {
    for _ in 0..ASKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            asked => return asked,
        }
    }
    file.try_lock()
}

fn us() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Another user's file can be locked all the same where it can be read.
fn open(lock: &Path) -> Result<File, LockError> {
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(lock);
    opened.or_else(|source| File::open(lock).map_err(|_| source)).map_err(|source| {
        let us = us();
        match lock.metadata() {
            Ok(found) if source.kind() == ErrorKind::PermissionDenied && found.uid() != us => {
                LockError::NotOurs { lock: lock.to_owned(), owner: found.uid(), us }
            }
            Ok(_) | Err(_) => LockError::Unusable { lock: lock.to_owned(), source },
        }
    })
}

/// Whether a file still has its name. A lock on one that was removed has no effect.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), path.metadata()) {
        (Ok(file), Ok(found)) => (file.dev(), file.ino()) == (found.dev(), found.ino()),
        _ => false,
    }
}

/// What a holder wrote of itself: a help, no condition.
fn label(lock: &Path) -> Option<String> {
    let said = std::fs::read_to_string(lock).ok()?;
    Some(said.trim().to_owned()).filter(|said| !said.is_empty())
}

fn sign(file: &mut File, who: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{who}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_has_one_lock_by_whatever_way_it_is_named_and_without_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, link) = (folder.path().join("q.db"), folder.path().join("link.db"));
        let hard = folder.path().join("hard.db");
        std::fs::write(&database, "").expect("a file");
        std::os::unix::fs::symlink(&database, &link).expect("a link");
        std::fs::hard_link(&database, &hard).expect("a link");
        let first = DatabaseLock::take(&link, Held::Daemon, "the first").expect("a lock");
        let second = DatabaseLock::take(&database, Held::Daemon, "the second").expect_err("it is taken");
        assert!(matches!(&second, LockError::Taken { holder, .. } if holder == "the first"), "{second:?}");
        assert_eq!(DatabaseLock::holder(&database, Held::Daemon).expect("a look").as_deref(), Some("the first"));
        std::fs::remove_file(beside(&database, Held::Daemon.ending())).expect("removed");
        for name in [&database, &hard] {
            DatabaseLock::take(name, Held::Daemon, "another").expect_err("it is taken");
        }
        drop(first);
        assert_eq!(DatabaseLock::holder(&database, Held::Daemon).expect("a look"), None);
        DatabaseLock::take(&hard, Held::Daemon, "the next").expect("it is free");
    }

    #[tokio::test]
    async fn whoever_waited_for_a_lock_file_that_was_removed_takes_the_one_that_is_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("q.db");
        let first = DatabaseLock::take(&database, Held::Migration, "the first").expect("a lock");
        let old = File::open(&first.path).expect("the file");
        let mut waiting = Box::pin(DatabaseLock::wait(&database, Held::Migration, "the second"));
        assert!(tokio::time::timeout(POLL * 2, &mut waiting).await.is_err(), "it waits");
        first.remove();
        let second = waiting.await.expect("a lock");
        assert!(!is_at(&old, &second.path) && second.path.exists());
    }
}
