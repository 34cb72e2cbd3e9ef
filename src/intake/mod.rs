//! CSV in: accepted rows and rejected rows, each with its line. It streams: it holds one record, however big the file or a
//! line of it. It never opens the database, never calls AWS, and never stops at a bad row; only a file that is unusable
//! as a whole is an [`IntakeError`].

mod columns;
mod csv_records;
mod meaning;
mod reader;
mod reason;
mod rejected;
mod row;

pub use csv_records::{RECORD_LIMIT, RecordFault};
pub use reader::{Intake, IntakeOptions, IntakeRecord, UsualRegion};
pub use reason::{IntakeError, RejectReason};
pub use rejected::{Rejected, RejectsWriter};
pub use row::{PRIORITIES, Row};
