//! What a queued job can adopt: an export of the same snapshot, done or in progress, whoever began it.

use super::case::{Case, EntryKind, in_order};
use super::{Decision, contradiction, export_ref_of, has_failed, is_done, key};
use crate::domain::{EntryStatus, ErrorCode, Event};
use crate::queue::{AttemptOutcome, LedgerEntry};

pub(super) fn decide(case: &Case<'_>) -> Decision {
    let decision = adoption(case);
    if decision.event.is_some() { decision } else { exported_after_copy(case).unwrap_or(decision) }
}

/// A job that adopts nothing may have been sent by the database of which this one is a copy: what the copy does not know of is
/// a person's to judge.
fn exported_after_copy(case: &Case<'_>) -> Option<Decision> {
    let known = case.job.copied_through.filter(|_| !case.job.adopts)?;
    let older = |entry: &LedgerEntry| entry.sighting.created_at < case.job.snapshot_made_at;
    let export = case.entries.iter().find(|entry| {
        entry.id > known.max(case.job.ignored_through)
            && entry.owner.is_none()
            && !has_failed(entry)
            && case.same_snapshot(entry)
            && !(EntryKind::Operation.is(entry) && entry.sighting.created_at.is_some() && older(entry))
    })?;
    let job = case.job.job;
    let message = format!(
        "this database is a copy, and {} is an export of the snapshot that the copy does not know, perhaps this job's own; \
         `snapferry resolve {job}` has the evidence, and adopts it or sends the job again",
        key(export)
    );
    Some(contradiction(ErrorCode::EXPORTED_AFTER_COPY, message))
}

fn adoption(case: &Case<'_>) -> Decision {
    // What attempts of its own have made after all stands for the job even where it is not to adopt.
    let absent =
        case.job.attempts.iter().filter(|attempt| attempt.is(AttemptOutcome::Absent) && !case.is_ignored(attempt));
    let own = absent.map(|attempt| attempt.baseline).min();
    let late = |entry: &LedgerEntry| {
        entry.owner.is_none_or(|owner| case.is_absent(owner))
            && own.is_some_and(|own| entry.id > own)
            && case.same_snapshot(entry)
    };
    let at_hand = |entry: &LedgerEntry| EntryKind::Record.is(entry) && entry.id > case.job.ignored_through;
    // Whoever made it, and for whichever job: a snapshot's export is a snapshot's export.
    let same = |entry: &LedgerEntry| case.job.adopts && case.known_snapshot(entry);
    let records = in_order(case.entries.iter().filter(|entry| at_hand(entry) && (late(entry) || same(entry))));
    if let Some(record) = records.iter().rfind(|entry| is_done(entry)) {
        return adopt(record, Event::AlreadyExported(export_ref_of(None, Some(record))));
    }
    if let Some(record) = records.iter().rfind(|entry| !has_failed(entry)) {
        return adopt(record, Event::UnderWayAlready(export_ref_of(None, Some(record))));
    }
    // The record may appear later than its operation.
    let Some(baseline) = (if case.job.adopts { Some(0) } else { own }) else { return Decision::default() };
    let mut begun = case.unowned(baseline, EntryKind::Operation);
    begun.retain(|entry| entry.sighting.status == EntryStatus::UnderWay);
    // An operation does not say of which snapshot of that name it is. Names are unique, so one that began since the
    // snapshot was made is of it, by the service's own clock for both, and an older one is another's.
    let since_it_was_made = |entry: &LedgerEntry| Some(entry.sighting.created_at? > case.job.snapshot_made_at?);
    if let Some(operation) = begun.iter().rfind(|entry| since_it_was_made(entry) == Some(true)) {
        return adopt(operation, Event::UnderWayAlready(export_ref_of(Some(operation), None)));
    }
    // Where the times are not known, as many operations as there are records of another snapshot are that snapshot's.
    begun.retain(|entry| since_it_was_made(entry).is_none());
    let another = case.entries.iter().filter(|entry| {
        EntryKind::Record.is(entry) && entry.sighting.status == EntryStatus::UnderWay && !case.same_snapshot(entry)
    });
    match begun.iter().skip(another.count()).next_back() {
        Some(operation) => adopt(operation, Event::UnderWayAlready(export_ref_of(Some(operation), None))),
        None => Decision::default(),
    }
}

fn adopt(entry: &LedgerEntry, event: Event) -> Decision {
    // What belongs to another job stays its own.
    let own = if entry.owner.is_none() { vec![entry.id] } else { Vec::new() };
    Decision { event: Some(event), own, ..Decision::default() }
}
