//! Completion reports: a line for each row of a batch, or for each job, as a table, CSV or JSON. Lines come by the
//! page and go straight out, so that a million of them need no more memory than a thousand.

use crate::domain::BatchName;
use crate::queue::{BatchView, Queue, QueueError, ReportRow, Selector, StateCounts};
use crate::report::completion::columns::{ReportLine, result};
use crate::report::completion::csv_sheet::CsvSheet;
use crate::report::layout::json_array::JsonArray;
use crate::report::layout::style::TextStyle;
use crate::report::layout::table::{Blocks, TableColumn};
use crate::report::layout::words::{by_state, several};
use std::io::{BufWriter, Write};

/// Lines that are held at once.
const PAGE: u32 = 1000;

/// The format of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// The most important columns, for people
    #[default]
    Table,
    /// All columns, with a header; cells that a spreadsheet would run are escaped
    Csv,
    /// An array of objects
    Json,
    /// One object per line
    Jsonl,
}

/// What a report is to hold.
#[derive(Debug, Clone, Default)]
pub struct ReportRequest {
    /// Whose lines: `selector.batch` is set from it.
    pub batch: Option<BatchView>,
    /// Which of them.
    pub selector: Selector,
    /// In what form.
    pub format: Format,
    /// How a table is laid out.
    pub look: TextStyle,
}

/// Why a report was not written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The database could not be read.
    #[error("the report could not be read from the database")]
    Read(#[from] QueueError),
    /// It could not be written.
    #[error("the report could not be written")]
    Write(#[from] std::io::Error),
}

impl ReportError {
    /// Whether the reader has gone away, as `head` does: no error to a person.
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Read(_) => false,
            Self::Write(error) => error.kind() == std::io::ErrorKind::BrokenPipe,
        }
    }
}

/// What a report held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reported {
    /// Its lines by state.
    pub states: StateCounts,
    /// Those that stand for an export that was not their own.
    pub adopted: u64,
}

/// Writes a report to `out`; its lines, counted.
///
/// # Errors
/// [`ReportError`], and then what was written is not whole.
pub async fn write_report(
    queue: &Queue,
    request: &ReportRequest,
    out: &mut (dyn Write + Send),
) -> Result<Reported, ReportError> {
    let mut selector = request.selector.clone();
    selector.batch = request.batch.as_ref().map(|batch| batch.id);
    let mut sheet = ReportSheet::begin(request, out)?;
    let mut reported = Reported::default();
    let mut after = None;
    loop {
        let rows = queue.report_page(&selector, after, PAGE).await?;
        for row in &rows {
            reported.states.add(row.job.state, 1);
            reported.adopted += u64::from(row.job.adopted);
        }
        sheet.page(&rows, request.batch.as_ref())?;
        after = rows.last().map(|row| row.cursor);
        if rows.len() < PAGE as usize {
            break;
        }
    }
    sheet.end(&reported.states, request.look)?;
    Ok(reported)
}

type Out<'a> = BufWriter<&'a mut (dyn Write + Send)>;

/// A report in the making.
enum ReportSheet<'a> {
    Table(Out<'a>, Blocks),
    Csv(Box<CsvSheet<&'a mut (dyn Write + Send)>>),
    Json(JsonArray<Out<'a>>),
    Jsonl(Out<'a>),
}

/// Four columns fit into the 80 of a terminal: an id of EC2 has 21 characters, an account and its Region 17 or more.
const TABLE: [TableColumn; 4] = [
    TableColumn::left("SNAPSHOT", 20),
    TableColumn::left("LANE", 17),
    TableColumn::left("STATE", 12),
    TableColumn::left("RESULT", 24),
];

impl<'a> ReportSheet<'a> {
    fn begin(request: &ReportRequest, out: &'a mut (dyn Write + Send)) -> std::io::Result<Self> {
        Ok(match request.format {
            Format::Table => Self::Table(BufWriter::new(out), Blocks::new(&TABLE, request.look.width)),
            Format::Csv => {
                let mut sheet = Box::new(CsvSheet::new(out));
                sheet.header(carried(request.batch.as_ref()))?;
                Self::Csv(sheet)
            }
            Format::Json => Self::Json(JsonArray::begin(BufWriter::new(out))?),
            Format::Jsonl => Self::Jsonl(BufWriter::new(out)),
        })
    }

    fn page(&mut self, rows: &[ReportRow], batch: Option<&BatchView>) -> std::io::Result<()> {
        let mut lines = rows.iter().map(|row| (row, name(row, batch)));
        let object = |(row, name)| ReportLine::of(row, name, carried(batch));
        match self {
            Self::Table(out, blocks) => {
                let cells = |ReportRow { job, .. }: &ReportRow| {
                    vec![job.snapshot_name.to_string(), job.lane.to_string(), job.state.to_string(), result(job)]
                };
                out.write_all(blocks.text(rows.iter().map(cells).collect()).as_bytes())
            }
            Self::Csv(sheet) => lines.try_for_each(|(row, name)| sheet.line(name, &row.job, &row.carried)),
            Self::Json(array) => lines.try_for_each(|line| array.add(&object(line))),
            Self::Jsonl(out) => lines.try_for_each(|line| {
                serde_json::to_writer(&mut *out, &object(line))?;
                out.write_all(b"\n")
            }),
        }
    }

    fn end(self, counts: &StateCounts, look: TextStyle) -> std::io::Result<()> {
        match self {
            Self::Table(mut out, _) => {
                if counts.total() == 0 {
                    writeln!(out, "Nothing to report.")?;
                } else {
                    let line = format!("{}: {}", several(counts.total(), "line"), by_state(counts));
                    write!(out, "\n{}", look.lay_out(vec![line]))?;
                }
                out.flush()
            }
            Self::Csv(mut sheet) => sheet.flush(),
            Self::Json(array) => array.end(),
            Self::Jsonl(mut out) => out.flush(),
        }
    }
}

/// A row belongs to the batch of the report, its job perhaps to an earlier one.
fn name<'r>(row: &'r ReportRow, batch: Option<&'r BatchView>) -> &'r BatchName {
    batch.map_or(&row.job.batch, |batch| &batch.name)
}

fn carried(batch: Option<&BatchView>) -> &[String] {
    batch.map_or(&[], |batch| &batch.carried)
}
