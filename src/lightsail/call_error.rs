//! Why a call brought no result, as a class that the callers decide on. Which answer belongs to which class is decided
//! in `classify`.

use super::advice::{NOT_ENABLED, advice, clock_is_off};
use crate::domain::{ErrorCode, LaneTrouble, Limit};

/// Our own codes, for trouble that carries none of Lightsail's.
pub mod codes {
    /// No answer within the time allowed.
    pub const TIMED_OUT: &str = "TimedOut";
    /// The connection ended before the answer came.
    pub const CONNECTION_LOST: &str = "ConnectionLost";
    /// An answer that could not be read.
    pub const BROKEN_ANSWER: &str = "BrokenAnswer";
    /// No connection could be made: refused, no such host, TLS.
    pub const UNREACHABLE: &str = "Unreachable";
    /// There are no credentials, or their provider failed.
    pub const NO_CREDENTIALS: &str = "NoCredentials";
    /// The settings have no such account: it is not known whose credentials to take.
    pub const NO_ACCOUNT: &str = "NoAccount";
    /// The credentials in use have not shown whose they are; an export did not leave.
    pub const ACCOUNT_NOT_SHOWN: &str = "AccountNotShown";
    /// The request could not be built, and never left.
    pub const NOT_SENT: &str = "NotSent";
}

/// What an error means for the job and for its lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// Refused for coming too fast; no effect. Job: no attempt used. Lane: slow down.
    Throttled,
    /// It is not known whether it was taken: 5xx, `ServiceException`, `OperationFailureException`, an unreadable 200, a
    /// time-out, a connection lost after the request may have left. Job: unknown, settled from the ledger. Lane: five
    /// in a row are an outage. A read has no effect: read again.
    Ambiguous,
    /// A refusal (4xx) with a code that no list knows: it says nothing certain. Job: unknown, settled from the ledger,
    /// attempt used. Lane: the service is up.
    Unfamiliar,
    /// Refused without effect because EC2 has too many copies under way. Job: no attempt used, tried again later. Lane: fewer at
    /// once for a while.
    CopyLimit,
    /// Refused without effect because a quota of the account is used up. Job: no attempt used. Lane: held for a person.
    Quota,
    /// Refused without effect because something else is under way. Job: no attempt used, tried again later, for as long as
    /// an export may take. Lane: nothing.
    RetryLater,
    /// Refused without effect, for good. Job: failed. Lane: nothing.
    Permanent,
    /// Access denied, without effect. Job: failed as denied, unless it is the lane's trouble. Lane: three in a row ask
    /// for a probe with another job.
    Denied,
    /// Denied for what no snapshot can be the cause of, such as another action or a blocked account; no effect. Job: no
    /// attempt used. Lane: blocked, and probed with one job.
    LaneDenied,
    /// Credentials missing, expired or wrong; no effect. Job: no attempt used. Lane: blocked, and probed until they work.
    Credentials,
    /// Account or Region are still being set up; no effect. Job: no attempt used. Lane: waits some minutes.
    SetupInProgress,
    /// No connection: refused, unknown host, TLS; never sent. Job: no attempt used. Lane: backs off.
    Unreachable,
}

/// A call that brought no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct CallError {
    /// What it means.
    pub class: ErrorClass,
    /// The code that decided the class: the service's, or one of [`codes`], or `Http503` and the like.
    pub code: ErrorCode,
    /// What the service said: one line, at most [`CallError::LONGEST`] characters, secrets cut out.
    pub message: String,
    /// The id of the request at AWS.
    pub request_id: Option<String>,
    /// The status, if there was an answer.
    pub http_status: Option<u16>,
    /// Seconds by which this machine's clock is ahead of the service's, where the response shows it.
    pub clock_ahead: Option<i64>,
}

impl CallError {
    /// Characters that a message has at most.
    pub const LONGEST: usize = 500;

    /// An error with a text from anywhere: the text is made fit to be kept and shown.
    pub fn new(class: ErrorClass, code: impl AsRef<str>, message: impl AsRef<str>) -> Self {
        let message = presentable(message.as_ref());
        Self { class, code: ErrorCode::new(code), message, request_id: None, http_status: None, clock_ahead: None }
    }

    /// What to do about it; `usual` is the action that such a call needs.
    pub fn advice(&self, usual: &str) -> String {
        advice(self, usual)
    }

    /// The trouble of the lane that it tells of, if it is the lane's.
    pub fn trouble(&self) -> Option<LaneTrouble> {
        match self.class {
            ErrorClass::Credentials if self.code.as_str() == codes::ACCOUNT_NOT_SHOWN => Some(LaneTrouble::Identity),
            ErrorClass::Credentials if clock_is_off(self.code.as_str(), &self.message, self.clock_ahead) => {
                Some(LaneTrouble::Clock)
            }
            ErrorClass::Credentials if self.code.as_str() == NOT_ENABLED => Some(LaneTrouble::NotEnabled),
            ErrorClass::Credentials => Some(LaneTrouble::Credentials),
            ErrorClass::Denied | ErrorClass::LaneDenied => Some(LaneTrouble::Denied),
            ErrorClass::SetupInProgress => Some(LaneTrouble::Setup),
            ErrorClass::Unreachable => Some(LaneTrouble::Unreachable),
            ErrorClass::CopyLimit => Some(LaneTrouble::CopyLimit),
            ErrorClass::Quota => Some(LaneTrouble::Quota),
            // The outcome of the call is one thing, what the lane has to wait for another.
            ErrorClass::Ambiguous => Limit::in_words(&self.message).map(|limit| match limit {
                Limit::Copies => LaneTrouble::CopyLimit,
                Limit::Quota => LaneTrouble::Quota,
            }),
            ErrorClass::Throttled | ErrorClass::Unfamiliar | ErrorClass::RetryLater | ErrorClass::Permanent => None,
        }
    }

    /// What is said of a lane that it blocks.
    pub fn with_advice(&self, usual: &str) -> String {
        format!("{}. {self}", self.advice(usual))
    }

    /// Whether the service says that there is no such thing.
    pub fn is_not_found(&self) -> bool {
        self.class == ErrorClass::Permanent && super::classify::is_not_found(self.code.as_str())
    }

    /// Whether it is certain that the call had no effect.
    pub fn is_without_effect(&self) -> bool {
        !matches!(self.class, ErrorClass::Ambiguous | ErrorClass::Unfamiliar)
    }
}

impl From<Limit> for ErrorClass {
    fn from(limit: Limit) -> Self {
        match limit {
            Limit::Copies => Self::CopyLimit,
            Limit::Quota => Self::Quota,
        }
    }
}

/// One line, without control characters, secrets and excess length.
fn presentable(text: &str) -> String {
    // A refused signature quotes the whole canonical request, session token included.
    let text = text.split_once("The Canonical String").map_or(text, |(before, _)| before);
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<String> = plain.split_whitespace().map(without_secret).collect();
    let line = words.join(" ");
    if line.chars().count() <= CallError::LONGEST {
        return line;
    }
    line.chars().take(CallError::LONGEST - 3).chain("...".chars()).collect()
}

/// Cuts out access keys, and any run as long as a secret key or a token and of the same alphabet. A name cannot be
/// taken for one: where it is as long, it has dashes, dots or colons in it, or it loses its middle here and nowhere
/// else.
fn without_secret(word: &str) -> String {
    // A secret access key has 40 characters of base64.
    const AS_LONG_AS_A_SECRET: usize = 40;
    let in_alphabet = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let mut kept = String::with_capacity(word.len());
    for run in word.split_inclusive(|c| !in_alphabet(c)) {
        let body = run.trim_end_matches(|c| !in_alphabet(c));
        let tail = run.get(body.len()..).unwrap_or_default();
        let access_key = body.len() == 20 && (body.starts_with("AKIA") || body.starts_with("ASIA"));
        let looks_mixed = body.chars().any(|c| c.is_ascii_lowercase()) && body.chars().any(|c| c.is_ascii_uppercase());
        if access_key || (body.len() >= AS_LONG_AS_A_SECRET && looks_mixed) {
            kept.push_str("[cut]");
        } else {
            kept.push_str(body);
        }
        kept.push_str(tail);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_short_line() {
        let error = CallError::new(ErrorClass::Permanent, "X", "a\r\n\tb \u{7}c");
        assert_eq!(error.message, "a b c");
        let error = CallError::new(ErrorClass::Permanent, "X", "ü ".repeat(1000));
        assert_eq!(error.message.chars().count(), CallError::LONGEST);
    }

    #[test]
    fn secrets_are_cut_and_names_are_not() {
        let show = |text: &str| CallError::new(ErrorClass::Denied, "X", text).message;
        assert_eq!(show("key AKIAIOSFODNN7EXAMPLE."), "key [cut].");
        assert_eq!(show("secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY, ok"), "secret [cut], ok");
        assert_eq!(show("token:IQoJb3JpZ2luX2VjEAAaCXVzLWVhc3QtMSJHMEUCIQDabc=="), "token:[cut]");
        let refused = "The request signature does not match.\n\nThe Canonical String for this request was 'x'";
        assert_eq!(show(refused), "The request signature does not match.");
        let arn = "arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/5ff4c1f6-0f8a-4b6e-8f0c-1c1f4f3f9a10";
        assert_eq!(show(arn), arn);
    }
}
