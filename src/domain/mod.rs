//! The words of Snapferry and the one state machine over them. Pure: no input or output, no clock, no
//! randomness, no other room.

mod act;
mod event;
mod existing;
mod ids;
mod job;
mod lane;
mod named;
mod naming;
mod policy;
mod report_columns;
pub mod spreadsheet;
mod timestamp;
mod trouble;

pub use act::{Act, SkipReason};
pub use event::{Event, EventKind};
pub use existing::Existing;
pub use ids::{BatchId, JobId, LaneId, OpeningId, OperationId, RecordArn, RunId, SnapshotArn};
pub use job::{
    Change, Destination, EntryStatus, ExportRef, Failure, Hold, IllegalTransition, JobState, JobVersion, SideEffect,
    apply,
};
pub use lane::{AccountLabel, AccountNumber, BadAccount, Lane};
pub(crate) use named::named;
pub use naming::error_code::ErrorCode;
pub use naming::names::{BadName, BatchName, SnapshotName};
pub use naming::near::{is_snapshot_of, looks_automatic, near_names, nearest};
pub use naming::region::{BadRegion, Region};
pub use policy::absence_rule::{AbsenceRule, ListDelay, WINDOW_MARGIN, reconciliation_window};
pub use policy::breaker::{BatchOutcomes, BreakerPolicy, BreakerStep, OUTCOMES_KEPT, OpenCause, Outcomes, ProbeState};
pub use policy::cap::{Limit, LoweredCap, OverLimit};
pub use policy::retry::{RetryPolicy, backoff};
pub use report_columns::REPORT_COLUMNS;
pub use timestamp::{BadTimestamp, Timestamp};
pub use trouble::LaneTrouble;
