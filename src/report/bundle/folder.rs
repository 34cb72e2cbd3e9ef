//! A folder that is there whole or not at all: written beside its place under another name, and renamed once everything in
//! it is synced. An older report of the same batch is exchanged with the new one in a single step, so the name always
//! leads to a whole report; anything else at that place is left alone.

use super::manifest::{self, BatchFacts, Manifest};
use crate::report::layout::output::folder_of;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The prefix of temporary folders. Their writer holds a lock, so a folder without one is left over.
const PREFIX: &str = ".snapferry-report-";

/// A longer manifest is none of ours.
const LONGEST_MANIFEST: u64 = 1 << 20;

/// How often a temporary folder is made: another process may remove a new one before it is locked.
const TRIES: u32 = 5;

/// Why a folder was not written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The parent folder does not exist.
    #[error("the folder {0:?} does not exist; create it, or name another one")]
    NoParent(PathBuf),
    /// There is something else already.
    #[error(
        "{path:?} holds something else ({what}) and is left as it is; name a folder that is empty or does not exist"
    )]
    Taken {
        /// The folder.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// It is the report of another batch.
    #[error("{path:?} holds the report of another batch, {batch:?} of {created_at}; name another folder")]
    OtherBatch {
        /// The folder.
        path: PathBuf,
        /// That batch.
        batch: String,
        /// When it was enqueued.
        created_at: String,
    },
    /// It is an older report that somebody has changed.
    #[error(
        "{path:?} holds a report of this batch whose {file} was changed since, and is left as it is; name another folder, or move it"
    )]
    Changed {
        /// The folder.
        path: PathBuf,
        /// The file.
        file: String,
    },
    /// Anything else.
    #[error("{path:?} cannot be written; what was there before is untouched")]
    Failed {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A folder that is being written. Without [`WorkFolder::publish`] nothing is left of it.
#[derive(Debug)]
pub(super) struct WorkFolder {
    target: PathBuf,
    batch: BatchFacts,
    temporary: TempDir,
    /// Shows others that it is being written; on a file system without locks, nothing is removed.
    _lock: File,
}

impl WorkFolder {
    /// Begins the folder `path` for a batch's report, and removes what killed processes left.
    pub(super) fn begin(path: &Path, batch: BatchFacts) -> Result<Self, FolderError> {
        // The target of a link is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let parent = folder_of(&target);
        if !parent.is_dir() {
            return Err(FolderError::NoParent(parent.to_owned()));
        }
        let failed = |source| FolderError::Failed { path: target.clone(), source };
        existing(&target, &batch)?;
        remove_leftovers(parent);
        for _ in 0..TRIES {
            let (temporary, lock) = make(parent).map_err(failed)?;
            if temporary.path().is_dir() {
                return Ok(Self { target, batch, temporary, _lock: lock });
            }
        }
        Err(failed(io::ErrorKind::ResourceBusy.into()))
    }

    /// Where the files are written.
    pub(super) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// The folder's final name.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Gives it its name; its files are synced.
    pub(super) fn publish(self) -> Result<(), FolderError> {
        let Self { target, batch, temporary, _lock } = self;
        let existing = existing(&target, &batch)?;
        let done = sync(temporary.path()).and_then(|()| match existing {
            ExistingFolder::Nothing => {
                fs::rename(temporary.path(), &target)?;
                // Nothing is left under the temporary name.
                let _ = temporary.keep();
                Ok(())
            }
            // The older report now has the temporary name, and is removed with it.
            ExistingFolder::Ours => exchange(temporary.path(), &target),
        });
        done.map_err(|source| FolderError::Failed { path: target.clone(), source })?;
        // The name is durable with its folder; if that cannot be synced, the report is there all the same.
        let _ = sync(folder_of(&target));
        Ok(())
    }
}

/// What a report would replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExistingFolder {
    /// Nothing, or an empty folder.
    Nothing,
    /// An older report of the same batch.
    Ours,
}

fn existing(target: &Path, batch: &BatchFacts) -> Result<ExistingFolder, FolderError> {
    let failed = |source| FolderError::Failed { path: target.to_owned(), source };
    let taken = |what: String| FolderError::Taken { path: target.to_owned(), what };
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ExistingFolder::Nothing),
        Err(error) => return Err(failed(error)),
        Ok(there) if !there.is_dir() => return Err(taken("not a folder".to_owned())),
        Ok(_) => {}
    }
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(target).map_err(failed)? {
        names.insert(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    let Some(first) = names.first() else { return Ok(ExistingFolder::Nothing) };
    let Some(older) = read_manifest(&target.join(manifest::FILE)) else { return Err(taken(first.clone())) };
    if !older.batch.is_same(batch) {
        let BatchFacts { name, created_at, .. } = older.batch;
        return Err(FolderError::OtherBatch { path: target.to_owned(), batch: name, created_at });
    }
    // A file that somebody added or changed is not ours to remove.
    names.remove(manifest::FILE);
    for file in older.parts.iter().map(|part| &part.file).chain([&older.page.file]) {
        if file.is_changed(target).map_err(failed)? {
            return Err(FolderError::Changed { path: target.to_owned(), file: file.file.clone() });
        }
        names.remove(&file.file);
    }
    names.pop_first().map_or(Ok(ExistingFolder::Ours), |other| Err(taken(other)))
}

/// The manifest, where it is one of ours.
fn read_manifest(path: &Path) -> Option<Manifest> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST_MANIFEST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok().filter(|manifest: &Manifest| manifest.format == manifest::FORMAT)
}

fn make(parent: &Path) -> io::Result<(TempDir, File)> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any other program makes a folder: what the umask allows.
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    let temporary = builder.tempdir_in(parent)?;
    let lock = File::open(temporary.path())?;
    let _ = lock.try_lock();
    Ok((temporary, lock))
}

/// Removes what killed processes left beside the target; what cannot be removed does no harm.
fn remove_leftovers(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX);
        if !ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if let Ok(folder) = File::open(entry.path())
            && folder.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Exchanges two folders in one step; where the file system cannot, in two, and a crash between them leaves the older one
/// whole under a name of its own.
fn exchange(new: &Path, target: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => {
            in_two_steps(new, target)
        }
        Err(error) => Err(error.into()),
    }
}

fn in_two_steps(new: &Path, target: &Path) -> io::Result<()> {
    let mut aside = new.as_os_str().to_owned();
    aside.push("-old");
    fs::rename(target, &aside)?;
    if let Err(error) = fs::rename(new, target) {
        fs::rename(&aside, target)?;
        return Err(error);
    }
    // Under the temporary name the older report is removed.
    fs::rename(&aside, new)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_cannot_exchange_does_it_in_two_steps() {
        let folder = tempfile::tempdir().expect("a folder");
        let (new, old) = (folder.path().join("new"), folder.path().join("old"));
        for (path, text) in [(&new, "new"), (&old, "old")] {
            fs::create_dir(path).expect("a folder");
            fs::write(path.join("text"), text).expect("a file");
        }
        in_two_steps(&new, &old).expect("exchanged");
        assert_eq!(fs::read_to_string(old.join("text")).expect("a file"), "new");
        assert_eq!(fs::read_to_string(new.join("text")).expect("a file"), "old");
    }
}
