//! Lists of jobs: a table, or a JSON array.

use crate::domain::JobId;
use crate::queue::{JobView, Queue, Selector};
use crate::report::completion::column_values::result;
use crate::report::completion::report_lines::ReportError;
use crate::report::layout::sheet::{Format, Sheet};
use crate::report::layout::style::TextStyle;
use crate::report::layout::table::{Blocks, TableColumn};
use serde::Serialize;
use serde_json::json;
use std::io::{BufWriter, Write};

/// Jobs per page.
const PAGE: u32 = 1000;

/// Which jobs to list, and how.
#[derive(Debug, Clone, Default)]
pub struct JobsRequest {
    /// The selected jobs.
    pub selector: Selector,
    /// Only jobs after this one.
    pub after: Option<JobId>,
    /// The maximum number.
    pub limit: u32,
    /// The form: a table, or JSON.
    pub format: Format,
    /// The layout of a table.
    pub style: TextStyle,
}

/// What was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListSummary {
    /// How many jobs.
    pub jobs: u32,
    /// The last job of the list, if there are more.
    pub more_after: Option<JobId>,
}

#[derive(Serialize)]
struct ListedJob<'a> {
    #[serde(flatten)]
    job: &'a JobView,
    attempts: u32,
}

pub(in crate::report) const TABLE: [TableColumn; 5] = [
    TableColumn::right("JOB"),
    TableColumn::left("SNAPSHOT", 16),
    TableColumn::left("LANE", 17),
    TableColumn::left("STATE", 12),
    TableColumn::left("RESULT", 22),
];

/// Writes a list of jobs to `out`. After an error, what was written is incomplete.
pub async fn write_jobs(
    queue: &Queue,
    request: &JobsRequest,
    out: &mut (dyn Write + Send),
) -> Result<ListSummary, ReportError> {
    let mut sheet = Sheet::begin(BufWriter::new(out), request.format, [])?;
    let mut table = Blocks::new(&TABLE, request.style.width);
    let (mut listed, mut last, mut more) = (0, request.after, false);
    while listed < request.limit {
        let page = PAGE.min(request.limit - listed);
        // One beyond the page shows whether there are more.
        let mut jobs = queue.jobs_page(&request.selector, last, page + 1).await?;
        more = jobs.len() > page as usize;
        jobs.truncate(page as usize);
        if request.format == Format::Table {
            sheet.text(&table.text(jobs.iter().map(cells).collect()))?;
        } else {
            sheet.lines(jobs.iter().map(|job| json!(ListedJob { job, attempts: job.attempts })))?;
        }
        last = jobs.last().map(|job| job.id).or(last);
        listed += u32::try_from(jobs.len()).unwrap_or(u32::MAX);
        if !more {
            break;
        }
    }
    if request.format == Format::Table && listed == 0 {
        sheet.text("No jobs match.\n")?;
    }
    sheet.end()?;
    Ok(ListSummary { jobs: listed, more_after: last.filter(|_| more) })
}

pub(in crate::report) fn cells(job: &JobView) -> Vec<String> {
    vec![job.id.to_string(), job.snapshot_name.to_string(), job.lane.to_string(), job.state.to_string(), result(job)]
}
