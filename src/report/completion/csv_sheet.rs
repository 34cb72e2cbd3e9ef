//! A report as CSV: the columns of ours, then the carried ones; cells that a spreadsheet would run are escaped.

use crate::domain::{BatchName, REPORT_COLUMNS, spreadsheet};
use crate::queue::JobView;
use crate::report::completion::columns::Members;
use std::borrow::Cow;
use std::io::Write;

/// CSV in the making.
pub(in crate::report) struct CsvSheet<W: Write> {
    out: csv::Writer<W>,
    carried: usize,
}

impl<W: Write> CsvSheet<W> {
    pub(in crate::report) fn new(out: W) -> Self {
        Self { out: csv::Writer::from_writer(out), carried: 0 }
    }

    /// Writes the header, once, before any line.
    pub(in crate::report) fn header(&mut self, carried: &[String]) -> std::io::Result<()> {
        self.carried = carried.len();
        write_cells(&mut self.out, REPORT_COLUMNS.into_iter().chain(carried.iter().map(String::as_str)))
    }

    /// Writes a line.
    pub(in crate::report) fn line(
        &mut self,
        batch: &BatchName,
        job: &JobView,
        carried: &[String],
    ) -> std::io::Result<()> {
        // As many as the header has, whatever the row brought.
        let carried = (0..self.carried).map(|at| Cow::Borrowed(carried.get(at).map_or("", String::as_str)));
        write_cells(&mut self.out, Members::of(job, batch, job.attempts).cells().into_iter().chain(carried))
    }

    pub(in crate::report) fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }

    /// What it was written to.
    pub(in crate::report) fn end(self) -> std::io::Result<W> {
        self.out.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

/// Writes a line of cells.
pub(in crate::report) fn write_cells<W: Write>(
    out: &mut csv::Writer<W>,
    cells: impl IntoIterator<Item = impl AsRef<str>>,
) -> std::io::Result<()> {
    for cell in cells {
        out.write_field(spreadsheet::neutralise(cell.as_ref()).as_bytes()).map_err(of_csv)?;
    }
    out.write_record(None::<&[u8]>).map_err(of_csv)
}

/// What lies under it: the crate's own conversion hides its kind, and a closed pipe with it.
fn of_csv(error: csv::Error) -> std::io::Error {
    let text = error.to_string();
    if let csv::ErrorKind::Io(error) = error.into_kind() { error } else { std::io::Error::other(text) }
}
