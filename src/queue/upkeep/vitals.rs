//! The files of a database and their disk, without opening them.

use crate::queue::files::counter::COUNTER;
use crate::queue::files::disk;
use crate::queue::files::lock::{DatabaseLock, Held};
use crate::queue::files::own_files::{beside, resolved};
use crate::queue::files::paths::ENDINGS;
use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const READ_AND_WRITE: Access = Access::READ_OK.union(Access::WRITE_OK);

/// What the files of a database are like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Vitals {
    /// The database's size.
    pub bytes: u64,
    /// The size of its WAL, where it has one.
    pub wal_bytes: Option<u64>,
    /// What its disk has free for this user; nothing where the system does not say.
    pub free_bytes: Option<u64>,
    /// The files and the folder that this user may not read or write.
    pub locked: Vec<PathBuf>,
    /// Those of them that belong to another user.
    pub foreign: Option<Foreign>,
    /// The files that everybody on this machine may write.
    pub open_to_all: Vec<PathBuf>,
    /// Whether its disk is mounted read-only.
    pub read_only_disk: bool,
    /// The users to whom its files belong, where they are several.
    pub owners: Vec<u32>,
    /// The kind of its disk, where it is on another machine.
    pub network: Option<String>,
    /// What the daemon at work on it says of itself.
    pub daemon: Option<String>,
}

impl Vitals {
    /// Inspects the files of the database at `path`; nothing where there is none.
    pub fn of(path: &Path) -> Option<Self> {
        let real = path.canonicalize().ok()?;
        let folder = real.parent()?;
        let mut vitals = Self {
            free_bytes: statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
            network: disk::shared(&real),
            read_only_disk: is_read_only(&real),
            daemon: DatabaseLock::holder(path, Held::Daemon).ok().flatten(),
            foreign: Foreign::among(all_files(&real, READ_AND_WRITE)),
            ..Self::default()
        };
        let log = beside(&real, "-wal");
        for (file, wanted) in all_files(&real, READ_AND_WRITE) {
            let Ok(found) = file.metadata() else { continue };
            if file == real {
                vitals.bytes = found.len();
            } else if file == log {
                vitals.wal_bytes = Some(found.len());
            }
            if is_refused(&file, wanted) {
                vitals.locked.push(file.clone());
            }
            if wanted == READ_AND_WRITE && !vitals.owners.contains(&found.uid()) {
                vitals.owners.push(found.uid());
            }
            if wanted == READ_AND_WRITE && found.mode() & 0o002 != 0 {
                vitals.open_to_all.push(file);
            }
        }
        if is_refused(folder, Access::WRITE_OK | Access::EXEC_OK) {
            vitals.locked.push(folder.to_owned());
        }
        if vitals.owners.len() == 1 {
            vitals.owners.clear();
        }
        Some(vitals)
    }
}

/// Whether the disk of the database at `path` is mounted so that it takes no writes.
pub(in crate::queue) fn is_read_only(path: &Path) -> bool {
    let disk = resolved(path).parent().and_then(|folder| statvfs(folder).ok());
    disk.is_some_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// Whether the disk of the database at `path` takes no more.
pub(in crate::queue) fn is_full(path: &Path) -> bool {
    let real = resolved(path);
    let disk = real.parent().and_then(|folder| statvfs(folder).ok());
    disk.is_some_and(|disk| disk.f_bavail == 0 || (disk.f_files > 0 && disk.f_favail == 0))
}

/// Whether this user's rights do not suffice; a disk that takes no writes refuses for another cause.
fn is_refused(file: &Path, wanted: Access) -> bool {
    access(file, wanted).is_err_and(|error| error != rustix::io::Errno::ROFS)
}

/// Whether the log of the database at `path` holds something that can be read only by making the log's index.
pub(in crate::queue) fn log_needs_index(path: &Path) -> bool {
    let length = |ending| beside(path, ending).metadata().map_or(0, |file| file.len());
    length("-wal") > 0 && length("-shm") == 0
}

/// What is to be done with a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::queue) enum Wanted {
    Read,
    Written,
    /// Written, and exports sent by it.
    Sent,
}

impl Wanted {
    /// As it reads in "cannot be ...".
    pub(in crate::queue) fn as_str(self) -> &'static str {
        if self == Self::Read { "read" } else { "written" }
    }
}

/// Files that belong to another user and keep this one out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    files: Vec<PathBuf>,
    owner: u32,
    us: u32,
}

impl Foreign {
    /// What to do about it.
    pub fn way(&self) -> String {
        let Self { files, owner, us } = self;
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        format!("run as user {owner}, or let this one in with `chown {us} {}`", files.join(" "))
    }

    /// Those among `files`, each with what is wanted of it.
    fn among(files: impl Iterator<Item = (PathBuf, Access)>) -> Option<Self> {
        let us = rustix::process::geteuid().as_raw();
        let owned = files.filter_map(|(file, wanted)| {
            let owner = file.metadata().ok()?.uid();
            (owner != us && is_refused(&file, wanted)).then_some((file, owner))
        });
        let (files, owners): (Vec<PathBuf>, Vec<u32>) = owned.unzip();
        owners.first().map(|owner| Self { files, owner: *owner, us })
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { files, owner, us } = self;
        let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let belong = if files.len() == 1 { "belongs" } else { "belong" };
        write!(f, "{} {belong} to user {owner}, and this is user {us}", files.join(", "))
    }
}

/// All files of the database at `path` that another user keeps from this one, where one is among them without which it cannot be
/// done what is wanted.
pub(in crate::queue) fn foreign(path: &Path, wanted: Wanted) -> Option<Foreign> {
    let access = if wanted == Wanted::Read { Access::READ_OK } else { READ_AND_WRITE };
    let counter = (wanted == Wanted::Sent).then_some(COUNTER);
    let needed = ENDINGS.into_iter().chain(counter);
    Foreign::among(needed.map(|ending| (beside(path, ending), access)))?;
    Foreign::among(all_files(path, access))
}

/// The files of a database, and how each is used. The daemon's own lock is created again if needed.
fn all_files(path: &Path, access: Access) -> impl Iterator<Item = (PathBuf, Access)> {
    let files = ENDINGS.into_iter().chain([COUNTER]).map(move |ending| (ending, access));
    let locks = [Held::Load, Held::Migration].map(|lock| (lock.ending(), Access::READ_OK));
    files.chain(locks).map(|(ending, access)| (beside(path, ending), access))
}

/// The folder of the database at `path`, likewise: who reads has to make the WAL's index where it is missing.
pub(in crate::queue) fn foreign_folder(path: &Path) -> Option<Foreign> {
    let folder = resolved(path).parent()?.to_owned();
    Foreign::among(std::iter::once((folder, Access::WRITE_OK | Access::EXEC_OK)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn what_is_seen_of_the_files_is_how_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("a folder").join("ferry.db");
        assert!(Vitals::of(&path).is_none());
        write(&path, [0; 10]).expect("a file");
        let before = Vitals::of(&path).expect("vitals");
        assert_eq!((before.bytes, before.wal_bytes, before.network.as_deref()), (10, None, None));
        assert!(before.free_bytes.is_some_and(|free| free > 0), "{before:?}");
        assert!(before.open_to_all.is_empty() && before.locked.is_empty() && before.owners.is_empty(), "{before:?}");

        write(folder.path().join("ferry.db-wal"), [0; 5]).expect("a log");
        assert_eq!(Vitals::of(&path).expect("vitals").wal_bytes, Some(5));

        set_permissions(&path, Permissions::from_mode(0o666)).expect("a mode");
        assert_eq!(Vitals::of(&path).expect("vitals").open_to_all, [path]);
    }
}
