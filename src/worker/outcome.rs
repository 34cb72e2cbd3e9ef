//! What a response means, for the job and for its lane, by the error's class alone. Pure.

use crate::domain::{Event, ExportRef, Failure, JobId, LaneTrouble, OperationId, Timestamp};
use crate::lightsail::{Accepted, CallError, ErrorClass, Operation};
use crate::queue::{AttemptAnswer, AttemptOutcome, SentOperation};

/// What is known of a call beside its response.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallCircumstances {
    pub(super) job: JobId,
    /// The number of the attempt.
    pub(super) attempt: u32,
    /// Whether the lane is in an outage, or this response would make it one.
    pub(super) in_outage: bool,
    /// Whether the job was denied before.
    pub(super) denied_before: bool,
    /// When the job is tried again that has to wait for something else; none where it has waited for too long.
    pub(super) retry_at: Option<Timestamp>,
    /// When a denied job is tried again; none where this denial fails it.
    pub(super) denied_until: Option<Timestamp>,
}

/// What a response means.
#[derive(Debug)]
pub(super) struct CallOutcome {
    pub(super) event: Event,
    pub(super) answer: AttemptAnswer,
    pub(super) operations: Vec<SentOperation>,
    pub(super) lane: LaneEvent,
}

/// What a response says about the lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LaneEvent {
    /// It exports.
    Accepted,
    /// It sends too fast.
    Throttled,
    /// It is in this trouble.
    Trouble(LaneTrouble, CallError),
    /// A job was denied for the first time: its own trouble or the lane's.
    Denied(CallError),
    /// A job was denied that had been denied before, and is to be called again.
    DeniedAgain(CallError),
    /// A job has failed of a second denial.
    DeniedForGood,
    /// The outcome is not known; the attempt, where it counts.
    Unconfirmed(CallError, Option<(JobId, u32)>),
    /// The service is up and knows the caller; the rest concerns the job.
    Responded,
}

/// Decides what a response means.
pub(super) fn interpret(result: Result<Accepted, CallError>, call: &CallCircumstances) -> CallOutcome {
    match result {
        Ok(accepted) => accept(accepted),
        Err(error) => refuse(error, call),
    }
}

fn accept(accepted: Accepted) -> CallOutcome {
    let Accepted { operations, request_id } = accepted;
    let trace = ExportRef { operation: followed(&operations), ..ExportRef::default() };
    let operations =
        operations.into_iter().map(|one| SentOperation { id: one.id, created_at: one.created_at }).collect();
    CallOutcome {
        event: Event::Accepted(trace),
        answer: AttemptAnswer { outcome: AttemptOutcome::Accepted, http_status: Some(200), request_id, failure: None },
        operations,
        lane: LaneEvent::Accepted,
    }
}

/// The operation to follow where a response has several: the one that calls itself an export.
fn followed(operations: &[Operation]) -> Option<OperationId> {
    let export = operations.iter().find(|one| one.kind == "ExportSnapshot");
    export.or(operations.first()).map(|one| one.id.clone())
}

fn refuse(error: CallError, call: &CallCircumstances) -> CallOutcome {
    let failure = Failure { code: error.code.clone(), message: error.message.clone() };
    let event = job_event(&error, failure.clone(), call);
    let outcome = if error.is_without_effect() { AttemptOutcome::Refused } else { AttemptOutcome::Ambiguous };
    let (http_status, request_id) = (error.http_status, error.request_id.clone());
    let counts = matches!(event, Event::OutcomeUnknown(_));
    CallOutcome {
        event,
        answer: AttemptAnswer { outcome, http_status, request_id, failure: Some(failure) },
        operations: Vec::new(),
        lane: lane_event(error, counts, call),
    }
}

fn job_event(error: &CallError, failure: Failure, call: &CallCircumstances) -> Event {
    match (error.class, call.retry_at) {
        (
            ErrorClass::Throttled
            | ErrorClass::Credentials
            | ErrorClass::LaneDenied
            | ErrorClass::CopyLimit
            | ErrorClass::Quota
            | ErrorClass::SetupInProgress
            | ErrorClass::Unreachable,
            _,
        ) => Event::RefusedByLane(failure),
        (ErrorClass::Denied, _) => Event::Denied(failure, call.denied_until),
        (ErrorClass::RetryLater, Some(retry_at)) => Event::RefusedForNow(failure, retry_at),
        (ErrorClass::RetryLater, None) | (ErrorClass::Permanent, _) => Event::RefusedForGood(failure),
        (ErrorClass::Ambiguous, _) if call.in_outage || error.trouble().is_some() => {
            Event::OutcomeUnknownInOutage(failure)
        }
        (ErrorClass::Ambiguous | ErrorClass::Unfamiliar, _) => Event::OutcomeUnknown(failure),
    }
}

fn lane_event(error: CallError, counts: bool, call: &CallCircumstances) -> LaneEvent {
    match (error.class, error.trouble()) {
        (ErrorClass::Denied, _) if call.denied_until.is_none() => LaneEvent::DeniedForGood,
        (ErrorClass::Denied, _) if call.denied_before => LaneEvent::DeniedAgain(error),
        (ErrorClass::Denied, _) => LaneEvent::Denied(error),
        // Reads are answered in this Region: none of them shows when exports will be.
        (_, Some(LaneTrouble::NotEnabled)) => LaneEvent::Trouble(LaneTrouble::Denied, error),
        (_, Some(trouble)) => LaneEvent::Trouble(trouble, error),
        (ErrorClass::Ambiguous, None) => LaneEvent::Unconfirmed(error, counts.then_some((call.job, call.attempt))),
        (ErrorClass::Throttled, None) => LaneEvent::Throttled,
        (_, None) => LaneEvent::Responded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::EntryStatus;

    const AT: Timestamp = Timestamp(60_000);

    const CALL: CallCircumstances = CallCircumstances {
        job: JobId(7),
        attempt: 3,
        in_outage: false,
        denied_before: false,
        retry_at: Some(AT),
        denied_until: Some(AT),
    };

    fn operation(id: &str, kind: &str) -> Operation {
        Operation {
            id: OperationId::new(id),
            kind: kind.to_owned(),
            resource_name: None,
            status: EntryStatus::UnderWay,
            created_at: None,
            error_code: None,
            error_details: None,
        }
    }

    #[test]
    fn of_several_operations_in_a_response_the_one_that_is_an_export_is_followed() {
        let (other, export) = (operation("op-1", "CreateDisk"), operation("op-2", "ExportSnapshot"));
        for (operations, followed) in [
            (vec![other.clone(), export.clone()], Some("op-2")),
            (vec![export, other.clone()], Some("op-2")),
            (vec![other], Some("op-1")),
            (Vec::new(), None),
        ] {
            let kept = operations.len();
            let outcome = interpret(Ok(Accepted { operations, request_id: None }), &CALL);
            let followed = followed.map(OperationId::new);
            assert_eq!(outcome.event, Event::Accepted(ExportRef { operation: followed, ..ExportRef::default() }));
            assert_eq!(outcome.operations.len(), kept);
        }
    }

    /// The job's event by its name, and the lane's.
    fn meaning(error: CallError, call: &CallCircumstances) -> (&'static str, LaneEvent) {
        let outcome = interpret(Err(error), call);
        (outcome.event.kind().as_str(), outcome.lane)
    }

    #[test]
    fn each_class_of_error_means_one_thing_for_the_job_and_one_for_the_lane() {
        let of = |class| CallError::new(class, "Code", "words");
        let trouble = |class, trouble| ("refused_by_lane", LaneEvent::Trouble(trouble, of(class)));
        for (class, meant) in [
            (ErrorClass::Throttled, ("refused_by_lane", LaneEvent::Throttled)),
            (ErrorClass::Credentials, trouble(ErrorClass::Credentials, LaneTrouble::Credentials)),
            (ErrorClass::LaneDenied, trouble(ErrorClass::LaneDenied, LaneTrouble::Denied)),
            (ErrorClass::CopyLimit, trouble(ErrorClass::CopyLimit, LaneTrouble::CopyLimit)),
            (ErrorClass::Quota, trouble(ErrorClass::Quota, LaneTrouble::Quota)),
            (ErrorClass::SetupInProgress, trouble(ErrorClass::SetupInProgress, LaneTrouble::Setup)),
            (ErrorClass::Unreachable, trouble(ErrorClass::Unreachable, LaneTrouble::Unreachable)),
            (ErrorClass::Denied, ("denied", LaneEvent::Denied(of(ErrorClass::Denied)))),
            (ErrorClass::RetryLater, ("refused_for_now", LaneEvent::Responded)),
            (ErrorClass::Permanent, ("refused_for_good", LaneEvent::Responded)),
            (ErrorClass::Unfamiliar, ("outcome_unknown", LaneEvent::Responded)),
            (
                ErrorClass::Ambiguous,
                ("outcome_unknown", LaneEvent::Unconfirmed(of(ErrorClass::Ambiguous), Some((JobId(7), 3)))),
            ),
        ] {
            assert_eq!(meaning(of(class), &CALL), meant);
        }
    }

    #[test]
    fn what_is_known_of_the_call_decides_with_the_class() {
        let of = |class| CallError::new(class, "Code", "words");
        let outage = CallCircumstances { in_outage: true, ..CALL };
        let unconfirmed = LaneEvent::Unconfirmed(of(ErrorClass::Ambiguous), None);
        assert_eq!(meaning(of(ErrorClass::Ambiguous), &outage), ("outcome_unknown_in_outage", unconfirmed));
        let off = CallError::new(ErrorClass::Credentials, "OptInRequired", "You are not subscribed to this service.");
        assert_eq!(meaning(off.clone(), &CALL).1, LaneEvent::Trouble(LaneTrouble::Denied, off));
        let too_long = CallCircumstances { retry_at: None, ..CALL };
        assert_eq!(meaning(of(ErrorClass::RetryLater), &too_long), ("refused_for_good", LaneEvent::Responded));
        let again = CallCircumstances { denied_before: true, ..CALL };
        assert_eq!(meaning(of(ErrorClass::Denied), &again).1, LaneEvent::DeniedAgain(of(ErrorClass::Denied)));
        let last = CallCircumstances { denied_until: None, ..again };
        assert_eq!(meaning(of(ErrorClass::Denied), &last).1, LaneEvent::DeniedForGood);
        // The outcome is open, and the words name what the lane has to wait for.
        let no_room = CallError::new(ErrorClass::Ambiguous, "Code", "Too many snapshot copies in progress");
        let trouble = LaneEvent::Trouble(LaneTrouble::CopyLimit, no_room.clone());
        assert_eq!(meaning(no_room, &CALL), ("outcome_unknown_in_outage", trouble));
    }
}
