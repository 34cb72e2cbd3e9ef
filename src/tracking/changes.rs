//! Acts on what was observed: decides for the jobs that it concerns, and writes what follows.

use super::job_ages::JobAges;
use super::lane_cap::LaneCap;
use super::lane_context::{ACTOR, TrackingContext};
use super::list_lag::ListLag;
use super::lists::{LaneListReader, ReadError};
use super::plan::{Decision, OperationChecked, Policy, decide, several_records};
use super::poll_interval::ExportTime;
use crate::domain::{Event, JobId, JobState, SnapshotName, backoff};
use crate::lightsail::{ErrorClass, failed_operation};
use crate::points::{Between, Point, reached};
use crate::queue::{AttemptAnswer, AttemptOutcome, Followed, FollowedAttempt, LedgerEntry, QueueError, Transition};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Observations and jobs that are processed at once.
pub(super) const CHUNK: u32 = 500;

/// The jobs that decisions have moved.
#[derive(Debug, Default)]
pub(super) struct MovedJobs {
    pub(super) jobs: BTreeSet<JobId>,
    /// Those of which the records may say more now; of one that has succeeded with the only record of its name they do not.
    again: Vec<JobId>,
}

/// Processes unprocessed changes.
pub(super) struct Changes {
    pub(super) context: Arc<TrackingContext>,
    pub(super) reader: LaneListReader,
    pub(super) lag: ListLag,
    pub(super) cap: LaneCap,
    pub(super) export_time: ExportTime,
    pub(super) ages: JobAges,
}

impl Changes {
    pub(super) fn new(context: Arc<TrackingContext>) -> Self {
        Self {
            reader: LaneListReader(Arc::clone(&context)),
            lag: ListLag::new(Arc::clone(&context)),
            cap: LaneCap::new(Arc::clone(&context)),
            context,
            export_time: ExportTime::default(),
            ages: JobAges::default(),
        }
    }

    /// Acts on every observation that is new or has changed.
    pub(super) async fn process(&self) -> Result<(), ReadError> {
        let (queue, lane) = (&self.context.queue, self.context.lane.id);
        loop {
            let changes = queue.unprocessed_changes(lane, CHUNK).await?;
            if changes.is_empty() {
                return Ok(());
            }
            reached(Point::Between(Between::ChangesFound));
            let jobs = queue.concerned_jobs(&changes).await?;
            // A job that came back to the queue is decided for once more: another export may stand for it.
            let moved = self.decide_for(&jobs).await?;
            self.decide_for(&moved.again).await?;
            reached(Point::Between(Between::ChangesActedUpon));
            queue.mark_processed(lane, &changes).await?;
        }
    }

    /// Decides for these jobs and writes what follows; tells which of them moved.
    pub(super) async fn decide_for(&self, jobs: &[JobId]) -> Result<MovedJobs, ReadError> {
        let mut moved = MovedJobs::default();
        for chunk in jobs.chunks(usize::try_from(CHUNK).unwrap_or(1)) {
            let followed = self.with_monotonic_ages(chunk).await?;
            let now = self.context.clock.now();
            let names: Vec<SnapshotName> = followed.iter().map(|job| job.snapshot.clone()).collect();
            let entries = self.entries_by_name(&names).await?;
            let (mut open, mut transitions) = (Vec::new(), Vec::new());
            for job in &followed {
                let entries = entries.get(&job.snapshot).map_or(&[][..], Vec::as_slice);
                if let Some(transition) = self.decide_one(job, entries).await? {
                    if (job.state, transition.to()) == (JobState::Exporting, JobState::Succeeded) && !job.adopted {
                        self.export_time.learn(now.since(job.since));
                    }
                    if transition.to() != JobState::Succeeded || several_records(entries) {
                        open.push(job.job);
                    }
                    transitions.push(transition);
                }
            }
            let written = self.context.apply(transitions).await?;
            moved.again.extend(open.into_iter().filter(|job| written.contains(job)));
            moved.jobs.extend(written);
        }
        Ok(moved)
    }

    /// The observations of these snapshots' names.
    pub(super) async fn entries_by_name(
        &self,
        names: &[SnapshotName],
    ) -> Result<HashMap<SnapshotName, Vec<LedgerEntry>>, QueueError> {
        let mut by_name = HashMap::<SnapshotName, Vec<LedgerEntry>>::new();
        for entry in self.context.queue.entries(self.context.lane.id, names).await? {
            by_name.entry(entry.sighting.snapshot.clone()).or_default().push(entry);
        }
        Ok(by_name)
    }

    /// The jobs with their times as the monotonic clock has them.
    pub(super) async fn with_monotonic_ages(&self, jobs: &[JobId]) -> Result<Vec<Followed>, QueueError> {
        let (now, elapsed) = (self.context.clock.now(), self.context.clock.elapsed());
        let gap = self.lag.between_checks();
        let followed = self.context.queue.followed_jobs(jobs).await?;
        Ok(followed.into_iter().map(|job| self.ages.correct(job, now, elapsed, gap)).collect())
    }

    async fn decide_one(&self, job: &Followed, entries: &[LedgerEntry]) -> Result<Option<Transition>, ReadError> {
        let (context, last) = (&self.context, job.attempts.last());
        let now = context.clock.now();
        let policy = Policy {
            now,
            again_at: now.after(backoff(&context.settings.export.retry(), job.used, fastrand::f64())),
            give_up: context.settings.poll.give_up,
            settle: last.map_or_else(|| self.lag.window(), |attempt| self.lag.window_of(attempt)),
            looks: context.settings.reconcile.looks,
            asked: OperationChecked::NotYet,
        };
        let mut decision = decide(job, entries, &policy);
        if let Some(operation) = decision.ask.take() {
            self.reader.read_operation(&operation, &job.snapshot).await?;
            let entries = context.queue.entries(context.lane.id, std::slice::from_ref(&job.snapshot)).await?;
            decision = decide(job, &entries, &Policy { asked: OperationChecked::JustNow, ..policy });
        }
        self.note(job, &decision).await?;
        let Decision { event, outcome, own, settled_at, .. } = decision;
        // What a job adopts is no attempt's.
        let adopts = matches!(event, Some(Event::AlreadyExported(_) | Event::UnderWayAlready(_)));
        let attempt = if adopts || job.adopted { 0 } else { job.attempt };
        let Some(event) = event else {
            for entry in own {
                context.queue.own_entries(job.job, attempt, entry).await?;
            }
            // No reading tells it sooner.
            if let Some(at) = settled_at {
                context.queue.poll_later(&[(job.job, at)]).await?;
            }
            return Ok(None);
        };
        let event = self.within_give_up(job, event).await?;
        let version = job.version(context.settings.export.max_attempts);
        let mut transition = Transition::new(job.job, &version, event, now, ACTOR)?.owning(attempt, own);
        if let Some(outcome) = outcome {
            let answer = AttemptAnswer { outcome, http_status: None, request_id: None, failure: None };
            transition = transition.answered(answer, Vec::new());
        }
        let live = matches!(transition.to(), JobState::Exporting | JobState::Unknown);
        Ok(Some(if live { transition.poll_at(now.after(context.settings.poll.min)) } else { transition }))
    }

    /// An operation that failed because Lightsail says to try again later, or throttled its own calls, uses no attempt; it fails
    /// the job once `poll.give_up` is over.
    async fn within_give_up(&self, job: &Followed, event: Event) -> Result<Event, QueueError> {
        let (Event::OperationFailed(failure, Some(_)) | Event::FoundFailed(_, failure, Some(_))) = &event else {
            return Ok(event);
        };
        if !matches!(failed_operation(failure).class, ErrorClass::RetryLater | ErrorClass::Throttled) {
            return Ok(event);
        }
        let failure = failure.clone();
        let TrackingContext { queue, clock, settings, .. } = &*self.context;
        let next = queue.next_try(job.job, &settings.export.retry(), settings.poll.give_up, clock.now()).await?;
        Ok(match (next, event) {
            (Some(next), _) => Event::RefusedForNow(failure, next),
            (None, Event::FoundFailed(export, ..)) => Event::FoundFailed(export, failure, None),
            (None, _) => Event::OperationFailed(failure, None),
        })
    }

    /// Writes what a decision says beside its event: the owners of observations, late exports, limits and delays of the lists.
    async fn note(&self, job: &Followed, decision: &Decision) -> Result<(), ReadError> {
        let context = &self.context;
        if let Some(last) = job.attempts.last() {
            let attempt = (job.job, last.number);
            if decision.event.is_none() && decision.has_candidate {
                self.lag.note_candidate(attempt);
            }
            let had_candidate = decision.event.is_some() && self.lag.forget_candidate(attempt);
            // It was there, and its absence checks did not show it.
            if matches!(decision.outcome, Some(AttemptOutcome::Found)) && !decision.has_candidate && !had_candidate {
                self.lag.learn_from_checks(last).await?;
            }
        }
        for (number, entry) in &decision.earlier {
            let absent = |one: &&FollowedAttempt| one.number == *number && one.is(AttemptOutcome::Absent);
            if let Some(attempt) = job.attempts.iter().find(absent) {
                self.lag.learn_from_checks(attempt).await?;
            }
            context.queue.own_entries(job.job, *number, *entry).await?;
        }
        if let Some(found) = &decision.late {
            context.queue.note(job.job, found.clone()).await?;
        }
        if let Some(Event::OverLimit(failure, _) | Event::RefusedForNow(failure, _)) = &decision.event {
            let sent_at = job.attempts.last().map_or(job.since, |attempt| attempt.intended_at);
            self.cap.on_lane_trouble(sent_at, failure).await?;
        }
        Ok(())
    }
}
