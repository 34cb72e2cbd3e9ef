//! Locks that the operating system holds for a process and lets go of when it ends, however it ends.

use super::own_files::resolved;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Who looks at a lock has it, shared, for the blink of an eye; who wants it asks a few times before it gives up.
const ASKS: u32 = 5;
const BETWEEN_ASKS: Duration = Duration::from_millis(10);

/// What a lock is for; each has a file of its own beside the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Sending and tracking: one daemon per database.
    Daemon,
    /// Making or migrating the database: one process at a time.
    Migration,
    /// Loading a batch: one at a time, so that a batch left `loading` is known to be of a killed load.
    Load,
}

/// A lock that lasts as long as this value, or the process.
#[derive(Debug)]
pub struct DatabaseLock {
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
    /// Takes the lock of `database`, without waiting; `who` is what a second one is told, such as `snapferry daemon, pid 812`.
    ///
    /// # Errors
    /// [`LockError::Taken`] when somebody has it.
    pub fn take(database: &Path, held: Held, who: &str) -> Result<Self, LockError> {
        let lock = path_of(database, held);
        let unusable = |source| LockError::Unusable { lock: lock.clone(), source };
        let mut file = open(&lock).map_err(unusable)?;
        let mut asked = file.try_lock();
        for _ in 1..ASKS {
            if !matches!(asked, Err(TryLockError::WouldBlock)) {
                break;
            }
            std::thread::sleep(BETWEEN_ASKS);
            asked = file.try_lock();
        }
        match asked {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // What it says of itself is a help, no condition.
                let _ = file.read_to_string(&mut holder);
                let holder = if holder.trim().is_empty() { "unnamed".to_owned() } else { holder.trim().to_owned() };
                return Err(LockError::Taken { holder, database: database.to_owned(), lock });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        // What it says of itself is a help, no condition: a full disk is the database's to complain of.
        let _ = sign(&mut file, who);
        Ok(Self { _file: file, path: lock })
    }

    /// What the holder of the lock of `database` wrote of itself; nothing where nobody has it.
    ///
    /// # Errors
    /// The lock file is there and cannot be read.
    pub fn holder(database: &Path, held: Held) -> std::io::Result<Option<String>> {
        let mut file = match File::open(path_of(database, held)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder)?;
                Ok(Some(holder.trim().to_owned()))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Lets go and takes the file away: for a lock that guards what is done once.
    pub(super) fn remove(self) {
        // One that stays behind is litter and no more.
        let _ = std::fs::remove_file(&self.path);
    }

    /// Takes the lock of `database`, and waits for whoever has it. Blocks the thread.
    ///
    /// # Errors
    /// [`LockError::Unusable`].
    pub fn wait(database: &Path, held: Held, who: &str) -> Result<Self, LockError> {
        let lock = path_of(database, held);
        let unusable = |source| LockError::Unusable { lock: lock.clone(), source };
        let mut file = open(&lock).map_err(unusable)?;
        file.lock().map_err(unusable)?;
        // What it says of itself is a help, no condition: a full disk is the database's to complain of.
        let _ = sign(&mut file, who);
        Ok(Self { _file: file, path: lock })
    }
}

fn open(lock: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(lock)
}

fn sign(file: &mut File, who: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{who}")
}

/// Beside the file itself, as the log is, and not beside a link to it: one database has one lock.
pub(super) fn path_of(database: &Path, held: Held) -> PathBuf {
    let ending = match held {
        Held::Daemon => "daemon.lock",
        Held::Migration => "migrate.lock",
        Held::Load => "load.lock",
    };
    let mut name = resolved(database).into_os_string();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_has_one_lock_by_whatever_way_it_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let (database, link) = (folder.path().join("q.db"), folder.path().join("link.db"));
        std::fs::write(&database, "").expect("a file");
        std::os::unix::fs::symlink(&database, &link).expect("a link");
        let _first = DatabaseLock::take(&link, Held::Daemon, "the first").expect("a lock");
        let second = DatabaseLock::take(&database, Held::Daemon, "the second").expect_err("it is taken");
        assert!(matches!(&second, LockError::Taken { holder, .. } if holder == "the first"), "{second:?}");
        assert_eq!(DatabaseLock::holder(&database, Held::Daemon).expect("a look").as_deref(), Some("the first"));
    }
}
