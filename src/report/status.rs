//! How it stands: what is done, what binds each lane, and what waits for a person. The deciding part, pure but for
//! one reading; `status_text.rs` and `status_json.rs` put it into words.

use super::breakers::{resume_command, stopped_place};
use super::failures::{Failures, Gathered};
use super::takeover::{copy_of, past_acts};
use super::words::{moment, quoted, several, span, what_blocks};
use crate::domain::{AccountLabel, JobState, Lane, LaneId, LaneTrouble, LoweredCap, Region, Timestamp, settle_window};
use crate::lightsail::is_throttle;
use crate::queue::{
    BatchStage, BatchView, Blocked, LaneView, Left, Measures, Queue, QueueError, REFUSED_WITHIN, StateCounts, Takeover,
    Trip,
};
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
    pub place: Place,
    /// The batches, the oldest first.
    pub batches: Vec<BatchView>,
    /// The lanes.
    pub lanes: Vec<LaneView>,
    /// What has stopped by itself.
    pub trips: Vec<Trip>,
    /// What is set for each lane.
    pub limits: BTreeMap<LaneId, Limits>,
    /// The newest takeover of the database.
    pub takeover: Option<Takeover>,
    /// What was measured of late.
    pub measures: Measures,
    /// What failed, by cause: of the newest failed jobs.
    pub failures: Failures,
}

/// What is set for a lane; a daemon that was started with other settings goes by those.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
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
pub struct Place {
    /// Those of this account.
    pub account: Option<AccountLabel>,
    /// Those in this Region.
    pub region: Option<Region>,
}

impl Place {
    /// Whether not all lanes are meant.
    #[must_use]
    pub fn is_narrow(&self) -> bool {
        self.account.is_some() || self.region.is_some()
    }

    /// Whether that lane is meant.
    #[must_use]
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
    #[must_use]
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

/// What keeps a lane from going faster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Binding {
    /// A person paused it.
    Paused,
    /// It is in trouble, and probes.
    Blocked,
    /// No daemon is at work.
    NoDaemon,
    /// What is queued in it has stopped by itself.
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
    #[must_use]
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

/// What waits for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Its name in JSON.
    pub kind: &'static str,
    /// It in words.
    pub text: String,
    /// A command that helps; nothing where none does.
    pub command: Option<String>,
}

impl StatusView {
    /// Reads how it stands at `now`; with a batch, that one alone, and of its lanes those of `place`.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn read(
        queue: &Queue,
        only: Option<BatchView>,
        place: Place,
        now: Timestamp,
        daemon: Option<String>,
        limits: impl Fn(&Lane) -> Limits,
    ) -> Result<Self, QueueError> {
        let batches = match &only {
            Some(batch) => vec![batch.clone()],
            None => queue.batches().await?,
        };
        let mut lanes = queue.lanes(only.as_ref().map(|batch| batch.id)).await?;
        lanes.retain(|lane| place.has(&lane.lane));
        let ids: Vec<LaneId> = lanes.iter().map(|lane| lane.id).collect();
        let measures = queue.measures(&ids, now).await?;
        let mut trips = queue.trips(None).await?;
        trips.retain(|trip| lanes.iter().any(|lane| lane.id == trip.lane));
        if let Some(only) = &only {
            trips.retain(|trip| trip.covers(only.id));
        }
        let takeover = queue.takeover().await?;
        let limits = lanes.iter().map(|lane| (lane.id, limits(&lane.lane))).collect();
        let mut gathered = Gathered::default();
        let failures = gathered.groups(0, "");
        let mut view = Self { now, daemon, only, place, batches, lanes, trips, limits, takeover, measures, failures };
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
    #[must_use]
    pub fn jobs(&self) -> StateCounts {
        match &self.only {
            _ if self.place.is_narrow() => {
                self.lanes.iter().fold(StateCounts::default(), |sum, lane| sum.plus(&lane.jobs))
            }
            Some(batch) => batch.jobs.plus(&batch.shared),
            None => self.batches.iter().fold(StateCounts::default(), |sum, batch| sum.plus(&batch.jobs)),
        }
    }

    /// What has stopped by itself, with its lane.
    pub(super) fn stopped(&self) -> impl Iterator<Item = (&Trip, &Lane)> {
        self.trips.iter().filter_map(|trip| {
            let lane = self.lanes.iter().find(|lane| lane.id == trip.lane)?;
            Some((trip, &lane.lane))
        })
    }

    /// Where it is, if it is the one thing that has stopped by itself.
    pub(super) fn stopped_alone(&self) -> Option<String> {
        let mut stopped = self.stopped();
        let (trip, lane) = stopped.next()?;
        stopped.next().is_none().then(|| stopped_place(trip, lane))
    }

    /// What holds all that a lane has queued, of what this is about; nothing where some of it is held by neither a pause
    /// nor a breaker.
    fn held_batches(&self, lane: LaneId) -> Option<Binding> {
        let ours = |batch| self.only.as_ref().is_none_or(|only| only.id == batch);
        let left = self.measures.left.iter().filter(|left| left.lane == lane && left.queued > 0 && ours(left.batch));
        let stopped = |batch| self.trips.iter().any(|trip| trip.lane == lane && trip.covers(batch));
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

    fn paused_jobs(&self, lane: &LaneView) -> Option<Need> {
        let paused_in = &self.measures.lanes.get(&lane.id)?.paused_in;
        let theirs = self.only.as_ref().is_none_or(|batch| paused_in.contains(&batch.id));
        let Lane { account, region } = &lane.lane;
        (theirs && !paused_in.is_empty()).then(|| Need {
            kind: "paused_jobs",
            text: format!("jobs of lane {} are paused one by one", lane.lane),
            command: Some(format!(
                "snapferry jobs --state queued --account {account} --region {region}{}",
                self.of_batch()
            )),
        })
    }

    /// The batch on a command line, with a blank before it.
    fn of_batch(&self) -> String {
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
    pub(super) fn limits_of(&self, lane: LaneId) -> Limits {
        let none = Limits { ceiling: 1.0, cap: 1, settle: Duration::ZERO, looks: 1, attempt_timeout: Duration::ZERO };
        let set = self.limits.get(&lane).copied().unwrap_or(none);
        let lowered = self.lanes.iter().find(|view| view.id == lane).and_then(|view| view.lowered.as_ref());
        let cap = LoweredCap::in_force(lowered, u64::from(set.cap), self.now);
        Limits { cap: u32::try_from(cap).unwrap_or(set.cap), ..set }
    }

    /// The reconciliation window of what is sent in a lane now.
    pub(super) fn window_of(&self, lane: &LaneView) -> Duration {
        settle_window(self.limits_of(lane.id).settle, lane.delay, self.now)
    }

    /// Why the cap of a lane is lower than the settings have it, and what they have; nothing where it is not.
    pub(super) fn lowered_cap(&self, lane: &LaneView) -> Option<(LoweredCap, u32)> {
        let set = self.limits.get(&lane.id)?.cap;
        lane.lowered.clone().filter(|_| self.limits_of(lane.id).cap < set).map(|lowered| (lowered, set))
    }

    /// Until when a lane sends nothing after a takeover; nothing where it does not wait for that.
    pub(super) fn takeover_until(&self, lane: &LaneView) -> Option<Timestamp> {
        let takeover = self.takeover.as_ref().filter(|takeover| !takeover.waived)?;
        Some(takeover.found_at.after(self.window_of(lane))).filter(|until| *until > self.now)
    }

    /// The time in which a person may still do again what the copy does not know.
    fn taken_over(&self) -> Option<Need> {
        let takeover = self.takeover.as_ref()?;
        let queued = self.lanes.iter().filter(|lane| lane.jobs.of(JobState::Queued) > 0);
        let until = queued.filter_map(|lane| self.takeover_until(lane)).max()?;
        Some(Need {
            kind: "takeover",
            text: format!(
                "the database was taken over from {} ({}): nothing is sent before {}, {} from now; {}",
                copy_of(takeover),
                takeover.cause.text(),
                moment(until),
                span(until.since(self.now)),
                past_acts()
            ),
            command: Some(format!("snapferry jobs --state queued{}", self.scope())),
        })
    }

    /// EBS copies of other clients that a lane's records show in progress.
    #[must_use]
    pub fn copies_of_others(&self, lane: LaneId) -> u64 {
        self.measures.lanes.get(&lane).map_or(0, |lane| lane.copies_of_others)
    }

    /// Throttled calls of a lane in the last minute.
    #[must_use]
    pub fn throttles_a_minute(&self, lane: LaneId) -> u64 {
        let refused = self.measures.lanes.get(&lane).into_iter().flat_map(|lane| &lane.refused);
        refused.filter(|one| is_throttle(one.code.as_str(), one.http_status)).map(|one| one.calls).sum()
    }

    /// Exports of a lane that ended in the last minute.
    #[must_use]
    pub fn ended_a_minute(&self, lane: LaneId) -> u64 {
        let ends = self.measures.lanes.get(&lane).into_iter().flat_map(|lane| &lane.ends);
        ends.filter(|end| self.now.since(end.at) < REFUSED_WITHIN).count() as u64
    }

    /// How it stands, in a word.
    #[must_use]
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

    /// What waits for a person, the most pressing first.
    #[must_use]
    pub fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        let batch = self.scope();
        let jobs = self.jobs();
        if self.health() == Health::Stopped {
            needs.push(Need {
                kind: "no_daemon",
                text: format!(
                    "{} left, and no daemon is running",
                    several(jobs.live() - jobs.of(JobState::NeedsReview), "job")
                ),
                command: Some("snapferry daemon".to_owned()),
            });
        }
        needs.extend(self.taken_over());
        needs.extend(self.lanes.iter().filter_map(|lane| blocked_lane(lane, self.now)));
        needs.extend(self.stopped().map(|(trip, lane)| Need {
            kind: "breaker",
            text: format!(
                "{} has stopped by itself: {}; once the cause is gone, let it go on",
                stopped_place(trip, lane),
                trip.cause
            ),
            command: Some(resume_command(trip, lane)),
        }));
        let review = jobs.of(JobState::NeedsReview);
        if review > 0 {
            needs.push(Need {
                kind: "review",
                text: format!(
                    "a decision is needed on {}; `snapferry resolve JOB` has the evidence of each",
                    several(review, "job")
                ),
                command: Some(format!("snapferry jobs --state needs_review{batch}")),
            });
        }
        let failed = jobs.of(JobState::Failed);
        // While the others are at work, nothing is lost by leaving the failed ones for later.
        if failed > 0 && self.health() != Health::Running {
            needs.push(Need {
                kind: "failed",
                text: format!("{} failed; this says why, and which command retries what", several(failed, "job")),
                command: Some(format!("snapferry failures{batch}")),
            });
        }
        needs.extend(self.lanes.iter().filter_map(paused_lane));
        let queued_here = |batch: &&BatchView| {
            let here = |left: &&Left| left.batch == batch.id && left.queued > 0;
            !self.place.is_narrow()
                || self.measures.left.iter().filter(here).any(|left| self.lanes.iter().any(|lane| lane.id == left.lane))
        };
        needs.extend(self.batches.iter().filter(queued_here).filter_map(paused_batch));
        needs.extend(self.lanes.iter().filter_map(|lane| self.paused_jobs(lane)));
        needs
    }
}

/// What keeps a lane from going faster: its own pause and trouble first.
#[must_use]
pub fn bindings(view: &StatusView, lane: &LaneView) -> Vec<Binding> {
    let mut all = Vec::new();
    if lane.paused.is_some() {
        all.push(Binding::Paused);
    }
    if lane.blocked.is_some() {
        all.push(Binding::Blocked);
    }
    if lane.paused.is_none() && lane.blocked.as_ref().is_none_or(|blocked| !blocked.stops_sending()) {
        let Limits { ceiling, cap, .. } = view.limits_of(lane.id);
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

/// How many of a batch's jobs have ended, and how many there are; those that it shares are among them.
#[must_use]
pub fn progress_of(batch: &BatchView) -> (u64, u64) {
    let jobs = batch.jobs.plus(&batch.shared);
    (jobs.total() - jobs.live(), jobs.total())
}

/// Whether nothing of a batch is left to do.
pub(super) fn has_ended(batch: &BatchView) -> bool {
    let (done, all) = progress_of(batch);
    done == all && batch.stage == BatchStage::Sealed
}

/// Whether a blocked lane has nothing to try with: its trouble ends with an export that is taken, and none is queued.
pub(super) fn waits_for_a_job(lane: &LaneView, blocked: &Blocked) -> bool {
    let by_export = LaneTrouble::parse(blocked.code.as_str())
        .is_some_and(|trouble| trouble.stops_sending() && !trouble.ends_with_a_reading());
    by_export && lane.jobs.of(JobState::Queued) == 0
}

/// For so long a lane without room in EC2 is left to itself: what is in the way takes up to an hour.
const ROOM_WITHIN: Duration = Duration::from_hours(1);

fn blocked_lane(lane: &LaneView, now: Timestamp) -> Option<Need> {
    let blocked = lane.blocked.as_ref().filter(|blocked| lane.jobs.live() > 0 && !waits_for_a_job(lane, blocked))?;
    match LaneTrouble::parse(blocked.code.as_str()) {
        Some(LaneTrouble::Quota) if lane.paused.is_some() => return None,
        Some(LaneTrouble::CopyLimit) if now.since(blocked.since) < ROOM_WITHIN => return None,
        Some(_) | None => {}
    }
    let what = match blocked.code.as_str() {
        "credentials" => "waits for credentials".to_owned(),
        "reads" => "cannot be read".to_owned(),
        code => format!("is blocked ({code})"),
    };
    Some(Need {
        kind: "blocked",
        text: format!("lane {} {what}; it goes on by itself once that is put right", lane.lane),
        command: Some(format!("snapferry doctor --account {} --region {}", lane.lane.account, lane.lane.region)),
    })
}

/// Why a lane is held for a person that no person has paused.
pub(super) fn held_for_quota(lane: &LaneView) -> Option<String> {
    let quota = |blocked: &&Blocked| LaneTrouble::parse(blocked.code.as_str()) == Some(LaneTrouble::Quota);
    lane.blocked.as_ref().filter(|_| lane.paused.is_some()).filter(quota).map(what_blocks)
}

/// What is held for a person once a drain has ended, each with the command that lets it go on.
#[must_use]
pub fn held_lanes(lanes: &[LaneView]) -> Vec<String> {
    let needs = lanes.iter().filter(|lane| held_for_quota(lane).is_some()).filter_map(paused_lane);
    needs.map(|need| format!("{}; `{}` lets it go on", need.text, need.command.unwrap_or_default())).collect()
}

fn paused_lane(lane: &LaneView) -> Option<Need> {
    let _ = lane.paused.as_ref().filter(|_| lane.jobs.of(JobState::Queued) > 0)?;
    let Lane { account, region } = &lane.lane;
    Some(Need {
        kind: "paused_lane",
        text: match held_for_quota(lane) {
            Some(said) => format!("lane {} is held: {said}", lane.lane),
            None => format!("lane {} is paused", lane.lane),
        },
        command: Some(format!("snapferry resume --account {account} --region {region}")),
    })
}

fn paused_batch(batch: &BatchView) -> Option<Need> {
    let _ = batch.paused.as_ref().filter(|_| batch.jobs.of(JobState::Queued) > 0)?;
    Some(Need {
        kind: "paused_batch",
        text: format!("batch {} is paused", batch.name),
        command: Some(format!("snapferry resume --batch {}", quoted(batch.name.as_str()))),
    })
}
