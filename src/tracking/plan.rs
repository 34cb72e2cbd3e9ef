//! What the ledger means for a job. Pure: the job, the entries of its name, the time and the policy in; one event at
//! most out. Entries that were known before an attempt (its baseline) are never its own, an entry has one owner, and
//! times only order candidates.

mod case;
mod exporting;
mod late;
mod queued;
mod unknown;

use crate::domain::{
    EntryStatus, ErrorCode, Event, ExportRef, Failure, JobState, LaneTrouble, OperationId, SnapshotArn, Timestamp,
};
use crate::lightsail::{ErrorClass, failed_operation};
use crate::queue::{AttemptOutcome, EntryKey, Followed, LedgerEntry};
use case::{Case, EntryKind};
use std::time::Duration;

/// What the settings and the clock say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) now: Timestamp,
    /// When another attempt may be made.
    pub(super) again_at: Timestamp,
    pub(super) give_up: Duration,
    pub(super) settle: Duration,
    pub(super) looks: u32,
    pub(super) asked: OperationChecked,
}

/// Whether the operation was requested before this decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OperationChecked {
    NotYet,
    JustNow,
}

/// What to do with a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Decision {
    /// What happened to it.
    pub(super) event: Option<Event>,
    /// The outcome of its last attempt, where Lightsail's records show it.
    pub(super) outcome: Option<AttemptOutcome>,
    /// The entries that belong to its last attempt, or to the job where it adopts.
    pub(super) own: Vec<i64>,
    /// Entries that belong to earlier attempts.
    pub(super) earlier: Vec<(u32, i64)>,
    /// An operation to request before the next decision.
    pub(super) ask: Option<OperationId>,
    /// Exports that Lightsail showed too late, for the report.
    pub(super) late: Option<Failure>,
    /// Whether there was a candidate for the attempt: its absence checks do not show how late the lists are.
    pub(super) has_candidate: bool,
    /// When its reconciliation window is over, where that alone decides.
    pub(super) settled_at: Option<Timestamp>,
}

/// Decides for one job. `entries` are all of its snapshot's name, in the order in which they were seen.
pub(super) fn decide(job: &Followed, entries: &[LedgerEntry], policy: &Policy) -> Decision {
    let case = Case { job, entries };
    let mut decision = match job.state {
        JobState::Queued => queued::decide(&case),
        JobState::Unknown => unknown::decide(&case, policy),
        JobState::Exporting => exporting::decide(&case, policy),
        JobState::Submitting | JobState::NeedsReview | JobState::Succeeded | JobState::Failed | JobState::Cancelled => {
            Decision::default()
        }
    };
    late::note(&case, &mut decision);
    decision
}

/// Whether a record shows the job's export in progress: then its operation need not be requested.
pub(super) fn has_record(job: &Followed, entries: &[LedgerEntry]) -> bool {
    let case = Case { job, entries };
    entries.iter().any(|entry| {
        EntryKind::Record.is(entry)
            && entry.sighting.status == EntryStatus::UnderWay
            && entry.id > job.ignored_through
            && case.same_snapshot(entry)
            && entry.owner.is_none_or(|(owner, _)| owner == job.job)
    })
}

/// Whether there are more records of the name than the one that a job can have ended with.
pub(super) fn several_records(entries: &[LedgerEntry]) -> bool {
    entries.iter().filter(|entry| EntryKind::Record.is(entry)).nth(1).is_some()
}

fn export_ref_of(operation: Option<&LedgerEntry>, record: Option<&LedgerEntry>) -> ExportRef {
    let mut trace = ExportRef::default();
    if let Some(EntryKey::Operation(id)) = operation.map(|entry| &entry.sighting.key) {
        trace.operation = Some(id.clone());
    }
    if let Some(entry) = record {
        if let EntryKey::Record(arn) = &entry.sighting.key {
            trace.record = Some(arn.clone());
        }
        trace.record_name.clone_from(&entry.sighting.record_name);
        trace.destination.clone_from(&entry.sighting.destination);
    }
    trace
}

fn is_done(entry: &LedgerEntry) -> bool {
    entry.sighting.status == EntryStatus::Succeeded && entry.sighting.destination.is_some()
}

fn has_failed(entry: &LedgerEntry) -> bool {
    entry.sighting.status == EntryStatus::Failed
}

fn key(entry: &LedgerEntry) -> &str {
    match &entry.sighting.key {
        EntryKey::Operation(id) => id.as_str(),
        EntryKey::Record(arn) => arn.as_str(),
    }
}

fn keys(entries: &[&LedgerEntry]) -> String {
    entries.iter().map(|entry| key(entry)).collect::<Vec<_>>().join(", ")
}

fn reason(operation: Option<&LedgerEntry>) -> Failure {
    operation.and_then(|entry| entry.sighting.failure.clone()).unwrap_or_else(|| {
        Failure::new(ErrorCode::OPERATION_FAILED, "Lightsail says that the export failed, and gives no reason")
    })
}

fn again(failure: &Failure, policy: &Policy) -> Option<Timestamp> {
    let failed = failed_operation(failure);
    (failed.class != ErrorClass::Permanent).then_some(policy.again_at)
}

/// An export that failed: for its lane's trouble, or for its own.
fn export_failed(failure: Failure, again: Option<Timestamp>) -> Event {
    of_the_lane(&failure, again).unwrap_or(Event::OperationFailed(failure, again))
}

/// What a failure is that the lane as a whole has to wait for.
fn of_the_lane(failure: &Failure, again: Option<Timestamp>) -> Option<Event> {
    let error = failed_operation(failure);
    let trouble = error.trouble()?;
    if matches!(trouble, LaneTrouble::CopyLimit | LaneTrouble::Quota) {
        return Some(Event::OverLimit(failure.clone(), again?));
    }
    // A denial may be the snapshot's own.
    (error.class != ErrorClass::Denied).then_some(Event::RefusedForNow(failure.clone(), again?))
}

fn contradiction(code: &str, message: String) -> Decision {
    Decision { event: Some(Event::Contradiction(Failure::new(code, message))), ..Decision::default() }
}

/// Operation and record disagree.
fn disagreement(operation: &LedgerEntry, record: &LedgerEntry) -> Decision {
    let word = |entry: &LedgerEntry| match entry.sighting.status {
        EntryStatus::UnderWay => "is under way",
        EntryStatus::Succeeded => "succeeded",
        EntryStatus::Failed => "failed",
    };
    contradiction(
        ErrorCode::LEDGER_DISAGREES,
        format!("operation {} {}, and record {} {}", key(operation), word(operation), key(record), word(record)),
    )
}

/// What was exported is not the snapshot that was requested.
fn made_by_new_attempt(operation: &LedgerEntry, record: &LedgerEntry) -> Decision {
    let of = record.sighting.snapshot_arn.as_ref().map_or("another snapshot", SnapshotArn::as_str);
    contradiction(
        ErrorCode::LEDGER_DISAGREES,
        format!(
            "operation {} exported {of}, which had taken this name over by then: record {}",
            key(operation),
            key(record)
        ),
    )
}

fn no_end_seen(case: &Case<'_>, policy: &Policy) -> Failure {
    Failure::new(
        ErrorCode::NO_END_SEEN,
        format!(
            "no end, or no destination, within {}; see the console; `snapferry show {}` has its ids",
            humantime::format_duration(policy.give_up),
            case.job.job
        ),
    )
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
