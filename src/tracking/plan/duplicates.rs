//! Exports that an attempt made after all, though it was taken for absent and sent again: the report names them.

use super::case::{Case, Kind};
use super::{Decision, has_failed, is_done, key};
use crate::domain::JobState;
use crate::queue::Entry;

pub(super) fn note(case: &Case<'_>, decision: &mut Decision) {
    match case.job.state {
        JobState::Exporting | JobState::Succeeded | JobState::NeedsReview | JobState::Failed => {}
        JobState::Queued | JobState::Submitting | JobState::Unknown | JobState::Cancelled => return,
    }
    // Only once the job's own is done: before, a late one may be that.
    let taken_now = case.entries.iter().find(|entry| Kind::Record.is(entry) && decision.own.contains(&entry.id));
    let own = case.followed(Kind::Record).or_else(|| case.owned(case.job.attempt, Kind::Record)).or(taken_now);
    let settled = own.is_some_and(is_done);
    let mut others = Vec::new();
    for attempt in case.job.attempts.iter().filter(|attempt| attempt.absent && attempt.number < case.job.attempt) {
        let known = case.owned(attempt.number, Kind::Record);
        let late = || {
            let taken = |entry: &&Entry| {
                decision.own.contains(&entry.id) || decision.earlier.iter().any(|(_, id)| *id == entry.id)
            };
            case.free(attempt.baseline, Kind::Record).into_iter().find(|entry| !taken(entry))
        };
        let Some(entry) = known.or_else(|| late().filter(|_| settled)).filter(|entry| !has_failed(entry)) else {
            continue;
        };
        if entry.owner.is_none() {
            decision.earlier.push((attempt.number, entry.id));
        }
        let what = entry.sighting.destination.as_ref().map_or("not finished", |destination| destination.id.as_str());
        others.push(format!("{what} (record {})", entry.sighting.record_name.as_deref().unwrap_or(key(entry))));
    }
    if !others.is_empty() {
        decision.duplicate = Some(format!(
            "exported twice: Lightsail showed the first only after the settle window; also {}",
            others.join(", ")
        ));
    }
}
