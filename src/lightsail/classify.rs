//! From what came over the wire to what it means. Pure; decides on code strings, messages and status, never on the SDK's
//! typed variants, because the SDK types an error by one of three strings that need not agree. What a failed operation says
//! of itself goes through the same table. `advice` makes the way out of it.

use super::advice::{EXPORT_ACTION, clock_is_off, is_account_blocked, named_actions};
use super::{CallError, ErrorClass};
use crate::domain::{Failure, Limit};
use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use serde_json::Value;

/// What an answer other than a readable success brought.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ErrorEvidence<'a> {
    /// The status.
    pub status: u16,
    /// The header `x-amzn-errortype`.
    pub header: Option<&'a str>,
    /// The body as it came, as far as it came.
    pub body: &'a [u8],
    /// The header `x-amzn-requestid`.
    pub request_id: Option<&'a str>,
    /// Seconds by which the request was signed later than the answer says that it was sent.
    pub clock_ahead: Option<i64>,
}

// Lists whose codes ask for care have them without the ending "Exception", and know them with it too. The others are exact: a
// proxy's `NotFound` is not Lightsail's.

/// Throttles that the SDK's list does not have.
const MORE_THROTTLES: [&str; 1] = ["TooManyRequests"];
/// The SDK calls these throttles, meaning that they are worth a retry; they say that a request like this one is under way.
const UNDER_WAY: [&str; 2] = ["PriorRequestNotComplete", "TransactionInProgress"];
const UNCERTAIN: [&str; 6] =
    ["Service", "OperationFailure", "InternalFailure", "InternalError", "InternalServerError", "ServiceUnavailable"];
const CREDENTIALS: [&str; 15] = [
    "Unauthenticated",
    "ExpiredToken",
    "RequestExpired",
    "UnrecognizedClient",
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "InvalidToken",
    "TokenRefreshRequired",
    "InvalidSignature",
    "SignatureDoesNotMatch",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "AuthFailure",
    "RequestTimeTooSkewed",
    "OptInRequired",
];
const DENIED: [&str; 6] = [
    "AccessDeniedException",
    "AccessDenied",
    "UnauthorizedOperation",
    "UnauthorizedException",
    "NotAuthorized",
    "NotAuthorizedException",
];
const SETUP: [&str; 2] = ["AccountSetupInProgress", "RegionSetupInProgress"];
const INVALID_INPUT: &str = "InvalidInputException";
const NOT_FOUND: [&str; 3] = ["NotFoundException", "DoesNotExist", "ResourceNotFoundException"];

/// Refusals of the request itself: Lightsail's, AWS's common errors, and EC2's for what cannot be copied at all (EC2 API
/// Reference, "Error codes"). A code that is in no list says nothing certain, and is reconciled.
const PERMANENT: [&str; 19] = [
    INVALID_INPUT,
    "UnsupportedOperation",
    "UnsupportedOperationException",
    "ValidationException",
    "ValidationError",
    "SerializationException",
    "UnknownOperationException",
    "InvalidAction",
    "MissingAction",
    "InvalidParameter",
    "InvalidParameterException",
    "InvalidParameterValue",
    "InvalidParameterValueException",
    "InvalidParameterCombination",
    "MissingParameter",
    "MalformedQueryString",
    "NameExists",
    "InvalidSnapshot.NotFound",
    "InvalidSnapshot.InUse",
];

/// With these words an `InvalidInputException` means "not now". Seen in public threads; compared in lower case.
const NOT_NOW: [&str; 3] = ["try again later", "try again in a few", "before trying again"];

/// Whether a code says that there is no such thing.
pub(super) fn is_not_found(code: &str) -> bool {
    NOT_FOUND.contains(&code)
}

/// Makes an error of a response. Where the strings disagree, the one that asks for more care decides.
pub(super) fn classify(evidence: &ErrorEvidence<'_>) -> CallError {
    let body: Value = serde_json::from_slice(evidence.body).unwrap_or(Value::Null);
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let candidates: Vec<&str> = [evidence.header, text("code"), text("__type")]
        .into_iter()
        .flatten()
        .map(bare)
        .filter(|c| !c.is_empty())
        .collect();
    let said = ["message", "Message", "errorMessage"].into_iter().find_map(text).unwrap_or_default();

    let said_if_any = (!body.is_null()).then_some(said);
    let (class, deciding) = decide(evidence.status, &candidates, said_if_any, evidence.clock_ahead);
    let code = deciding.map_or_else(|| format!("Http{}", evidence.status), ToOwned::to_owned);
    let others: Vec<&str> = candidates.iter().copied().filter(|other| *other != code).collect();
    let message = match (said.is_empty(), others.first()) {
        (false, None) => said.to_owned(),
        (false, Some(other)) => format!("{said} ({other})"),
        (true, _) if deciding.is_some() => format!("HTTP {} without a message", evidence.status),
        (true, _) => format!("HTTP {} without an error of Lightsail's", evidence.status),
    };
    let mut error = CallError::new(class, code, message);
    error.http_status = Some(evidence.status);
    error.clock_ahead = evidence.clock_ahead;
    error.request_id = evidence.request_id.map(|id| id.chars().filter(char::is_ascii_graphic).take(128).collect());
    error
}

/// What a failed operation says of itself, as an error: the same codes and words mean the same there. Only that it asks to
/// wait is said with other codes too, or with none.
pub fn failed_operation(failure: &Failure) -> CallError {
    let (code, message) = (failure.code.as_str(), failure.message.as_str());
    let (class, _) = decide(400, &[code], Some(message), None);
    let mut error = CallError::new(class, code, message);
    let open = matches!(class, ErrorClass::Ambiguous | ErrorClass::Unfamiliar | ErrorClass::Permanent);
    if open && error.trouble().is_none() && asks_to_wait(message) {
        error.class = ErrorClass::RetryLater;
    }
    error
}

fn asks_to_wait(message: &str) -> bool {
    let message = message.to_lowercase();
    NOT_NOW.iter().any(|words| message.contains(words))
}

/// Whether a refusal with this code and status was for coming too fast.
pub fn is_throttle(code: &str, status: Option<u16>) -> bool {
    let listed = THROTTLING_ERRORS.contains(&code) && !UNDER_WAY.contains(&plain(code));
    listed || MORE_THROTTLES.contains(&plain(code)) || status == Some(429)
}

/// The class, and the code that decided it, if one did; `said` is the message, nothing where the body cannot be read.
fn decide<'a>(
    status: u16,
    candidates: &[&'a str],
    said: Option<&str>,
    clock_ahead: Option<i64>,
) -> (ErrorClass, Option<&'a str>) {
    let that = |fits: &dyn Fn(&str) -> bool| candidates.iter().copied().find(|code| fits(code));
    let among = |known: &[&str]| that(&|code| known.contains(&plain(code)));
    let exactly = |known: &[&str]| that(&|code| known.contains(&code));
    let first = candidates.first().copied();
    let message = said.unwrap_or_default();

    if status < 400 {
        // A success that cannot be read, or a redirect: not Lightsail's refusal, whatever it is.
        return (ErrorClass::Ambiguous, first);
    }
    if let Some(code) = among(&UNCERTAIN).or_else(|| among(&UNDER_WAY)).or_else(|| among(TRANSIENT_ERRORS)) {
        return (ErrorClass::Ambiguous, Some(code));
    }
    let throttle = that(&|code| is_throttle(code, None));
    // A throttle may speak of a quota too, of requests; of copies none speaks.
    let fits = |limit: &Limit| status < 500 && (throttle.is_none() || *limit == Limit::Copies);
    let limit_in_words = Limit::in_words(message).filter(fits);
    // EC2 and S3 send their throttles as 503: the code says that nothing was done.
    if let Some(code) = throttle.filter(|_| limit_in_words.is_none()) {
        return (ErrorClass::Throttled, Some(code));
    }
    if status >= 500 {
        return (ErrorClass::Ambiguous, first);
    }
    if status == 429 {
        return (ErrorClass::Throttled, first);
    }
    if let Some(code) = among(&CREDENTIALS) {
        return (ErrorClass::Credentials, Some(code));
    }
    if let Some(code) = among(&SETUP) {
        return (ErrorClass::SetupInProgress, Some(code));
    }
    let denied = exactly(&DENIED);
    if let Some(code) = first
        && limit_in_words.is_none()
        && is_account_blocked(code, message)
    {
        return (ErrorClass::LaneDenied, denied.or(first));
    }
    if let Some(code) = denied {
        let actions = named_actions(message);
        let class = if clock_is_off(code, message, clock_ahead) {
            ErrorClass::Credentials
        } else if !actions.is_empty() && !actions.contains(&EXPORT_ACTION) {
            ErrorClass::LaneDenied
        } else {
            ErrorClass::Denied
        };
        return (class, Some(code));
    }
    let by_code = that(&|code| Limit::of_code(code).is_some());
    if let Some(limit) = limit_in_words.or_else(|| by_code.and_then(Limit::of_code)) {
        return (limit.into(), by_code.or(first));
    }
    if let Some(code) = exactly(&[INVALID_INPUT]) {
        // Without its message it may be either: a retry will tell.
        let not_now = said.is_none_or(asks_to_wait);
        return (if not_now { ErrorClass::RetryLater } else { ErrorClass::Permanent }, Some(code));
    }
    match (exactly(&NOT_FOUND[..1]).or_else(|| exactly(&NOT_FOUND)).or_else(|| exactly(&PERMANENT)), first, status) {
        (Some(code), _, _) => (ErrorClass::Permanent, Some(code)),
        (None, Some(code), _) => (ErrorClass::Unfamiliar, Some(code)),
        // Without a code this is not Lightsail's word but that of something in between, which refuses every job.
        (None, None, 401 | 403 | 407) => (ErrorClass::LaneDenied, None),
        (None, None, _) => (ErrorClass::Ambiguous, None),
    }
}

fn plain(code: &str) -> &str {
    code.strip_suffix("Exception").unwrap_or(code)
}

/// The bare code of `aws.lightsail#Code:http://...`.
fn bare(text: &str) -> &str {
    let text = text.split_once(':').map_or(text, |(before, _)| before);
    text.rsplit_once('#').map_or(text, |(_, after)| after).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRY_AGAIN: &str = "We cannot do that now. Please try again in a few minutes.";
    const COPIES: &str = "Too many snapshot copies in progress. The limit is 5 for this destination region";
    const WAIT: &str = "An export is under way. Please wait for it to complete before trying again";

    fn class_of(status: u16, header: Option<&str>, body: &str) -> (ErrorClass, String) {
        let error = classify(&ErrorEvidence { status, header, body: body.as_bytes(), ..ErrorEvidence::default() });
        (error.class, error.code.as_str().to_owned())
    }

    fn body(kind: &str, message: &str) -> String {
        serde_json::json!({ "__type": kind, "message": message }).to_string()
    }

    #[test]
    fn every_line_of_the_table() {
        use ErrorClass::{
            Ambiguous, CopyLimit, Credentials, Denied, LaneDenied, Permanent, Quota, RetryLater, SetupInProgress,
            Throttled, Unfamiliar,
        };
        for (status, code, message, class) in [
            (500, "ServiceException", "", Ambiguous),
            (400, "ServiceException", "", Ambiguous),
            (400, "ThrottlingException", "Rate exceeded", Throttled),
            (400, "Throttling", "", Throttled),
            (400, "RequestLimitExceeded", "", Throttled),
            (503, "RequestLimitExceeded", "", Throttled),
            (400, "TooManyRequestsException", "", Throttled),
            (503, "SlowDown", "", Throttled),
            (429, "SomethingElse", "", Throttled),
            (400, "OperationFailureException", "", Ambiguous),
            (400, "InvalidInputException", "No.", Permanent),
            (400, "InvalidInputException", TRY_AGAIN, RetryLater),
            (400, "InvalidInputException", WAIT, RetryLater),
            (400, "NotFoundException", "", Permanent),
            (400, "NotFoundException", TRY_AGAIN, Permanent),
            (400, "UnsupportedOperation", "", Permanent),
            (400, "AccessDeniedException", "", Denied),
            (400, "UnauthenticatedException", "", Credentials),
            (403, "ExpiredTokenException", "", Credentials),
            (400, "UnrecognizedClientException", "", Credentials),
            (403, "InvalidClientTokenId", "", Credentials),
            (403, "InvalidSignatureException", "", Credentials),
            (400, "AccountSetupInProgressException", "", SetupInProgress),
            (400, "RegionSetupInProgressException", "", SetupInProgress),
            (400, "NeverSeenException", "", Unfamiliar),
            (404, "NotFound", "", Unfamiliar),
            (401, "Unauthorized", "", Unfamiliar),
            (400, "InvalidInput", "", Unfamiliar),
            (409, "NeverSeenException", TRY_AGAIN, Unfamiliar),
            (400, "EC2ThrottledException", "", Throttled),
            (400, "ProvisionedThroughputExceededException", "", Throttled),
            (400, "LimitExceededException", "", Throttled),
            (400, "LimitExceededException", COPIES, CopyLimit),
            (400, "BandwidthLimitExceeded", "", Throttled),
            (400, "ThrottlingException", "Request rate quota exceeded", Throttled),
            (400, "ThrottlingException", "Too many concurrent requests", Throttled),
            (400, "RequestLimitExceeded", "Pending snapshot limit exceeded", CopyLimit),
            (429, "Odd", "Request rate quota exceeded", Throttled),
            (400, "PriorRequestNotComplete", "", Ambiguous),
            (400, "TransactionInProgressException", "", Ambiguous),
            (400, "RequestTimeout", "", Ambiguous),
            (408, "RequestTimeoutException", "", Ambiguous),
            (400, "InvalidInputException", "We cannot do that now. Please try again later.", RetryLater),
            (400, "InvalidInputException", COPIES, CopyLimit),
            (400, "ResourceLimitExceeded", "", CopyLimit),
            (400, "SnapshotCreationPerVolumeRateExceeded", "", CopyLimit),
            (500, "InvalidInputException", COPIES, Ambiguous),
            (400, "OperationFailureException", COPIES, Ambiguous),
            (400, "InvalidInputException", "Maximum number of snapshots (100000) reached", Quota),
            (400, "SnapshotLimitExceeded", "", Quota),
            (400, "ResourceLimitExceeded", "You have reached your quota of images", Quota),
            (400, "AccessDeniedException", "not authorized to perform: iam:CreateServiceLinkedRole", LaneDenied),
            (400, "AccessDeniedException", "not authorized to perform: lightsail:ExportSnapshot on x", Denied),
            (400, "UnauthorizedException", "", Denied),
            (400, "InvalidInputException", "Your account is currently blocked.", LaneDenied),
            (400, "Blocked", "", LaneDenied),
            (403, "OptInRequired", "", Credentials),
            (500, "NeverSeenException", "", Ambiguous),
            (500, "AccessDeniedException", "", Ambiguous),
        ] {
            assert_eq!(class_of(status, None, &body(code, message)), (class, code.to_owned()), "{status} {code}");
        }
    }

    #[test]
    fn an_answer_without_a_code_goes_by_its_status() {
        for (status, class) in [
            (200, ErrorClass::Ambiguous),
            (302, ErrorClass::Ambiguous),
            (400, ErrorClass::Ambiguous),
            (401, ErrorClass::LaneDenied),
            (403, ErrorClass::LaneDenied),
            (407, ErrorClass::LaneDenied),
            (408, ErrorClass::Ambiguous),
            (429, ErrorClass::Throttled),
            (502, ErrorClass::Ambiguous),
        ] {
            assert_eq!(class_of(status, None, "<html>"), (class, format!("Http{status}")));
            assert_eq!(class_of(status, None, ""), (class, format!("Http{status}")));
        }
    }

    #[test]
    fn what_a_failed_operation_says_counts_whatever_its_code() {
        let class_of = |code: &str, message: &str| failed_operation(&Failure::new(code, message)).class;
        for code in ["OperationFailed", "Odd", "UnsupportedOperation", "InternalError"] {
            assert_eq!(class_of(code, WAIT), ErrorClass::RetryLater, "{code}");
        }
        assert_eq!(class_of("OperationFailed", "No."), ErrorClass::Unfamiliar);
        assert_eq!(class_of("RequestLimitExceeded", TRY_AGAIN), ErrorClass::Throttled);
        assert_eq!(class_of("ResourceLimitExceeded", TRY_AGAIN), ErrorClass::CopyLimit);
    }

    #[test]
    fn all_three_strings_are_heard() {
        let both = r#"{"code":"DoesNotExist","__type":"com.amazonaws.lightsail#NotFoundException","message":"m"}"#;
        let error = classify(&ErrorEvidence { status: 400, body: both.as_bytes(), ..ErrorEvidence::default() });
        assert_eq!((error.class, error.code.as_str()), (ErrorClass::Permanent, "NotFoundException"));
        assert_eq!(error.message, "m (DoesNotExist)");
        assert!(error.is_not_found());

        let both = format!(r#"{{"code":"UnsupportedOperation","__type":"InvalidInputException","message":"{WAIT}"}}"#);
        assert_eq!(class_of(400, None, &both), (ErrorClass::RetryLater, "InvalidInputException".to_owned()));
        let header = Some("ThrottlingException:http://internal.amazon.com/");
        assert_eq!(class_of(400, header, ""), (ErrorClass::Throttled, "ThrottlingException".to_owned()));
        let uncertain = body("ServiceException", "");
        assert_eq!(
            class_of(400, Some("InvalidInputException"), &uncertain),
            (ErrorClass::Ambiguous, "ServiceException".to_owned()),
        );
        assert_eq!(class_of(400, None, r#"{"code":7,"__type":null}"#).0, ErrorClass::Ambiguous);
    }
}
