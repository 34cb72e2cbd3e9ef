//! What an answer means for the job, by the error's class alone. Pure; the table stands in lightsail.md.

use super::temper::Answered;
use crate::domain::{Event, Failure, OperationId, Timestamp, Trace};
use crate::lightsail::{Accepted, CallError, ErrorClass, Operation};
use crate::queue::{Answer, AttemptOutcome, SentOperation};

/// What is to be written for an answer, and what the lane hears of it.
#[derive(Debug)]
pub(super) struct Ruling {
    pub(super) event: Event,
    pub(super) answer: Answer,
    pub(super) operations: Vec<SentOperation>,
    pub(super) heard: Answered,
}

/// Rules on an answer. `outage` says whether the lane is in one; `again_at` is when another attempt may be made where it has
/// to wait, nothing where it has waited for too long, and `denied_until` when one after a denial, which ends the job where there
/// is none.
pub(super) fn rule(
    result: Result<Accepted, CallError>,
    outage: bool,
    again_at: Option<Timestamp>,
    denied_until: Option<Timestamp>,
) -> Ruling {
    match result {
        Ok(accepted) => accept(accepted),
        Err(error) => refuse(error, outage, again_at, denied_until),
    }
}

fn accept(accepted: Accepted) -> Ruling {
    let Accepted { operations, request_id } = accepted;
    let trace = Trace { operation: followed(&operations), ..Trace::default() };
    let operations =
        operations.into_iter().map(|one| SentOperation { id: one.id, created_at: one.created_at }).collect();
    Ruling {
        event: Event::Accepted(trace),
        answer: Answer { outcome: AttemptOutcome::Accepted, http_status: Some(200), request_id, failure: None },
        operations,
        heard: Answered::Accepted,
    }
}

/// The operation to follow where an answer has several: the one that calls itself an export.
fn followed(operations: &[Operation]) -> Option<OperationId> {
    let export = operations.iter().find(|one| one.kind == "ExportSnapshot");
    export.or(operations.first()).map(|one| one.id.clone())
}

fn refuse(error: CallError, outage: bool, again_at: Option<Timestamp>, denied_until: Option<Timestamp>) -> Ruling {
    let CallError { class, code, message, request_id, http_status, .. } = error.clone();
    let failure = Failure { code, message };
    let (event, outcome) = match class {
        ErrorClass::Throttled
        | ErrorClass::Credentials
        | ErrorClass::LaneDenied
        | ErrorClass::CopyLimit
        | ErrorClass::Quota
        | ErrorClass::SetupInProgress
        | ErrorClass::Unreachable => (Event::RefusedByLane(failure.clone()), AttemptOutcome::Refused),
        ErrorClass::Denied => (Event::Denied(failure.clone(), denied_until), AttemptOutcome::Refused),
        ErrorClass::RetryLater | ErrorClass::Permanent => match again_at {
            Some(again_at) if class == ErrorClass::RetryLater => {
                (Event::RefusedForNow(failure.clone(), again_at), AttemptOutcome::Refused)
            }
            Some(_) | None => (Event::RefusedForGood(failure.clone()), AttemptOutcome::Refused),
        },
        ErrorClass::Ambiguous if outage || error.trouble().is_some() => {
            (Event::OutcomeUnknownInOutage(failure.clone()), AttemptOutcome::Ambiguous)
        }
        ErrorClass::Ambiguous | ErrorClass::Unfamiliar => {
            (Event::OutcomeUnknown(failure.clone()), AttemptOutcome::Ambiguous)
        }
    };
    Ruling {
        event,
        answer: Answer { outcome, http_status, request_id, failure: Some(failure) },
        operations: Vec::new(),
        heard: Answered::Refused(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lightsail::OperationStatus;

    fn operation(id: &str, kind: &str) -> Operation {
        Operation {
            id: OperationId::new(id),
            kind: kind.to_owned(),
            resource_name: None,
            status: OperationStatus::Started,
            terminal: false,
            created_at: None,
            error_code: None,
            error_details: None,
        }
    }

    #[test]
    fn of_several_operations_in_an_answer_the_one_that_is_an_export_is_followed() {
        let (other, export) = (operation("op-1", "CreateDisk"), operation("op-2", "ExportSnapshot"));
        for (operations, followed) in [
            (vec![other.clone(), export.clone()], Some("op-2")),
            (vec![export, other.clone()], Some("op-2")),
            (vec![other], Some("op-1")),
            (Vec::new(), None),
        ] {
            let kept = operations.len();
            let ruling = rule(Ok(Accepted { operations, request_id: None }), false, None, None);
            let followed = followed.map(OperationId::new);
            assert_eq!(ruling.event, Event::Accepted(Trace { operation: followed, ..Trace::default() }));
            assert_eq!(ruling.operations.len(), kept);
        }
    }
}
