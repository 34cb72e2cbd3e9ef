//! Who sleeps until something is committed: a lane's worker and its tracker, each woken by the steps that concern it, in
//! whoever's name they were written within this process.

use crate::domain::LaneId;
use crate::points::Step;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// What wakes a lane's two rooms. A clone wakes the same ones.
#[derive(Debug, Clone, Default)]
pub struct Wakes {
    /// Wakes the worker.
    pub worker: Arc<Notify>,
    /// Wakes the tracker.
    pub tracker: Arc<Notify>,
}

impl Wakes {
    /// Wakes both.
    pub fn all(&self) {
        self.worker.notify_one();
        self.tracker.notify_one();
    }
}

/// The wakers of the lanes that are at work in this process.
#[derive(Debug, Clone, Default)]
pub(super) struct Wakers(Arc<Mutex<HashMap<LaneId, Wakes>>>);

/// A step, and the lane in which it was done, where it is one lane's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Done {
    pub(super) step: Step,
    pub(super) lane: Option<LaneId>,
}

impl From<Step> for Done {
    fn from(step: Step) -> Self {
        Self { step, lane: None }
    }
}

impl From<(Step, LaneId)> for Done {
    fn from((step, lane): (Step, LaneId)) -> Self {
        Self { step, lane: Some(lane) }
    }
}

impl Wakers {
    /// A lane's wakers, from now on woken by what is committed.
    pub(super) fn of(&self, lane: LaneId) -> Wakes {
        self.lanes().entry(lane).or_default().clone()
    }

    /// Wakes those whom a committed step concerns: in its lane, or in every lane where it names none.
    pub(super) fn committed(&self, done: Done) {
        let rooms = concerned(done.step);
        if rooms == Rooms::None {
            return;
        }
        let lanes = self.lanes();
        let one = done.lane.map(|lane| lanes.get(&lane));
        let every = lanes.values().filter(|_| done.lane.is_none());
        for wakes in one.flatten().into_iter().chain(every) {
            if rooms != Rooms::Tracker {
                wakes.worker.notify_one();
            }
            if rooms != Rooms::Worker {
                wakes.tracker.notify_one();
            }
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<LaneId, Wakes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who has something to do, or something else to wait for, after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rooms {
    None,
    Worker,
    Tracker,
    Both,
}

/// What a room does in its own turn, and takes up in the same one, wakes nobody. A new step says here whom it concerns.
fn concerned(step: Step) -> Rooms {
    match step {
        // The worker may send more, or has to stop.
        Step::HeldForListing
        | Step::Cleared
        | Step::NewsSettled
        | Step::Unblocked
        | Step::Impossible
        | Step::AdoptedDone
        | Step::Finished
        | Step::OperationFailed
        | Step::GaveUp
        | Step::FoundDone
        | Step::FoundFailed
        | Step::ProvenAbsent
        | Step::Contradicted
        | Step::OverLimit => Rooms::Worker,
        // The tracker has something to follow, or a block to probe.
        Step::Accepted | Step::OutcomeUnknown | Step::OutcomeUnknownInOutage | Step::Blocked => Rooms::Tracker,
        // A person has acted.
        Step::Cancelled
        | Step::SentAgain
        | Step::RecordAdopted
        | Step::CalledFailed
        | Step::Retried
        | Step::Paused
        | Step::Resumed
        | Step::PlacePaused
        | Step::PlaceResumed => Rooms::Both,
        Step::Marked
        | Step::Migrated
        | Step::LoadBegun
        | Step::LoadAdded
        | Step::LoadSealed
        | Step::LoadDropped
        | Step::RunBegun
        | Step::Recovered
        | Step::RunEnded
        | Step::Identified
        | Step::SnapshotsListed
        | Step::ListingEnded
        | Step::LedgerSeen
        | Step::EntryOwned
        | Step::DuplicateNoted
        | Step::LookCounted
        | Step::PollPutOff
        | Step::DueReleased
        | Step::DeniedReleased
        | Step::Proven
        | Step::RateLearned
        | Step::CapLowered
        | Step::DelayLearned
        | Step::Tripped
        | Step::ProbeChosen
        | Step::TripRenewed
        | Step::TripClosed
        | Step::Bundled
        | Step::PruneBegun
        | Step::Pruned
        | Step::SpaceGivenBack
        | Step::Intended
        | Step::RefusedByLane
        | Step::RefusedForNow
        | Step::RefusedForGood
        | Step::Denied
        | Step::AdoptedUnderWay
        | Step::FoundUnderWay
        | Step::Forgiven => Rooms::None,
    }
}
