//! The status, from one reading of the database.

use crate::domain::{
    AccountLabel, JobState, Lane, LaneId, LoweredCap, Region, Timestamp, named, reconciliation_window,
};
use crate::lightsail::is_throttle;
use crate::queue::{
    BatchStage, BatchView, BreakerOpening, LaneView, Measures, Queue, QueueError, REFUSED_WITHIN, StateCounts, Takeover,
};
use crate::report::jobs::causes::FailureCauses;
use crate::report::jobs::failure_groups::Failures;
use crate::report::layout::words::quoted;
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that a status shows.
#[derive(Debug, Clone)]
pub struct StatusView {
    /// When it was read.
    pub now: Timestamp,
    /// The running daemon's own description; nothing if none is running.
    pub daemon: Option<String>,
    /// The batch shown; nothing if all are.
    pub only: Option<BatchView>,
    /// The account and the Region shown.
    pub place: LaneFilter,
    /// The batches, the oldest first.
    pub batches: Vec<BatchView>,
    /// The lanes.
    pub lanes: Vec<LaneView>,
    /// The open circuit breakers.
    pub openings: Vec<BreakerOpening>,
    /// The settings of each lane.
    pub limits: BTreeMap<LaneId, ConfiguredLimits>,
    /// The newest takeover of the database.
    pub takeover: Option<Takeover>,
    /// What was measured recently.
    pub measures: Measures,
    /// The newest failed jobs, by cause.
    pub failures: Failures,
}

/// The settings of a lane; a daemon that was started with other settings follows those.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ConfiguredLimits {
    /// The ceiling of the rate, in exports a second.
    pub ceiling: f64,
    /// The maximum number of EBS copies in progress.
    pub cap: u32,
    /// The minimum reconciliation window.
    pub settle: Duration,
    /// The absence checks that are spread over it.
    pub looks: u32,
    /// How long a call may take: no check counts before.
    pub attempt_timeout: Duration,
    /// The attempts of a job.
    pub max_attempts: u32,
    /// How long an export may take before a person is asked.
    pub give_up: Duration,
    /// The interval at which a blocked lane tries again.
    pub probe: Duration,
}

/// Which lanes to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneFilter {
    /// Only those of this account.
    pub account: Option<AccountLabel>,
    /// Only those in this Region.
    pub region: Option<Region>,
}

impl LaneFilter {
    /// Whether only some lanes are shown.
    pub fn is_narrow(&self) -> bool {
        self.account.is_some() || self.region.is_some()
    }

    /// Whether that lane is shown.
    pub fn has(&self, lane: &Lane) -> bool {
        lane.fits(self.account.as_ref(), self.region)
    }
}

/// How many failed jobs a status groups, the newest ones: it costs the same however many there are.
pub(super) const FAILED_READ: u32 = 1000;

/// How many groups of failures a status has.
const GROUPS: usize = 5;

named! {
    /// The status in a word.
    pub enum Health {
        /// There are no jobs.
        Empty = "empty",
        /// Jobs are left and a daemon is running.
        Running = "running",
        /// Jobs are left and no daemon is running.
        Stopped = "stopped",
        /// All jobs that are left wait for a person.
        Waiting = "waiting",
        /// Every job has ended.
        Finished = "finished",
    }
}

impl StatusView {
    /// Reads the status at `now`: of all batches or one, in the lanes of `place`.
    pub async fn read(
        queue: &Queue,
        only: Option<BatchView>,
        place: LaneFilter,
        now: Timestamp,
        daemon: Option<String>,
        limits: impl Fn(&Lane) -> ConfiguredLimits,
    ) -> Result<Self, QueueError> {
        let batches = match &only {
            Some(batch) => vec![batch.clone()],
            None => queue.batches().await?,
        };
        let mut lanes = queue.lanes(only.as_ref().map(|batch| batch.id)).await?;
        lanes.retain(|lane| place.has(&lane.lane));
        let ids: Vec<LaneId> = lanes.iter().map(|lane| lane.id).collect();
        let measures = queue.measures(&ids, now).await?;
        let mut openings = queue.breaker_openings(None).await?;
        openings.retain(|opening| lanes.iter().any(|lane| lane.id == opening.lane));
        if let Some(only) = &only {
            openings.retain(|opening| opening.covers(only.id));
        }
        let takeover = queue.takeover().await?;
        let limits = lanes.iter().map(|lane| (lane.id, limits(&lane.lane))).collect();
        let failures = Failures::default();
        let mut view =
            Self { now, daemon, only, place, batches, lanes, openings, limits, takeover, measures, failures };
        if view.jobs().of(JobState::Failed) > 0 {
            let batch = view.only.as_ref().map(|batch| batch.id);
            let mut failed = queue.newest_failed(batch, FAILED_READ).await?;
            failed.retain(|job| view.place.has(&job.lane));
            let mut causes = FailureCauses::default();
            for job in &failed {
                causes.add(job);
            }
            view.failures = causes.groups(GROUPS, &view.scope());
        }
        Ok(view)
    }

    /// The jobs shown. One that several batches share counts once.
    pub fn jobs(&self) -> StateCounts {
        match &self.only {
            _ if self.place.is_narrow() => {
                self.lanes.iter().fold(StateCounts::default(), |sum, lane| sum.plus(&lane.jobs))
            }
            Some(batch) => batch.jobs.plus(&batch.shared),
            None => self.batches.iter().fold(StateCounts::default(), |sum, batch| sum.plus(&batch.jobs)),
        }
    }

    /// What is stopped by its circuit breaker, with its lane.
    pub(super) fn stopped(&self) -> impl Iterator<Item = (&BreakerOpening, &Lane)> {
        self.openings.iter().filter_map(|opening| {
            let lane = self.lanes.iter().find(|lane| lane.id == opening.lane)?;
            Some((opening, &lane.lane))
        })
    }

    /// The batch on a command line, with a space before it.
    pub(super) fn of_batch(&self) -> String {
        let batch = self.only.as_ref().map(|batch| format!(" --batch {}", quoted(batch.name.as_str())));
        batch.unwrap_or_default()
    }

    /// The selectors for the same jobs on a command line, with a space before them.
    pub(super) fn scope(&self) -> String {
        let batch = Some(self.of_batch());
        let account = self.place.account.as_ref().map(|account| format!(" --account {account}"));
        let region = self.place.region.map(|region| format!(" --region {region}"));
        [batch, account, region].into_iter().flatten().collect()
    }

    /// The limits of a lane that are in force.
    pub(super) fn limits_of(&self, lane: LaneId) -> ConfiguredLimits {
        let set = self.limits.get(&lane).copied().unwrap_or_default();
        let lowered = self.lanes.iter().find(|view| view.id == lane).and_then(|view| view.lowered.as_ref());
        let cap = LoweredCap::in_force(lowered, u64::from(set.cap), self.now);
        ConfiguredLimits { cap: u32::try_from(cap).unwrap_or(set.cap), ..set }
    }

    /// The reconciliation window of an attempt that a lane sends now.
    pub(super) fn window_of(&self, lane: &LaneView) -> Duration {
        reconciliation_window(self.limits_of(lane.id).settle, lane.delay, self.now)
    }

    /// Why the cap of a lane is below the settings, and the cap in the settings; nothing if it is not.
    pub(super) fn lowered_cap(&self, lane: &LaneView) -> Option<(LoweredCap, u32)> {
        let set = self.limits.get(&lane.id)?.cap;
        lane.lowered.clone().filter(|_| self.limits_of(lane.id).cap < set).map(|lowered| (lowered, set))
    }

    /// Until when a lane sends nothing after a takeover; nothing if it does not wait.
    pub(super) fn takeover_until(&self, lane: &LaneView) -> Option<Timestamp> {
        self.takeover.as_ref()?.left(self.window_of(lane)).map(|left| self.now.after(left))
    }

    /// EBS copies of other clients in progress, by the lane's records.
    pub fn copies_of_others(&self, lane: LaneId) -> u64 {
        self.measures.lanes.get(&lane).map_or(0, |lane| lane.copies_of_others)
    }

    /// Throttled calls of a lane in the last minute.
    pub fn throttles_a_minute(&self, lane: LaneId) -> u64 {
        let refused = self.measures.lanes.get(&lane).into_iter().flat_map(|lane| &lane.refused);
        refused.filter(|one| is_throttle(one.code.as_str(), one.http_status)).map(|one| one.calls).sum()
    }

    /// Exports of a lane that ended in the last minute.
    pub fn ended_a_minute(&self, lane: LaneId) -> u64 {
        let ends = self.measures.lanes.get(&lane).into_iter().flat_map(|lane| &lane.ends);
        ends.filter(|end| self.now.since(end.at) < REFUSED_WITHIN).count() as u64
    }

    /// The status in a word.
    pub fn health(&self) -> Health {
        let jobs = self.jobs();
        match jobs.live() {
            0 if jobs.total() == 0 => Health::Empty,
            0 => Health::Finished,
            live if live == jobs.of(JobState::NeedsReview) => Health::Waiting,
            _ if self.daemon.is_none() => Health::Stopped,
            _ => Health::Running,
        }
    }
}

/// How many of a batch's jobs have ended, and how many there are, with those that it shares.
pub fn progress_of(batch: &BatchView) -> (u64, u64) {
    let jobs = batch.jobs.plus(&batch.shared);
    (jobs.total() - jobs.live(), jobs.total())
}

/// Whether a batch is done.
pub(super) fn has_ended(batch: &BatchView) -> bool {
    let (done, all) = progress_of(batch);
    done == all && batch.stage == BatchStage::Sealed
}
