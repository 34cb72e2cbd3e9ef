//! How it stands, as one reading has it.

use crate::domain::{AccountLabel, JobState, Lane, LaneId, LoweredCap, Region, Timestamp, reconciliation_window};
use crate::lightsail::is_throttle;
use crate::queue::{
    BatchStage, BatchView, BreakerOpening, LaneView, Measures, Queue, QueueError, REFUSED_WITHIN, StateCounts, Takeover,
};
use crate::report::jobs::failures::{FailureCollector, Failures};
use crate::report::layout::words::quoted;
use crate::report::steering::breakers::stopped_place;
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that a status says.
#[derive(Debug, Clone)]
pub struct StatusView {
    /// When it was read.
    pub now: Timestamp,
    /// What the daemon says of itself; nothing where none is running.
    pub daemon: Option<String>,
    /// The batch it is about; nothing where it is about all.
    pub only: Option<BatchView>,
    /// The account and the Region it is about.
    pub place: LaneFilter,
    /// The batches, the oldest first.
    pub batches: Vec<BatchView>,
    /// The lanes.
    pub lanes: Vec<LaneView>,
    /// What is stopped by its circuit breaker.
    pub openings: Vec<BreakerOpening>,
    /// What is set for each lane.
    pub limits: BTreeMap<LaneId, ConfiguredLimits>,
    /// The newest takeover of the database.
    pub takeover: Option<Takeover>,
    /// What was measured of late.
    pub measures: Measures,
    /// What failed, by cause: of the newest failed jobs.
    pub failures: Failures,
}

/// What is set for a lane; a daemon that was started with other settings goes by those.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfiguredLimits {
    /// The ceiling of its rate, exports a second.
    pub ceiling: f64,
    /// EBS copies that may be under way.
    pub cap: u32,
    /// The least reconciliation window.
    pub settle: Duration,
    /// The absence checks that are spread over it.
    pub looks: u32,
    /// How long a call may take: no check counts before.
    pub attempt_timeout: Duration,
}

/// Which lanes are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneFilter {
    /// Those of this account.
    pub account: Option<AccountLabel>,
    /// Those in this Region.
    pub region: Option<Region>,
}

impl LaneFilter {
    /// Whether not all lanes are meant.
    pub fn is_narrow(&self) -> bool {
        self.account.is_some() || self.region.is_some()
    }

    /// Whether that lane is meant.
    pub fn has(&self, lane: &Lane) -> bool {
        lane.fits(self.account.as_ref(), self.region)
    }
}

/// Failed jobs that a status looks at, the newest: it costs the same however many there are.
pub(super) const FAILED_LOOKED_AT: u32 = 1000;

/// Groups of failures that a status has.
const GROUPS: usize = 5;

/// How it stands, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// There is no job.
    Empty,
    /// Jobs are left and a daemon is at work.
    Running,
    /// Jobs are left and no daemon is running.
    Stopped,
    /// Jobs are left, and all of them wait for a person.
    Waiting,
    /// Every job has ended.
    Finished,
}

impl Health {
    /// The word, in text and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Waiting => "waiting",
            Self::Finished => "finished",
        }
    }
}

impl StatusView {
    /// Reads how it stands at `now`; with a batch, that one alone, and of its lanes those of `place`.
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
        let mut gathered = FailureCollector::default();
        let failures = gathered.groups(0, "");
        let mut view =
            Self { now, daemon, only, place, batches, lanes, openings, limits, takeover, measures, failures };
        if view.jobs().of(JobState::Failed) > 0 {
            let batch = view.only.as_ref().map(|batch| batch.id);
            let mut failed = queue.newest_failed(batch, FAILED_LOOKED_AT).await?;
            failed.retain(|job| view.place.has(&job.lane));
            gathered.add(&failed);
            view.failures = gathered.groups(GROUPS, &view.scope());
        }
        Ok(view)
    }

    /// The jobs that it is about. One that several batches share counts once.
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

    /// Where it is, if it is the one thing that is stopped by its circuit breaker.
    pub(super) fn stopped_alone(&self) -> Option<String> {
        let mut stopped = self.stopped();
        let (opening, lane) = stopped.next()?;
        stopped.next().is_none().then(|| stopped_place(opening, lane))
    }

    /// The batch on a command line, with a blank before it.
    pub(super) fn of_batch(&self) -> String {
        let batch = self.only.as_ref().map(|batch| format!(" --batch {}", quoted(batch.name.as_str())));
        batch.unwrap_or_default()
    }

    /// What selects the same jobs on a command line, with a blank before it.
    pub(super) fn scope(&self) -> String {
        let batch = Some(self.of_batch());
        let account = self.place.account.as_ref().map(|account| format!(" --account {account}"));
        let region = self.place.region.map(|region| format!(" --region {region}"));
        [batch, account, region].into_iter().flatten().collect()
    }

    /// What is set for a lane, and in force.
    pub(super) fn limits_of(&self, lane: LaneId) -> ConfiguredLimits {
        let none = ConfiguredLimits {
            ceiling: 1.0,
            cap: 1,
            settle: Duration::ZERO,
            looks: 1,
            attempt_timeout: Duration::ZERO,
        };
        let set = self.limits.get(&lane).copied().unwrap_or(none);
        let lowered = self.lanes.iter().find(|view| view.id == lane).and_then(|view| view.lowered.as_ref());
        let cap = LoweredCap::in_force(lowered, u64::from(set.cap), self.now);
        ConfiguredLimits { cap: u32::try_from(cap).unwrap_or(set.cap), ..set }
    }

    /// The reconciliation window of what is sent in a lane now.
    pub(super) fn window_of(&self, lane: &LaneView) -> Duration {
        reconciliation_window(self.limits_of(lane.id).settle, lane.delay, self.now)
    }

    /// Why the cap of a lane is lower than the settings have it, and what they have; nothing where it is not.
    pub(super) fn lowered_cap(&self, lane: &LaneView) -> Option<(LoweredCap, u32)> {
        let set = self.limits.get(&lane.id)?.cap;
        lane.lowered.clone().filter(|_| self.limits_of(lane.id).cap < set).map(|lowered| (lowered, set))
    }

    /// Until when a lane sends nothing after a takeover; nothing where it does not wait for that.
    pub(super) fn takeover_until(&self, lane: &LaneView) -> Option<Timestamp> {
        self.takeover.as_ref()?.left(self.window_of(lane)).map(|left| self.now.after(left))
    }

    /// EBS copies of other clients that a lane's records show in progress.
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

    /// How it stands, in a word.
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

/// How many of a batch's jobs have ended, and how many there are; those that it shares are among them.
pub fn progress_of(batch: &BatchView) -> (u64, u64) {
    let jobs = batch.jobs.plus(&batch.shared);
    (jobs.total() - jobs.live(), jobs.total())
}

/// Whether nothing of a batch is left to do.
pub(super) fn has_ended(batch: &BatchView) -> bool {
    let (done, all) = progress_of(batch);
    done == all && batch.stage == BatchStage::Sealed
}
