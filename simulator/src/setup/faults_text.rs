//! The names of faults: on the command line, in scripts and over the control endpoints.

use crate::api::errors::ErrorAnswer;
use crate::setup::faults::{Effect, Fault, FaultyAnswer, OperationFailure};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::str::FromStr;
use std::time::Duration;

/// Every name with what it does; those in capitals stand for what is to be filled in.
pub const FAULT_NAMES: [(&str, &str); 17] = [
    ("ok", "nothing goes wrong"),
    ("lost", "the export begins, the connection is closed without an answer"),
    ("lost-before", "the same, but the export does not begin"),
    ("truncated", "the export begins, the answer breaks off in the middle with its connection"),
    ("garbled", "the export begins, the answer is half a JSON"),
    ("html", "the export begins, the answer is 200 with HTML"),
    ("html-503", "the export begins, the answer is 503 with HTML"),
    ("outage", "503 with HTML, without effect"),
    ("slow[:DURATION]", "the export begins, the answer comes late (5s)"),
    ("twice", "the export begins, and at the same moment somebody in the console begins another of the snapshot"),
    ("lost-twice", "the same, and the connection is closed without an answer"),
    ("takes:DURATION", "accepted; the export takes so long"),
    (
        "operation-fails[:CODE]",
        "accepted, but the operation fails (InternalError); (DETAILS) at the end are its details",
    ),
    ("CODE", "this error without effect: ServiceException, ExpiredTokenException, AccessDeniedException..."),
    ("CODE:STATUS", "the same with an HTTP status of its own: SlowDown:429"),
    ("CODE(MESSAGE)", "the same with a message of its own: 'InvalidInputException(Please try again later.)'"),
    ("CODE+effect", "the same, but the export begins: ServiceException+effect, InternalFailure:500+effect"),
];

/// The text was no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no fault; there are {names}", names = FAULT_NAMES.map(|(name, _)| name).join(", "))]
pub struct UnknownFault(String);

impl FromStr for Fault {
    type Err = UnknownFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownFault(text.to_owned());
        let answered = |answer| Self { answer, ..Self::default() };
        let (plain, words) = apart(text);
        let (name, argument) = plain.split_once(':').unwrap_or((&plain, ""));
        let fault = match (name, argument, words) {
            ("ok", "", None) => Self::default(),
            ("lost", "", None) => answered(FaultyAnswer::Closed),
            ("lost-before", "", None) => Self { effect: Effect::Withheld, ..answered(FaultyAnswer::Closed) },
            ("truncated", "", None) => answered(FaultyAnswer::Truncated),
            ("garbled", "", None) => answered(FaultyAnswer::Garbled),
            ("html", "", None) => answered(FaultyAnswer::Html(200)),
            ("html-503", "", None) => answered(FaultyAnswer::Html(503)),
            ("outage", "", None) => Self { effect: Effect::Withheld, ..answered(FaultyAnswer::Html(503)) },
            ("slow", "", None) => Self { delay: Duration::from_secs(5), ..Self::default() },
            ("slow", span, None) => {
                let delay = humantime::parse_duration(span).map_err(|_| unknown())?;
                Self { delay, ..Self::default() }
            }
            ("twice", "", None) => Self { effect: Effect::Twice, ..Self::default() },
            ("lost-twice", "", None) => Self { effect: Effect::Twice, ..answered(FaultyAnswer::Closed) },
            ("takes", span, None) => {
                let takes = humantime::parse_duration(span).map_err(|_| unknown())?;
                Self { takes: Some(takes), ..Self::default() }
            }
            ("operation-fails", code, details) => {
                let code = if code.is_empty() { "InternalError" } else { code }.to_owned();
                let details = details.unwrap_or("The export could not be completed.").to_owned();
                Self { operation_failure: Some(OperationFailure { code, details }), ..Self::default() }
            }
            _ => return error(&plain, words).ok_or_else(unknown),
        };
        Ok(fault)
    }
}

/// What stands around the outermost parentheses, and what in them.
fn apart(text: &str) -> (String, Option<&str>) {
    match text.split_once('(').and_then(|(before, rest)| Some((before, rest.rsplit_once(')')?))) {
        Some((before, (words, after))) => (format!("{before}{after}"), Some(words)),
        None => (text.to_owned(), None),
    }
}

/// `CODE[:STATUS][+effect]`, and its message.
fn error(text: &str, words: Option<&str>) -> Option<Fault> {
    let (rest, effect) = match text.strip_suffix("+effect") {
        Some(rest) => (rest, Effect::Happens),
        None => (text, Effect::Withheld),
    };
    let (code, status) = match rest.split_once(':') {
        Some((code, status)) => (code, Some(status.parse().ok().filter(|status| (400..600).contains(status))?)),
        None => (rest, None),
    };
    let is_code = code.starts_with(|c: char| c.is_ascii_uppercase()) && code.chars().all(|c| c.is_ascii_alphanumeric());
    let mut error = ErrorAnswer::named(code);
    error.status = status.unwrap_or(error.status);
    if let Some(words) = words {
        words.clone_into(&mut error.message);
    }
    is_code.then_some(Fault { effect, answer: FaultyAnswer::Error(error), ..Fault::default() })
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Self::serialize(self, serializer)
    }
}

/// From its name, or from an object with its fields.
impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let fault = Value::deserialize(deserializer)?;
        match fault.as_str() {
            Some(name) => name.parse().map_err(D::Error::custom),
            None => Self::deserialize(fault).map_err(D::Error::custom),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_code_is_a_fault_with_a_status_and_an_effect_of_its_own() {
        let Ok(Fault { effect, answer: FaultyAnswer::Error(error), .. }) = "SlowDown:429+effect".parse() else {
            panic!("an error")
        };
        assert_eq!((effect, error.status, error.kind.as_str()), (Effect::Happens, 429, "SlowDown"));
        assert_eq!("ServiceException".parse::<Fault>().map(|fault| fault.effect), Ok(Effect::Withheld));
        for bad in
            ["", "lots", "lost:1", "SlowDown:200", "slow:often", "Service Exception", "lost(words)", "SlowDown(x"]
        {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_error_and_a_failed_operation_say_what_they_are_told_to() {
        let Ok(Fault { effect, answer: FaultyAnswer::Error(error), .. }) = "Odd:403(a (b) = c@d: e)+effect".parse()
        else {
            panic!("an error")
        };
        assert_eq!((effect, error.status, error.message.as_str()), (Effect::Happens, 403, "a (b) = c@d: e"));
        let failure = "operation-fails:Odd(no room)".parse::<Fault>().expect("a fault").operation_failure.expect("one");
        assert_eq!((failure.code.as_str(), failure.details.as_str()), ("Odd", "no room"));
    }

    #[test]
    fn a_fault_is_a_name_or_an_object_in_json_and_comes_back_as_it_was() {
        let named: Fault = serde_json::from_str(r#""slow:3s""#).expect("a name");
        assert_eq!(named.delay, Duration::from_secs(3));
        let text =
            r#"{"effect":"withheld","answer":{"error":{"__type":"Odd","status":418}},"delay":"1s","takes":"2h"}"#;
        let fault: Fault = serde_json::from_str(text).expect("an object");
        let again = serde_json::to_string(&fault).and_then(|text| serde_json::from_str(&text)).expect("a round trip");
        assert_eq!((fault.delay, fault.clone()), (Duration::from_secs(1), again));
        assert!(serde_json::from_str::<Fault>(r#"{"efect":"withheld"}"#).is_err());
    }
}
