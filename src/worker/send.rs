//! One job: the durable intent, one call, what came of it.

use super::loop_::{Departure, Worker};
use super::outcome::{CallContext, CallOutcome, LaneEvent, interpret};
use crate::domain::{Event, JobId, JobState, Timestamp, backoff};
use crate::lightsail::{ErrorClass, Permit};
use crate::points::{Between, Point, reached};
use crate::queue::{QueueError, Transition};
use std::sync::PoisonError;
use std::time::Duration;

/// Who stands in the history for what no person did.
const ACTOR: &str = "daemon";

/// How often the wait of a job doubles that is denied while nothing tells whose trouble that is.
pub(super) const LONGEST_DOUBT: u32 = 3;

/// A call that came back, for [`Worker::take_up`].
#[derive(Debug)]
pub struct Sent(pub(super) Came);

/// What became of an attempt to send.
#[derive(Debug)]
pub(super) enum Came {
    /// The job had moved on meanwhile; nothing left this machine.
    Skipped,
    /// The call was made, and this is what the lane hears of it.
    Heard(Heard),
    /// The store failed; the daemon has to stop. What was sent is settled at the next start.
    Broken(QueueError),
}

/// An answer, as the lane hears it.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) sent_at: Timestamp,
    pub(super) event: LaneEvent,
}

impl Worker {
    /// Writes the intent, makes the one call, and writes down what came of it.
    pub async fn send(&self, departure: Departure, permit: Permit) -> Sent {
        Sent(self.make_call(departure, permit).await)
    }

    async fn make_call(&self, departure: Departure, permit: Permit) -> Came {
        let Departure { job, probes, .. } = &departure;
        reached(Point::Between(Between::BeforeIntent));
        let probes = *probes;
        let standing = job.standing(self.settings.retry.max_attempts);
        let sent_at = self.clock.now();
        let intent = Transition::new(job.job, &standing, Event::Intend, sent_at, ACTOR)
            .map(|intent| intent.intending(self.run, job.weight, job.source_arn.clone()).probing(probes));
        let written = match intent {
            Ok(intent) => self.queue.transition(intent).await,
            Err(error) => Err(error),
        };
        self.put_down(job.job);
        match written {
            Ok(()) => {}
            Err(QueueError::Stale { .. }) => return Came::Skipped,
            Err(error) => return Came::Broken(error),
        }
        reached(Point::Between(Between::BeforeCall));
        let result = self.api.export_snapshot(&job.snapshot).await;
        reached(Point::Between(Between::AnswerHeard));
        permit.answered(&result);
        self.record(&departure, sent_at, result).await
    }

    /// How long a job waits that was refused for now; nothing where what it waits for takes longer than an export may. So it
    /// is bounded by time, which is counted within the run as far as it can be, and not by its attempts.
    async fn wait_for_now(&self, job: JobId, now: Timestamp) -> Result<Option<Duration>, QueueError> {
        let (times, first) = self.queue.refused_for_now(job).await?;
        let elapsed = self.clock.elapsed();
        let waited = {
            let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
            let age = first.map_or(Duration::ZERO, |first| now.since(first));
            let met = waits.entry(job).or_insert((elapsed, age));
            if times == 0 {
                *met = (elapsed, Duration::ZERO);
            }
            let waited = met.1.saturating_add(elapsed.saturating_sub(met.0));
            if waited >= self.settings.give_up {
                waits.remove(&job);
            }
            waited
        };
        // "In a few minutes", says Lightsail: the seconds of the first backoffs would be calls in vain.
        let wait = backoff(&self.settings.retry, times.saturating_add(5), 0.5 + fastrand::f64() / 2.0);
        Ok((waited < self.settings.give_up).then_some(wait))
    }

    async fn record(
        &self,
        departure: &Departure,
        sent_at: Timestamp,
        result: Result<crate::lightsail::Accepted, crate::lightsail::CallError>,
    ) -> Came {
        let Departure { job, probes, outage, last } = departure;
        let now = self.clock.now();
        let again_at = match &result {
            Err(error) if error.class == ErrorClass::RetryLater => match self.wait_for_now(job.job, now).await {
                Ok(wait) => wait.map(|wait| now.after(wait)),
                Err(error) => return Came::Broken(error),
            },
            Ok(_) | Err(_) => None,
        };
        // Throttles are the lane's, and it says so once.
        if let Err(error) = &result
            && error.class == ErrorClass::Throttled
        {
            tracing::debug!(job = job.job.0, lane = %self.lane.lane, request_id = error.request_id, "throttled");
        } else if let Err(error) = &result {
            let open = !error.is_without_effect();
            let what = if open { "the ledger will tell whether an export began" } else { "an export was not accepted" };
            tracing::warn!(
                job = job.job.0, lane = %self.lane.lane, snapshot = %job.snapshot, code = %error.code,
                request_id = error.request_id, "{what}: {}", error.message
            );
        }
        // IAM's answers flap for seconds after each change: not before a probe's time is a denied job called again, and ever later
        // while nothing tells whose trouble it is. A lane that is blocked calls one in a probe's time anyway.
        let doublings = if probes.is_some() { 0 } else { job.denials.min(LONGEST_DOUBT) };
        let denied_until = (!last).then(|| now.after(self.settings.probe.saturating_mul(1 << doublings)));
        let mut standing = job.standing(self.settings.retry.max_attempts);
        standing.state = JobState::Submitting;
        standing.attempt = standing.attempt.saturating_add(1);
        standing.used = standing.used.saturating_add(1);
        let call = CallContext {
            job: job.job,
            attempt: standing.attempt,
            in_outage: *outage,
            denied_before: job.denials > 0,
            retry_at: again_at,
            denied_until,
        };
        let CallOutcome { event, answer, operations, lane } = interpret(result, &call);
        let recorded = match Transition::new(job.job, &standing, event, now, ACTOR) {
            Ok(change) => {
                let change = change.answered(answer, operations).poll_at(now.after(self.settings.first_poll));
                self.queue.transition(change).await
            }
            Err(error) => Err(error),
        };
        match recorded {
            Ok(()) => Came::Heard(Heard { sent_at, event: lane }),
            Err(error) => Came::Broken(error),
        }
    }
}
