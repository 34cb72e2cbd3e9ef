//! Wake-ups: a lane's worker and its tracker sleep until a step that concerns them is committed in this process. What people do, in
//! any process, leaves a row in `wake_ups` with the same commit, for the daemon to take.

use crate::domain::{EventKind, LaneId};
use crate::points::Step;
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::json;
use sqlx::SqliteConnection;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Wakes a lane's worker and tracker. A clone wakes the same two.
#[derive(Debug, Clone, Default)]
pub struct LaneWaker {
    /// Wakes the worker.
    pub worker: Arc<Notify>,
    /// Wakes the tracker.
    pub tracker: Arc<Notify>,
}

impl LaneWaker {
    /// Wakes both.
    pub fn all(&self) {
        self.worker.notify_one();
        self.tracker.notify_one();
    }
}

/// The wakers of the lanes that run in this process.
#[derive(Debug, Clone, Default)]
pub(in crate::queue) struct LaneWakers(Arc<Mutex<HashMap<LaneId, LaneWaker>>>);

/// A step, and the lane in which it was done, where it is one lane's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::queue) struct CommittedStep {
    pub(in crate::queue) step: Step,
    pub(in crate::queue) lane: Option<LaneId>,
}

impl From<Step> for CommittedStep {
    fn from(step: Step) -> Self {
        Self { step, lane: None }
    }
}

impl From<(Step, LaneId)> for CommittedStep {
    fn from((step, lane): (Step, LaneId)) -> Self {
        Self { step, lane: Some(lane) }
    }
}

impl LaneWakers {
    /// A lane's waker, from now on called for what is committed.
    pub(in crate::queue) fn of(&self, lane: LaneId) -> LaneWaker {
        self.lanes().entry(lane).or_default().clone()
    }

    /// Wakes those in its lane whom a committed step concerns.
    pub(in crate::queue) fn committed(&self, done: CommittedStep) {
        let target = concerned(done.step);
        let lanes = self.lanes();
        let Some(wakes) = done.lane.and_then(|lane| lanes.get(&lane)) else { return };
        if target.worker {
            wakes.worker.notify_one();
        }
        if target.tracker {
            wakes.tracker.notify_one();
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<LaneId, LaneWaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The waker of a lane, from now on called for what this process commits.
    pub fn wakes(&self, lane: LaneId) -> LaneWaker {
        self.wakers.of(lane)
    }

    /// Takes the lanes in which people have acted since the last time, in any process.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails; [`QueueError::Replaced`] when its file is no longer the one that was opened.
    pub async fn take_wake_ups(&self) -> Result<Vec<LaneId>, QueueError> {
        self.in_place()?;
        let none = sqlx::query_scalar!(r#"SELECT NOT EXISTS (SELECT 1 FROM wake_ups) AS "none!: bool""#)
            .fetch_one(&self.readers)
            .await?;
        if none {
            return Ok(Vec::new());
        }
        self.writer
            .write(Step::WakeUpsTaken, move |connection| {
                Box::pin(async move {
                    let lanes = sqlx::query_scalar!(r#"DELETE FROM wake_ups RETURNING lane_id AS "lane!: LaneId""#);
                    Ok(lanes.fetch_all(connection).await?)
                })
            })
            .await
    }
}

/// Records for the daemon that people have acted in these lanes, and in those of these batches; in the transaction of the act.
pub(in crate::queue) async fn add_wake_ups(
    connection: &mut SqliteConnection,
    lanes: &str,
    batches: &str,
) -> Result<(), QueueError> {
    sqlx::query!(
        "INSERT OR IGNORE INTO wake_ups (lane_id)
         SELECT value FROM json_each(?1)
         UNION SELECT lane_id FROM job_counts WHERE batch_id IN (SELECT value FROM json_each(?2))",
        lanes,
        batches
    )
    .execute(&mut *connection)
    .await?;
    Ok(())
}

/// The same for what a group of steps did.
pub(in crate::queue) async fn add_wake_ups_of(
    connection: &mut SqliteConnection,
    all: impl Iterator<Item = &CommittedStep>,
) -> Result<(), QueueError> {
    let lanes: Vec<LaneId> = all.filter(|done| concerned(done.step).processes).filter_map(|done| done.lane).collect();
    if lanes.is_empty() { Ok(()) } else { add_wake_ups(connection, &json(&lanes)?, "[]").await }
}

/// Who has something to do, or something else to wait for, after a step.
struct WakeTarget {
    worker: bool,
    tracker: bool,
    /// Whether the daemon has to hear of it, which may be another process.
    processes: bool,
}

/// Whom a step concerns. Most wake nobody: the room that takes them continues in the same turn. A new step says here whom it
/// concerns.
fn concerned(step: Step) -> WakeTarget {
    use EventKind as E;
    const NOBODY: WakeTarget = WakeTarget { worker: false, tracker: false, processes: false };
    // The worker may send more, or has to stop.
    const WORKER: WakeTarget = WakeTarget { worker: true, ..NOBODY };
    // The tracker has something to follow, or a block to probe.
    const TRACKER: WakeTarget = WakeTarget { tracker: true, ..NOBODY };
    // A person has acted: the daemon may be another process.
    const ALL: WakeTarget = WakeTarget { worker: true, tracker: true, processes: true };
    match step {
        Step::Moved(event) => match event {
            E::NotExportable
            | E::AlreadyExported
            | E::Finished
            | E::OperationFailed
            | E::GaveUp
            | E::FoundDone
            | E::FoundFailed
            | E::ProvenAbsent
            | E::Contradiction
            | E::OverLimit
            | E::RefusedForNow => WORKER,
            E::Accepted | E::OutcomeUnknown | E::OutcomeUnknownInOutage => TRACKER,
            E::Cancel | E::SendAgain | E::AdoptRecord | E::MarkedFailed | E::Retry | E::Pause | E::Resume => ALL,
            E::Intend | E::RefusedByLane | E::RefusedForGood | E::Denied | E::UnderWayAlready | E::FoundUnderWay => {
                NOBODY
            }
        },
        Step::HeldForInventory | Step::InventoryRecorded | Step::ChangesProcessed | Step::Unblocked => WORKER,
        Step::Blocked => TRACKER,
        Step::Marked
        | Step::Migrated
        | Step::LoadBegun
        | Step::LoadAdded
        | Step::LoadSealed
        | Step::LoadDropped
        | Step::TakenOver
        | Step::TakeoverWaited
        | Step::RunBegun
        | Step::Recovered
        | Step::WakeUpsTaken
        | Step::RunEnded
        | Step::Identified
        | Step::SnapshotsRecorded
        | Step::InventoryEnded
        | Step::ObservationsRecorded
        | Step::EntryOwned
        | Step::DuplicateNoted
        | Step::AbsenceChecked
        | Step::PollPutOff
        | Step::DueReleased
        | Step::Proven
        | Step::RateLearned
        | Step::CapLowered
        | Step::DelayLearned
        | Step::BreakerOpened
        | Step::ProbeChosen
        | Step::BreakerKeptOpen
        | Step::BreakerClosed
        | Step::Bundled
        | Step::PruneBegun
        | Step::Pruned
        | Step::SpaceGivenBack
        | Step::AttemptsRefunded
        | Step::PlacePaused
        | Step::PlaceResumed => NOBODY,
    }
}
