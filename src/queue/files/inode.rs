//! A lock on the database's own inode, which no name leads past: not another link to it, nor a lock file that was removed.
//!
//! The lock is flock(2)'s, which on a local disk of Linux is apart from the POSIX locks that `SQLite` takes on the same file.
//! But a process loses all of its POSIX locks on a file as soon as it closes any descriptor of it. So what was opened here
//! stays open for as long as this process has the database open anywhere: each connection's options hold the [`Inode`].

use crate::queue::files::disk;
use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

type InodeId = (u64, u64);

/// Those that this process has open.
static OPEN: LazyLock<Mutex<HashMap<InodeId, Weak<Inode>>>> = LazyLock::new(Mutex::default);

/// A database file that this process has open, or is about to open.
#[derive(Debug)]
pub(in crate::queue) struct Inode {
    /// Unused descriptors that may not be closed yet.
    idle: Mutex<Vec<File>>,
}

/// A descriptor with a lock of its own. Dropped, it is unlocked, and kept.
#[derive(Debug)]
pub(in crate::queue) struct Locked {
    inode: Arc<Inode>,
    file: Option<File>,
}

impl Inode {
    /// The file behind a path, before a connection to it is opened.
    pub(in crate::queue) fn of(path: &Path) -> io::Result<Arc<Self>> {
        let found = path.metadata()?;
        let mut open = locked(&OPEN);
        open.retain(|_, inode| inode.strong_count() > 0);
        let slot = open.entry((found.dev(), found.ino())).or_default();
        Ok(slot.upgrade().unwrap_or_else(|| {
            let inode = Arc::new(Self { idle: Mutex::default() });
            *slot = Arc::downgrade(&inode);
            inode
        }))
    }

    /// Locks it, which is still behind this path, if it is free. Nothing where such a lock has no use: elsewhere flock(2) is not apart
    /// from `SQLite`'s locks, and would block those.
    pub(in crate::queue) fn lock(self: Arc<Self>, path: &Path) -> io::Result<Option<Result<Locked, Taken>>> {
        if !cfg!(target_os = "linux") || disk::shared(path).is_some() {
            return Ok(None);
        }
        let idle = locked(&self.idle).pop();
        let file = match idle {
            Some(file) => file,
            None => File::open(path)?,
        };
        let asked = file.try_lock();
        let lock = Locked { inode: self, file: Some(file) };
        match asked {
            Ok(()) => Ok(Some(Ok(lock))),
            Err(TryLockError::WouldBlock) => Ok(Some(Err(Taken))),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Somebody else has it.
#[derive(Debug)]
pub(in crate::queue) struct Taken;

impl Drop for Locked {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            let _ = file.unlock();
            locked(&self.inode.idle).push(file);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
