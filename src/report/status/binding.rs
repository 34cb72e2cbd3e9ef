//! What binds each lane. Pure.

use super::view::{ConfiguredLimits, StatusView};
use crate::domain::{JobState, LaneId, Timestamp};
use crate::queue::{Block, LaneView};

/// What keeps a lane from going faster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Binding {
    /// A person paused it.
    Paused,
    /// It is in trouble, and probes.
    Blocked,
    /// No daemon is at work.
    NoDaemon,
    /// What is queued in it is stopped by its circuit breaker.
    Breaker,
    /// What is queued in it is of batches that a person paused.
    PausedBatches,
    /// What is queued in it waits, each job for something of its own.
    Waiting,
    /// The database was taken over from a copy: nothing is sent until then.
    Takeover(Timestamp),
    /// Nothing is sent before an inventory in this run.
    Unlisted,
    /// Its very first export goes alone.
    FirstExport,
    /// So many EBS copies are under way that the next export does not fit under the cap.
    Cap {
        /// So many.
        copies: u64,
        /// The cap.
        cap: u32,
    },
    /// The rate that throttles taught it, below the ceiling.
    LearnedRate(f64),
    /// The ceiling of the rate in the settings.
    Settings,
    /// Nothing is queued.
    Idle,
}

impl Binding {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Paused => "paused",
            Self::Blocked => "blocked",
            Self::NoDaemon => "no_daemon",
            Self::Breaker => "breaker",
            Self::PausedBatches => "paused_batches",
            Self::Waiting => "waiting",
            Self::Takeover(_) => "takeover",
            Self::Unlisted => "unlisted",
            Self::FirstExport => "first_export",
            Self::Cap { .. } => "cap",
            Self::LearnedRate(_) => "learned_rate",
            Self::Settings => "settings",
            Self::Idle => "idle",
        }
    }
}

impl StatusView {
    /// What holds all that a lane has queued, of what this is about; nothing where some of it is held by neither a pause
    /// nor a breaker.
    fn held_batches(&self, lane: LaneId) -> Option<Binding> {
        let ours = |batch| self.only.as_ref().is_none_or(|only| only.id == batch);
        let left = self.measures.left.iter().filter(|left| left.lane == lane && left.queued > 0 && ours(left.batch));
        let stopped = |batch| self.openings.iter().any(|opening| opening.lane == lane && opening.covers(batch));
        let paused = |batch| self.batches.iter().any(|one| one.id == batch && one.paused.is_some());
        let mut binding = None;
        for left in left {
            binding = match (paused(left.batch), stopped(left.batch)) {
                (true, _) => Some(Binding::PausedBatches),
                (false, true) => binding.or(Some(Binding::Breaker)),
                (false, false) => return None,
            };
        }
        binding
    }
}

/// What keeps a lane from going faster: its own pause and trouble first.
pub fn bindings(view: &StatusView, lane: &LaneView) -> Vec<Binding> {
    let mut all = Vec::new();
    if lane.paused.is_some() {
        all.push(Binding::Paused);
    }
    if lane.blocked.is_some() {
        all.push(Binding::Blocked);
    }
    if lane.paused.is_none() && lane.blocked.as_ref().is_none_or(|blocked| !blocked.trouble.stops_sending()) {
        let ConfiguredLimits { ceiling, cap, .. } = view.limits_of(lane.id);
        let copies = view.copies_in_flight(lane.id) + view.copies_of_others(lane.id);
        let measures = view.measures.lanes.get(&lane.id);
        let waits = measures.is_some_and(|measures| !measures.any_ready);
        let next = measures.and_then(|measures| measures.next_weight).unwrap_or(1);
        let held = view.held_batches(lane.id);
        all.push(match (lane.learned_rate, held) {
            _ if lane.jobs.of(JobState::Queued) == 0 => Binding::Idle,
            (_, Some(held)) => held,
            _ if view.daemon.is_none() => Binding::NoDaemon,
            _ if view.takeover_until(lane).is_some() => {
                Binding::Takeover(view.takeover_until(lane).unwrap_or(view.now))
            }
            _ if measures.is_some_and(|measures| measures.unlisted) => Binding::Unlisted,
            _ if waits => Binding::Waiting,
            _ if copies > 0 && copies.saturating_add(u64::from(next)) > u64::from(cap) => Binding::Cap { copies, cap },
            _ if !lane.proven => Binding::FirstExport,
            (Some(rate), _) if rate < ceiling * NEARLY => Binding::LearnedRate(rate),
            _ => Binding::Settings,
        });
    }
    all
}

/// A learned rate of this share of the ceiling is the ceiling: smaller changes are not written down.
const NEARLY: f64 = 0.95;

/// Whether a blocked lane has nothing to try with: its trouble ends with an export that is taken, and none is queued.
pub(super) fn waits_for_a_job(lane: &LaneView, block: &Block) -> bool {
    let by_export = block.trouble.stops_sending() && !block.trouble.ends_with_a_reading();
    by_export && lane.jobs.of(JobState::Queued) == 0
}
