//! Lists of jobs: a table, or a JSON array.

use crate::domain::{Hold, JobId, RecordArn, SnapshotArn};
use crate::queue::{JobView, Queue, Selector};
use crate::report::completion::columns::{Members, result, time};
use crate::report::completion::report::ReportError;
use crate::report::layout::json_array::JsonArray;
use crate::report::layout::style::TextStyle;
use crate::report::layout::table::{Blocks, TableColumn};
use serde::Serialize;
use std::io::{BufWriter, Write};

/// Jobs that are held at once.
const PAGE: u32 = 1000;

/// In what form a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobsFormat {
    /// For people.
    #[default]
    Table,
    /// One array; each entry has its `id`.
    Json,
}

/// What a list is to hold.
#[derive(Debug, Clone, Default)]
pub struct JobsRequest {
    /// Which jobs.
    pub selector: Selector,
    /// Those after this one.
    pub after: Option<JobId>,
    /// How many at most.
    pub limit: u32,
    /// In what form.
    pub format: JobsFormat,
    /// How a table is laid out.
    pub look: TextStyle,
}

/// What a list held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListSummary {
    /// How many jobs.
    pub jobs: u32,
    /// Where there are more: the last one of the list.
    pub more_after: Option<JobId>,
}

/// A job as JSON: the columns of a report and what else is known of it.
#[derive(Debug, Serialize)]
pub(in crate::report) struct JobMembers<'a, A> {
    id: JobId,
    #[serde(flatten)]
    members: Members<'a, A>,
    line: u64,
    priority: i64,
    export_again: bool,
    hold: Option<Hold>,
    paused_at: Option<String>,
    due_at: Option<String>,
    attempts_used: u32,
    copies: u32,
    source_arn: Option<&'a str>,
    record_arn: Option<&'a str>,
    next_poll_at: Option<String>,
}

impl<'a, A> JobMembers<'a, A> {
    pub(in crate::report) fn of(job: &'a JobView, attempts: A) -> Self {
        Self {
            id: job.id,
            members: Members::of(job, &job.batch, attempts),
            line: job.line,
            priority: job.priority,
            export_again: job.export_again,
            hold: job.hold,
            paused_at: time(job.paused_at),
            due_at: time(job.due_at),
            attempts_used: job.used,
            copies: job.weight,
            source_arn: job.source_arn.as_ref().map(SnapshotArn::as_str),
            record_arn: job.record_arn.as_ref().map(RecordArn::as_str),
            next_poll_at: time(job.next_poll_at),
        }
    }
}

pub(in crate::report) const TABLE: [TableColumn; 5] = [
    TableColumn::right("JOB"),
    TableColumn::left("SNAPSHOT", 16),
    TableColumn::left("LANE", 17),
    TableColumn::left("STATE", 12),
    TableColumn::left("RESULT", 22),
];

/// A list in the making.
enum JobSheet<W: Write> {
    Table(W, Blocks),
    Json(JsonArray<W>),
}

/// Writes a list of jobs to `out`.
///
/// # Errors
/// [`ReportError`], and then what was written is not whole.
pub async fn write_jobs(
    queue: &Queue,
    request: &JobsRequest,
    out: &mut (dyn Write + Send),
) -> Result<ListSummary, ReportError> {
    let out = BufWriter::new(out);
    let mut sheet = match request.format {
        JobsFormat::Table => JobSheet::Table(out, Blocks::new(&TABLE, request.look.width)),
        JobsFormat::Json => JobSheet::Json(JsonArray::begin(out)?),
    };
    let (mut listed, mut last, mut more) = (0, request.after, false);
    while listed < request.limit {
        let page = PAGE.min(request.limit - listed);
        // One beyond the page tells whether there are more.
        let mut jobs = queue.jobs_page(&request.selector, last, page + 1).await?;
        more = jobs.len() > page as usize;
        jobs.truncate(page as usize);
        match &mut sheet {
            JobSheet::Table(out, blocks) => out.write_all(blocks.text(jobs.iter().map(cells).collect()).as_bytes())?,
            JobSheet::Json(array) => jobs.iter().try_for_each(|job| array.add(&JobMembers::of(job, job.attempts)))?,
        }
        last = jobs.last().map(|job| job.id).or(last);
        listed += u32::try_from(jobs.len()).unwrap_or(u32::MAX);
        if !more {
            break;
        }
    }
    match sheet {
        JobSheet::Table(mut out, _) => {
            if listed == 0 {
                writeln!(out, "No job fits.")?;
            }
            out.flush()?;
        }
        JobSheet::Json(array) => array.end()?,
    }
    Ok(ListSummary { jobs: listed, more_after: last.filter(|_| more) })
}

pub(in crate::report) fn cells(job: &JobView) -> Vec<String> {
    vec![job.id.to_string(), job.snapshot_name.to_string(), job.lane.to_string(), job.state.to_string(), result(job)]
}
