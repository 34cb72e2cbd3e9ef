//! Reports: one line per row of a batch, or per job, as a table, CSV or JSON. Lines are read by the page and written at
//! once, so that a million of them need no more memory than a thousand.

use crate::queue::{BatchView, Queue, QueueError, ReportRow, Selector, StateCounts};
use crate::report::completion::column_values::{columns, report_line, result};
use crate::report::layout::sheet::{Format, Sheet};
use crate::report::layout::style::TextStyle;
use crate::report::layout::table::{Blocks, TableColumn};
use crate::report::layout::words::{by_state, several};
use std::io::{BufWriter, Write};

/// Lines per page.
const PAGE: u32 = 1000;

/// What to report, and how.
#[derive(Debug, Clone, Default)]
pub struct ReportRequest {
    /// The batch to report, if it is only one.
    pub batch: Option<BatchView>,
    /// The selected lines.
    pub selector: Selector,
    /// The form.
    pub format: Format,
    /// The layout of a table.
    pub style: TextStyle,
}

/// Why a report was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The database cannot be read.
    #[error("the report could not be read from the database")]
    Read(#[from] QueueError),
    /// It could not be written.
    #[error("the report could not be written")]
    Write(#[from] std::io::Error),
}

impl ReportError {
    /// Whether the reader closed the pipe, as `head` does; that is no error.
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Read(_) => false,
            Self::Write(error) => error.kind() == std::io::ErrorKind::BrokenPipe,
        }
    }
}

/// What was reported.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reported {
    /// Lines by state.
    pub states: StateCounts,
    /// Lines of jobs that adopted an export.
    pub adopted: u64,
}

/// Writes a report to `out`. After an error, what was written is incomplete.
pub async fn write_report(
    queue: &Queue,
    request: &ReportRequest,
    out: &mut (dyn Write + Send),
) -> Result<Reported, ReportError> {
    let ReportRequest { batch, format, style, .. } = request;
    let mut selector = request.selector.clone();
    selector.batch = batch.as_ref().map(|batch| batch.id);
    let copied = batch.as_ref().map_or(&[][..], |batch| &batch.carried);
    let mut sheet = Sheet::begin(BufWriter::new(out), *format, columns(copied))?;
    let mut table = Blocks::new(&TABLE, style.width);
    let mut reported = Reported::default();
    let mut after = None;
    loop {
        let rows = queue.report_page(&selector, after, PAGE).await?;
        for row in &rows {
            reported.states.add(row.job.state, 1);
            reported.adopted += u64::from(row.job.adopted);
        }
        if *format == Format::Table {
            sheet.text(&table.text(rows.iter().map(cells).collect()))?;
        } else {
            sheet.lines(rows.iter().map(|ReportRow { job, carried, .. }| {
                // The row belongs to the batch of the report, its job perhaps to an earlier one.
                let batch = batch.as_ref().map_or(&job.batch, |batch| &batch.name);
                report_line(job, batch, copied, carried)
            }))?;
        }
        after = rows.last().map(|row| row.cursor);
        if rows.len() < PAGE as usize {
            break;
        }
    }
    if *format == Format::Table {
        sheet.text(&summary(&reported.states, *style))?;
    }
    sheet.end()?;
    Ok(reported)
}

/// Four columns fit into the 80 of a terminal: an EC2 id has 21 characters, an account with its Region 17 or more.
const TABLE: [TableColumn; 4] = [
    TableColumn::left("SNAPSHOT", 20),
    TableColumn::left("LANE", 17),
    TableColumn::left("STATE", 12),
    TableColumn::left("RESULT", 24),
];

fn cells(ReportRow { job, .. }: &ReportRow) -> Vec<String> {
    vec![job.snapshot_name.to_string(), job.lane.to_string(), job.state.to_string(), result(job)]
}

/// The line below a table.
fn summary(states: &StateCounts, style: TextStyle) -> String {
    if states.total() == 0 {
        return "Nothing to report.\n".to_owned();
    }
    style.lay_out(vec![String::new(), format!("{}: {}", several(states.total(), "line"), by_state(states))])
}
