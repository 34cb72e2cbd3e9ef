//! Exports beside the job's own that the report has to name: what an attempt made after all, though it was taken for
//! absent, and what another client made, where Lightsail does not tell which is whose. What has ended stays so until a
//! person says otherwise.

use super::case::{Case, EntryKind, apart};
use super::exporting::{TOGETHER, began_together, may_be_another_clients};
use super::{Decision, has_failed, is_done, key};
use crate::domain::{ErrorCode, Event, Failure, JobState};
use crate::queue::{AttemptOutcome, FollowedAttempt, LedgerEntry};
use std::time::Duration;

/// How far the service's clock may be from ours.
const CLOCKS_APART: Duration = Duration::from_mins(10);

pub(super) fn note(case: &Case<'_>, decision: &mut Decision) {
    let taken_now = case.entries.iter().find(|entry| EntryKind::Record.is(entry) && decision.own.contains(&entry.id));
    let over = match case.job.state {
        JobState::Exporting | JobState::Succeeded | JobState::NeedsReview => false,
        JobState::Failed | JobState::Cancelled => true,
        JobState::Queued => {
            let also = taken_now.filter(|own| is_done(own)).map(|_| beside_adopted(case, decision)).unwrap_or_default();
            decision.late = (!also.is_empty()).then(|| exported_twice(&also));
            return;
        }
        JobState::Submitting | JobState::Unknown => return,
    };
    // Only once the job's own is done: before, a late one may be that.
    let own =
        case.followed(EntryKind::Record).or_else(|| case.owned(case.job.attempt, EntryKind::Record)).or(taken_now);
    let settled = own.is_some_and(is_done);
    // Where the job has ended, one under way may still be the record of an attempt that failed otherwise.
    let all_absent =
        case.unmatched_attempts(EntryKind::Record).iter().all(|attempt| attempt.is(AttemptOutcome::Absent));
    let may_be_late = |entry: &&LedgerEntry| if over { all_absent || is_done(entry) } else { settled };
    let is_over = |attempt: &FollowedAttempt| over || attempt.number < case.job.attempt;
    // What was proven absent, and what failed by an entry that need not be its own.
    let made_another = |attempt: &FollowedAttempt| {
        attempt.is(AttemptOutcome::Absent) || (attempt.is(AttemptOutcome::Found) && case.has_failed(attempt))
    };
    let open: Vec<_> = case.job.attempts.iter().filter(|attempt| is_over(attempt) && made_another(attempt)).collect();
    let mut found = Vec::new();
    for attempt in case.job.attempts.iter().filter(|attempt| is_over(attempt)) {
        let absent = attempt.is(AttemptOutcome::Absent);
        let late = || absent.then(|| unowned_beside(case, attempt.baseline, decision).next()).flatten();
        let shown = case.owned(attempt.number, EntryKind::Record).or_else(|| late().filter(may_be_late));
        // Of one that another attempt followed, what is under way may be about to fail, as its operation has.
        let followed = attempt.number < case.job.attempt && !case.is_ignored(attempt);
        let tells = |entry: &&LedgerEntry| (absent && !has_failed(entry)) || (followed && is_done(entry));
        // A retry may have taken it over.
        let is_own = |entry: &LedgerEntry| !over && own.is_some_and(|own| own.id == entry.id);
        if let Some(entry) = shown.filter(tells).filter(|entry| !is_own(entry)) {
            if entry.owner.is_none() {
                decision.earlier.push((attempt.number, entry.id));
            }
            found.push(named(entry));
        }
    }
    // What appeared first need not be the attempt's: the others that it may have made are named too.
    let of_one = |entry: &&LedgerEntry| open.iter().any(|attempt| may_be_of(case, attempt, entry));
    let others = unowned_beside(case, 0, decision).filter(|entry| !has_failed(entry));
    found.extend(others.filter(may_be_late).filter(of_one).map(named));
    let mut unclear: Vec<String> = own.map(|own| unclear(case, decision, own)).unwrap_or_default();
    unclear.retain(|one| !found.contains(one));
    let message = if over && !found.is_empty() {
        format!(
            "exported after all: Lightsail showed it only after the reconciliation window, when the job had ended; {}; \
             `snapferry retry {}` takes it over",
            found.join(", "),
            case.job.job
        )
    } else if !found.is_empty() {
        found.extend(unclear);
        format!(
            "exported twice: Lightsail showed the first only after the reconciliation window; also {}",
            found.join(", ")
        )
    } else {
        decision.late = (!unclear.is_empty()).then(|| exported_twice(&unclear));
        return;
    };
    let code = if over { ErrorCode::LATE_EXPORT } else { ErrorCode::DUPLICATE_EXPORT };
    decision.late = Some(Failure::new(code, message));
}

/// The records beside `own` that are the attempt's as likely, once the job ends with that or has ended with it: all, where
/// nothing says which is; else those that began with the operation too, and any that fits better.
fn unclear(case: &Case<'_>, decision: &Decision, own: &LedgerEntry) -> Vec<String> {
    let operation = case.owned(case.job.attempt, EntryKind::Operation);
    let ends = matches!(decision.event, Some(Event::Finished(_)));
    let has_ended = case.job.state == JobState::Succeeded;
    if !(ends || has_ended) {
        return Vec::new();
    }
    if case.job.adopted {
        return beside_adopted(case, decision);
    }
    let all = if ends { may_be_another_clients(case, operation, own) } else { !case.is_certain() };
    let apart = |record: &LedgerEntry| operation.and_then(|operation| apart(operation, record));
    let fits = |other: &LedgerEntry| apart(other).is_some_and(|other| other < TOGETHER);
    let fits_better = |other: &LedgerEntry| apart(other).zip(apart(own)).is_some_and(|(other, own)| other < own);
    // Of one that does not say when it began nothing tells that it is not the operation's, unless another clearly is.
    let alone = operation.is_some_and(|operation| began_together(operation, own));
    let unsaid = |other: &LedgerEntry| operation.is_some() && other.sighting.created_at.is_none() && !alone;
    let beside = unowned_beside(case, case.baseline(), decision).filter(|entry| !has_failed(entry));
    beside
        .filter(|entry| all || fits(entry) || (has_ended && (fits_better(entry) || unsaid(entry))))
        .map(named)
        .collect()
}

fn exported_twice(also: &[String]) -> Failure {
    let also = also.join(", ");
    Failure::new(
        ErrorCode::DUPLICATE_EXPORT,
        format!(
            "exported twice: another client exported it too, and Lightsail does not say which is whose; also {also}"
        ),
    )
}

/// The records beside the adopted one that an attempt without a known outcome may have made: a person marked the job failed,
/// and tried it again.
fn beside_adopted(case: &Case<'_>, decision: &Decision) -> Vec<String> {
    let mut open = case.unmatched_attempts(EntryKind::Record);
    open.retain(|attempt| !case.owned(attempt.number, EntryKind::Operation).is_some_and(has_failed));
    // What failed was found for it, and may have been another client's.
    open.extend(case.job.attempts.iter().filter(|one| one.is(AttemptOutcome::Found) && case.has_failed(one)));
    let is_of_one = |entry: &&LedgerEntry| open.iter().any(|attempt| may_be_of(case, attempt, entry));
    unowned_beside(case, 0, decision).filter(|entry| !has_failed(entry)).filter(is_of_one).map(named).collect()
}

/// Whether a record may be what an attempt made: it came after its baseline, and began before the attempt that followed
/// did, by the service's clock where that is known. A later one is rather of that attempt, or of another client.
fn may_be_of(case: &Case<'_>, attempt: &FollowedAttempt, record: &LedgerEntry) -> bool {
    let began = |entry: Option<&LedgerEntry>| entry.and_then(|entry| entry.sighting.created_at);
    let until = match case.job.attempts.iter().find(|one| one.number > attempt.number) {
        None => attempt.intended_at.after(CLOCKS_APART),
        // The latest of these, as what that one was given may be an earlier attempt's.
        Some(next) => began(case.owned(next.number, EntryKind::Operation))
            .max(began(case.owned(next.number, EntryKind::Record)))
            .map_or(next.intended_at.after(CLOCKS_APART), |began| began.max(next.intended_at.before(CLOCKS_APART))),
    };
    record.id > attempt.baseline && record.sighting.created_at.is_none_or(|record| record < until)
}

/// The records without an owner beyond a baseline that this decision leaves unowned.
fn unowned_beside<'a>(case: &Case<'a>, baseline: i64, decision: &Decision) -> impl Iterator<Item = &'a LedgerEntry> {
    let given = |entry: &LedgerEntry| {
        decision.own.contains(&entry.id) || decision.earlier.iter().any(|(_, id)| *id == entry.id)
    };
    case.unowned(baseline, EntryKind::Record).into_iter().filter(move |entry| !given(entry))
}

fn named(entry: &LedgerEntry) -> String {
    let what = entry.sighting.destination.as_ref().map_or("not finished", |destination| destination.id.as_str());
    format!("{what} (record {})", entry.sighting.record_name.as_deref().unwrap_or(key(entry)))
}
