//! A lane's tracking: `run_once(now)` does all that is to be done at a moment and says when to come again; the loop
//! around it only waits.

use super::ages::Ages;
use super::delays::{Awaited, InSight};
use super::failing::{Failing, Purpose};
use super::plan::{Asked, Decision, Policy, decide, several_records};
use super::poll_interval::{ExportTime, Urgency};
use super::reading::{Unread, Wanted};
use crate::clock::{BACKSTOP, NEVER, SharedClock, Stop, stopped};
use crate::domain::{
    ErrorCode, Event, Failure, JobId, JobState, LaneTrouble, ListDelay, LoweredCap, OverLimit, RetryPolicy, RunId,
    SnapshotName, Timestamp, backoff,
};
use crate::lightsail::{EXPORT_ACTION, Lightsail, failed_operation};
use crate::points::{Between, Point, reached};
use crate::queue::{Answer, AttemptOutcome, Entry, Followed, LaneRecord, Load, Queue, QueueError, Transition, Wakes};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Who stands in the history for what no person did.
pub(super) const ACTOR: &str = "daemon";

/// The shortest sleep.
const LEAST: Duration = Duration::from_millis(10);

/// How often a lane with queued jobs is listed anew: snapshots are deleted, break and are made anew meanwhile.
const LIST_AGAIN: Duration = Duration::from_hours(1);

/// Entries and jobs that are taken up at once.
const CHUNK: u32 = 500;

/// What the settings say of tracking.
#[derive(Debug, Clone, Copy)]
pub struct TrackerSettings {
    /// Attempts and waits.
    pub retry: RetryPolicy,
    /// The shortest wait between two looks at a job.
    pub poll_min: Duration,
    /// The longest.
    pub poll_max: Duration,
    /// How long an export may take.
    pub give_up: Duration,
    /// How long looks at the ledger are spread before an attempt is taken for absent.
    pub settle: Duration,
    /// How many complete looks that takes.
    pub looks: u32,
    /// How long a call may take: no look counts before.
    pub attempt_timeout: Duration,
    /// How often a blocked lane tries again.
    pub probe: Duration,
    /// EBS copies under way at most.
    pub max_in_flight: u64,
}

/// A lane's follower.
pub struct Tracker {
    pub(super) queue: Queue,
    pub(super) api: Arc<dyn Lightsail>,
    pub(super) clock: SharedClock,
    pub(super) run: RunId,
    pub(super) lane: LaneRecord,
    pub(super) settings: TrackerSettings,
    pub(super) ages: Ages,
    /// How late the lists were seen to be, as it stands in the store.
    pub(super) delay: Mutex<ListDelay>,
    in_sight: InSight,
    export_time: ExportTime,
    /// The cap on the copies under way, as it stands in the store.
    lowered: Mutex<Option<LoweredCap>>,
    wakes: Wakes,
}

/// What the loop remembers between two rounds; all of it may be lost.
#[derive(Debug, Default)]
pub struct Rounds {
    /// Whether the lane had live jobs when it was last asked.
    live: bool,
    probed_at: Option<Duration>,
    listed_at: Option<Duration>,
    listing_pause: Duration,
    pub(super) read_at: Option<Duration>,
    /// When the last reading of the records began that came to its end.
    pub(super) read_through_at: Option<Duration>,
    /// How many pages the last reading of the records took.
    pub(super) pages: u32,
    pub(super) inventory: Failing,
    pub(super) following: Failing,
    pub(super) absence_checks: Failing,
    /// Unknown attempts, by a clock that nobody sets.
    pub(super) met: HashMap<(JobId, u32), Met>,
    /// Accepted exports that are not in sight, and when they were last asked for.
    pub(super) awaited: HashMap<(JobId, u32), Awaited>,
    pub(super) measured_at: Option<Duration>,
}

/// When an unknown attempt was met first, and last looked at.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) at: Duration,
    pub(super) looked_at: Option<Duration>,
    /// How long the next look that counts keeps from the last.
    pub(super) rest: Duration,
}

/// The jobs that decisions have moved.
#[derive(Debug, Default)]
pub(super) struct Moved {
    pub(super) jobs: BTreeSet<JobId>,
    /// Those of which the ledger may say more now; of one that has succeeded with the only record of its name it does not.
    again: Vec<JobId>,
}

/// When a reading began, by the time of day and by the clock that nobody sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Begun {
    pub(super) at: Timestamp,
    pub(super) elapsed: Duration,
}

impl Tracker {
    /// A follower of `lane`.
    pub fn new(
        queue: Queue,
        api: Arc<dyn Lightsail>,
        clock: SharedClock,
        run: RunId,
        lane: LaneRecord,
        settings: TrackerSettings,
    ) -> Self {
        let wakes = queue.wakes(lane.id);
        let delay = Mutex::new(lane.delay);
        let (ages, export_time, lowered) = (Ages::default(), ExportTime::default(), Mutex::new(lane.lowered.clone()));
        let in_sight = InSight::default();
        Self { queue, api, clock, run, lane, settings, ages, delay, in_sight, export_time, lowered, wakes }
    }

    /// Follows until `stop` says so.
    ///
    /// # Errors
    /// [`QueueError`] when the store fails.
    pub async fn track(self, mut stop: Stop) -> Result<(), QueueError> {
        let mut rounds = Rounds::default();
        while !*stop.borrow() {
            let pause = tokio::select! {
                // In a box: a lane that sleeps has no room for it.
                pause = Box::pin(self.run_once(&mut rounds)) => pause?,
                () = stopped(&mut stop) => break,
            };
            tokio::select! {
                () = self.wakes.tracker.notified() => {}
                () = self.clock.sleep(if rounds.live { pause.min(BACKSTOP) } else { pause }) => {}
                () = stopped(&mut stop) => {}
            }
        }
        Ok(())
    }

    /// Does all that is to be done now; how long until there is more, unless a wake-up comes first.
    ///
    /// # Errors
    /// [`QueueError`] when the store fails.
    pub async fn run_once(&self, rounds: &mut Rounds) -> Result<Duration, QueueError> {
        match self.round(rounds).await {
            Ok(pause) => Ok(pause),
            Err(Unread::Broken(error)) => Err(error),
            Err(Unread::Blocked) => {
                rounds.probed_at = Some(self.clock.elapsed());
                Ok(self.settings.probe)
            }
            Err(Unread::Passing(failed)) => {
                self.has_failed(Purpose::Following, failed, rounds).await?;
                Ok(self.until_reading(Purpose::Following, rounds).max(LEAST))
            }
        }
    }

    async fn round(&self, rounds: &mut Rounds) -> Result<Duration, Unread> {
        let elapsed = self.clock.elapsed();
        let passed = |at: Option<Duration>, span: Duration| left(at, span, elapsed).is_zero();
        let Some(lane) = self.queue.lane_record(self.lane.id).await? else { return Ok(NEVER) };
        self.lowered.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&lane.lowered);
        *self.delay.lock().unwrap_or_else(PoisonError::into_inner) = lane.delay;
        if let Some(block) = lane.block.as_ref().filter(|block| block.trouble.ends_with_a_reading()) {
            let rest = left(rounds.probed_at, self.settings.probe, elapsed);
            if !rest.is_zero() {
                return Ok(rest);
            }
            // Even where this one does well: a lane that is blocked again at once is not tried without a pause.
            rounds.probed_at = Some(elapsed);
            self.read_snapshots().await?;
            self.read_records().await?;
            rounds.read_at = Some(elapsed);
            tracing::info!(lane = %self.lane.lane, "the lane goes on");
            self.queue.end_trouble(self.lane.id, block.trouble).await?;
            rounds.reads_again(Purpose::Following);
            // That reading decided nothing.
            rounds.listed_at = None;
        }
        let load = self.queue.load(self.lane.id).await?;
        let mut until_listing = NEVER;
        if load.queued == 0 {
            rounds.reads_again(Purpose::Inventory);
        } else {
            until_listing = self.until_reading(Purpose::Inventory, rounds);
            if until_listing.is_zero() {
                until_listing = match self.list_where_due(rounds).await {
                    Ok(next) => next,
                    Err(unread) => {
                        self.bear_for(Purpose::Inventory, unread, rounds).await?;
                        self.until_reading(Purpose::Inventory, rounds)
                    }
                };
            }
        }
        let now = self.clock.now();
        let latest = now.after(self.longest_wait());
        let failing = self.until_reading(Purpose::Following, rounds);
        // One reading serves all of a lane's jobs, so those that fall due soon after it wait for the next.
        let rested = |span: Duration| elapsed.saturating_sub(rounds.read_at.unwrap_or_default()) >= span;
        let due = async |state: JobState, rest: Duration| {
            if !failing.is_zero() || (rounds.read_at.is_some() && !rested(rest)) {
                return Ok(Vec::new());
            }
            // What falls due soon after this reading would be read for twice.
            let soon = if state == JobState::Exporting { now.after(rest / 4) } else { now };
            self.queue.due(self.lane.id, state, soon, latest, CHUNK).await
        };
        let (least, most) = (self.settings.poll_min, self.settings.poll_max);
        let between = self.export_time.poll_interval(least, most, self.urgency(&load).await?);
        let exporting = due(JobState::Exporting, between).await?;
        let between_for_unknown = self.settings.poll_min.min(self.between_looks());
        let unknown = due(JobState::Unknown, between_for_unknown).await?;
        let live = load.queued + load.exporting + load.unknown + load.submitting > 0;
        rounds.live = live;
        let stale = live && failing.is_zero() && passed(rounds.read_through_at, self.settings.poll_max);
        if !unknown.is_empty() || stale {
            let begun = Begun { at: now, elapsed: self.clock.elapsed() };
            rounds.read_at = Some(begun.elapsed);
            self.read_records_measured(rounds, Wanted::All).await?;
            self.look_at(&unknown, begun, rounds).await?;
            self.take_up_news().await?;
            self.poll(&exporting, now.after(between)).await?;
            rounds.reads_again(Purpose::Following);
        } else if !exporting.is_empty() {
            self.follow(&exporting, now.after(between), rounds).await?;
            rounds.reads_again(Purpose::Following);
        } else {
            self.take_up_news().await?;
        }
        if load.unknown == 0 {
            rounds.reads_again(Purpose::AbsenceChecks);
        }
        self.end_of_failing(lane.block.as_ref(), rounds).await?;
        if !live {
            return if failing.is_zero() { self.watch_what_has_ended(rounds).await } else { Ok(failing) };
        }
        let (now, elapsed) = (self.clock.now(), self.clock.elapsed());
        let taken_over = self.takeover_wait();
        let stale = left(rounds.read_through_at, self.settings.poll_max, elapsed).max(failing);
        let mut until = until_listing.min(stale);
        if !taken_over.is_zero() {
            until = until.min(taken_over);
        }
        for (state, rest) in [(JobState::Exporting, between), (JobState::Unknown, between_for_unknown)] {
            // What is due has to wait until the lane may be read again.
            let rest = left(rounds.read_at, rest, elapsed).max(failing);
            let next = self.queue.next_poll(self.lane.id, state).await?;
            // What is put off further than any wait was so before the clock was set back.
            let wait = |next: Timestamp| if next > latest { rest } else { next.since(now).max(rest) };
            until = until.min(next.map_or(NEVER, wait));
        }
        Ok(until.max(LEAST))
    }

    async fn urgency(&self, load: &Load) -> Result<Urgency, QueueError> {
        let room = self.cap(self.clock.now()).saturating_sub(load.in_flight);
        let held_by_cap = load.in_flight > 0 && (room == 0 || self.weight_of_next().await? > room);
        Ok(if load.queued == 0 || held_by_cap { Urgency::Awaited } else { Urgency::Background })
    }

    /// The EBS copies of the job that is sent next; none where no queued job may be sent.
    async fn weight_of_next(&self) -> Result<u64, QueueError> {
        let next = self.queue.claimable(self.lane.id, self.run, 1).await?;
        Ok(next.first().map_or(0, |job| u64::from(job.weight)))
    }

    /// Lists the lane where jobs wait for that, the longer the same ones wait the less often, and now and then anyway. How
    /// long until the next time.
    async fn list_where_due(&self, rounds: &mut Rounds) -> Result<Duration, Unread> {
        let uncleared = !self.queue.uncleared(self.lane.id, self.run).await?.is_empty();
        // After a takeover one listing adopts what shows already, and one at the end of the wait clears the rest.
        let fresh = uncleared && (rounds.listed_at.is_none() || self.takeover_wait().is_zero());
        let elapsed = self.clock.elapsed();
        if !fresh {
            let awaited = self.queue.awaits_listing(self.lane.id).await?;
            rounds.listing_pause = if awaited { rounds.listing_pause } else { Duration::ZERO };
            let rest = left(rounds.listed_at, if awaited { rounds.listing_pause } else { LIST_AGAIN }, elapsed);
            if !rest.is_zero() {
                return Ok(rest);
            }
        }
        let doubled = rounds.listing_pause.saturating_mul(2);
        rounds.listing_pause = doubled.clamp(self.settings.poll_min, self.settings.poll_max);
        // One that does not come to its end is no listing.
        rounds.listed_at = None;
        self.list(rounds).await?;
        rounds.reads_again(Purpose::Inventory);
        rounds.listed_at = Some(elapsed);
        rounds.read_at = Some(self.clock.elapsed());
        let awaited = self.queue.awaits_listing(self.lane.id).await?;
        Ok(if awaited { rounds.listing_pause } else { LIST_AGAIN })
    }

    /// Reads the records of a lane that has nothing to do, where a person has to know how an export ends, or a job has
    /// ended lately with an attempt taken for absent: an export of it may come into sight yet. How long until the next.
    async fn watch_what_has_ended(&self, rounds: &mut Rounds) -> Result<Duration, Unread> {
        let elapsed = self.clock.elapsed();
        let for_late = self.settle_window().max(self.settings.poll_max);
        let reviewed = self.queue.review_is_open(self.lane.id).await?;
        let since = self.clock.now().before(self.settings.give_up);
        if !reviewed && !self.queue.may_show_late_exports(self.lane.id, since).await? {
            return Ok(NEVER);
        }
        let gap = if reviewed { self.settings.poll_max } else { for_late };
        let rest = left(rounds.read_at, gap, elapsed);
        if !rest.is_zero() {
            return Ok(rest);
        }
        rounds.read_at = Some(elapsed);
        self.read_records().await?;
        rounds.reads_again(Purpose::Following);
        self.take_up_news().await?;
        Ok(gap)
    }

    /// Acts on every entry that is new or has changed.
    pub(super) async fn take_up_news(&self) -> Result<(), Unread> {
        loop {
            let news = self.queue.news(self.lane.id, CHUNK).await?;
            if news.is_empty() {
                return Ok(());
            }
            reached(Point::Between(Between::NewsFound));
            let jobs = self.queue.concerned(&news).await?;
            // One that came back to the queue is decided for once more: another export may stand for it.
            let moved = self.settle(&jobs).await?;
            self.settle(&moved.again).await?;
            reached(Point::Between(Between::NewsActedUpon));
            self.queue.settle_news(self.lane.id, &news).await?;
        }
    }

    /// Decides for these jobs and writes what follows; those that moved.
    pub(super) async fn settle(&self, jobs: &[JobId]) -> Result<Moved, Unread> {
        let mut moved = Moved::default();
        for chunk in jobs.chunks(usize::try_from(CHUNK).unwrap_or(1)) {
            let (now, elapsed) = (self.clock.now(), self.clock.elapsed());
            let followed = self.steadied(chunk, now, elapsed).await?;
            let names: Vec<SnapshotName> = followed.iter().map(|job| job.snapshot.clone()).collect();
            let mut by_name = HashMap::<SnapshotName, Vec<Entry>>::new();
            for entry in self.queue.entries(self.lane.id, &names).await? {
                by_name.entry(entry.sighting.snapshot.clone()).or_default().push(entry);
            }
            let mut transitions = Vec::new();
            for job in &followed {
                let entries = by_name.get(&job.snapshot).map_or(&[][..], Vec::as_slice);
                if let Some(transition) = self.settle_one(job, entries).await? {
                    if (job.state, transition.to()) == (JobState::Exporting, JobState::Succeeded) && !job.adopted {
                        self.export_time.learn(now.since(job.since));
                    }
                    let again = transition.to() != JobState::Succeeded || several_records(entries);
                    transitions.push(((job.job, again), transition));
                }
            }
            let (ids, transitions): (Vec<(JobId, bool)>, Vec<Transition>) = transitions.into_iter().unzip();
            let verdicts = self.apply(transitions).await?;
            for (job, again) in ids.into_iter().zip(verdicts).filter(|(_, done)| *done).map(|(id, _)| id) {
                moved.jobs.insert(job);
                moved.again.extend(again.then_some(job));
            }
        }
        Ok(moved)
    }

    /// Jobs with their times as a clock that nobody sets has them.
    pub(super) async fn steadied(
        &self,
        jobs: &[JobId],
        now: Timestamp,
        elapsed: Duration,
    ) -> Result<Vec<Followed>, QueueError> {
        let (followed, gap) = (self.queue.followed(jobs).await?, self.between_looks());
        Ok(followed.into_iter().map(|job| self.ages.steady(job, now, elapsed, gap)).collect())
    }

    async fn settle_one(&self, job: &Followed, entries: &[Entry]) -> Result<Option<Transition>, Unread> {
        let now = self.clock.now();
        let wait = backoff(&self.settings.retry, job.used, fastrand::f64());
        let policy = Policy {
            now,
            again_at: now.after(wait),
            give_up: self.settings.give_up,
            settle: job.attempts.last().map_or_else(|| self.settle_window(), |attempt| self.window_of(attempt)),
            looks: self.settings.looks,
            asked: Asked::NotYet,
        };
        let mut decision = decide(job, entries, &policy);
        if let Some(operation) = decision.ask.take() {
            self.ask(&operation, &job.snapshot).await?;
            let entries = self.queue.entries(self.lane.id, std::slice::from_ref(&job.snapshot)).await?;
            decision = decide(job, &entries, &Policy { asked: Asked::JustNow, ..policy });
        }
        let Decision { event, outcome, own, earlier, ask: _, late, in_sight, settled_at } = decision;
        // What a job adopts is no attempt's.
        let adopts = matches!(event, Some(Event::AlreadyExported(_) | Event::UnderWayAlready(_)));
        let attempt = if adopts || job.adopted { 0 } else { job.attempt };
        if let Some(last) = job.attempts.last() {
            let attempt = (job.job, last.number);
            if event.is_none() && in_sight {
                self.in_sight.note(attempt);
            }
            let was_in_sight = event.is_some() && self.in_sight.forget(attempt);
            // It was there, and its looks did not show it.
            if matches!(outcome, Some(AttemptOutcome::Found)) && !in_sight && !was_in_sight {
                self.learn_from_looks(last).await?;
            }
        }
        for (number, entry) in earlier {
            if let Some(attempt) =
                job.attempts.iter().find(|one| one.number == number && one.is(AttemptOutcome::Absent))
            {
                self.learn_from_looks(attempt).await?;
            }
            self.queue.own(job.job, number, entry).await?;
        }
        if let Some(found) = late {
            self.queue.note(job.job, found).await?;
        }
        if let Some(Event::OverLimit(failure, _)) = &event {
            let sent_at = job.attempts.last().map_or(job.since, |attempt| attempt.intended_at);
            self.bear_limit(sent_at, failure).await?;
        }
        let Some(event) = event else {
            for entry in own {
                self.queue.own(job.job, attempt, entry).await?;
            }
            // No reading tells it sooner.
            if let Some(at) = settled_at {
                self.queue.poll_later(&[(job.job, at)]).await?;
            }
            return Ok(None);
        };
        let mut transition =
            Transition::new(job.job, &job.standing(self.settings.retry.max_attempts), event, now, ACTOR)?
                .owning(attempt, own);
        if let Some(outcome) = outcome {
            transition = transition.answered(settled(outcome), Vec::new());
        }
        let live = matches!(transition.to(), JobState::Exporting | JobState::Unknown);
        Ok(Some(if live { transition.poll_at(now.after(self.settings.poll_min)) } else { transition }))
    }

    fn cap(&self, now: Timestamp) -> u64 {
        let lowered = self.lowered.lock().unwrap_or_else(PoisonError::into_inner);
        LoweredCap::in_force(lowered.as_ref(), self.settings.max_in_flight, now)
    }

    /// An export failed for a limit of EC2's: the lane waits for room, or for a person.
    async fn bear_limit(&self, sent_at: Timestamp, failure: &Failure) -> Result<(), QueueError> {
        let error = failed_operation(failure);
        let Some(trouble) = error.trouble() else { return Ok(()) };
        self.block(trouble, error.with_advice(EXPORT_ACTION)).await?;
        if trouble == LaneTrouble::Quota {
            return self.queue.pause(&[], &[self.lane.id], self.clock.now(), ACTOR).await.map(drop);
        }
        self.lower_cap(sent_at, failure.code.clone()).await
    }

    /// EC2 had too many copies under way: fewer of the lane's for a while.
    async fn lower_cap(&self, sent_at: Timestamp, code: ErrorCode) -> Result<(), QueueError> {
        let now = self.clock.now();
        let in_flight = self.queue.load(self.lane.id).await?.in_flight;
        let over = OverLimit { in_flight, beside: None, sent_at, code };
        let lowered = {
            let mut known = self.lowered.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(lowered) = LoweredCap::after(known.as_ref(), self.settings.max_in_flight, over, now) else {
                return Ok(());
            };
            *known = Some(lowered.clone());
            lowered
        };
        tracing::warn!(
            lane = %self.lane.lane, code = %lowered.code, cap = lowered.to,
            "an export failed, because EC2 had too many copies under way: fewer are begun for a while"
        );
        self.queue.lower_cap(self.lane.id, lowered).await
    }

    /// Writes changes; a job that has moved on meanwhile is left to the next round.
    pub(super) async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<bool>, QueueError> {
        self.queue
            .transition_all(transitions)
            .await
            .into_iter()
            .map(|verdict| match verdict {
                Ok(()) => Ok(true),
                Err(QueueError::Stale { .. }) => Ok(false),
                Err(error) => Err(error),
            })
            .collect()
    }
}

/// How much is left of a span that began at `at`; nothing where it never did.
fn left(at: Option<Duration>, span: Duration, elapsed: Duration) -> Duration {
    at.map_or(Duration::ZERO, |at| span.saturating_sub(elapsed.saturating_sub(at)))
}

fn settled(outcome: AttemptOutcome) -> Answer {
    Answer { outcome, http_status: None, request_id: None, failure: None }
}
