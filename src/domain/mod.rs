//! The words of Snapferry and the one state machine over them. Pure: no input or output, no clock, no
//! randomness, no other room.

mod act;
mod breaker;
mod cap;
mod existing;
mod ids;
mod job;
mod lane;
mod naming;
mod report_columns;
mod retry;
mod settling;
pub mod spreadsheet;
mod timestamp;
mod trouble;

pub use act::{Act, LeftAlone};
pub use breaker::{BatchOutcomes, BreakerPolicy, OUTCOMES_KEPT, Outcomes, ProbeStanding, TripCause, TripStep};
pub use cap::{Limit, LoweredCap, OverLimit};
pub use existing::Existing;
pub use ids::{BatchId, JobId, LaneId, OperationId, RecordArn, RunId, SnapshotArn, TripId};
pub use job::{
    Besides, Change, Destination, Event, Failure, Hold, IllegalTransition, JobState, Standing, Trace, apply,
};
pub use lane::{AccountLabel, AccountNumber, BadAccount, Lane};
pub use naming::error_code::ErrorCode;
pub use naming::names::{BadName, BatchName, SnapshotName};
pub use naming::near::{NearNames, is_snapshot_of, looks_automatic, nearest};
pub use naming::region::{BadRegion, Region};
pub use report_columns::REPORT_COLUMNS;
pub use retry::{RetryPolicy, backoff};
pub use settling::{AbsenceRule, ListDelay, WINDOW_MARGIN, settle_window};
pub use timestamp::{BadTimestamp, Timestamp};
pub use trouble::LaneTrouble;
