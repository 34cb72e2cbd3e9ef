//! How far an export that Lightsail has is: done, failed, or without an end for too long. A record is taken for its own
//! only once it decides something, because only then can it be told from an earlier attempt's or another client's.

use super::case::{Case, EntryKind, apart};
use super::{
    Decision, OperationChecked, Policy, again, contradiction, disagreement, export_failed, export_ref_of, has_failed,
    is_done, keys, made_by_new_attempt, no_end_seen, reason,
};
use crate::domain::{EntryStatus, ErrorCode, Event, Failure};
use crate::queue::{AttemptOutcome, EntryKey, LedgerEntry};
use std::time::Duration;

/// An operation and its record that begin this close together need no waiting for one that fits better. How close
/// Lightsail makes them is not documented: too short costs a wait, too long nothing that the report does not name later.
pub(super) const TOGETHER: Duration = Duration::from_mins(1);

/// How long before its operation a record may begin and still be its own without waiting: what is older was rather begun by
/// another client.
const BEFORE: Duration = Duration::from_secs(5);

pub(super) fn decide(case: &Case<'_>, policy: &Policy) -> Decision {
    let mut decision = Decision::default();
    let (operation, record) = if case.job.adopted { adopted(case) } else { sent(case, &mut decision) };
    conclude(case, operation, record, policy, decision)
}

/// An adopted export has no attempt of its own: it is what the job names, and what an operation so named has made.
fn adopted<'a>(case: &Case<'a>) -> (Option<&'a LedgerEntry>, Option<&'a LedgerEntry>) {
    let operation = case.followed(EntryKind::Operation);
    let record = case.followed(EntryKind::Record).or_else(|| {
        let began = operation.map_or(i64::MAX, |operation| operation.id);
        let mut records = case.unowned(0, EntryKind::Record);
        records.retain(|record| case.known_snapshot(record) || record.id > began);
        records.retain(|record| !has_failed(record) || operation.is_none_or(has_failed));
        nearest(operation, &records).or_else(|| records.last().copied())
    });
    (operation, record)
}

/// What the last attempt has made.
fn sent<'a>(case: &Case<'a>, decision: &mut Decision) -> (Option<&'a LedgerEntry>, Option<&'a LedgerEntry>) {
    let operation = case.owned(case.job.attempt, EntryKind::Operation).or_else(|| {
        // The answer named none.
        let taken = pick(case, EntryKind::Operation, None, case.unowned(case.baseline(), EntryKind::Operation));
        decision.own.extend(taken.map(|entry| entry.id));
        taken
    });
    let record = case.owned(case.job.attempt, EntryKind::Record).or_else(|| unowned_record(case, operation, decision));
    (operation, record)
}

fn unowned_record<'a>(
    case: &Case<'a>,
    operation: Option<&LedgerEntry>,
    decision: &mut Decision,
) -> Option<&'a LedgerEntry> {
    let mut records = case.unowned(case.baseline(), EntryKind::Record);
    // What failed, or may be about to, is an earlier attempt's where that one's operation has failed.
    for attempt in case.unmatched_attempts(EntryKind::Record) {
        if !case.has_failed_before(attempt, EntryKind::Record) || operation.is_some_and(has_failed) {
            continue;
        }
        if let Some(place) = records.iter().position(|record| has_failed(record)) {
            decision.earlier.push((attempt.number, records.remove(place).id));
        } else if let Some(place) = records.iter().position(|record| record.sighting.status == EntryStatus::UnderWay) {
            records.remove(place);
        }
    }
    if operation.is_some_and(|operation| operation.sighting.status == EntryStatus::Succeeded) {
        records.retain(|record| !has_failed(record));
    }
    let failed = operation.is_some_and(has_failed).then(|| records.iter().find(|record| has_failed(record))).flatten();
    failed.copied().or_else(|| pick(case, EntryKind::Record, operation, records))
}

/// The one that began with the operation; where that is not known the oldest, or the newest, where an earlier attempt
/// may have made another. What failed comes last.
fn pick<'a>(
    case: &Case<'a>,
    kind: EntryKind,
    operation: Option<&LedgerEntry>,
    mut candidates: Vec<&'a LedgerEntry>,
) -> Option<&'a LedgerEntry> {
    if candidates.iter().any(|entry| !has_failed(entry)) {
        candidates.retain(|entry| !has_failed(entry));
    }
    if let Some(nearest) = nearest(operation, &candidates) {
        return Some(nearest);
    }
    let twice = case
        .unmatched_attempts(kind)
        .iter()
        .any(|attempt| attempt.is(AttemptOutcome::Absent) && attempt.number < case.job.attempt);
    if twice { candidates.last().copied() } else { candidates.first().copied() }
}

/// The record that began nearest to the operation: what another client began before may appear after our own.
fn nearest<'a>(operation: Option<&LedgerEntry>, records: &[&'a LedgerEntry]) -> Option<&'a LedgerEntry> {
    let operation = operation?;
    let apart: Option<Vec<_>> = records.iter().map(|record| Some((apart(operation, record)?, *record))).collect();
    apart?.into_iter().min_by_key(|(apart, _)| *apart).map(|(_, record)| record)
}

fn conclude(
    case: &Case<'_>,
    operation: Option<&LedgerEntry>,
    record: Option<&LedgerEntry>,
    policy: &Policy,
    mut decision: Decision,
) -> Decision {
    let over = policy.now.since(case.job.since) >= policy.give_up;
    let event = match (operation, record) {
        (Some(operation), Some(record)) if is_done(record) && has_failed(operation) => {
            return disagreement(operation, record);
        }
        (operation, Some(record)) if is_done(record) => {
            if may_be_another_clients(case, operation, record) && !is_settled(case, policy) {
                decision.settled_at = case.last().map(|attempt| attempt.intended_at.after(policy.settle));
                return decision;
            }
            if !case.is_certain() && case.last().is_some_and(|attempt| attempt.is(AttemptOutcome::Accepted)) {
                // The job is about to name an operation that no answer did.
                decision.outcome = Some(AttemptOutcome::Found);
            }
            Event::Finished(export_ref_of(operation, Some(record)))
        }
        (Some(operation), Some(record)) if has_failed(record) && !has_failed(operation) => {
            if operation.sighting.status == EntryStatus::Succeeded {
                return disagreement(operation, record);
            }
            return unended(case, Some(operation), policy, decision);
        }
        (operation, Some(record)) if has_failed(record) => {
            return failed(case, reason(operation.or_else(|| told_by(case))), Some(record), policy, decision);
        }
        (Some(operation), None) if has_failed(operation) => {
            return failed(case, reason(Some(operation)), None, policy, decision);
        }
        (Some(operation), None)
            if let Some(record) = of_one_made_anew(case, operation)
                && is_settled(case, policy) =>
        {
            return made_by_new_attempt(operation, record);
        }
        (Some(_) | None, Some(_) | None) if over => return unended(case, operation, policy, decision),
        (Some(_) | None, Some(_) | None) => return decision,
    };
    decision.own.extend(record.filter(|record| record.owner.is_none()).map(|record| record.id));
    decision.event = Some(event);
    decision
}

/// The record of what the call exported, where the snapshot was made anew under its name between the inventory and the call.
fn of_one_made_anew<'a>(case: &Case<'a>, operation: &LedgerEntry) -> Option<&'a LedgerEntry> {
    let its_own = |entry: &&LedgerEntry| {
        EntryKind::Record.is(entry)
            && entry.owner.is_none()
            && entry.id > case.baseline()
            && !case.same_snapshot(entry)
            && is_done(entry)
            && began_together(operation, entry)
    };
    (operation.sighting.status == EntryStatus::Succeeded).then(|| case.entries.iter().find(its_own)).flatten()
}

/// The export failed: another attempt or the end, unless what failed may be another client's.
fn failed(
    case: &Case<'_>,
    failure: Failure,
    record: Option<&LedgerEntry>,
    policy: &Policy,
    mut decision: Decision,
) -> Decision {
    let again = again(&failure, policy);
    if !case.is_certain() {
        // Its own may appear yet.
        if !is_settled(case, policy) {
            decision.own.clear();
            return decision;
        }
        let others: Vec<&LedgerEntry> = [EntryKind::Operation, EntryKind::Record]
            .into_iter()
            .flat_map(|kind| case.unowned(case.baseline(), kind))
            .filter(|entry| !has_failed(entry))
            .collect();
        if !others.is_empty() {
            return contradiction(
                ErrorCode::TOO_MANY_CANDIDATES,
                format!("an export failed that may not be this job's; Lightsail's records also show {}", keys(&others)),
            );
        }
        decision.outcome = Some(AttemptOutcome::Found);
    }
    decision.own.extend(record.filter(|record| record.owner.is_none()).map(|record| record.id));
    decision.event = Some(export_failed(failure, again));
    decision
}

/// Whether whatever the attempt has made is visible by now.
fn is_settled(case: &Case<'_>, policy: &Policy) -> bool {
    case.last().is_none_or(|attempt| policy.now.since(attempt.intended_at) >= policy.settle)
}

/// Whether a record may be another client's, and its own not visible yet: nothing says that it began with the operation of the
/// response. What was found without a response is owned, and may be another's anyway.
pub(super) fn may_be_another_clients(case: &Case<'_>, operation: Option<&LedgerEntry>, record: &LedgerEntry) -> bool {
    let together = || operation.is_some_and(|operation| began_together(operation, record));
    !case.job.adopted && !(case.is_certain() && (record.owner.is_some() || together()))
}

pub(super) fn began_together(operation: &LedgerEntry, record: &LedgerEntry) -> bool {
    let Some((operation, record)) = operation.sighting.created_at.zip(record.sighting.created_at) else { return false };
    record.since(operation) < TOGETHER && operation.since(record) < BEFORE
}

/// No end that can be believed: the operation is requested, and after `give_up` it goes to review.
fn unended(case: &Case<'_>, operation: Option<&LedgerEntry>, policy: &Policy, mut decision: Decision) -> Decision {
    let open = operation.filter(|entry| entry.sighting.status == EntryStatus::UnderWay);
    if policy.asked == OperationChecked::NotYet
        && let Some(EntryKey::Operation(id)) = open.map(|entry| &entry.sighting.key)
    {
        decision.ask = Some(id.clone());
    } else if policy.now.since(case.job.since) >= policy.give_up {
        decision.event = Some(Event::GaveUp(no_end_seen(case, policy)));
    }
    decision
}

/// The operation that may say why an adopted record failed: the newest that failed as well.
fn told_by<'a>(case: &Case<'a>) -> Option<&'a LedgerEntry> {
    case.unowned(0, EntryKind::Operation).into_iter().rfind(|entry| has_failed(entry))
}
