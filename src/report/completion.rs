//! Completion reports: a line for each row of a batch, or for each job, as a table, CSV or JSON. Lines come by the
//! page and go straight out, so that a million of them need no more memory than a thousand.

use super::look::Look;
use super::members::{Line, Members, result};
use super::table::{Blocks, Column};
use super::words::{by_state, several};
use crate::domain::{BatchName, spreadsheet};
use crate::queue::{BatchView, Queue, QueueError, ReportRow, Selector, StateCounts};
use std::io::{BufWriter, Write};

pub use super::members::COLUMNS;

/// Lines that are held at once.
const PAGE: u32 = 1000;

/// In what form a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people: the columns that matter most.
    #[default]
    Table,
    /// With a header; cells that a spreadsheet would run are escaped.
    Csv,
    /// One array of objects.
    Json,
    /// An object a line.
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
    pub look: Look,
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
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Read(_) => false,
            Self::Write(error) => error.kind() == std::io::ErrorKind::BrokenPipe,
        }
    }
}

/// Writes a report to `out`; the states of its lines, counted.
///
/// # Errors
/// [`ReportError`], and then what was written is not whole.
pub async fn write_report(
    queue: &Queue,
    request: &ReportRequest,
    out: &mut (dyn Write + Send),
) -> Result<StateCounts, ReportError> {
    let mut selector = request.selector.clone();
    selector.batch = request.batch.as_ref().map(|batch| batch.id);
    let scope = Scope::of(request.batch.as_ref());
    let mut sheet = sheet(request, scope, out);
    let mut counts = StateCounts::default();
    let mut after = None;
    sheet.begin()?;
    loop {
        let rows = queue.report_page(&selector, after, PAGE).await?;
        for row in &rows {
            counts.add(row.job.state, 1);
        }
        sheet.page(&rows)?;
        after = rows.last().map(|row| row.cursor);
        if rows.len() < PAGE as usize {
            break;
        }
    }
    sheet.end(&counts)?;
    Ok(counts)
}

/// Whose lines they are.
#[derive(Debug, Clone, Copy)]
struct Scope<'a> {
    batch: Option<&'a BatchName>,
    carried: &'a [String],
}

impl<'a> Scope<'a> {
    fn of(batch: Option<&'a BatchView>) -> Self {
        match batch {
            Some(batch) => Self { batch: Some(&batch.name), carried: &batch.carried },
            None => Self { batch: None, carried: &[] },
        }
    }

    /// A row belongs to the batch of the report, its job perhaps to an earlier one.
    fn batch_of<'r>(&self, row: &'r ReportRow) -> &'r BatchName
    where
        'a: 'r,
    {
        self.batch.unwrap_or(&row.job.batch)
    }
}

/// A form of report.
trait Sheet: Send {
    fn begin(&mut self) -> std::io::Result<()>;
    fn page(&mut self, rows: &[ReportRow]) -> std::io::Result<()>;
    fn end(&mut self, counts: &StateCounts) -> std::io::Result<()>;
}

type Out<'a> = BufWriter<&'a mut (dyn Write + Send)>;

fn sheet<'a>(request: &ReportRequest, scope: Scope<'a>, out: &'a mut (dyn Write + Send)) -> Box<dyn Sheet + 'a> {
    match request.format {
        Format::Table => {
            let out = BufWriter::new(out);
            Box::new(TableSheet { out, blocks: Blocks::new(&TABLE, request.look.width), empty: true })
        }
        Format::Csv => Box::new(CsvSheet { out: csv::Writer::from_writer(out), scope }),
        Format::Json => Box::new(JsonSheet { out: BufWriter::new(out), scope, empty: true }),
        Format::Jsonl => Box::new(JsonlSheet { out: BufWriter::new(out), scope }),
    }
}

struct CsvSheet<'a> {
    out: csv::Writer<&'a mut (dyn Write + Send)>,
    scope: Scope<'a>,
}

impl CsvSheet<'_> {
    fn cell(&mut self, text: &str) -> std::io::Result<()> {
        self.out.write_field(spreadsheet::neutralise(text).as_bytes()).map_err(of_csv)
    }

    fn end_line(&mut self) -> std::io::Result<()> {
        self.out.write_record(None::<&[u8]>).map_err(of_csv)
    }
}

/// What lies under it: the crate's own conversion hides its kind, and a closed pipe with it.
pub(super) fn of_csv(error: csv::Error) -> std::io::Error {
    let text = error.to_string();
    if let csv::ErrorKind::Io(error) = error.into_kind() { error } else { std::io::Error::other(text) }
}

impl Sheet for CsvSheet<'_> {
    fn begin(&mut self) -> std::io::Result<()> {
        for name in COLUMNS {
            self.cell(name)?;
        }
        for name in self.scope.carried {
            self.cell(name)?;
        }
        self.end_line()
    }

    fn page(&mut self, rows: &[ReportRow]) -> std::io::Result<()> {
        for row in rows {
            let members = Members::of(&row.job, self.scope.batch_of(row), row.job.attempts);
            for cell in members.cells() {
                self.cell(&cell)?;
            }
            // As many as the header has, whatever the row brought.
            for at in 0..self.scope.carried.len() {
                self.cell(row.carried.get(at).map_or("", String::as_str))?;
            }
            self.end_line()?;
        }
        Ok(())
    }

    fn end(&mut self, _counts: &StateCounts) -> std::io::Result<()> {
        self.out.flush()
    }
}

struct JsonSheet<'a> {
    out: Out<'a>,
    scope: Scope<'a>,
    empty: bool,
}

impl Sheet for JsonSheet<'_> {
    fn begin(&mut self) -> std::io::Result<()> {
        self.out.write_all(b"[")
    }

    fn page(&mut self, rows: &[ReportRow]) -> std::io::Result<()> {
        for row in rows {
            self.out.write_all(if self.empty { b"\n" } else { b",\n" })?;
            self.empty = false;
            serde_json::to_writer(&mut self.out, &Line::of(row, self.scope.batch_of(row), self.scope.carried))?;
        }
        Ok(())
    }

    fn end(&mut self, _counts: &StateCounts) -> std::io::Result<()> {
        self.out.write_all(if self.empty { b"]\n" } else { b"\n]\n" })?;
        self.out.flush()
    }
}

struct JsonlSheet<'a> {
    out: Out<'a>,
    scope: Scope<'a>,
}

impl Sheet for JsonlSheet<'_> {
    fn begin(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn page(&mut self, rows: &[ReportRow]) -> std::io::Result<()> {
        for row in rows {
            serde_json::to_writer(&mut self.out, &Line::of(row, self.scope.batch_of(row), self.scope.carried))?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn end(&mut self, _counts: &StateCounts) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Four columns fit into the 80 of a terminal: an id of EC2 has 21 characters, an account and its Region 17 or more.
const TABLE: [Column; 4] =
    [Column::left("SNAPSHOT", 20), Column::left("LANE", 17), Column::left("STATE", 12), Column::left("RESULT", 24)];

struct TableSheet<'a> {
    out: Out<'a>,
    blocks: Blocks,
    empty: bool,
}

impl Sheet for TableSheet<'_> {
    fn begin(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn page(&mut self, rows: &[ReportRow]) -> std::io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.empty = false;
        let cells = rows.iter().map(|ReportRow { job, .. }| {
            vec![job.snapshot_name.to_string(), job.lane.to_string(), job.state.to_string(), result(job)]
        });
        self.out.write_all(self.blocks.text(cells.collect()).as_bytes())
    }

    fn end(&mut self, counts: &StateCounts) -> std::io::Result<()> {
        if self.empty {
            writeln!(self.out, "Nothing to report.")?;
        } else {
            writeln!(self.out, "\n{}: {}", several(counts.total(), "line"), by_state(counts))?;
        }
        self.out.flush()
    }
}
