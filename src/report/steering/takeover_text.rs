//! A database that is a copy, in words: how old it is, and what is not in it.

use crate::domain::Timestamp;
use crate::queue::Takeover;
use crate::report::layout::words::{moment, span, time};
use serde_json::{Value, json};
use std::time::Duration;

/// What a takeover holds back until when, and what a person has to know of any copy.
pub(in crate::report) fn takeover_text(takeover: &Takeover, whose: &str, left: Duration, now: Timestamp) -> String {
    let copy = match takeover.written_at {
        Some(at) => format!("a copy that was {} old", span(takeover.found_at.since(at))),
        None => "a copy of unknown age".to_owned(),
    };
    format!(
        "the database was taken over from {copy} ({}): nothing{whose} is sent before a daemon has waited {} more, at {} \
         at the earliest; what people did after the copy was made (cancel, pause) is not in it: repeat it now",
        takeover.cause.text(),
        span(left),
        moment(now.after(left))
    )
}

/// A takeover as JSON, with the time until which the last of the lanes waits.
pub(in crate::report) fn takeover_json(takeover: &Takeover, until: Option<Timestamp>, now: Timestamp) -> Value {
    json!({
        "found_at": takeover.found_at.to_string(),
        "cause": takeover.cause.as_str(),
        "copy_written_at": time(takeover.written_at),
        "waived": takeover.waived,
        "waits_until": time(until),
        "left_ms": until.map(|until| u64::try_from(until.since(now).as_millis()).unwrap_or(u64::MAX)),
    })
}
