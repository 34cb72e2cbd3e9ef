//! Exports that an attempt made after all, though it was taken for absent: beside another that was sent then, or of a job
//! that has ended. The report names them; what has ended stays so until a person says otherwise.

use super::case::{Case, Kind};
use super::{Decision, has_failed, is_done, key};
use crate::domain::{ErrorCode, Failure, JobState};
use crate::queue::{Entry, FollowedAttempt};

pub(super) fn note(case: &Case<'_>, decision: &mut Decision) {
    let over = match case.job.state {
        JobState::Exporting | JobState::Succeeded | JobState::NeedsReview => false,
        JobState::Failed | JobState::Cancelled => true,
        JobState::Queued | JobState::Submitting | JobState::Unknown => return,
    };
    // Only once the job's own is done: before, a late one may be that.
    let taken_now = case.entries.iter().find(|entry| Kind::Record.is(entry) && decision.own.contains(&entry.id));
    let own = case.followed(Kind::Record).or_else(|| case.owned(case.job.attempt, Kind::Record)).or(taken_now);
    let settled = own.is_some_and(is_done);
    // Where the job has ended, one under way may still be the record of an attempt that failed otherwise.
    let all_absent = case.lacking(Kind::Record).iter().all(|attempt| attempt.absent);
    let may_be_late = |entry: &&Entry| if over { all_absent || is_done(entry) } else { settled };
    let is_late = |attempt: &&FollowedAttempt| attempt.absent && (over || attempt.number < case.job.attempt);
    let mut found = Vec::new();
    for attempt in case.job.attempts.iter().filter(is_late) {
        let known = case.owned(attempt.number, Kind::Record);
        let late = || {
            let taken = |entry: &&Entry| {
                decision.own.contains(&entry.id) || decision.earlier.iter().any(|(_, id)| *id == entry.id)
            };
            case.free(attempt.baseline, Kind::Record).into_iter().find(|entry| !taken(entry))
        };
        let Some(entry) = known.or_else(|| late().filter(may_be_late)).filter(|entry| !has_failed(entry)) else {
            continue;
        };
        if entry.owner.is_none() {
            decision.earlier.push((attempt.number, entry.id));
        }
        let what = entry.sighting.destination.as_ref().map_or("not finished", |destination| destination.id.as_str());
        found.push(format!("{what} (record {})", entry.sighting.record_name.as_deref().unwrap_or(key(entry))));
    }
    if found.is_empty() {
        return;
    }
    let found = found.join(", ");
    decision.late = Some(if over {
        Failure::new(
            ErrorCode::LATE_EXPORT,
            format!(
                "exported after all: Lightsail showed it only after the settle window, when the job had ended; {found}; \
                 `snapferry retry {}` takes it over",
                case.job.job
            ),
        )
    } else {
        Failure::new(
            ErrorCode::DUPLICATE_EXPORT,
            format!("exported twice: Lightsail showed the first only after the settle window; also {found}"),
        )
    });
}
