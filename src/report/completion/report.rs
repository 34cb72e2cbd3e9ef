//! Completion reports: a line for each row of a batch, or for each job, as a table, CSV or JSON. Lines come by the
//! page and go straight out, so that a million of them need no more memory than a thousand.

use crate::domain::BatchName;
use crate::queue::{BatchView, Queue, QueueError, ReportRow, Selector, StateCounts};
use crate::report::completion::columns::{Line, result};
use crate::report::completion::csv_sheet::CsvSheet;
use crate::report::layout::style::Look;
use crate::report::layout::table::{Blocks, Column};
use crate::report::layout::words::{by_state, several};
use std::io::{BufWriter, Write};

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
    let scope = Scope::of(request.batch.as_ref());
    let mut sheet = sheet(request, scope, out);
    let mut reported = Reported::default();
    let mut after = None;
    sheet.begin()?;
    loop {
        let rows = queue.report_page(&selector, after, PAGE).await?;
        for row in &rows {
            reported.states.add(row.job.state, 1);
            reported.adopted += u64::from(row.job.adopted);
        }
        sheet.page(&rows)?;
        after = rows.last().map(|row| row.cursor);
        if rows.len() < PAGE as usize {
            break;
        }
    }
    sheet.end(&reported.states)?;
    Ok(reported)
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
            Box::new(TableSheet {
                out,
                blocks: Blocks::new(&TABLE, request.look.width),
                look: request.look,
                empty: true,
            })
        }
        Format::Csv => Box::new(Csv { sheet: CsvSheet::new(out), scope }),
        Format::Json => Box::new(JsonSheet { out: BufWriter::new(out), scope, empty: true }),
        Format::Jsonl => Box::new(JsonlSheet { out: BufWriter::new(out), scope }),
    }
}

struct Csv<'a> {
    sheet: CsvSheet<&'a mut (dyn Write + Send)>,
    scope: Scope<'a>,
}

impl Sheet for Csv<'_> {
    fn begin(&mut self) -> std::io::Result<()> {
        self.sheet.header(self.scope.carried)
    }

    fn page(&mut self, rows: &[ReportRow]) -> std::io::Result<()> {
        rows.iter().try_for_each(|row| self.sheet.line(self.scope.batch_of(row), &row.job, &row.carried))
    }

    fn end(&mut self, _counts: &StateCounts) -> std::io::Result<()> {
        self.sheet.flush()
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
    look: Look,
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
            let line = format!("{}: {}", several(counts.total(), "line"), by_state(counts));
            write!(self.out, "\n{}", self.look.lay_out(vec![line]))?;
        }
        self.out.flush()
    }
}
