//! Which files are the database's own: nothing that a person asks for may be written over them.

use crate::queue::files::counter::COUNTER;
use crate::queue::files::lock::Held;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Whether `file` is the database itself, or one that is kept beside it: a log, a lock, the counter.
pub fn is_own_file(database: &Path, file: &Path) -> bool {
    let locks = [Held::Daemon, Held::Migration, Held::Load].map(Held::ending);
    let file = resolved(file);
    ["", "-wal", "-shm", "-journal", COUNTER].into_iter().chain(locks).any(|ending| beside(database, ending) == file)
}

/// The file of that ending: beside the database itself, as `SQLite` puts its own, and not beside a link to it.
pub(in crate::queue) fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = resolved(database).into_os_string();
    name.push(ending);
    PathBuf::from(name)
}

/// The folder of a file.
pub(in crate::queue) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the name of a file durable, with its folder; not every system can sync one, and the file exists either way.
pub(in crate::queue) fn sync_folder_of(file: &Path) {
    if let Ok(folder) = File::open(folder_of(file)) {
        let _ = folder.sync_all();
    }
}

/// The path without links, also where the file itself is not there yet.
pub(in crate::queue) fn resolved(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| match (std::fs::canonicalize(folder_of(path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_beside_the_database_is_its_own_by_whatever_way_it_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join("q.db");
        std::fs::write(&database, "").expect("a file");
        std::fs::create_dir(folder.path().join("sub")).expect("a folder");
        std::os::unix::fs::symlink(&database, folder.path().join("link")).expect("a link");
        for own in [
            "q.db",
            "q.db-wal",
            "q.db-shm",
            "q.db-journal",
            "q.db.daemon.lock",
            "q.db.load.lock",
            "q.db.sent",
            "sub/../q.db-wal",
        ] {
            assert!(is_own_file(&database, &folder.path().join(own)), "{own}");
        }
        assert!(is_own_file(&database, &folder.path().join("link")));
        assert!(is_own_file(&folder.path().join("link"), &database));
        for other in ["q.db.csv", "q.csv", "q.db-wal.csv", "sub/q.db"] {
            assert!(!is_own_file(&database, &folder.path().join(other)), "{other}");
        }
    }
}
