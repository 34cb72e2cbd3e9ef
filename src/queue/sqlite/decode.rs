//! From the database's values to the domain's, where what cannot be read is an error that names the column, and rows into JSON.

use crate::domain::{
    AccountLabel, AccountNumber, BatchName, ErrorCode, Hold, JobState, Lane, Region, SnapshotName, Timestamp,
};
use crate::queue::error::QueueError;
use serde::Serialize;

pub(in crate::queue) fn corrupt(what: &'static str, value: impl Into<String>) -> QueueError {
    QueueError::Corrupt { what, value: value.into() }
}

pub(in crate::queue) fn lane(account: &str, region: &str) -> Result<Lane, QueueError> {
    let account = AccountLabel::parse(account).map_err(|_| corrupt("an account", account))?;
    let region = Region::parse(region).map_err(|_| corrupt("a Region", region))?;
    Ok(Lane { account, region })
}

pub(in crate::queue) fn account_number(text: Option<String>) -> Result<Option<AccountNumber>, QueueError> {
    text.map(|text| AccountNumber::parse(&text).map_err(|_| corrupt("an account number", text))).transpose()
}

pub(in crate::queue) fn batch_name(text: String) -> Result<BatchName, QueueError> {
    BatchName::parse(&text).map_err(|_| corrupt("a batch's name", text))
}

pub(in crate::queue) fn snapshot_name(text: &str) -> Result<SnapshotName, QueueError> {
    SnapshotName::parse(text).map_err(|_| corrupt("a snapshot's name", text))
}

pub(in crate::queue) fn state(text: &str) -> Result<JobState, QueueError> {
    JobState::parse(text).ok_or_else(|| corrupt("a job's state", text))
}

pub(in crate::queue) fn hold(text: Option<String>) -> Result<Option<Hold>, QueueError> {
    text.map(|text| Hold::parse(&text).ok_or_else(|| corrupt("a job's hold", text))).transpose()
}

/// A JSON array of texts: the names of the carried columns, or a row's values.
pub(in crate::queue) fn texts(what: &'static str, json: Option<String>) -> Result<Vec<String>, QueueError> {
    json.map_or(Ok(Vec::new()), |json| serde_json::from_str(&json).map_err(|_| corrupt(what, json)))
}

pub(in crate::queue) fn json<T: Serialize + ?Sized>(rows: &T) -> Result<String, QueueError> {
    serde_json::to_string(rows).map_err(|error| QueueError::Database(std::sync::Arc::new(error)))
}

pub(in crate::queue) fn code(text: Option<String>) -> Option<ErrorCode> {
    text.map(ErrorCode::new)
}

pub(in crate::queue) fn moment(at: Option<i64>) -> Option<Timestamp> {
    at.map(Timestamp)
}

/// A number that the schema keeps from being negative.
pub(in crate::queue) fn count(what: &'static str, value: i64) -> Result<u64, QueueError> {
    u64::try_from(value).map_err(|_| corrupt(what, value.to_string()))
}

/// The same, of a number that stays small.
pub(in crate::queue) fn small(what: &'static str, value: i64) -> Result<u32, QueueError> {
    u32::try_from(value).map_err(|_| corrupt(what, value.to_string()))
}
