//! Looking before anything is sent, by reads alone: what there is to export, and what would become of a file's rows.
//! What is read decides nothing here; matching, choosing and reckoning are pure. It never exports and never writes.

mod reading;

mod exports;

mod found;

mod choice;

mod rows;

mod estimate;

mod file_plan;

pub use choice::{Choice, ChosenSnapshots, TagWanted};
pub use estimate::{Basis, Estimate, ExportLoad, Speed, TimeRange, Work, ahead, estimate};
pub use exports::Exports;
pub use file_plan::{ExportPlan, FailingRow, FailureReason, LanePlan, plan};
pub use found::{FoundSnapshot, NotFound, SeenExport, discover};
pub use reading::{LaneReader, LaneReading, Unread};
pub use rows::{Outlook, PlannedRow, RowOutlooks};
