//! From the database's values to the domain's, where what cannot be read is an error that says what it is, and rows into JSON.
//! The checked queries name the domain's types for their columns.

use crate::domain::{
    AccountLabel, AccountNumber, BatchId, BatchName, ErrorCode, Hold, JobId, JobState, Lane, LaneId, ListDelay,
    LoweredCap, OpenCause, OpeningId, OperationId, Outcomes, ProbeState, RecordArn, Region, RunId, SnapshotArn,
    SnapshotName, Timestamp,
};
use crate::queue::files::takeover::TakeoverCause;
use crate::queue::jobs::transition::AttemptOutcome;
use crate::queue::lanes::lane_records::{Block, Pause};
use crate::queue::ledger::entries::Observation;
use crate::queue::ledger::follow::FollowedAttempt;
use crate::queue::queue_error::QueueError;
use crate::queue::views::batches::{BatchStage, RowCounts};
use crate::queue::views::counts::StateCounts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Sqlite, Type};
use std::time::Duration;

/// How a column of one type is read as another.
macro_rules! columns {
    ($($type:ty: $column:ty => $read:expr;)+) => {$(
        impl Type<Sqlite> for $type {
            fn type_info() -> SqliteTypeInfo {
                <$column as Type<Sqlite>>::type_info()
            }

            fn compatible(column: &SqliteTypeInfo) -> bool {
                <$column as Type<Sqlite>>::compatible(column)
            }
        }

        impl<'r> Decode<'r, Sqlite> for $type {
            fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
                let read: fn($column) -> Result<Self, QueueError> = $read;
                Ok(read(<$column as Decode<Sqlite>>::decode(value)?)?)
            }
        }
    )+};
}

columns! {
    JobId: i64 => |id| Ok(JobId(id));
    BatchId: i64 => |id| Ok(BatchId(id));
    LaneId: i64 => |id| Ok(LaneId(id));
    RunId: i64 => |id| Ok(RunId(id));
    OpeningId: i64 => |id| Ok(OpeningId(id));
    Timestamp: i64 => |at| Ok(Timestamp(at));
    OperationId: String => |id| Ok(OperationId::new(id));
    RecordArn: String => |arn| Ok(RecordArn::new(arn));
    SnapshotArn: String => |arn| Ok(SnapshotArn::new(arn));
    ErrorCode: String => |code| Ok(ErrorCode::new(code));
    BatchName: String => |name| BatchName::parse(&name).map_err(|_| corrupt("a batch's name", name));
    SnapshotName: String => |name| SnapshotName::parse(&name).map_err(|_| corrupt("a snapshot's name", name));
    JobState: String => |state| JobState::parse(&state).ok_or_else(|| corrupt("a job's state", state));
    Hold: String => |hold| Hold::parse(&hold).ok_or_else(|| corrupt("a job's hold", hold));
    AttemptOutcome: String => |outcome| AttemptOutcome::parse(&outcome).ok_or_else(|| corrupt("an attempt's outcome", outcome));
    TakeoverCause: String => |cause| TakeoverCause::parse(&cause).ok_or_else(|| corrupt("the cause of a takeover", cause));
    AccountNumber: String => |number| AccountNumber::parse(&number).map_err(|_| corrupt("an account number", number));
    AccountLabel: String => |label| AccountLabel::parse(&label).map_err(|_| corrupt("an account label", label));
    BatchStage: String => |stage| BatchStage::parse(&stage).ok_or_else(|| corrupt("a batch's state", stage));
    ProbeState: String => |state| ProbeState::parse(&state).ok_or_else(|| corrupt("a probe's state", state));
    // An account's label has no space.
    Lane: String => |both| {
        let (account, region) = both.split_once(' ').unwrap_or((&both, ""));
        let account = AccountLabel::parse(account).map_err(|_| corrupt("an account label", account))?;
        let region = Region::parse(region).map_err(|_| corrupt("a Region", region))?;
        Ok(Lane { account, region })
    };
    Millis: i64 => |span| Ok(Millis(Duration::from_millis(count("a span", span)?)));
    // What several columns say together is read as a JSON array of them.
    OpenCause: String => |json| parts("the cause of an opening", json);
    Outcomes: String => |json| {
        let (ended, failed, code, in_a_row): (u32, u32, Option<ErrorCode>, u32) = parts("outcomes", json)?;
        Ok(Outcomes { ended, failed, row: code.map(|code| (code, in_a_row)) })
    };
    ListDelay: String => |json| {
        let (longest, seen_at): (Option<u64>, Option<Timestamp>) = parts("a delay of lists", json)?;
        Ok(ListDelay { longest: Duration::from_millis(longest.unwrap_or_default()), seen_at })
    };
    LoweredCap: String => |json| parts("a lowered cap", json);
    Block: String => |json| parts("a block", json);
    Pause: String => |json| parts("a pause", json);
    StateCounts: String => |json| parts("counts by state", json);
    RowCounts: String => |json| parts("counts of rows", json);
    Observation: String => |json| parts("an entry of the ledger", json);
}

/// A column of JSON that becomes a type which is not ours to decode.
macro_rules! json_columns {
    ($($(#[$about:meta])* $name:ident, $what:literal => $inner:ty;)+) => {$(
        $(#[$about])*
        #[derive(Debug, Deserialize)]
        #[serde(transparent)]
        pub(in crate::queue) struct $name($inner);

        columns! { $name: String => |json| parts($what, json); }

        impl From<$name> for $inner {
            fn from(column: $name) -> Self {
                column.0
            }
        }
    )+};
}

json_columns! {
    /// The names of the copied columns, or a row's values.
    Texts, "copied values" => Vec<String>;
    /// The attempts of a job.
    FollowedAttempts, "the attempts of a job" => Vec<FollowedAttempt>;
    /// The job and the attempt to which an entry belongs.
    EntryOwner, "the owner of an entry" => Option<(JobId, u32)>;
}

/// A span, stored in milliseconds.
#[derive(Debug)]
pub(in crate::queue) struct Millis(Duration);

impl From<Millis> for Duration {
    fn from(millis: Millis) -> Self {
        millis.0
    }
}

fn parts<T: DeserializeOwned>(what: &'static str, json: String) -> Result<T, QueueError> {
    serde_json::from_str(&json).map_err(|_| corrupt(what, json))
}

pub(in crate::queue) fn corrupt(what: &'static str, value: impl Into<String>) -> QueueError {
    QueueError::Corrupt(what, value.into())
}

pub(in crate::queue) fn json<T: Serialize + ?Sized>(rows: &T) -> Result<String, QueueError> {
    serde_json::to_string(rows).map_err(|error| QueueError::Database(std::sync::Arc::new(error)))
}

/// A number that the schema keeps from being negative.
fn count(what: &'static str, value: i64) -> Result<u64, QueueError> {
    u64::try_from(value).map_err(|_| corrupt(what, value.to_string()))
}
