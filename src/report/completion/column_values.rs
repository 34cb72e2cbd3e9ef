//! The columns of a report: the same names and the same order in CSV, in JSON and in the lists of jobs.

use crate::domain::{BatchName, ErrorCode, OperationId, REPORT_COLUMNS};
use crate::queue::JobView;
use crate::report::layout::words::{one_line, time, trouble};
use serde_json::Value;
use std::borrow::Cow;

/// The columns of a report in which `copied` columns follow ours.
pub(in crate::report) fn columns(copied: &[String]) -> impl Iterator<Item = &str> {
    REPORT_COLUMNS.into_iter().chain(copied.iter().map(String::as_str))
}

/// A line of a report: a job, and the row's values in the `copied` columns; a column that the row lacks is null.
pub(in crate::report) fn report_line(job: &JobView, batch: &BatchName, copied: &[String], values: &[String]) -> Value {
    let own: [Value; REPORT_COLUMNS.len()] = [
        batch.as_str().into(),
        job.snapshot_name.as_str().into(),
        job.lane.account.as_str().into(),
        job.lane.region.as_str().into(),
        job.state.as_str().into(),
        job.adopted.into(),
        job.attempts.into(),
        job.operation_id.as_ref().map(OperationId::as_str).into(),
        job.record_name.as_deref().into(),
        job.destination_service.as_deref().into(),
        job.destination_id.as_deref().into(),
        job.error_code.as_ref().map(ErrorCode::as_str).into(),
        job.error_message.as_deref().into(),
        job.queued_at.to_string().into(),
        time(job.submitted_at).into(),
        time(job.finished_at).into(),
    ];
    let values = (0..copied.len()).map(|at| values.get(at).map(String::as_str).into());
    Value::Object(columns(copied).map(str::to_owned).zip(own.into_iter().chain(values)).collect())
}

/// What became of a job, in one cell of a table: where it went, and its error.
pub(in crate::report) fn result(job: &JobView) -> String {
    let destination = match (job.destination_id.as_deref().map(one_line), job.adopted) {
        (Some(id), true) => Some(format!("{id} (adopted)")),
        (None, true) => Some("adopted".to_owned()),
        (id, false) => id.map(Cow::into_owned),
    };
    let paused = job.paused_at.map(|_| "paused".to_owned());
    let error = trouble(job.error_code.as_ref(), job.error_message.as_deref());
    [destination, paused, error].into_iter().flatten().collect::<Vec<_>>().join("; ")
}
