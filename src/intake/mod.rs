//! CSV in: accepted rows and rejected rows, each with its line. It streams: what it holds is one record, however
//! big the file or any line of it. It never opens the database, never calls AWS, and never stops at a bad row; only
//! a file of which nothing can be taken is an [`IntakeError`].

mod records;

mod columns;

mod meaning;

mod row;

mod reason;

mod reader;

mod rejected;

pub use reader::{Intake, IntakeOptions, IntakeRecord, UsualRegion};
pub use reason::{IntakeError, RejectReason};
pub use records::RECORD_LIMIT;
pub use rejected::{Rejected, RejectsWriter as RejectedWriter};
pub use row::{PRIORITIES, Row};
