//! Absence checks: complete readings that did not show an unconfirmed attempt. Enough of them, over the reconciliation window,
//! prove that the call had no effect.

use super::changes::Changes;
use super::lane_context::{ACTOR, TrackingContext};
use super::lists::{Completeness, FailedRead, MOST_LISTED, Purpose, ReadError};
use super::polling::MAX_CONSECUTIVE_ERRORS;
use super::tracker_state::{AttemptFirstSeen, ReadStart, TrackerState};
use crate::domain::{AbsenceRule, ErrorCode, Event, Failure, JobId, JobState, Timestamp};
use crate::points::{Between, Point, reached};
use crate::queue::{Followed, QueueError, Transition};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// What could not be read in a round.
#[derive(Default)]
struct UnreadJobs {
    jobs: HashSet<JobId>,
    /// The list of all operations was read instead, and ends before theirs.
    capped: bool,
}

/// Decides unconfirmed attempts.
pub(super) struct Reconciliation(pub(super) Arc<Changes>);

impl Reconciliation {
    /// Reads the operations of unconfirmed attempts, decides, and counts an absence check of those that were not found. The
    /// records have just been read, from `reading` on.
    pub(super) async fn check(
        &self,
        unconfirmed: &[JobId],
        reading: ReadStart,
        state: &mut TrackerState,
    ) -> Result<(), ReadError> {
        let Changes { context, lag, ages, .. } = &*self.0;
        let jobs = context.queue.followed_jobs(unconfirmed).await?;
        let unread = self.read_operations(&jobs, state).await?;
        let poll_min = context.settings.poll.min;
        let retry = state.failures.until_next(Purpose::AbsenceChecks, context).max(poll_min);
        let moved = self.0.decide_for(unconfirmed).await?;
        let given_up = if unread.capped && state.failures.keep_failing(Purpose::AbsenceChecks) {
            self.give_up(&unread.jobs).await?
        } else {
            BTreeSet::new()
        };
        let (mut checked, mut later) = (Vec::new(), Vec::new());
        for job in jobs.iter().filter(|job| !moved.jobs.contains(&job.job) && !given_up.contains(&job.job)) {
            let is_unread = unread.jobs.contains(&job.job);
            match self.may_check(job, reading, state) {
                Ok(seen) if !is_unread => {
                    seen.checked_at = Some(reading.elapsed);
                    checked.push((job.job, job.attempt));
                }
                Ok(_) => later.push((job.job, reading.at.after(retry))),
                Err(opens) => {
                    let soon = reading.at.after(if is_unread { retry } else { poll_min });
                    later.push((job.job, if reading.at < opens { opens.min(soon) } else { soon }));
                }
            }
        }
        let forgotten = lag.longest_wait();
        ages.forget(reading.elapsed, forgotten);
        let last = |seen: &AttemptFirstSeen| seen.checked_at.unwrap_or(seen.at);
        state.first_seen.retain(|_, seen| reading.elapsed.saturating_sub(last(seen)) < forgotten);
        if !checked.is_empty() {
            reached(Point::Between(Between::AbsenceCheckDone));
        }
        context.queue.record_absence_checks(&checked, reading.at).await?;
        self.after_checks(&checked, reading.at, state, &mut later).await?;
        Ok(context.queue.poll_later(&later).await?)
    }

    /// Reads the operations of each job by its snapshot's name, or else all of the lane's; tells what stays unread.
    async fn read_operations(&self, jobs: &[Followed], state: &mut TrackerState) -> Result<UnreadJobs, ReadError> {
        let Changes { context, reader, .. } = &*self.0;
        let mut unread = UnreadJobs::default();
        let mut in_a_row = 0;
        for job in jobs {
            // A few that cannot be read are their own trouble, many in a row are the lane's: the rest is not tried.
            let read = in_a_row < MAX_CONSECUTIVE_ERRORS
                && reader.read_operations_of(&job.snapshot).await? == Completeness::Complete;
            in_a_row = if read { 0 } else { in_a_row + 1 };
            if !read {
                unread.jobs.insert(job.job);
            }
        }
        if !unread.jobs.is_empty() {
            // Such as a snapshot that was deleted since: the list of all operations shows its own as well.
            let read = match reader.read_operations().await {
                // It ends where the service may end it: what is missing may lie beyond.
                Ok(count) if count >= MOST_LISTED => {
                    unread.capped = true;
                    let text = format!("GetOperations: it ends after {count} operations");
                    Err(ReadError::Transient(FailedRead::passing(text)))
                }
                read => read,
            };
            match read {
                Ok(_) => unread.jobs.clear(),
                // A failure of this list does not keep the lane from the rest.
                Err(error) => state.failures.tolerate(Purpose::AbsenceChecks, error, context).await?,
            }
        }
        if unread.jobs.is_empty() && !jobs.is_empty() {
            state.failures.clear(Purpose::AbsenceChecks);
        }
        Ok(unread)
    }

    /// The attempt's entry in the state where an absence check may be counted now; otherwise when its call is over at the latest.
    fn may_check<'a>(
        &self,
        job: &Followed,
        reading: ReadStart,
        state: &'a mut TrackerState,
    ) -> Result<&'a mut AttemptFirstSeen, Timestamp> {
        let TrackingContext { clock, settings, .. } = &*self.0.context;
        let timeout = settings.export.attempt_timeout;
        let opens = job.attempts.last().map_or(job.since, |attempt| attempt.intended_at).after(timeout);
        let new = AttemptFirstSeen { at: clock.elapsed(), checked_at: None, rest: Duration::ZERO };
        let seen = state.first_seen.entry((job.job, job.attempt)).or_insert(new);
        // A check is as old as the start of its reading: what came after that, it may have passed by.
        let passed = |since: Duration, span: Duration| reading.elapsed.saturating_sub(since) >= span;
        // Where the intent was written by a clock that was ahead, the time since it was first seen counts.
        let is_open = reading.at >= opens || passed(seen.at, timeout);
        let is_rested = seen.checked_at.is_none_or(|at| passed(at, seen.rest));
        if is_open && is_rested { Ok(seen) } else { Err(opens) }
    }

    /// Decides for those that were checked, and plans the next check of those that stay unconfirmed.
    async fn after_checks(
        &self,
        checked: &[(JobId, u32)],
        began: Timestamp,
        state: &mut TrackerState,
        later: &mut Vec<(JobId, Timestamp)>,
    ) -> Result<(), ReadError> {
        let checked: Vec<JobId> = checked.iter().map(|(job, _)| *job).collect();
        let (moved, lag) = (self.0.decide_for(&checked).await?, &self.0.lag);
        for job in self.0.with_monotonic_ages(&checked).await? {
            let Some(attempt) = job.attempts.last().filter(|_| !moved.jobs.contains(&job.job)) else { continue };
            let spread = attempt.last_check_at.zip(attempt.first_check_at).map(|(last, first)| last.since(first));
            let rule = AbsenceRule { window: lag.window_of(attempt), ..lag.absence_rule() };
            let wait = rule.until_next(attempt.absence_checks, spread.unwrap_or_default()).min(lag.between_checks());
            if let Some(seen) = state.first_seen.get_mut(&(job.job, job.attempt)) {
                // A tenth less, for clocks that are slewed.
                seen.rest = wait.mul_f64(0.9);
            }
            later.push((job.job, began.after(wait)));
        }
        Ok(())
    }

    /// Gives to a person what neither list can tell of, after `poll.give_up`.
    async fn give_up(&self, unread: &HashSet<JobId>) -> Result<BTreeSet<JobId>, QueueError> {
        let context = &self.0.context;
        let now = context.clock.now();
        let mut transitions = Vec::new();
        let unread: Vec<JobId> = unread.iter().copied().collect();
        for job in self.0.with_monotonic_ages(&unread).await? {
            if job.state != JobState::Unknown || now.since(job.since) < context.settings.poll.give_up {
                continue;
            }
            let message = format!(
                "not found in Lightsail's records within {}, and Lightsail lists too few operations to rule it out; see the \
                 console",
                humantime::format_duration(context.settings.poll.give_up)
            );
            let event = Event::Contradiction(Failure::new(ErrorCode::NO_END_SEEN, message));
            let version = job.version(context.settings.export.max_attempts);
            transitions.push(Transition::new(job.job, &version, event, now, ACTOR)?);
        }
        context.apply(transitions).await
    }
}
