//! What limits each lane. Pure.

use super::view::{ConfiguredLimits, StatusView};
use crate::domain::{JobState, LaneId};
use crate::queue::{Block, LaneView};
use serde::Serialize;

/// What keeps a lane from going faster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Binding {
    /// A person paused it.
    Paused,
    /// It is blocked, and tries again from time to time.
    Blocked,
    /// No daemon is running.
    NoDaemon,
    /// Its queued jobs are stopped by circuit breakers.
    Breaker,
    /// Its queued jobs belong to batches that are paused, or stopped by their circuit breakers.
    PausedBatches,
    /// Each queued job waits for something of its own.
    Waiting,
    /// The database was taken over from a copy: nothing is sent for a while.
    Takeover,
    /// Nothing is sent before an inventory in this run.
    Unlisted,
    /// Its very first export goes alone.
    FirstExport,
    /// The next export does not fit under the cap.
    Cap,
    /// The rate learned from throttles, below the ceiling.
    LearnedRate,
    /// The ceiling of the rate in the settings.
    Settings,
    /// Nothing is queued.
    Idle,
}

impl StatusView {
    /// What holds all queued jobs of a lane, of the batches shown; nothing if some are held by neither a pause nor a
    /// breaker.
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

/// What keeps a lane from going faster: its own pause and trouble come first.
pub fn bindings(view: &StatusView, lane: &LaneView) -> Vec<Binding> {
    let mut all = Vec::new();
    if lane.paused.is_some() {
        all.push(Binding::Paused);
    }
    if lane.blocked.is_some() {
        all.push(Binding::Blocked);
    }
    if lane.paused.is_none() && lane.blocked.as_ref().is_none_or(|block| !block.trouble.stops_sending()) {
        let ConfiguredLimits { ceiling, cap, .. } = view.limits_of(lane.id);
        let copies = view.copies_in_flight(lane.id);
        let measures = view.measures.lanes.get(&lane.id);
        let waits = measures.is_some_and(|measures| !measures.any_ready);
        let next = measures.and_then(|measures| measures.next_weight).unwrap_or(1);
        let held = view.held_batches(lane.id);
        all.push(match (lane.learned_rate, held) {
            _ if lane.jobs.of(JobState::Queued) == 0 => Binding::Idle,
            (_, Some(held)) => held,
            _ if view.daemon.is_none() => Binding::NoDaemon,
            _ if view.takeover_until(lane).is_some() => Binding::Takeover,
            _ if measures.is_some_and(|measures| measures.unlisted) => Binding::Unlisted,
            _ if waits => Binding::Waiting,
            _ if copies > 0 && copies.saturating_add(u64::from(next)) > u64::from(cap) => Binding::Cap,
            _ if !lane.proven => Binding::FirstExport,
            (Some(rate), _) if rate < ceiling * NEARLY => Binding::LearnedRate,
            _ => Binding::Settings,
        });
    }
    all
}

/// A learned rate above this share of the ceiling counts as the ceiling: smaller changes are not stored.
const NEARLY: f64 = 0.95;

/// Whether a blocked lane has nothing to try: its trouble ends with an accepted export, and no job is queued.
pub(super) fn waits_for_a_job(lane: &LaneView, block: &Block) -> bool {
    let by_export = block.trouble.stops_sending() && !block.trouble.ends_with_a_reading();
    by_export && lane.jobs.of(JobState::Queued) == 0
}
