//! Whether another attempt can help a failed job, by the code of its failure.

use crate::domain::{ErrorCode, Failure};
use crate::lightsail::{EXPORT_ACTION, ErrorClass, failed_operation};
use serde::Serialize;

/// Whether a retry can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAdvice {
    /// The cause was temporary.
    Yes,
    /// Once something else has been corrected.
    AfterChange,
    /// The code alone does not tell.
    Perhaps,
}

/// Whether a retry can help a job that failed with that code and message, and why.
pub fn advice(code: &str, message: &str) -> (RetryAdvice, String) {
    let (helps, text) = match code {
        ErrorCode::SNAPSHOT_NOT_FOUND | "NotFoundException" | "DoesNotExist" => (
            RetryAdvice::AfterChange,
            "a retry helps only once there is such a snapshot; correct name, Region or account in the file and enqueue it",
        ),
        ErrorCode::SNAPSHOT_IN_ERROR => {
            (RetryAdvice::AfterChange, "a retry helps only once the snapshot is usable; create a new one")
        }
        ErrorCode::NOT_TAKEN => (RetryAdvice::Yes, "a retry can help: Lightsail took none of the attempts"),
        ErrorCode::OUTCOME_UNKNOWN | ErrorCode::INTERRUPTED | ErrorCode::NO_END_SEEN => (
            RetryAdvice::Yes,
            "a retry can help: Lightsail's records are read first, and an export found there is adopted",
        ),
        ErrorCode::DUPLICATE_EXPORT | ErrorCode::LATE_EXPORT => {
            (RetryAdvice::Yes, "its snapshot was exported: a retry adopts that export and sends nothing")
        }
        ErrorCode::FAILED_BY_USER => (RetryAdvice::AfterChange, "a person marked it as failed; a retry overrules that"),
        ErrorCode::OPERATION_FAILED
        | "ServiceException"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "ServiceUnavailable"
        | "OperationFailureException" => (RetryAdvice::Yes, "a retry can help: the service failed, not the request"),
        _ => return by_class(code, message),
    };
    (helps, text.to_owned())
}

fn by_class(code: &str, message: &str) -> (RetryAdvice, String) {
    let error = failed_operation(&Failure::new(code, message));
    match error.class {
        ErrorClass::Denied
        | ErrorClass::LaneDenied
        | ErrorClass::Credentials
        | ErrorClass::Quota
        | ErrorClass::Permanent => {
            (RetryAdvice::AfterChange, format!("a retry helps after this: {}", error.advice(EXPORT_ACTION)))
        }
        ErrorClass::Throttled
        | ErrorClass::Ambiguous
        | ErrorClass::CopyLimit
        | ErrorClass::RetryLater
        | ErrorClass::SetupInProgress
        | ErrorClass::Unreachable => (RetryAdvice::Yes, "a retry can help: the cause was temporary".to_owned()),
        ErrorClass::Unfamiliar => (RetryAdvice::Perhaps, "a retry may help; see the message".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_whether_to_try_again() {
        for (code, helps) in [
            ("SnapshotNotFound", RetryAdvice::AfterChange),
            ("NotTaken", RetryAdvice::Yes),
            ("LateExport", RetryAdvice::Yes),
            ("AccessDeniedException", RetryAdvice::AfterChange),
            ("InvalidInputException", RetryAdvice::AfterChange),
            ("RequestTimeout", RetryAdvice::Yes),
            ("EBSLimit", RetryAdvice::Perhaps),
        ] {
            assert_eq!(advice(code, "a message").0, helps, "{code}");
        }
    }
}
