//! Rejected rows, and the file they are written to, so that they can be corrected and enqueued: the same columns with the
//! reason in front. Intake reads such a file and ignores the reasons.

use super::columns::REASONS;
use super::reason::RejectReason;
use crate::domain::spreadsheet;
use std::fmt;
use std::io::{self, Write};

/// A row that cannot be enqueued.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// The line where it begins, from 1.
    pub line: u64,
    /// The column at fault, as in the file; none if the whole row is.
    pub column: Option<String>,
    /// Why.
    pub reason: RejectReason,
    /// Its fields, unchanged; none if the row was beyond the limit and could not be kept.
    pub fields: csv::ByteRecord,
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.column {
            Some(column) => write!(f, "line {}, column {}: {}", self.line, column.escape_debug(), self.reason),
            None => write!(f, "line {}: {}", self.line, self.reason),
        }
    }
}

/// Writes rejected rows as CSV: `line,column,reason`, then the unchanged row.
pub struct RejectsWriter<W: Write> {
    out: csv::Writer<W>,
}

impl<W: Write> RejectsWriter<W> {
    /// Begins the file with its header; `header` is [`Intake::header`](super::Intake::header).
    pub fn new(out: W, header: &[String]) -> io::Result<Self> {
        let mut out = csv::WriterBuilder::new().flexible(true).from_writer(out);
        for name in REASONS {
            out.write_field(name)?;
        }
        for name in header {
            out.write_field(spreadsheet::neutralise(name).as_bytes())?;
        }
        out.write_record(None::<&[u8]>)?;
        Ok(Self { out })
    }

    /// Adds a row.
    pub fn write(&mut self, rejected: &Rejected) -> io::Result<()> {
        self.out.write_field(rejected.line.to_string())?;
        self.out.write_field(spreadsheet::neutralise(rejected.column.as_deref().unwrap_or_default()).as_bytes())?;
        self.out.write_field(spreadsheet::neutralise(&rejected.reason.to_string()).as_bytes())?;
        for field in &rejected.fields {
            // Bytes that are not UTF-8 stay as they are; the text only decides on the escape.
            let text = String::from_utf8_lossy(field);
            if spreadsheet::neutralise(&text).len() == text.len() {
                self.out.write_field(field)?;
            } else {
                self.out.write_field([b"'", field].concat())?;
            }
        }
        self.out.write_record(None::<&[u8]>)?;
        Ok(())
    }

    /// Writes out what is buffered and returns the destination.
    pub fn finish(self) -> io::Result<W> {
        self.out.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}
