//! A job's states and the one function that moves it from one to the next. The database repeats the table below in a
//! CHECK; every pair that is not listed is an error value.

use crate::domain::{ErrorCode, OperationId, RecordArn, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its turn.
    Queued,
    /// The intent to send is on disk; the answer is not.
    Submitting,
    /// Lightsail has it.
    Exporting,
    /// It is not known whether Lightsail took it; the ledger will tell.
    Unknown,
    /// A person has to decide.
    NeedsReview,
    /// Exported, and its destination is known.
    Succeeded,
    /// Not exported, for a reason that is on record.
    Failed,
    /// Called off by a person before it was sent.
    Cancelled,
}

impl JobState {
    /// Every state, in the order in which reports name them.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Submitting,
        Self::Exporting,
        Self::Unknown,
        Self::NeedsReview,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The state's name in SQL, on the command line and in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Submitting => "submitting",
            Self::Exporting => "exporting",
            Self::Unknown => "unknown",
            Self::NeedsReview => "needs_review",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Whether a job in it can still change without a person; one live job per snapshot and lane.
    pub fn is_live(self) -> bool {
        match self {
            Self::Queued | Self::Submitting | Self::Exporting | Self::Unknown | Self::NeedsReview => true,
            Self::Succeeded | Self::Failed | Self::Cancelled => false,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a queued job is not to be claimed. A pause is no hold: it lies over one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// It was queued after the lane's last inventory: the ledger has to be read first.
    Inventory,
}

impl Hold {
    /// The hold's name in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inventory => "inventory",
        }
    }

    /// The hold of that name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Inventory].into_iter().find(|hold| hold.as_str() == text)
    }
}

/// What a job is when something happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobVersion {
    /// Its state.
    pub state: JobState,
    /// The number of its last attempt; 0 before the first.
    pub attempt: u32,
    /// The attempts that count against the limit.
    pub used: u32,
    /// The attempts that it has.
    pub max_attempts: u32,
}

/// What an export became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The service as Lightsail names it: `Aws::EC2::Image`, `Aws::EC2::Snapshot`.
    pub service: String,
    /// `ami-...` or `snap-...`.
    pub id: String,
}

/// Why something did not go well.
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

/// What is known of an export once it is seen in the ledger.
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
    /// What it became.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Destination>,
}

/// What happens to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The snapshot does not exist, is in state error, or is denied for good.
    NotExportable(Failure),
    /// Exported before, by whoever it was.
    AlreadyExported(ExportRef),
    /// An export of it is under way, by whoever it was.
    UnderWayAlready(ExportRef),
    /// A person calls it off.
    Cancel,
    /// The intent to send is about to be written.
    Intend,
    /// Lightsail took it.
    Accepted(ExportRef),
    /// Refused without effect, for a trouble of the lane: no attempt is used.
    RefusedByLane(Failure),
    /// Denied: the snapshot's trouble or the lane's. Called again not before the time given, or it was the last word on it; no
    /// attempt is used.
    Denied(Failure, Option<Timestamp>),
    /// Refused without effect, or failed, for a limit of EC2's on copies: no attempt is used; another one not before the time
    /// given.
    OverLimit(Failure, Timestamp),
    /// Refused without effect, or failed, because Lightsail asks to wait: no attempt is used; another one not before the time given.
    RefusedForNow(Failure, Timestamp),
    /// Refused for good.
    RefusedForGood(Failure),
    /// Nobody can say; counted against the attempts.
    OutcomeUnknown(Failure),
    /// Nobody can say, in an outage: not counted.
    OutcomeUnknownInOutage(Failure),
    /// Found in the ledger, still under way.
    FoundUnderWay(ExportRef),
    /// Found in the ledger, done.
    FoundDone(ExportRef),
    /// Found in the ledger, and it had failed: another attempt not before the time given, or none at all.
    FoundFailed(ExportRef, Failure, Option<Timestamp>),
    /// Every look found nothing: Lightsail did not take it. Another attempt not before the time given.
    ProvenAbsent(Failure, Timestamp),
    /// The ledger cannot be explained.
    Contradiction(Failure),
    /// The export ended well.
    Finished(ExportRef),
    /// The operation failed: another attempt not before the time given, or none at all.
    OperationFailed(Failure, Option<Timestamp>),
    /// No end was seen for too long.
    GaveUp(Failure),
    /// A person wants it sent again.
    SendAgain,
    /// A person names the record that it became; the trouble tells of others that are exports of it too.
    AdoptRecord(ExportRef, Option<Failure>),
    /// A person calls it failed.
    MarkedFailed(Failure),
    /// A person wants an ended job tried afresh.
    Retry,
    /// A person wants a queued job left unsent.
    Pause,
    /// A person lets a paused job go on.
    Resume,
}

impl Event {
    /// The event's name in the history.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotExportable(_) => "impossible",
            Self::AlreadyExported(_) => "already_exported",
            Self::UnderWayAlready(_) => "under_way_already",
            Self::Cancel => "cancel",
            Self::Intend => "intend",
            Self::Accepted(_) => "accepted",
            Self::RefusedByLane(_) => "refused_by_lane",
            Self::Denied(..) => "denied",
            Self::OverLimit(..) => "over_limit",
            Self::RefusedForNow(..) => "refused_for_now",
            Self::RefusedForGood(_) => "refused_for_good",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::OutcomeUnknownInOutage(_) => "outcome_unknown_in_outage",
            Self::FoundUnderWay(_) => "found_under_way",
            Self::FoundDone(_) => "found_done",
            Self::FoundFailed(..) => "found_failed",
            Self::ProvenAbsent(..) => "proven_absent",
            Self::Contradiction(_) => "contradiction",
            Self::Finished(_) => "finished",
            Self::OperationFailed(..) => "operation_failed",
            Self::GaveUp(_) => "gave_up",
            Self::SendAgain => "send_again",
            Self::AdoptRecord(..) => "adopt_record",
            Self::MarkedFailed(_) => "call_failed",
            Self::Retry => "retry",
            Self::Pause => "pause",
            Self::Resume => "resume",
        }
    }
}

/// What a change means for the job besides its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SideEffect {
    /// Nothing; a pause, where there was one, is over.
    Nothing,
    /// A person has it paused.
    Pause,
    /// The job is done with every entry that the ledger has by now: none of them is its own.
    IgnoreRecords,
    /// Its export was denied.
    CountDenial,
}

/// What is to be written for an event. A change within a state touches the pause alone, and adds a hold where there is
/// none: what the job waits for and the trouble that it shows stay as they were.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The state after it.
    pub to: JobState,
    /// The number of the last attempt after it.
    pub attempt: u32,
    /// The attempts that count after it.
    pub used: u32,
    /// Not to be sent before; only of a queued job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Why it is not to be claimed; only of a queued job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// What it means besides.
    pub side_effect: SideEffect,
    /// What is newly known of the export; what it leaves out stays as it was.
    pub export_ref: ExportRef,
    /// Whether the job now stands for an export that was not its own.
    pub adopted: bool,
    /// Whether what was known of an earlier export is dropped: a fresh start.
    pub reset_export: bool,
    /// The trouble to show from now on; nothing clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The event does not fit the job's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job in state {from} takes no event {event}")]
pub struct IllegalTransition {
    /// The job's state.
    pub from: JobState,
    /// The event's name.
    pub event: &'static str,
}

/// Moves a job: the one table of transitions.
///
/// # Errors
/// [`IllegalTransition`] for every pair of state and event that the design does not list.
#[expect(clippy::match_same_arms, reason = "the table reads by state, as in the design")]
pub fn apply(job: &JobVersion, event: Event) -> Result<Change, IllegalTransition> {
    use Event as E;
    use JobState as S;
    let illegal = IllegalTransition { from: job.state, event: event.name() };
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
        (S::Queued, E::AlreadyExported(trace)) => {
            Change { export_ref: trace, adopted: true, reset_export: true, ..to(S::Succeeded) }
        }
        (S::Queued, E::UnderWayAlready(trace)) => {
            Change { export_ref: trace, adopted: true, reset_export: true, ..to(S::Exporting) }
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

        (S::Submitting, E::Accepted(trace)) => Change { export_ref: trace, ..to(S::Exporting) },
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

        (S::Unknown, E::FoundUnderWay(trace)) => Change { export_ref: trace, ..to(S::Exporting) },
        (S::Unknown, E::FoundDone(trace)) => Change { export_ref: trace, ..to(S::Succeeded) },
        (S::Unknown, E::FoundFailed(trace, failure, again)) => {
            Change { export_ref: trace, ..again_or_failed(failure, again) }
        }
        (S::Unknown, E::ProvenAbsent(failure, due)) => again_or_failed(failure, Some(due)),
        (S::Queued | S::Unknown | S::Exporting, E::Contradiction(failure)) | (S::Exporting, E::GaveUp(failure)) => {
            Change { failure: Some(failure), ..to(S::NeedsReview) }
        }

        (S::Exporting, E::Finished(trace)) => Change { export_ref: trace, ..to(S::Succeeded) },
        (S::Exporting, E::OperationFailed(failure, again)) => again_or_failed(failure, again),

        (S::NeedsReview, E::SendAgain) => {
            Change { used: 0, hold: Some(Hold::Inventory), side_effect: SideEffect::IgnoreRecords, ..to(S::Queued) }
        }
        (S::NeedsReview, E::AdoptRecord(trace, failure)) => {
            Change { export_ref: trace, reset_export: true, failure, ..to(S::Succeeded) }
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

    fn standing(state: S, used: u32) -> JobVersion {
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
                    if let Ok(change) = apply(&standing(state, used), event.clone()) {
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
        let before = standing(S::Queued, 2);
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
            let left = apply(&standing(state, 4), event.clone()).expect("one left");
            assert_eq!(left.to, S::Queued, "{event:?}");
            let none = apply(&standing(state, 5), event.clone()).expect("none left");
            assert_eq!(none.to, S::Failed, "{event:?}");
            assert_eq!(none.failure, Some(failure()));
        }
    }

    /// What the event writes, of a job of three attempts.
    fn change(state: S, event: Event) -> Change {
        apply(&standing(state, 3), event).expect("possible")
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
