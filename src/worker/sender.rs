//! Sends one job: the durable intent, one call, its outcome.

use super::outcome::{CallCircumstances, CallOutcome, LaneEvent, interpret};
use super::send_context::SendContext;
use crate::domain::{Event, JobState, LaneTrouble, Timestamp};
use crate::lightsail::{Accepted, CallError, ErrorClass, Lightsail, Permit};
use crate::points::{Between, Point, reached};
use crate::queue::{Claimable, QueueError, Transition, longest_retry_wait};
use std::sync::Arc;
use std::time::Duration;

/// The actor of every transition that no person made.
const ACTOR: &str = "daemon";

/// How often the wait of a denied job doubles while nothing shows whose trouble it is.
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

/// The response to a job's call; none where the job had moved on meanwhile, and no call was made. When the store fails, the
/// daemon has to stop; what was sent is reconciled at the next start.
pub type DispatchResult = Result<Option<Response>, QueueError>;

/// A response, as far as the lane is concerned.
#[derive(Debug)]
pub struct Response {
    pub(super) sent_at: Timestamp,
    /// The same by the monotonic clock.
    pub(super) sent: Duration,
    pub(super) event: LaneEvent,
}

/// Sends jobs.
pub(super) struct Sender {
    context: Arc<SendContext>,
    api: Arc<dyn Lightsail>,
}

impl Sender {
    pub(super) fn new(context: Arc<SendContext>, api: Arc<dyn Lightsail>) -> Self {
        Self { context, api }
    }

    /// The longest time that a job waits for its next call.
    pub(super) fn longest_wait(&self) -> Duration {
        let settings = &self.context.settings;
        longest_retry_wait(&settings.export.retry(), settings.poll.give_up)
            .max(settings.lane.probe.saturating_mul(1 << MOST_DOUBLINGS))
    }

    /// Writes the intent, makes the one call, and records its outcome.
    pub(super) async fn send(&self, dispatch: &Dispatch, permit: Permit) -> DispatchResult {
        reached(Point::Between(Between::BeforeIntent));
        let (sent_at, sent) = (self.context.clock.now(), self.context.clock.elapsed());
        let written = self.write_intent(dispatch, sent_at).await;
        self.context.reservations.release(dispatch.job.job);
        match written {
            Err(QueueError::Stale { .. }) => return Ok(None),
            written => written?,
        }
        reached(Point::Between(Between::BeforeCall));
        let result = self.api.export_snapshot(&dispatch.job.snapshot).await;
        reached(Point::Between(Between::AnswerHeard));
        permit.answered(&result);
        let event = self.record(dispatch, result).await?;
        Ok(Some(Response { sent_at, sent, event }))
    }

    async fn write_intent(&self, dispatch: &Dispatch, now: Timestamp) -> Result<(), QueueError> {
        let SendContext { queue, run, settings, .. } = &*self.context;
        let job = &dispatch.job;
        let version = job.version(settings.export.max_attempts);
        let intent = Transition::new(job.job, &version, Event::Intend, now, ACTOR)?;
        let intent = intent.intending(*run, job.weight, job.source_arn.clone()).probing(dispatch.probes);
        queue.transition(intent).await
    }

    /// Records the outcome; what it says about the lane.
    async fn record(&self, dispatch: &Dispatch, result: Result<Accepted, CallError>) -> Result<LaneEvent, QueueError> {
        let SendContext { queue, clock, settings, .. } = &*self.context;
        let (job, now) = (&dispatch.job, clock.now());
        let error = result.as_ref().err().cloned();
        let retry_at = match &error {
            Some(error) if error.class == ErrorClass::RetryLater => {
                queue.next_try(job.job, &settings.export.retry(), settings.poll.give_up, now).await?
            }
            Some(_) | None => None,
        };
        let mut version = job.version(settings.export.max_attempts);
        version.state = JobState::Submitting;
        version.attempt = version.attempt.saturating_add(1);
        version.used = version.used.saturating_add(1);
        let call = CallCircumstances {
            job: job.job,
            attempt: version.attempt,
            in_outage: dispatch.in_outage,
            denied_before: job.denials > 0,
            retry_at,
            denied_until: self.denied_until(dispatch, now),
        };
        let CallOutcome { event, answer, operations, lane } = interpret(result, &call);
        if let Some(error) = &error {
            self.log_error(dispatch, error, &event, &lane);
        }
        let change = Transition::new(job.job, &version, event, now, ACTOR)?;
        let change = change.answered(answer, operations).poll_at(now.after(settings.poll.min));
        queue.transition(change).await?;
        Ok(lane)
    }

    /// When a denied job is sent again. IAM's answers flap for seconds after each change, so it waits at least for a probe's
    /// time, and ever longer while nothing shows whose trouble it is; a blocked lane sends one in a probe's time anyway.
    fn denied_until(&self, dispatch: &Dispatch, now: Timestamp) -> Option<Timestamp> {
        let doublings = if dispatch.probes.is_some() { 0 } else { dispatch.job.denials.min(MOST_DOUBLINGS) };
        let wait = self.context.settings.lane.probe.saturating_mul(1 << doublings);
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
