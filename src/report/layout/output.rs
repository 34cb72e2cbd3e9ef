//! A file for a report: there whole or not at all, or a pipe that is written directly.

use crate::queue::is_own_file;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file that is being written. Without [`Output::finish`] nothing is left of it.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    target: Target,
}

#[derive(Debug)]
enum Target {
    /// Written beside its final place, then renamed.
    Whole(BufWriter<NamedTempFile>),
    /// A pipe or a device, which cannot be renamed.
    Direct(BufWriter<File>),
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The folder does not exist.
    #[error("the folder {0:?} does not exist; create it, or name another file")]
    NoFolder(PathBuf),
    /// The path is a folder.
    #[error("{0:?} is a folder; name a file in it")]
    IsFolder(PathBuf),
    /// It is Snapferry's own database.
    #[error("{0:?} is the database itself, or belongs to it; name another file")]
    Database(PathBuf),
    /// Anything else.
    #[error("{path:?} cannot be written; what was there before is untouched")]
    Failed {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Output {
    /// Begins the file `path`, which must not belong to the database.
    pub fn create(path: &Path, database: &Path) -> Result<Self, OutputError> {
        let failed = |source| OutputError::Failed { path: path.to_owned(), source };
        // The target of a link is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if is_own_file(database, &path) {
            return Err(OutputError::Database(path));
        }
        let there = fs::metadata(&path).ok();
        if there.as_ref().is_some_and(fs::Metadata::is_dir) {
            return Err(OutputError::IsFolder(path));
        }
        if there.as_ref().is_some_and(|there| !there.is_file()) {
            let file = File::options().write(true).open(&path).map_err(failed)?;
            return Ok(Self { path, target: Target::Direct(BufWriter::new(file)) });
        }
        let folder = folder_of(&path);
        if !folder.is_dir() {
            return Err(OutputError::NoFolder(folder.to_owned()));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".snapferry-").suffix(".part");
        let permissions = there.map(|there| there.permissions());
        #[cfg(unix)]
        let permissions = permissions.or_else(|| Some(usual_permissions()));
        if let Some(permissions) = permissions {
            builder.permissions(permissions);
        }
        let file = builder.tempfile_in(folder).map_err(failed)?;
        Ok(Self { path, target: Target::Whole(BufWriter::new(file)) })
    }

    /// Where to write.
    pub fn writer(&mut self) -> &mut (dyn Write + Send) {
        match &mut self.target {
            Target::Whole(file) => file,
            Target::Direct(file) => file,
        }
    }

    /// Syncs it and gives it its name. After an error, nothing is left of it.
    pub fn finish(self) -> Result<(), OutputError> {
        let Self { path, target } = self;
        let done = match target {
            Target::Whole(file) => keep(file, &path),
            Target::Direct(mut file) => file.flush(),
        };
        done.map_err(|source| OutputError::Failed { path, source })
    }
}

fn keep(file: BufWriter<NamedTempFile>, path: &Path) -> std::io::Result<()> {
    let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    // The name is durable with its folder; if that cannot be synced, the file is there all the same.
    if let Ok(folder) = File::open(folder_of(path)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// As any other program makes a file: what the umask allows, not a temporary file's 0600.
#[cfg(unix)]
fn usual_permissions() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    fs::Permissions::from_mode(0o666)
}
