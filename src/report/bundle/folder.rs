//! A folder that is there whole or not at all: made beside its place under another name, and renamed when everything
//! in it is on the disk. An older report of the same batch changes places with the new one in a single step, so the
//! name always leads to a whole one; anything else that stands there is left alone.

use super::manifest::{self, BatchFacts, Sign};
use crate::report::layout::output::folder_of;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// In front of the names of folders in the making. Whoever makes one holds a lock on it, so one without is left over.
const PREFIX: &str = ".snapferry-report-";

/// No manifest of ours is longer; a file that is has not been written by us.
const LONGEST_MANIFEST: u64 = 1 << 20;

/// Tries to get a folder of one's own: another process may take a new one for left over before it is locked.
const TRIES: u32 = 5;

/// Why a folder was not written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder that it is to stand in is not there.
    #[error("there is no folder {0:?} for it to stand in; create that, or name another one")]
    NoParent(PathBuf),
    /// Something stands there already.
    #[error("{path:?} holds something else ({what}) and stays as it is; name a folder that is empty or not there yet")]
    Taken {
        /// The folder.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// The report of another batch stands there.
    #[error("{path:?} holds the report of another batch, {batch:?} of {created_at}; name another folder")]
    OtherBatch {
        /// The folder.
        path: PathBuf,
        /// That batch.
        batch: String,
        /// When it came in.
        created_at: String,
    },
    /// An older report stands there, and somebody has worked on it.
    #[error(
        "{path:?} holds a report of this batch whose {file} was changed since, and stays as it is; name another folder, or move it"
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

/// A folder in the making. Without [`WorkFolder::publish`] nothing is left of it.
#[derive(Debug)]
pub(super) struct WorkFolder {
    target: PathBuf,
    batch: BatchFacts,
    temporary: TempDir,
    /// Shows others that it is being made; some file systems have no locks, and then nothing of theirs is taken away.
    _lock: File,
}

impl WorkFolder {
    /// Begins the folder `path` for a batch's report; what is left over of killed ones is taken away.
    pub(super) fn begin(path: &Path, batch: BatchFacts) -> Result<Self, FolderError> {
        // What a link names is replaced, not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let parent = folder_of(&target);
        if !parent.is_dir() {
            return Err(FolderError::NoParent(parent.to_owned()));
        }
        let failed = |source| FolderError::Failed { path: target.clone(), source };
        look(&target, &batch)?;
        remove_leftovers(parent);
        for _ in 0..TRIES {
            let (temporary, lock) = make(parent).map_err(failed)?;
            if temporary.path().is_dir() {
                return Ok(Self { target, batch, temporary, _lock: lock });
            }
        }
        Err(failed(io::ErrorKind::ResourceBusy.into()))
    }

    /// Where the files are made.
    pub(super) fn path(&self) -> &Path {
        self.temporary.path()
    }

    /// The folder that it will be.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Gives it its name; the files in it are on the disk.
    pub(super) fn publish(self) -> Result<(), FolderError> {
        let Self { target, batch, temporary, _lock } = self;
        let standing = look(&target, &batch)?;
        let done = sync(temporary.path()).and_then(|()| match standing {
            ExistingFolder::Nothing => {
                fs::rename(temporary.path(), &target)?;
                // Nothing is left under the name that it had.
                let _ = temporary.keep();
                Ok(())
            }
            // The older report now has the temporary folder's name, and goes with it.
            ExistingFolder::Ours => exchange(temporary.path(), &target),
        });
        done.map_err(|source| FolderError::Failed { path: target.clone(), source })?;
        // The name is durable with its folder; not every system can say so, and the report is there either way.
        let _ = sync(folder_of(&target));
        Ok(())
    }
}

/// What stands at a place that a report may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ExistingFolder {
    /// Nothing, or an empty folder.
    Nothing,
    /// An older report of the same batch.
    Ours,
}

fn look(target: &Path, batch: &BatchFacts) -> Result<ExistingFolder, FolderError> {
    let failed = |source| FolderError::Failed { path: target.to_owned(), source };
    let taken = |what: String| FolderError::Taken { path: target.to_owned(), what };
    match fs::symlink_metadata(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ExistingFolder::Nothing),
        Err(error) => return Err(failed(error)),
        Ok(there) if !there.is_dir() => return Err(taken("it is no folder".to_owned())),
        Ok(_) => {}
    }
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(target).map_err(failed)? {
        names.insert(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    let Some(first) = names.first() else { return Ok(ExistingFolder::Nothing) };
    let Some(sign) = read_sign(&target.join(manifest::FILE)) else { return Err(taken(first.clone())) };
    if !sign.batch.is_same(batch) {
        let BatchFacts { name, created_at, .. } = sign.batch;
        return Err(FolderError::OtherBatch { path: target.to_owned(), batch: name, created_at });
    }
    // A file that somebody has put beside ours is not ours to take away, nor one of ours that somebody has changed.
    names.remove(manifest::FILE);
    for file in sign.parts.iter().map(|part| &part.file).chain([&sign.page.file]) {
        if file.is_changed(target).map_err(failed)? {
            return Err(FolderError::Changed { path: target.to_owned(), file: file.file.clone() });
        }
        names.remove(&file.file);
    }
    names.pop_first().map_or(Ok(ExistingFolder::Ours), |other| Err(taken(other)))
}

/// The manifest, where it is one of ours.
fn read_sign(path: &Path) -> Option<Sign> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST_MANIFEST).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok().filter(|sign: &Sign| sign.format == manifest::FORMAT)
}

fn make(parent: &Path) -> io::Result<(TempDir, File)> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What a folder made by any other program has: all that the umask lets through.
        builder.permissions(fs::Permissions::from_mode(0o777));
    }
    let temporary = builder.tempdir_in(parent)?;
    let lock = File::open(temporary.path())?;
    let _ = lock.try_lock();
    Ok((temporary, lock))
}

/// Takes away what killed processes left beside the target; what cannot be taken away is in nobody's way.
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

/// Lets two folders change places in one step; where the file system cannot, in two, and a crash between them leaves
/// the older one whole under a name of its own.
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
    // The temporary folder's name is free again; whoever takes that away finds the older one there.
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
