//! A disk for tests, under the SQLite that the process links: it fails at the n-th operation, or loses its power there, and then
//! keeps what was synced and of the rest what chance leaves.
//!
//! A folder is mounted; databases opened in it from then on go through the disk, all others pass by it. The shim is the
//! one place of the project with unsafe code: SQLite's interface for file systems is made of C pointers.

mod shim;
mod state;

pub use state::{Counts, Op, Strike, What};

use state::State;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A folder on a disk of this kind, until it is dropped.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    state: Arc<Mutex<State>>,
}

impl Disk {
    /// Puts `folder` on a disk that strikes as told; with `None` it only counts.
    ///
    /// # Panics
    /// When the folder is not there.
    #[must_use]
    pub fn mount(folder: &Path, strike: Option<Strike>) -> Self {
        let folder = folder.canonicalize().expect("the folder is there");
        let state = Arc::new(Mutex::new(State::new(strike)));
        shim::mount(&folder, &state);
        Self { folder, state }
    }

    /// There is room again, and nothing more fails.
    pub fn heal(&self) {
        self.state().heal();
    }

    /// The operations so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state().counts()
    }

    /// Whether the disk has struck.
    #[must_use]
    pub fn has_struck(&self) -> bool {
        self.state().has_struck()
    }

    /// After the power was lost: writes to `into` what the disk holds when it comes back, which `seed` decides where
    /// nothing was synced.
    ///
    /// # Panics
    /// When `into` cannot be written.
    pub fn recover(&self, into: &Path, seed: u64) {
        for (path, bytes) in self.state().survivors(&mut fastrand::Rng::with_seed(seed)) {
            let name = path.file_name().expect("a file's path");
            std::fs::write(into.join(name), bytes).expect("the folder can be written");
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        shim::unmount(&self.folder);
    }
}
