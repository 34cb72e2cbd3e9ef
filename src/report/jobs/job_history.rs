//! The history of one job: its facts, every change of its state, and every attempt.

use crate::domain::{ErrorCode, Hold, JobState, Timestamp};
use crate::queue::{AttemptOutcome, AttemptView, JobDetail, JobView, TransitionView};
use crate::report::layout::style::{Colour, Paint, TextStyle};
use crate::report::layout::words::{fine_span, one_line, several, span, trouble};
use serde::Serialize;

/// The history of a job for programs: the members of `jobs --json`, with the attempts and the transitions as arrays.
#[derive(Serialize)]
struct JobHistory<'a> {
    #[serde(flatten)]
    job: &'a JobView,
    attempts: &'a [AttemptView],
    transitions: &'a [TransitionView],
}

/// The history of a job as JSON.
pub fn show_json(detail: &JobDetail) -> impl Serialize + '_ {
    let JobDetail { job, attempts, transitions } = detail;
    JobHistory { job, attempts, transitions }
}

/// The history of a job as text; it ends with a line end.
pub fn show_text(detail: &JobDetail, now: Timestamp, style: TextStyle) -> String {
    let colour = style.colour;
    let job = &detail.job;
    let mut lines = vec![colour.paint(Paint::Title, format!("Job {}: {}", job.id, job.snapshot_name))];
    lines.extend(facts(job, now).into_iter().map(|(name, value)| format!("  {name:<12} {value}")));
    lines.extend([String::new(), colour.paint(Paint::Title, "TIMELINE")]);
    lines.push(format!("{}  queued: line {} of batch {}", moment(job.queued_at), job.line, job.batch));
    lines.extend(detail.transitions.iter().flat_map(|step| transition(step, colour)));
    lines.extend([String::new(), colour.paint(Paint::Title, "ATTEMPTS")]);
    lines.extend(attempts(&detail.attempts));
    style.lay_out(lines)
}

fn facts(job: &JobView, now: Timestamp) -> Vec<(&'static str, String)> {
    let adopted = if job.adopted { ", adopted" } else { "" };
    let attempts = match job.attempts {
        0 => "none sent".to_owned(),
        sent => format!("{sent} sent, {} of them counted", job.used),
    };
    let hold = job.hold.map(|Hold::Inventory| "until the next inventory of the lane".to_owned());
    let due = |at: Timestamp| {
        if at > now { format!("{} (in {})", moment(at), span(at.since(now))) } else { moment(at) }
    };
    let service = job.destination_service.as_ref().map(|service| format!(" ({service})")).unwrap_or_default();
    let polled = matches!(job.state, JobState::Exporting | JobState::Unknown);
    let adoption =
        "the export was not started by this job; what it made may have been deleted since, so check it in EC2";
    let texts = [
        ("lane", Some(job.lane.to_string())),
        ("state", Some(format!("{}{adopted}", job.state))),
        ("attempts", Some(attempts)),
        ("adopted", job.adopted.then(|| adoption.to_owned())),
        ("priority", (job.priority != 0).then(|| job.priority.to_string())),
        ("export again", job.export_again.then(|| "yes".to_owned())),
        ("paused", job.paused_at.map(|at| format!("since {}", moment(at)))),
        ("held", hold),
        ("not before", job.due_at.map(due)),
        ("next poll", job.next_poll_at.filter(|_| polled).map(due)),
        ("operation", job.operation_id.as_ref().map(ToString::to_string)),
        ("record", job.record_name.clone().or_else(|| job.record_arn.as_ref().map(ToString::to_string))),
        ("destination", job.destination_id.as_deref().map(|id| format!("{id}{service}"))),
        ("error", trouble(job.error_code.as_ref(), job.error_message.as_deref())),
    ];
    texts.into_iter().filter_map(|(name, text)| Some((name, one_line(&text?).into_owned()))).collect()
}

fn transition(step: &TransitionView, colour: Colour) -> Vec<String> {
    let paint = match step.to {
        JobState::Succeeded => Paint::Good,
        JobState::Failed | JobState::Cancelled => Paint::Bad,
        JobState::Unknown | JobState::NeedsReview => Paint::Care,
        JobState::Submitting | JobState::Exporting => Paint::Busy,
        JobState::Queued => Paint::Faint,
    };
    let attempt = if step.attempt > 0 { format!(", attempt {}", step.attempt) } else { String::new() };
    let by = if step.actor == "daemon" { String::new() } else { format!(", by {}", one_line(&step.actor)) };
    let event = match step.event.as_str() {
        "intend" => "about to be sent".to_owned(),
        // In an outage, or when the daemon ended: code and message tell which.
        "outcome_unknown_in_outage" => "outcome unknown, not counted".to_owned(),
        event => one_line(event).replace('_', " "),
    };
    let (at, to) = (moment(step.at), colour.paint(paint, step.to));
    let mut lines = vec![format!("{at}  {} -> {to}: {event}{attempt}{by}", step.from)];
    lines.extend(indented(trouble(step.error_code.as_ref(), step.error_message.as_deref())));
    lines
}

/// Attempts with all that is known of each.
pub(in crate::report) fn attempts(attempts: &[AttemptView]) -> Vec<String> {
    if attempts.is_empty() {
        return vec!["none: ExportSnapshot was never called".to_owned()];
    }
    attempts.iter().flat_map(attempt).collect()
}

fn attempt(attempt: &AttemptView) -> Vec<String> {
    let outcome = attempt.outcome.map_or("no answer yet", |outcome| match outcome {
        AttemptOutcome::Accepted => "accepted",
        AttemptOutcome::Refused => "refused",
        AttemptOutcome::Ambiguous => "outcome unknown",
        AttemptOutcome::Found => "found in Lightsail's records",
        AttemptOutcome::Absent => "proven absent from Lightsail's records",
    });
    // An interrupted attempt had no answer: its time is when the next start found it.
    let was_answered = attempt.error_code.as_ref().is_none_or(|code| code.as_str() != ErrorCode::INTERRUPTED);
    let after = attempt
        .answered_at
        .filter(|_| was_answered)
        .map(|at| format!(" after {}", fine_span(at.since(attempt.intended_at))));
    let status = attempt.http_status.map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    let (at, number, after) = (moment(attempt.intended_at), attempt.number, after.unwrap_or_default());
    let mut lines = vec![format!("{at}  {number}: {outcome}{status}{after}")];
    lines.extend(indented(trouble(attempt.error_code.as_ref(), attempt.error_message.as_deref())));
    lines.extend(indented(attempt.request_id.as_deref().map(|id| format!("request {}", one_line(id)))));
    if attempt.absence_checks > 0 {
        let checks = several(u64::from(attempt.absence_checks), "absence check");
        let first = attempt.first_check_at.map(|at| format!(", the first {}", moment(at))).unwrap_or_default();
        let last = attempt.last_check_at.map(|at| format!(", the last {}", moment(at))).unwrap_or_default();
        lines.push(format!("    {checks}{first}{last}"));
    }
    lines
}

fn indented(text: Option<String>) -> Option<String> {
    text.map(|text| format!("    {text}"))
}

/// A time in a column: to the millisecond, always of one width.
fn moment(at: Timestamp) -> String {
    let whole = Timestamp(at.0 - at.0.rem_euclid(1000)).to_string();
    format!("{}.{:03}Z", whole.trim_end_matches('Z'), at.0.rem_euclid(1000))
}
