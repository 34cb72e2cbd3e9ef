//! Sends one job: the durable intent, one call, what came of it.

use super::context::LaneContext;
use super::outcome::{CallContext, CallOutcome, LaneEvent, interpret};
use super::reservations::Reservations;
use crate::clock::MonotonicAges;
use crate::domain::{Event, JobId, JobState, LaneTrouble, Timestamp, backoff};
use crate::lightsail::{Accepted, CallError, ErrorClass, Lightsail, Permit};
use crate::points::{Between, Point, reached};
use crate::queue::{Claimable, QueueError, Transition};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Who stands in the history for what no person did.
const ACTOR: &str = "daemon";

/// How often the wait of a denied job doubles while nothing tells whose trouble it is.
const MOST_DOUBLINGS: u32 = 3;

/// A reserved job, about to be sent.
#[derive(Debug)]
pub struct Dispatch {
    pub(super) job: Claimable,
    /// The lane's trouble that it probes.
    pub(super) probes: Option<LaneTrouble>,
    pub(super) in_outage: bool,
    /// Whether a denial fails it.
    pub(super) denial_is_final: bool,
}

/// What became of sending a job.
#[derive(Debug)]
pub enum DispatchResult {
    /// The job had moved on meanwhile; no call was made.
    Skipped,
    /// The call was made.
    Completed(Response),
    /// The store failed; the daemon has to stop. What was sent is reconciled at the next start.
    StoreFailed(QueueError),
}

/// A response, as far as the lane is concerned.
#[derive(Debug)]
pub struct Response {
    pub(super) sent_at: Timestamp,
    pub(super) event: LaneEvent,
}

/// Sends jobs.
pub(super) struct Sender {
    context: Arc<LaneContext>,
    api: Arc<dyn Lightsail>,
    reservations: Arc<Reservations>,
    /// How long jobs have been refused for now.
    refused_for: Mutex<MonotonicAges<JobId>>,
}

impl Sender {
    pub(super) fn new(context: Arc<LaneContext>, api: Arc<dyn Lightsail>, reservations: Arc<Reservations>) -> Self {
        Self { context, api, reservations, refused_for: Mutex::default() }
    }

    /// The longest time that a job waits for its next call.
    pub(super) fn longest_wait(&self) -> Duration {
        let settings = &self.context.settings;
        settings.retry.max.max(settings.probe.saturating_mul(1 << MOST_DOUBLINGS))
    }

    /// Writes the intent, makes the one call, and records what came of it.
    pub(super) async fn send(&self, dispatch: Dispatch, permit: Permit) -> DispatchResult {
        match self.try_send(&dispatch, permit).await {
            Ok(Some(response)) => DispatchResult::Completed(response),
            Ok(None) => DispatchResult::Skipped,
            Err(error) => DispatchResult::StoreFailed(error),
        }
    }

    async fn try_send(&self, dispatch: &Dispatch, permit: Permit) -> Result<Option<Response>, QueueError> {
        reached(Point::Between(Between::BeforeIntent));
        let sent_at = self.context.clock.now();
        let written = self.write_intent(dispatch, sent_at).await;
        self.reservations.release(dispatch.job.job);
        match written {
            Err(QueueError::Stale { .. }) => return Ok(None),
            written => written?,
        }
        reached(Point::Between(Between::BeforeCall));
        let result = self.api.export_snapshot(&dispatch.job.snapshot).await;
        reached(Point::Between(Between::AnswerHeard));
        permit.answered(&result);
        let event = self.record(dispatch, result).await?;
        Ok(Some(Response { sent_at, event }))
    }

    async fn write_intent(&self, dispatch: &Dispatch, now: Timestamp) -> Result<(), QueueError> {
        let LaneContext { queue, run, settings, .. } = &*self.context;
        let job = &dispatch.job;
        let standing = job.standing(settings.retry.max_attempts);
        let intent = Transition::new(job.job, &standing, Event::Intend, now, ACTOR)?;
        let intent = intent.intending(*run, job.weight, job.source_arn.clone()).probing(dispatch.probes);
        queue.transition(intent).await
    }

    /// Records the outcome; what it says about the lane.
    async fn record(&self, dispatch: &Dispatch, result: Result<Accepted, CallError>) -> Result<LaneEvent, QueueError> {
        let LaneContext { queue, clock, settings, .. } = &*self.context;
        let (job, now) = (&dispatch.job, clock.now());
        let error = result.as_ref().err().cloned();
        let retry_at = match &error {
            Some(error) if error.class == ErrorClass::RetryLater => self.retry_at(job.job, now).await?,
            Some(_) | None => None,
        };
        let mut standing = job.standing(settings.retry.max_attempts);
        standing.state = JobState::Submitting;
        standing.attempt = standing.attempt.saturating_add(1);
        standing.used = standing.used.saturating_add(1);
        let call = CallContext {
            job: job.job,
            attempt: standing.attempt,
            in_outage: dispatch.in_outage,
            denied_before: job.denials > 0,
            retry_at,
            denied_until: self.denied_until(dispatch, now),
        };
        let CallOutcome { event, answer, operations, lane } = interpret(result, &call);
        if let Some(error) = &error {
            self.log_error(dispatch, error, &event, &lane);
        }
        let change = Transition::new(job.job, &standing, event, now, ACTOR)?;
        let change = change.answered(answer, operations).poll_at(now.after(settings.first_poll));
        queue.transition(change).await?;
        Ok(lane)
    }

    /// When a job that was refused for now is sent again; none where what it waits for takes longer than an export may. So it
    /// is bounded by time, and not by its attempts.
    async fn retry_at(&self, job: JobId, now: Timestamp) -> Result<Option<Timestamp>, QueueError> {
        let LaneContext { queue, clock, settings, .. } = &*self.context;
        let (times, first) = queue.refused_for_now(job).await?;
        let mut refused_for = self.refused_for.lock().unwrap_or_else(PoisonError::into_inner);
        if times == 0 {
            refused_for.forget(&job);
        }
        let stored = first.map_or(Duration::ZERO, |first| now.since(first));
        if refused_for.age(job, stored, clock.elapsed()) >= settings.give_up {
            refused_for.forget(&job);
            return Ok(None);
        }
        // "In a few minutes", says Lightsail: calls after the seconds of the first backoffs would be in vain.
        let wait = backoff(&settings.retry, times.saturating_add(5), 0.5 + fastrand::f64() / 2.0);
        Ok(Some(now.after(wait)))
    }

    /// When a denied job is sent again. IAM's answers flap for seconds after each change, so it waits at least for a probe's
    /// time, and ever longer while nothing tells whose trouble it is; a blocked lane sends one in a probe's time anyway.
    fn denied_until(&self, dispatch: &Dispatch, now: Timestamp) -> Option<Timestamp> {
        let doublings = if dispatch.probes.is_some() { 0 } else { dispatch.job.denials.min(MOST_DOUBLINGS) };
        let wait = self.context.settings.probe.saturating_mul(1 << doublings);
        (!dispatch.denial_is_final).then(|| now.after(wait))
    }

    fn log_error(&self, dispatch: &Dispatch, error: &CallError, event: &Event, about_lane: &LaneEvent) {
        let (job, lane, snapshot) = (dispatch.job.job.0, &self.context.lane, &dispatch.job.snapshot);
        let CallError { code, message, request_id, .. } = error;
        match (about_lane, event) {
            // The lane logs its trouble once, and its throttles.
            (LaneEvent::Throttled, _) => tracing::debug!(job, %lane, request_id, "throttled"),
            (LaneEvent::Trouble(trouble, _), _) if dispatch.probes == Some(*trouble) => {
                tracing::debug!(job, %lane, %snapshot, %code, request_id, "the probe was refused: {message}");
            }
            (_, Event::RefusedForGood(_) | Event::Denied(_, None)) => {
                tracing::warn!(job, %lane, %snapshot, %code, request_id, "the export failed: {message}");
            }
            (_, Event::OutcomeUnknown(_) | Event::OutcomeUnknownInOutage(_)) => tracing::info!(
                job, %lane, %snapshot, %code, request_id,
                "the outcome is not known yet and is reconciled from Lightsail's records: {message}"
            ),
            (_, _) => {
                tracing::info!(job, %lane, %snapshot, %code, request_id, "refused, to be tried again: {message}");
            }
        }
    }
}
