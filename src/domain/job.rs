//! A job's states and the one function that moves it from one to the next. The database repeats the table below in a
//! CHECK; every pair that is not listed is an error value.

use crate::domain::{ErrorCode, Event, EventKind, OperationId, RecordArn, Timestamp, named};
use serde::{Deserialize, Serialize};

named! {
    /// The state of a job; its name stands in SQL, on the command line and in reports, which list states in this order.
    pub enum JobState {
        /// Waits for its turn.
        Queued = "queued",
        /// The intent to send is on disk; the response is not.
        Submitting = "submitting",
        /// Lightsail has accepted it.
        Exporting = "exporting",
        /// It is not known whether Lightsail accepted it; it is reconciled with Lightsail's records.
        Unknown = "unknown",
        /// A person has to decide.
        NeedsReview = "needs_review",
        /// Exported, and its destination is known.
        Succeeded = "succeeded",
        /// Not exported, for a reason that is on record.
        Failed = "failed",
        /// Cancelled by a person before it was sent.
        Cancelled = "cancelled",
    }
}

impl JobState {
    /// Whether a job in it can still change without a person; one live job per snapshot and lane.
    pub fn is_live(self) -> bool {
        match self {
            Self::Queued | Self::Submitting | Self::Exporting | Self::Unknown | Self::NeedsReview => true,
            Self::Succeeded | Self::Failed | Self::Cancelled => false,
        }
    }
}

named! {
    /// Why a queued job is not claimed. A pause is no hold: a job can have both.
    pub enum Hold {
        /// It was queued after the lane's last inventory: the ledger has to be read first.
        Inventory = "inventory",
    }
}

/// The part of a job that an event has to match: an optimistic lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobVersion {
    /// Its state.
    pub state: JobState,
    /// The number of its last attempt; 0 before the first.
    pub attempt: u32,
    /// The attempts that count against the limit.
    pub used: u32,
    /// How many it may use.
    pub max_attempts: u32,
}

named! {
    /// How far an export is, by one of Lightsail's operations or records; its name stands in SQL.
    pub enum EntryStatus {
        /// No end yet, or a word that Snapferry does not know.
        UnderWay = "under_way",
        /// Ended well.
        Succeeded = "succeeded",
        /// Ended badly.
        Failed = "failed",
    }
}

/// What an export produced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The service as Lightsail names it: `Aws::EC2::Image`, `Aws::EC2::Snapshot`.
    pub service: String,
    /// `ami-...` or `snap-...`.
    pub id: String,
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The code to select and group by.
    pub code: ErrorCode,
    /// One line for a person.
    pub message: String,
}

impl Failure {
    /// A failure of one of our own codes.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: ErrorCode::new(code), message: message.into() }
    }
}

/// What is known of an export once the ledger shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct ExportRef {
    /// Its operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationId>,
    /// Its record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordArn>,
    /// The record's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_name: Option<String>,
    /// What it produced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
}

/// What a change does to the job beside its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SideEffect {
    /// Nothing; a pause, where there was one, is over.
    Nothing,
    /// A person has it paused.
    Pause,
    /// Every entry that the ledger has by now is ignored: none of them is the job's.
    IgnoreRecords,
    /// Its export was denied.
    CountDenial,
}

/// What is written for an event. A change within a state changes only the pause, and adds a hold where there is none: what the
/// job waits for and the failure that it shows stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The state after it.
    pub to: JobState,
    /// The number of the last attempt after it.
    pub attempt: u32,
    /// The attempts that count after it.
    pub used: u32,
    /// Not to be sent earlier; only of a queued job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Why it is not claimed; only of a queued job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Its side effect.
    pub side_effect: SideEffect,
    /// What is newly known of the export; what is missing here stays as it was.
    pub export_ref: ExportRef,
    /// Whether the job now has an export that was not its own.
    pub adopted: bool,
    /// Whether what was known of an earlier export is dropped.
    pub reset_export: bool,
    /// The failure to show from now on; nothing clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The event does not fit the job's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job in state {from} takes no event {event}")]
pub struct IllegalTransition {
    /// The job's state.
    pub from: JobState,
    /// The event.
    pub event: EventKind,
}

/// Moves a job: the one table of transitions.
///
/// # Errors
/// [`IllegalTransition`] for every pair of state and event that the design does not list.
#[expect(clippy::match_same_arms, reason = "the table reads by state, as in the design")]
pub fn apply(job: &JobVersion, event: Event) -> Result<Change, IllegalTransition> {
    use Event as E;
    use JobState as S;
    let illegal = IllegalTransition { from: job.state, event: event.kind() };
    let to = |to: S| Change {
        to,
        attempt: job.attempt,
        used: job.used,
        due_at: None,
        hold: None,
        side_effect: SideEffect::Nothing,
        export_ref: ExportRef::default(),
        adopted: false,
        reset_export: false,
        failure: None,
    };
    let spent = job.used >= job.max_attempts;
    let again_or_failed = |failure: Failure, again: Option<Timestamp>| match again {
        Some(due) if !spent => Change { due_at: Some(due), failure: Some(failure), ..to(S::Queued) },
        Some(_) | None => Change { failure: Some(failure), ..to(S::Failed) },
    };
    let uncharged = job.used.saturating_sub(1);
    let change = match (job.state, event) {
        (S::Queued, E::NotExportable(failure)) => Change { failure: Some(failure), ..to(S::Failed) },
        (S::Queued, E::AlreadyExported(export_ref)) => {
            Change { export_ref, adopted: true, reset_export: true, ..to(S::Succeeded) }
        }
        (S::Queued, E::UnderWayAlready(export_ref)) => {
            Change { export_ref, adopted: true, reset_export: true, ..to(S::Exporting) }
        }
        (S::Queued, E::Cancel) => to(S::Cancelled),
        (S::Queued, E::Intend) => Change {
            attempt: job.attempt.saturating_add(1),
            used: job.used.saturating_add(1),
            reset_export: true,
            ..to(S::Submitting)
        },
        (S::Queued, E::Pause) => Change { side_effect: SideEffect::Pause, ..to(S::Queued) },
        // The ledger may have grown meanwhile: it is read anew before the job is sent.
        (S::Queued, E::Resume) => Change { hold: Some(Hold::Inventory), ..to(S::Queued) },

        (S::Submitting, E::Accepted(export_ref)) => Change { export_ref, ..to(S::Exporting) },
        (S::Submitting, E::RefusedByLane(failure)) => {
            Change { used: uncharged, failure: Some(failure), ..to(S::Queued) }
        }
        (S::Submitting, E::Denied(failure, again)) => Change {
            used: uncharged,
            due_at: again,
            side_effect: SideEffect::CountDenial,
            failure: Some(failure),
            ..to(if again.is_some() { S::Queued } else { S::Failed })
        },
        (S::Submitting | S::Exporting | S::Unknown, E::OverLimit(failure, due) | E::RefusedForNow(failure, due)) => {
            Change { used: uncharged, due_at: Some(due), failure: Some(failure), ..to(S::Queued) }
        }
        (S::Submitting, E::RefusedForGood(failure)) => again_or_failed(failure, None),
        (S::Submitting, E::OutcomeUnknown(failure)) => Change { failure: Some(failure), ..to(S::Unknown) },
        (S::Submitting, E::OutcomeUnknownInOutage(failure)) => {
            Change { used: uncharged, failure: Some(failure), ..to(S::Unknown) }
        }

        (S::Unknown, E::FoundUnderWay(export_ref)) => Change { export_ref, ..to(S::Exporting) },
        (S::Unknown, E::FoundDone(export_ref)) => Change { export_ref, ..to(S::Succeeded) },
        (S::Unknown, E::FoundFailed(export_ref, failure, again)) => {
            Change { export_ref, ..again_or_failed(failure, again) }
        }
        (S::Unknown, E::ProvenAbsent(failure, due)) => again_or_failed(failure, Some(due)),
        (S::Queued | S::Unknown | S::Exporting, E::Contradiction(failure)) | (S::Exporting, E::GaveUp(failure)) => {
            Change { failure: Some(failure), ..to(S::NeedsReview) }
        }

        (S::Exporting, E::Finished(export_ref)) => Change { export_ref, ..to(S::Succeeded) },
        (S::Exporting, E::OperationFailed(failure, again)) => again_or_failed(failure, again),

        (S::NeedsReview, E::SendAgain) => {
            Change { used: 0, hold: Some(Hold::Inventory), side_effect: SideEffect::IgnoreRecords, ..to(S::Queued) }
        }
        (S::NeedsReview, E::AdoptRecord(export_ref, failure)) => {
            Change { export_ref, reset_export: true, failure, ..to(S::Succeeded) }
        }
        (S::NeedsReview, E::MarkedFailed(failure)) => Change { failure: Some(failure), ..to(S::Failed) },

        (S::Failed | S::Cancelled, E::Retry) => {
            Change { used: 0, hold: Some(Hold::Inventory), reset_export: true, ..to(S::Queued) }
        }

        (
            S::Queued
            | S::Submitting
            | S::Exporting
            | S::Unknown
            | S::NeedsReview
            | S::Succeeded
            | S::Failed
            | S::Cancelled,
            _,
        ) => return Err(illegal),
    };
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use JobState as S;

    fn failure() -> Failure {
        Failure::new("ServiceException", "trouble")
    }

    fn version(state: S, used: u32) -> JobVersion {
        JobVersion { state, attempt: used, used, max_attempts: 5 }
    }

    fn every_event() -> Vec<Event> {
        let later = Timestamp(9);
        vec![
            Event::NotExportable(failure()),
            Event::AlreadyExported(ExportRef::default()),
            Event::UnderWayAlready(ExportRef::default()),
            Event::Cancel,
            Event::Intend,
            Event::Accepted(ExportRef::default()),
            Event::RefusedByLane(failure()),
            Event::Denied(failure(), Some(later)),
            Event::Denied(failure(), None),
            Event::RefusedForNow(failure(), later),
            Event::RefusedForGood(failure()),
            Event::OutcomeUnknown(failure()),
            Event::OutcomeUnknownInOutage(failure()),
            Event::FoundUnderWay(ExportRef::default()),
            Event::FoundDone(ExportRef::default()),
            Event::FoundFailed(ExportRef::default(), failure(), Some(later)),
            Event::ProvenAbsent(failure(), later),
            Event::Contradiction(failure()),
            Event::Finished(ExportRef::default()),
            Event::OperationFailed(failure(), Some(later)),
            Event::GaveUp(failure()),
            Event::SendAgain,
            Event::AdoptRecord(ExportRef::default(), None),
            Event::MarkedFailed(failure()),
            Event::Retry,
            Event::Pause,
            Event::Resume,
        ]
    }

    #[test]
    fn the_pairs_that_are_possible_are_those_of_the_design() {
        let mut pairs = std::collections::BTreeSet::new();
        for state in S::ALL {
            for event in every_event() {
                for used in [1, 5] {
                    if let Ok(change) = apply(&version(state, used), event.clone()) {
                        pairs.insert((state, change.to));
                    }
                }
            }
        }
        let design = [
            (S::Queued, S::Queued),
            (S::Queued, S::Submitting),
            (S::Queued, S::Exporting),
            (S::Queued, S::Succeeded),
            (S::Queued, S::Failed),
            (S::Queued, S::NeedsReview),
            (S::Queued, S::Cancelled),
            (S::Submitting, S::Queued),
            (S::Submitting, S::Exporting),
            (S::Submitting, S::Unknown),
            (S::Submitting, S::Failed),
            (S::Exporting, S::Queued),
            (S::Exporting, S::NeedsReview),
            (S::Exporting, S::Succeeded),
            (S::Exporting, S::Failed),
            (S::Unknown, S::Queued),
            (S::Unknown, S::Exporting),
            (S::Unknown, S::NeedsReview),
            (S::Unknown, S::Succeeded),
            (S::Unknown, S::Failed),
            (S::NeedsReview, S::Queued),
            (S::NeedsReview, S::Succeeded),
            (S::NeedsReview, S::Failed),
            (S::Failed, S::Queued),
            (S::Cancelled, S::Queued),
        ];
        assert_eq!(pairs, design.into_iter().collect());
    }

    #[test]
    fn the_lanes_trouble_uses_no_attempt() {
        let before = version(S::Queued, 2);
        let sent = apply(&before, Event::Intend).expect("sent");
        assert_eq!((sent.attempt, sent.used), (3, 3));
        let submitting = JobVersion { state: S::Submitting, attempt: 3, used: 3, max_attempts: 5 };
        for event in [
            Event::RefusedByLane(failure()),
            Event::Denied(failure(), Some(Timestamp(9))),
            Event::Denied(failure(), None),
            Event::RefusedForNow(failure(), Timestamp(9)),
            Event::OverLimit(failure(), Timestamp(9)),
            Event::OutcomeUnknownInOutage(failure()),
        ] {
            let after = apply(&submitting, event).expect("refused");
            assert_eq!((after.attempt, after.used), (3, 2));
        }
    }

    #[test]
    fn attempts_used_up_end_in_failed() {
        let later = Timestamp(9);
        for (state, event) in [
            (S::Unknown, Event::ProvenAbsent(failure(), later)),
            (S::Unknown, Event::FoundFailed(ExportRef::default(), failure(), Some(later))),
            (S::Exporting, Event::OperationFailed(failure(), Some(later))),
        ] {
            let left = apply(&version(state, 4), event.clone()).expect("one left");
            assert_eq!(left.to, S::Queued, "{event:?}");
            let none = apply(&version(state, 5), event.clone()).expect("none left");
            assert_eq!(none.to, S::Failed, "{event:?}");
            assert_eq!(none.failure, Some(failure()));
        }
    }

    /// What the event writes, of a job of three attempts.
    fn change(state: S, event: Event) -> Change {
        apply(&version(state, 3), event).expect("possible")
    }

    #[test]
    fn what_went_wrong_is_always_said() {
        let later = Timestamp(9);
        for (state, event) in [
            (S::Queued, Event::NotExportable(failure())),
            (S::Submitting, Event::RefusedByLane(failure())),
            (S::Submitting, Event::Denied(failure(), Some(later))),
            (S::Submitting, Event::Denied(failure(), None)),
            (S::Submitting, Event::RefusedForNow(failure(), later)),
            (S::Submitting, Event::RefusedForGood(failure())),
            (S::Submitting, Event::OutcomeUnknown(failure())),
            (S::Submitting, Event::OutcomeUnknownInOutage(failure())),
            (S::Submitting, Event::OverLimit(failure(), later)),
            (S::Exporting, Event::OverLimit(failure(), later)),
            (S::Unknown, Event::FoundFailed(ExportRef::default(), failure(), Some(later))),
            (S::Unknown, Event::FoundFailed(ExportRef::default(), failure(), None)),
            (S::Unknown, Event::ProvenAbsent(failure(), later)),
            (S::Queued, Event::Contradiction(failure())),
            (S::Unknown, Event::Contradiction(failure())),
            (S::Exporting, Event::Contradiction(failure())),
            (S::Exporting, Event::GaveUp(failure())),
            (S::Exporting, Event::OperationFailed(failure(), None)),
            (S::NeedsReview, Event::AdoptRecord(ExportRef::default(), Some(failure()))),
            (S::NeedsReview, Event::MarkedFailed(failure())),
        ] {
            assert_eq!(change(state, event.clone()).failure, Some(failure()), "{event:?}");
        }
    }

    #[test]
    fn what_is_found_of_an_export_is_kept_and_a_fresh_start_drops_it() {
        let trace = ExportRef { record_name: Some("record-1".to_owned()), ..ExportRef::default() };
        for (state, event, afresh) in [
            (S::Queued, Event::AlreadyExported(trace.clone()), true),
            (S::Queued, Event::UnderWayAlready(trace.clone()), true),
            (S::Submitting, Event::Accepted(trace.clone()), false),
            (S::Unknown, Event::FoundUnderWay(trace.clone()), false),
            (S::Unknown, Event::FoundDone(trace.clone()), false),
            (S::Unknown, Event::FoundFailed(trace.clone(), failure(), None), false),
            (S::Exporting, Event::Finished(trace.clone()), false),
            (S::NeedsReview, Event::AdoptRecord(trace.clone(), None), true),
        ] {
            let changed = change(state, event.clone());
            assert_eq!((changed.export_ref, changed.reset_export), (trace.clone(), afresh), "{event:?}");
        }
        assert!(change(S::Queued, Event::Intend).reset_export);
    }

    #[test]
    fn what_a_person_has_tried_again_has_all_its_attempts_and_waits_for_a_listing() {
        let told = |state, event| {
            let changed = change(state, event);
            (changed.attempt, changed.used, changed.hold, changed.side_effect, changed.reset_export)
        };
        let inventory = Some(Hold::Inventory);
        assert_eq!(told(S::NeedsReview, Event::SendAgain), (3, 0, inventory, SideEffect::IgnoreRecords, false));
        assert_eq!(told(S::Failed, Event::Retry), (3, 0, inventory, SideEffect::Nothing, true));
        assert_eq!(told(S::Cancelled, Event::Retry), (3, 0, inventory, SideEffect::Nothing, true));
        assert_eq!(told(S::Queued, Event::Resume), (3, 3, inventory, SideEffect::Nothing, false));
        assert_eq!(told(S::Queued, Event::Pause), (3, 3, None, SideEffect::Pause, false));
        let denied = told(S::Submitting, Event::Denied(failure(), Some(Timestamp(9))));
        assert_eq!(denied, (3, 2, None, SideEffect::CountDenial, false));
    }
}
