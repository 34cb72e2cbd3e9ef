//! The outcome of an unconfirmed attempt: found, proven absent, or not known yet.

use super::case::{Case, EntryKind};
use super::{
    Decision, Policy, again, contradiction, disagreement, export_ref_of, has_failed, is_done, key, keys, no_end_seen,
    of_the_lane, reason,
};
use crate::domain::{AbsenceRule, EntryStatus, ErrorCode, Event, ExportRef, Failure};
use crate::queue::{AttemptOutcome, FollowedAttempt, LedgerEntry};
use std::time::Duration;

/// What Lightsail shows of the last attempt, of one kind.
#[derive(Default)]
struct UnconfirmedSightings<'a> {
    entry: Option<&'a LedgerEntry>,
    /// There is a candidate that need not be the last attempt's.
    open: bool,
}

pub(super) fn decide(case: &Case<'_>, policy: &Policy) -> Decision {
    let mut decision = Decision::default();
    let found = assign(case, EntryKind::Operation, &mut decision)
        .and_then(|operation| Ok((operation, assign(case, EntryKind::Record, &mut decision)?)));
    let (operation, record) = match found {
        Ok(found) => found,
        Err(message) => return contradiction(ErrorCode::TOO_MANY_CANDIDATES, message),
    };
    let open = operation.open || record.open;
    let event = match (operation.entry, record.entry) {
        (Some(operation), Some(record)) if is_done(record) && has_failed(operation) => {
            return disagreement(operation, record);
        }
        (operation, Some(record)) if is_done(record) => Event::FoundDone(export_ref_of(operation, Some(record))),
        (Some(operation), Some(record)) if has_failed(record) && !has_failed(operation) => {
            if operation.sighting.status == EntryStatus::Succeeded {
                return disagreement(operation, record);
            }
            // Another's record, or Lightsail does not show the operation's end yet: it is followed until that is known.
            decision.own.retain(|id| *id != record.id);
            Event::FoundUnderWay(export_ref_of(Some(operation), None))
        }
        (Some(operation), None) if has_failed(operation) => {
            let failure = reason(Some(operation));
            return found_failed(case, export_ref_of(Some(operation), None), failure, policy, decision);
        }
        (operation, Some(record)) if has_failed(record) => {
            let failure = reason(operation);
            return found_failed(case, export_ref_of(operation, Some(record)), failure, policy, decision);
        }
        (None, None) => return not_found(case, policy, open, decision),
        (operation, record) => Event::FoundUnderWay(export_ref_of(operation, record)),
    };
    decision.outcome = Some(AttemptOutcome::Found);
    decision.event = Some(event);
    decision
}

/// Finds the last attempt's entry, and gives to earlier attempts what is rather theirs.
fn assign<'a>(case: &Case<'a>, kind: EntryKind, decision: &mut Decision) -> Result<UnconfirmedSightings<'a>, String> {
    if let Some(own) = case.owned(case.job.attempt, kind) {
        return Ok(UnconfirmedSightings { entry: Some(own), open: false });
    }
    let mut waiting = case.unmatched_attempts(kind);
    let Some(first) = waiting.iter().map(|attempt| attempt.baseline).min() else {
        return Ok(UnconfirmedSightings::default());
    };
    let mut candidates = case.unowned(first, kind);
    if candidates.len() > waiting.len() {
        let what = match kind {
            EntryKind::Operation => "operations",
            EntryKind::Record => "records",
        };
        let attempts = if waiting.len() == 1 { "attempt" } else { "attempts" };
        return Err(format!(
            "{} {what} may be of {} {attempts}: {}",
            candidates.len(),
            waiting.len(),
            keys(&candidates)
        ));
    }
    // What failed goes first to an earlier attempt whose operation is known to have failed.
    candidates.retain(|candidate| {
        let place = has_failed(candidate)
            .then(|| place_of(&waiting, candidate, |attempt| case.has_failed_before(attempt, kind)))
            .flatten();
        give(place, candidate, &mut waiting, decision)
    });
    // What is in progress may be about to fail, as an earlier attempt's operation has: it stays unowned until then.
    let mut open = false;
    candidates.retain(|candidate| {
        let place = (candidate.sighting.status == EntryStatus::UnderWay)
            .then(|| place_of(&waiting, candidate, |attempt| case.has_failed_before(attempt, kind)))
            .flatten();
        place.is_none_or(|place| {
            waiting.remove(place);
            open = true;
            false
        })
    });
    // The newest that may be its own; what has not failed rather than what has.
    let its_own = |candidate: &&LedgerEntry| candidate.id > case.baseline();
    let newest = candidates
        .iter()
        .rposition(|candidate| its_own(candidate) && !has_failed(candidate))
        .or_else(|| candidates.iter().rposition(its_own))
        .map(|place| candidates.remove(place));
    for candidate in candidates {
        // Rather to one that is known to have been made than to one that was proven absent.
        let earlier = |attempt: &FollowedAttempt| attempt.number < case.job.attempt;
        let place = place_of(&waiting, candidate, |attempt| earlier(attempt) && !attempt.is(AttemptOutcome::Absent))
            .or_else(|| place_of(&waiting, candidate, earlier));
        give(place, candidate, &mut waiting, decision);
    }
    decision.own.extend(newest.map(|entry| entry.id));
    Ok(UnconfirmedSightings { entry: newest, open })
}

fn place_of(
    waiting: &[&FollowedAttempt],
    candidate: &LedgerEntry,
    fits: impl Fn(&FollowedAttempt) -> bool,
) -> Option<usize> {
    waiting.iter().position(|attempt| candidate.id > attempt.baseline && fits(attempt))
}

/// Gives a candidate to the attempt at that place; whether it is still available.
fn give(
    place: Option<usize>,
    candidate: &LedgerEntry,
    waiting: &mut Vec<&FollowedAttempt>,
    decision: &mut Decision,
) -> bool {
    let Some(place) = place else { return true };
    decision.earlier.push((waiting.remove(place).number, candidate.id));
    false
}

/// What failed may be another client's, and the last attempt's own not be visible yet: before another is sent, or the job fails
/// for good, as many absence checks are needed as for one that shows nothing.
fn found_failed(
    case: &Case<'_>,
    trace: ExportRef,
    failure: Failure,
    policy: &Policy,
    mut decision: Decision,
) -> Decision {
    let again = again(&failure, policy);
    decision.has_candidate = true;
    if proven_absent(case, policy).is_none() {
        decision.own.clear();
        return decision;
    }
    decision.outcome = Some(AttemptOutcome::Found);
    decision.event = Some(of_the_lane(&failure, again).unwrap_or(Event::FoundFailed(trace, failure, again)));
    decision
}

fn not_found(case: &Case<'_>, policy: &Policy, open: bool, mut decision: Decision) -> Decision {
    if open {
        decision.has_candidate = true;
        if policy.now.since(case.job.since) >= policy.give_up {
            decision.event = Some(Event::Contradiction(no_end_seen(case, policy)));
        }
        return decision;
    }
    let Some((checks, spread)) = proven_absent(case, policy) else { return decision };
    // The snapshot may have been made anew before the call, under an inventory that was old by then: never a guess.
    let another = case.entries.iter().filter(|entry| {
        entry.owner.is_none() && entry.id > case.baseline() && EntryKind::Record.is(entry) && !case.same_snapshot(entry)
    });
    let another: Vec<&str> = another.map(key).collect();
    if !another.is_empty() {
        return contradiction(
            ErrorCode::LEDGER_DISAGREES,
            format!(
                "not in Lightsail's records, but an export of another snapshot of this name began after the call: {}",
                another.join(", ")
            ),
        );
    }
    let message = format!(
        "not in Lightsail's records in {checks} complete readings over {} s: the call had no effect",
        spread.as_secs()
    );
    decision.outcome = Some(AttemptOutcome::Absent);
    decision.event = Some(Event::ProvenAbsent(Failure::new(ErrorCode::NOT_TAKEN, message), policy.again_at));
    decision
}

/// The absence checks and the span between the first and the last, once they are enough.
fn proven_absent(case: &Case<'_>, policy: &Policy) -> Option<(u32, Duration)> {
    let attempt = case.last()?;
    let spread = attempt.last_check_at?.since(attempt.first_check_at?);
    let rule = AbsenceRule { checks: policy.looks, window: policy.settle };
    rule.is_met(attempt.absence_checks, spread).then_some((attempt.absence_checks, spread))
}
