//! The files of a database and the disk that they are on, without opening them.

use crate::queue::files::disk;
use crate::queue::files::lock::{DatabaseLock, Held};
use crate::queue::files::own_files::{beside, resolved};
use crate::queue::files::paths::ENDINGS;
use rustix::fs::{Access, access, statvfs};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

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
    /// The files that everybody on this machine may write.
    pub open_to_all: Vec<PathBuf>,
    /// The users to whom its files belong, where they are several.
    pub owners: Vec<u32>,
    /// The kind of its disk, where it is on another machine.
    pub network: Option<String>,
    /// What the daemon at work on it says of itself.
    pub daemon: Option<String>,
}

impl Vitals {
    /// Looks at the files of the database at `path`; nothing where there is none.
    pub fn of(path: &Path) -> Option<Self> {
        let real = path.canonicalize().ok()?;
        let folder = real.parent()?;
        let mut vitals = Self {
            free_bytes: statvfs(folder).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize)),
            network: disk::shared(&real),
            daemon: DatabaseLock::holder(path, Held::Daemon).ok().flatten(),
            ..Self::default()
        };
        for ending in ENDINGS {
            let file = beside(&real, ending);
            let Ok(found) = file.metadata() else { continue };
            match ending {
                "" => vitals.bytes = found.len(),
                "-wal" => vitals.wal_bytes = Some(found.len()),
                _ => {}
            }
            if access(&file, Access::READ_OK | Access::WRITE_OK).is_err() {
                vitals.locked.push(file.clone());
            }
            if found.mode() & 0o002 != 0 {
                vitals.open_to_all.push(file);
            }
            if !vitals.owners.contains(&found.uid()) {
                vitals.owners.push(found.uid());
            }
        }
        if access(folder, Access::WRITE_OK | Access::EXEC_OK).is_err() {
            vitals.locked.push(folder.to_owned());
        }
        if vitals.owners.len() == 1 {
            vitals.owners.clear();
        }
        Some(vitals)
    }
}

/// Whether the disk of the database at `path` takes no more.
pub(in crate::queue) fn is_full(path: &Path) -> bool {
    let real = resolved(path);
    let disk = real.parent().and_then(|folder| statvfs(folder).ok());
    disk.is_some_and(|disk| disk.f_bavail == 0 || (disk.f_files > 0 && disk.f_favail == 0))
}

/// The first of the database's files, or else its folder, that belongs to another user and keeps this one out; whose it is, and
/// who this is.
pub(in crate::queue) fn out_of_reach(path: &Path, to_write: bool) -> Option<(PathBuf, u32, u32)> {
    let us = rustix::process::geteuid().as_raw();
    let real = resolved(path);
    let wanted = if to_write { Access::READ_OK | Access::WRITE_OK } else { Access::READ_OK };
    let files = ENDINGS.iter().map(|ending| (beside(&real, ending), wanted));
    // Who reads has to make the WAL's index where it is missing.
    let folder = real.parent().map(|folder| (folder.to_owned(), Access::WRITE_OK | Access::EXEC_OK));
    files.chain(folder).find_map(|(file, wanted)| {
        let owner = file.metadata().ok()?.uid();
        (owner != us && access(&file, wanted).is_err()).then_some((file, owner, us))
    })
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
