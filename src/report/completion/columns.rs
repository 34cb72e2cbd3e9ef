//! The columns of a report: the same names and the same order in CSV, in JSON and in the lists of jobs.

use crate::domain::{BatchName, ErrorCode, JobState, OperationId, REPORT_COLUMNS, Timestamp};
use crate::queue::{JobView, ReportRow};
use crate::report::layout::words::{one_line, trouble};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use std::borrow::Cow;

/// A job in these columns. `attempts` is a number, or the attempts themselves where one job is told in full.
#[derive(Debug, Serialize)]
pub(in crate::report) struct Members<'a, A> {
    batch: &'a str,
    snapshot_name: &'a str,
    account: &'a str,
    region: &'static str,
    state: JobState,
    adopted: bool,
    attempts: A,
    operation_id: Option<&'a str>,
    record_name: Option<&'a str>,
    destination_service: Option<&'a str>,
    destination_id: Option<&'a str>,
    error_code: Option<&'a str>,
    error_message: Option<&'a str>,
    queued_at: String,
    submitted_at: Option<String>,
    finished_at: Option<String>,
}

impl<'a, A> Members<'a, A> {
    pub(in crate::report) fn of(job: &'a JobView, batch: &'a BatchName, attempts: A) -> Self {
        Self {
            batch: batch.as_str(),
            snapshot_name: job.snapshot_name.as_str(),
            account: job.lane.account.as_str(),
            region: job.lane.region.as_str(),
            state: job.state,
            adopted: job.adopted,
            attempts,
            operation_id: job.operation_id.as_ref().map(OperationId::as_str),
            record_name: job.record_name.as_deref(),
            destination_service: job.destination_service.as_deref(),
            destination_id: job.destination_id.as_deref(),
            error_code: job.error_code.as_ref().map(ErrorCode::as_str),
            error_message: job.error_message.as_deref(),
            queued_at: job.queued_at.to_string(),
            submitted_at: time(job.submitted_at),
            finished_at: time(job.finished_at),
        }
    }
}

impl<'a> Members<'a, u32> {
    /// The cells of a line of CSV, in the order of [`REPORT_COLUMNS`].
    pub(in crate::report) fn cells(&self) -> [Cow<'_, str>; REPORT_COLUMNS.len()] {
        let text = |value: Option<&'a str>| Cow::Borrowed(value.unwrap_or_default());
        [
            Cow::Borrowed(self.batch),
            Cow::Borrowed(self.snapshot_name),
            Cow::Borrowed(self.account),
            Cow::Borrowed(self.region),
            Cow::Borrowed(self.state.as_str()),
            Cow::Borrowed(if self.adopted { "true" } else { "false" }),
            Cow::Owned(self.attempts.to_string()),
            text(self.operation_id),
            text(self.record_name),
            text(self.destination_service),
            text(self.destination_id),
            text(self.error_code),
            text(self.error_message),
            Cow::Borrowed(&self.queued_at),
            Cow::Borrowed(self.submitted_at.as_deref().unwrap_or_default()),
            Cow::Borrowed(self.finished_at.as_deref().unwrap_or_default()),
        ]
    }
}

/// A line of a report as a JSON object.
#[derive(Debug, Serialize)]
pub(in crate::report) struct ReportLine<'a> {
    #[serde(flatten)]
    members: Members<'a, u32>,
    #[serde(flatten)]
    carried: Carried<'a>,
}

impl<'a> ReportLine<'a> {
    pub(in crate::report) fn of(row: &'a ReportRow, batch: &'a BatchName, names: &'a [String]) -> Self {
        let carried = Carried { names, values: &row.carried };
        Self { members: Members::of(&row.job, batch, row.job.attempts), carried }
    }
}

/// The copied columns: a member each, null where the row has no value.
#[derive(Debug)]
struct Carried<'a> {
    names: &'a [String],
    values: &'a [String],
}

impl Serialize for Carried<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.names.len()))?;
        for (at, name) in self.names.iter().enumerate() {
            map.serialize_entry(name, &self.values.get(at))?;
        }
        map.end()
    }
}

pub(in crate::report) fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// What became of a job, in one cell of a table: where it went, and its trouble.
pub(in crate::report) fn result(job: &JobView) -> String {
    let mut text = job.destination_id.as_deref().map(|id| one_line(id).into_owned()).unwrap_or_default();
    if job.adopted {
        text.push_str(if text.is_empty() { "adopted" } else { " (adopted)" });
    }
    if job.paused_at.is_some() {
        text.push_str(if text.is_empty() { "paused" } else { "; paused" });
    }
    if let Some(trouble) = trouble(job.error_code.as_ref(), job.error_message.as_deref()) {
        text.push_str(if text.is_empty() { "" } else { "; " });
        text.push_str(&trouble);
    }
    text
}
