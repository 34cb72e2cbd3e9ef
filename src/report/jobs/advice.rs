//! Whether another attempt can help a failed job, by the code of its failure.

use crate::domain::{ErrorCode, Failure};
use crate::lightsail::{EXPORT_ACTION, ErrorClass, failed_operation};

/// Whether a retry can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAdvice {
    /// What failed it was of that moment.
    Yes,
    /// Once something else has been put right.
    AfterChange,
    /// Nobody can say by the code alone.
    Perhaps,
}

impl RetryAdvice {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::AfterChange => "after_change",
            Self::Perhaps => "perhaps",
        }
    }
}

/// Whether a retry can help a job that failed with that code and message, and why.
pub fn advice(code: &str, message: &str) -> (RetryAdvice, String) {
    let (helps, said) = match code {
        ErrorCode::SNAPSHOT_NOT_FOUND | "NotFoundException" | "DoesNotExist" => (
            RetryAdvice::AfterChange,
            "a retry helps only once there is a snapshot of that name; put name, Region or account right in the file \
             and enqueue it",
        ),
        ErrorCode::SNAPSHOT_IN_ERROR => {
            (RetryAdvice::AfterChange, "a retry helps only once the snapshot itself is sound; take another one")
        }
        ErrorCode::NOT_TAKEN => (RetryAdvice::Yes, "a retry can help: every attempt was proven not to have been taken"),
        ErrorCode::OUTCOME_UNKNOWN | ErrorCode::INTERRUPTED | ErrorCode::NO_END_SEEN => {
            (RetryAdvice::Yes, "a retry can help: the ledger is read first, and what was exported is adopted")
        }
        ErrorCode::DUPLICATE_EXPORT | ErrorCode::LATE_EXPORT => {
            (RetryAdvice::Yes, "there is an export of it: a retry takes that over and sends nothing")
        }
        ErrorCode::FAILED_BY_USER => {
            (RetryAdvice::AfterChange, "a person decided that it has failed; a retry overrules that")
        }
        ErrorCode::OPERATION_FAILED
        | "ServiceException"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "ServiceUnavailable"
        | "OperationFailureException" => (RetryAdvice::Yes, "a retry can help: the service failed, not the request"),
        _ => return by_class(code, message),
    };
    (helps, said.to_owned())
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
        | ErrorClass::Unreachable => {
            (RetryAdvice::Yes, "a retry can help: what failed it was of that moment".to_owned())
        }
        ErrorClass::Unfamiliar => (RetryAdvice::Perhaps, "a retry may help: the message says more".to_owned()),
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
            assert_eq!(advice(code, "said").0, helps, "{code}");
        }
    }
}
