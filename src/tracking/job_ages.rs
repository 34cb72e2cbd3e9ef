//! How long jobs have been in their states, by the monotonic clock. The store has times of day: they are trusted once, when a
//! job is first seen, and only as far as they are not in the future; from then on this run counts for itself.

use crate::clock::MonotonicAges;
use crate::domain::{JobId, JobState, Timestamp};
use crate::queue::{Followed, FollowedAttempt};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The jobs that were seen in this run; all of it may be lost.
#[derive(Debug, Default)]
pub(super) struct JobAges {
    /// By job and by the stored time at which its state began, which tells one stay from another.
    in_state: Mutex<MonotonicAges<(JobId, Timestamp)>>,
    /// The absence checks of an attempt: setting the clock spreads them no further.
    checked: Mutex<HashMap<(JobId, u32), CheckSpread>>,
}

#[derive(Debug)]
struct CheckSpread {
    last: Timestamp,
    at: Duration,
    /// What had passed by then since the check, in an earlier run.
    before: Duration,
    spread: Duration,
}

impl JobAges {
    /// Corrects the job's times so that by `now` as much has passed as the monotonic clock has counted.
    ///
    /// Of the time between an earlier run's last absence check and this run, the time of day is believed up to `gap`, the usual
    /// time between two checks: a clock that was set forward meanwhile is worth one check at most.
    pub(super) fn correct(&self, mut job: Followed, now: Timestamp, elapsed: Duration, gap: Duration) -> Followed {
        if !matches!(job.state, JobState::Exporting | JobState::Unknown) {
            return job;
        }
        let mut ages = self.in_state.lock().unwrap_or_else(PoisonError::into_inner);
        job.since = now.before(ages.age((job.job, job.since), now.since(job.since), elapsed));
        if let Some(last) = job.attempts.last_mut() {
            if job.state == JobState::Exporting {
                // The intent was before that; how long before does not matter.
                last.intended_at = job.since;
            } else {
                self.spread(job.job, last, now, elapsed, gap);
            }
        }
        job
    }

    /// Puts an attempt's first check as long before the last as this run has counted.
    fn spread(&self, job: JobId, attempt: &mut FollowedAttempt, now: Timestamp, elapsed: Duration, gap: Duration) {
        let (Some(first), Some(last)) = (attempt.first_check_at, attempt.last_check_at) else { return };
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let before = now.since(last).min(gap);
        let met = CheckSpread { last, at: elapsed, before, spread: last.since(first) };
        let seen = checked.entry((job, attempt.number)).or_insert(met);
        if seen.last != last {
            let passed = elapsed.saturating_sub(seen.at).saturating_add(seen.before);
            let spread = if attempt.absence_checks > 1 { seen.spread.saturating_add(passed) } else { Duration::ZERO };
            *seen = CheckSpread { last, at: elapsed, before: Duration::ZERO, spread };
        }
        // A tenth more is tolerated, as between two checks: for clocks that are slewed, and for the time between the check
        // and here.
        let most = seen.spread.mul_f64(10.0 / 9.0);
        attempt.first_check_at = Some(last.before(last.since(first).min(most)));
    }

    /// Forgets the jobs that were not needed in `span`.
    pub(super) fn forget(&self, elapsed: Duration, span: Duration) {
        self.in_state.lock().unwrap_or_else(PoisonError::into_inner).forget_unasked(span, elapsed);
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        checked.retain(|_, seen| elapsed.saturating_sub(seen.at) < span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::SnapshotName;

    const DAY: Duration = Duration::from_hours(24);
    const MINUTE: Duration = Duration::from_mins(1);

    /// A job in that state since `since`, with one attempt that was checked from then on, at last at `last`.
    fn job(state: JobState, since: Timestamp, last: Timestamp) -> Followed {
        Followed {
            job: JobId(7),
            snapshot: SnapshotName::parse("web-1").expect("a name"),
            state,
            attempt: 1,
            used: 1,
            adopts: true,
            adopted: false,
            ignored_through: 0,
            copied_through: None,
            source_arn: None,
            snapshot_made_at: None,
            operation: None,
            record: None,
            error_code: None,
            destination_id: None,
            since,
            attempts: vec![FollowedAttempt {
                number: 1,
                baseline: 0,
                outcome: None,
                intended_at: since,
                absence_checks: 2,
                first_check_at: Some(since),
                last_check_at: Some(last),
                kept_window: Duration::ZERO,
            }],
        }
    }

    /// Its age, and the spread of its absence checks.
    fn ages(steady: &Followed, now: Timestamp) -> (Duration, Duration) {
        let attempt = steady.attempts.first().expect("an attempt");
        let spread = attempt.last_check_at.expect("a check").since(attempt.first_check_at.expect("a check"));
        (now.since(steady.since), spread)
    }

    #[test]
    fn a_clock_set_on_ages_nothing_until_it_is_forgotten() {
        let (ages_of, began) = (JobAges::default(), Timestamp(1_000_000_000));
        let met = began.after(MINUTE);
        let steady = ages_of.correct(job(JobState::Unknown, began, met), met, MINUTE, Duration::ZERO);
        assert_eq!(ages(&steady, met), (MINUTE, MINUTE));
        // A day on by the clock, a minute by the monotonic clock; checked again meanwhile.
        let later = met.after(DAY);
        let checked_again = job(JobState::Unknown, began, later);
        let (age, spread) = ages(&ages_of.correct(checked_again.clone(), later, 2 * MINUTE, Duration::ZERO), later);
        assert_eq!(age, 2 * MINUTE);
        assert!(spread > 2 * MINUTE && spread < 3 * MINUTE, "{spread:?}");
        // What was needed within the span is kept; the rest starts again from what is stored.
        ages_of.forget(3 * MINUTE, 2 * MINUTE);
        assert_eq!(
            ages(&ages_of.correct(checked_again.clone(), later, 2 * MINUTE, Duration::ZERO), later),
            (age, spread)
        );
        ages_of.forget(4 * MINUTE, 2 * MINUTE);
        let anew = ages(&ages_of.correct(checked_again, later, 4 * MINUTE, Duration::ZERO), later);
        assert_eq!(anew, (DAY + MINUTE, DAY + MINUTE));
    }

    #[test]
    fn an_attempt_under_way_was_meant_no_later_than_its_state_began() {
        let (ages, began) = (JobAges::default(), Timestamp(1_000_000_000));
        let met = began.after(MINUTE);
        let steady = ages.correct(job(JobState::Exporting, began, met), met, MINUTE, Duration::ZERO);
        let steady_later =
            ages.correct(job(JobState::Exporting, began, met), met.after(DAY), 2 * MINUTE, Duration::ZERO);
        assert_eq!(steady.attempts.first().map(|attempt| attempt.intended_at), Some(began));
        assert_eq!(steady_later.since, met.after(DAY).before(2 * MINUTE));
        assert_eq!(steady_later.attempts.first().map(|attempt| attempt.intended_at), Some(steady_later.since));
        // Whatever is neither out nor open keeps its times.
        let queued = job(JobState::Queued, began, met);
        assert_eq!(ages.correct(queued.clone(), met.after(DAY), 3 * MINUTE, Duration::ZERO).since, queued.since);
    }

    #[test]
    fn a_first_check_has_no_spread() {
        let (ages_of, began) = (JobAges::default(), Timestamp(1_000_000_000));
        let checked = |at: Timestamp, checks| {
            let mut job = job(JobState::Unknown, began, at);
            for attempt in &mut job.attempts {
                (attempt.absence_checks, attempt.first_check_at) = (checks, Some(at));
            }
            job
        };
        let at = began.after(MINUTE);
        ages_of.correct(checked(began, 1), began, Duration::ZERO, Duration::ZERO);
        let mut anew = checked(at, 1);
        for attempt in &mut anew.attempts {
            attempt.first_check_at = Some(began);
        }
        assert_eq!(ages(&ages_of.correct(anew, at, MINUTE, Duration::ZERO), at).1, Duration::ZERO);
    }
}
