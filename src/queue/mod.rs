//! The store: all SQL, one writer with group commit, a few readers, migrations. It speaks the domain's words, so
//! that a second store can stand behind it; it does not know Lightsail, and time is an argument.

mod files;
mod jobs;
mod lanes;
mod ledger;
mod loading;
mod queue_error;
mod sqlite;
mod steering;
mod upkeep;
mod views;

pub use files::disk::shared as shared_disk;
pub use files::lock::{DatabaseLock, Held, LockError};
pub use files::own_files::is_own_file;
pub use files::takeover::{Takeover, TakeoverCause, TakeoverOptions, TakeoverWait};
pub use jobs::claims::{Claimable, LaneLoad};
pub use jobs::retry_waits::longest_retry_wait;
pub use jobs::transition::{AttemptAnswer, AttemptOutcome, SentOperation, Transition};
pub use jobs::wakers::LaneWaker;
pub use lanes::breaker_openings::{BreakerOpening, PastOpening};
pub use lanes::lane_records::{AccountMatch, Block, LaneRecord, Pause};
pub use ledger::entries::{EntryKey, LedgerEntry, ListedSnapshot, Observation};
pub use ledger::follow::{Followed, FollowedAttempt};
pub use ledger::inventory_jobs::InventoryJob;
pub use loading::chunk::{Chunk, NewRow};
pub use loading::load::{BatchLoad, BatchSummary, LoadName};
pub use loading::preview::{Preview, Previewed};
pub use queue_error::{OpenError, QueueError};
pub use sqlite::look::ReadAgain;
pub use steering::acting::{ActError, ActPlan, Acted, SkippedJobs};
pub use steering::pausing::PastPause;
pub use steering::resolving::{Resolution, ResolveError, ReviewEvidence};
pub use steering::selection::{Cursor, ReportRow, Selector};
pub use upkeep::checkup::{Checkup, Content, LaneFound};
pub use upkeep::database_copy::{BackedUp, BackupError, Overwrite};
pub use upkeep::peek::{KnownJob, KnownLane, Peek};
pub use upkeep::prune::{Prunable, Pruner};
pub use upkeep::vitals::{Foreign, Vitals};
pub use views::batches::{BatchStage, BatchView, RowCounts};
pub use views::counts::StateCounts;
pub use views::endings::{BatchPage, BatchRow, Ending, Step};
pub use views::job_views::{AttemptView, JobDetail, JobView, TransitionView};
pub use views::lanes::LaneView;
pub use views::measures::{
    EndedExport, LaneMeasures, Measures, REFUSED_WITHIN, RefusedCall, RemainingJobs, Unconfirmed,
};
pub use views::waiting::{JobsAhead, QueuePosition, SnapshotSeen};

use files::paths::DatabaseFiles;
use files::takeover::TakeoverWaited;
use jobs::wakers::LaneWakers;
use sqlite::busy_retry::BusyRetry;
use sqlite::readers::AtRest;
use sqlite::writer::Writer;
use sqlx::SqlitePool;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The store of one database file. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue {
    path: PathBuf,
    files: Arc<DatabaseFiles>,
    readers: SqlitePool,
    at_rest: Option<AtRest>,
    writer: Writer,
    takeover_waited: Arc<Mutex<Option<TakeoverWaited>>>,
    wakers: LaneWakers,
    busy: Arc<BusyRetry>,
}

impl Queue {
    /// Opens the database at `path`; creates and migrates it if needed.
    ///
    /// # Errors
    /// [`OpenError`] for a missing folder, a file that may not be written, that is no database, or that a newer
    /// Snapferry wrote.
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        sqlite::open::open(path).await
    }

    /// Whether this user may use every file that sending needs, the counter file included; without it a daemon would end at its
    /// first job.
    ///
    /// # Errors
    /// [`OpenError::OutOfReach`], with the files.
    pub fn check_for_sending(path: &Path) -> Result<(), OpenError> {
        sqlite::open::check_for_sending(path)
    }

    /// Opens the database at `path` read-only: nothing is created, migrated or written. A missing one reads as empty.
    ///
    /// # Errors
    /// [`OpenError`] for a missing folder, a file that may not be read, or that is no database of this version's.
    pub async fn look(path: &Path) -> Result<Self, OpenError> {
        sqlite::open::open_to_read(path).await
    }

    /// What [`Queue::look`] returns where there is no database.
    ///
    /// # Errors
    /// [`OpenError`] where there is no memory for it.
    pub async fn empty(path: &Path) -> Result<Self, OpenError> {
        sqlite::open::empty_to_read(path).await
    }

    /// Whether what was read of a file at rest is consistent: nobody wrote to it meanwhile.
    ///
    /// # Errors
    /// [`QueueError::WrittenMeanwhile`] where it may not be.
    pub fn sound(&self) -> Result<(), QueueError> {
        self.at_rest.as_ref().map_or(Ok(()), AtRest::check)
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the database's files are still the ones that were opened.
    ///
    /// # Errors
    /// [`QueueError::Replaced`] when they are not.
    pub fn in_place(&self) -> Result<(), QueueError> {
        self.files.check()
    }

    /// Sets how long a write waits while another process writes: a minute by default, and without end for none.
    pub fn wait_for_turns(&self, most: Option<Duration>) {
        self.busy.limit(most);
    }

    /// Moves a job; durable when this returns.
    ///
    /// # Errors
    /// [`QueueError::Stale`] when the job is no longer where the change expects it; then nothing was written.
    pub async fn transition(&self, transition: Transition) -> Result<(), QueueError> {
        self.writer.transition(transition).await
    }

    /// Moves several jobs; the results are in the order of the changes.
    pub async fn transition_all(&self, transitions: Vec<Transition>) -> Vec<Result<(), QueueError>> {
        futures_util::future::join_all(transitions.into_iter().map(|one| self.writer.transition(one))).await
    }

    /// Writes what is waiting, then closes every connection.
    pub async fn close(self) {
        // The writer last: only one that may write can fold the WAL into the file.
        self.readers.close().await;
        self.writer.close().await;
    }
}
