//! Absence checks: complete readings that did not show an unconfirmed attempt. Enough of them, over the reconciliation window,
//! prove that the call had no effect.

use crate::domain::{AbsenceRule, ErrorCode, Event, Failure, JobId, JobState, Timestamp};
use crate::points::{Between, Point, reached};
use crate::queue::{Followed, QueueError, Transition};
use crate::tracking::changes::Changes;
use crate::tracking::lane_context::{ACTOR, LaneContext};
use crate::tracking::list_lag::ListLag;
use crate::tracking::lists::list_reader::{AllOperations, Completeness, ListReader};
use crate::tracking::lists::read_error::ReadError;
use crate::tracking::lists::read_failures::Purpose;
use crate::tracking::polling::MAX_CONSECUTIVE_ERRORS;
use crate::tracking::state::{FirstSeen, ReadStart, TrackerState};
use std::collections::HashSet;
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
pub(in crate::tracking) struct Reconciliation {
    pub(in crate::tracking) context: Arc<LaneContext>,
    pub(in crate::tracking) reader: Arc<ListReader>,
    pub(in crate::tracking) changes: Arc<Changes>,
    pub(in crate::tracking) lag: Arc<ListLag>,
}

impl Reconciliation {
    /// Reads the operations of unconfirmed attempts, decides, and counts an absence check of those that were not found. The
    /// records have just been read, from `reading` on.
    pub(in crate::tracking) async fn check(
        &self,
        unconfirmed: &[JobId],
        reading: ReadStart,
        state: &mut TrackerState,
    ) -> Result<(), ReadError> {
        let jobs = self.context.queue.followed(unconfirmed).await?;
        let unread = self.read_operations(&jobs, state).await?;
        let retry = state.failures.until_next(Purpose::AbsenceChecks, &self.context);
        let retry = retry.max(self.context.settings.poll_min);
        let moved = self.changes.decide_for(unconfirmed).await?;
        let given_up = if unread.capped && state.failures.keep_failing(Purpose::AbsenceChecks) {
            self.give_up(&unread.jobs).await?
        } else {
            HashSet::new()
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
                    let soon = reading.at.after(if is_unread { retry } else { self.context.settings.poll_min });
                    later.push((job.job, if reading.at < opens { opens.min(soon) } else { soon }));
                }
            }
        }
        let forgotten = self.lag.longest_wait();
        self.changes.ages.forget(reading.elapsed, forgotten);
        let last = |seen: &FirstSeen| seen.checked_at.unwrap_or(seen.at);
        state.first_seen.retain(|_, seen| reading.elapsed.saturating_sub(last(seen)) < forgotten);
        if !checked.is_empty() {
            reached(Point::Between(Between::LookTaken));
        }
        self.context.queue.count_looks(&checked, reading.at).await?;
        self.after_checks(&checked, reading.at, state, &mut later).await?;
        self.context.queue.poll_later(&later).await?;
        Ok(())
    }

    /// Reads the operations of each job by its snapshot's name, or else all of the lane's; tells what stays unread.
    async fn read_operations(&self, jobs: &[Followed], state: &mut TrackerState) -> Result<UnreadJobs, ReadError> {
        let mut unread = UnreadJobs::default();
        let mut in_a_row = 0;
        for job in jobs {
            // A few that cannot be read are their own trouble, many in a row are the lane's: the rest is not tried.
            let read = in_a_row < MAX_CONSECUTIVE_ERRORS
                && self.reader.read_operations_of(&job.snapshot).await? == Completeness::Complete;
            in_a_row = if read { 0 } else { in_a_row + 1 };
            if !read {
                unread.jobs.insert(job.job);
            }
        }
        if !unread.jobs.is_empty() {
            // Such as a snapshot that was deleted since: the list of all operations shows its own as well.
            let failed = match self.reader.read_operations_instead().await? {
                AllOperations::Complete => {
                    unread.jobs.clear();
                    None
                }
                AllOperations::Capped(failed) => {
                    unread.capped = true;
                    Some(failed)
                }
                AllOperations::Failed(failed) => Some(failed),
            };
            if let Some(failed) = failed {
                state.failures.on_failure(Purpose::AbsenceChecks, failed, &self.context).await?;
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
    ) -> Result<&'a mut FirstSeen, Timestamp> {
        let timeout = self.context.settings.attempt_timeout;
        let opens = job.attempts.last().map_or(job.since, |attempt| attempt.intended_at).after(timeout);
        let new = FirstSeen { at: self.context.clock.elapsed(), checked_at: None, rest: Duration::ZERO };
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
        let moved = self.changes.decide_for(&checked).await?;
        for job in self.changes.with_monotonic_ages(&checked).await? {
            let Some(attempt) = job.attempts.last().filter(|_| !moved.jobs.contains(&job.job)) else { continue };
            let spread = attempt.last_look_at.zip(attempt.first_look_at).map(|(last, first)| last.since(first));
            let rule = AbsenceRule { window: self.lag.window_of(attempt), ..self.lag.absence_rule() };
            let wait = rule.until_next(attempt.looks, spread.unwrap_or_default()).min(self.lag.between_checks());
            if let Some(seen) = state.first_seen.get_mut(&(job.job, job.attempt)) {
                // A tenth less, for clocks that are slewed.
                seen.rest = wait.mul_f64(0.9);
            }
            later.push((job.job, began.after(wait)));
        }
        Ok(())
    }

    /// Gives to a person what neither list can tell of, after `poll.give_up`.
    async fn give_up(&self, unread: &HashSet<JobId>) -> Result<HashSet<JobId>, QueueError> {
        let context = &self.context;
        let now = context.clock.now();
        let (mut ids, mut transitions) = (Vec::new(), Vec::new());
        let unread: Vec<JobId> = unread.iter().copied().collect();
        for job in self.changes.with_monotonic_ages(&unread).await? {
            if job.state != JobState::Unknown || now.since(job.since) < context.settings.give_up {
                continue;
            }
            let message = format!(
                "not found in Lightsail's records within {}, and Lightsail lists too few operations to rule it out; see the \
                 console",
                humantime::format_duration(context.settings.give_up)
            );
            let event = Event::Contradiction(Failure::new(ErrorCode::NO_END_SEEN, message));
            let version = job.standing(context.settings.retry.max_attempts);
            ids.push(job.job);
            transitions.push(Transition::new(job.job, &version, event, now, ACTOR)?);
        }
        let written = context.apply(transitions).await?;
        Ok(ids.into_iter().zip(written).filter(|(_, written)| *written).map(|(job, _)| job).collect())
    }
}
