//! The story of one job: what it is, every change of its state, and every attempt.

use crate::domain::{ErrorCode, Hold, JobState, Timestamp};
use crate::queue::{AttemptOutcome, AttemptView, JobDetail, JobView, TransitionView};
use crate::report::jobs::list::JobMembers;
use crate::report::layout::style::{Colour, Paint, TextStyle};
use crate::report::layout::words::{fine_span, one_line, several, span, trouble};
use serde::Serialize;

/// A job's story as one JSON value: the members of `jobs --json`, with the attempts and the transitions as arrays.
pub fn show_json(detail: &JobDetail) -> impl Serialize + '_ {
    JobHistory { job: JobMembers::of(&detail.job, &detail.attempts), transitions: &detail.transitions }
}

#[derive(Serialize)]
struct JobHistory<'a> {
    #[serde(flatten)]
    job: JobMembers<'a, &'a [AttemptView]>,
    transitions: &'a [TransitionView],
}

/// A job's story as text; it ends with a line end.
pub fn show_text(detail: &JobDetail, now: Timestamp, look: TextStyle) -> String {
    let colour = look.colour;
    let job = &detail.job;
    let mut lines = vec![colour.paint(Paint::Title, format!("Job {}: {}", job.id, job.snapshot_name))];
    for (name, value) in facts(job, now) {
        lines.push(format!("  {name:<12} {value}"));
    }
    lines.push(String::new());
    lines.push(colour.paint(Paint::Title, "TIMELINE"));
    lines.push(format!("{}  queued: line {} of batch {}", moment(job.queued_at), job.line, job.batch));
    for step in &detail.transitions {
        lines.extend(transition(step, colour));
    }
    lines.push(String::new());
    lines.push(colour.paint(Paint::Title, "ATTEMPTS"));
    if detail.attempts.is_empty() {
        lines.push("none: ExportSnapshot was never called for it".to_owned());
    }
    for one in &detail.attempts {
        lines.extend(attempt(one));
    }
    look.lay_out(lines)
}

fn facts(job: &JobView, now: Timestamp) -> Vec<(&'static str, String)> {
    let adopted = if job.adopted { ", adopted" } else { "" };
    let attempts = match job.attempts {
        0 => "none sent".to_owned(),
        sent => format!("{sent} sent, {} of them counted", job.used),
    };
    let mut facts =
        vec![("lane", job.lane.to_string()), ("state", format!("{}{adopted}", job.state)), ("attempts", attempts)];
    let hold = job.hold.map(|Hold::Inventory| "until the lane's ledger was read");
    let due = |at: Timestamp| {
        if at > now { format!("{} (in {})", moment(at), span(at.since(now))) } else { moment(at) }
    };
    let destination = job.destination_id.as_deref().map(|id| match &job.destination_service {
        Some(service) => format!("{id} ({service})"),
        None => id.to_owned(),
    });
    let followed = matches!(job.state, JobState::Exporting | JobState::Unknown);
    let gone = "the export was not begun by this job; its image may be gone since: look in EC2";
    let texts = [
        ("adopted", job.adopted.then(|| gone.to_owned())),
        ("priority", (job.priority != 0).then(|| job.priority.to_string())),
        ("export again", job.export_again.then(|| "yes".to_owned())),
        ("paused", job.paused_at.map(|at| format!("since {}", moment(at)))),
        ("held", hold.map(str::to_owned)),
        ("not before", job.due_at.map(due)),
        ("next look", job.next_poll_at.filter(|_| followed).map(due)),
        ("operation", job.operation_id.as_ref().map(ToString::to_string)),
        ("record", job.record_name.clone().or_else(|| job.record_arn.as_ref().map(ToString::to_string))),
        ("destination", destination),
        ("error", trouble(job.error_code.as_ref(), job.error_message.as_deref())),
    ];
    facts.extend(texts.into_iter().filter_map(|(name, text)| Some((name, one_line(&text?).into_owned()))));
    facts
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
    let mut lines = vec![format!(
        "{}  {} -> {}: {}{attempt}{by}",
        moment(step.at),
        step.from,
        colour.paint(paint, step.to),
        match step.event.as_str() {
            "intend" => "about to be sent".to_owned(),
            // In an outage, or as the daemon ended: its code and message say which.
            "outcome_unknown_in_outage" => "outcome unknown, not counted".to_owned(),
            event => one_line(event).replace('_', " "),
        }
    )];
    lines.extend(indented(trouble(step.error_code.as_ref(), step.error_message.as_deref())));
    lines
}

pub(in crate::report) fn attempt(attempt: &AttemptView) -> Vec<String> {
    let outcome = attempt.outcome.map_or("no answer yet", |outcome| match outcome {
        AttemptOutcome::Accepted => "accepted",
        AttemptOutcome::Refused => "refused",
        AttemptOutcome::Ambiguous => "nobody can say",
        AttemptOutcome::Found => "found in the ledger",
        AttemptOutcome::Absent => "proven absent from the ledger",
    });
    // One that the daemon's end cut off never had an answer: what stands there is when the next start found it.
    let was_answered = attempt.error_code.as_ref().is_none_or(|code| code.as_str() != ErrorCode::INTERRUPTED);
    let after = attempt
        .answered_at
        .filter(|_| was_answered)
        .map(|at| format!(" after {}", fine_span(at.since(attempt.intended_at))));
    let status = attempt.http_status.map(|status| format!(" (HTTP {status})"));
    let mut lines = vec![format!(
        "{}  {}: {outcome}{}{}",
        moment(attempt.intended_at),
        attempt.number,
        status.unwrap_or_default(),
        after.unwrap_or_default()
    )];
    lines.extend(indented(trouble(attempt.error_code.as_ref(), attempt.error_message.as_deref())));
    lines.extend(indented(attempt.request_id.as_deref().map(|id| format!("request {}", one_line(id)))));
    if attempt.absence_checks > 0 {
        let looks = several(u64::from(attempt.absence_checks), "look");
        let first = attempt.first_check_at.map(|at| format!(", the first {}", moment(at))).unwrap_or_default();
        let last = attempt.last_check_at.map(|at| format!(", the last {}", moment(at))).unwrap_or_default();
        lines.extend(indented(Some(format!("{looks} at the ledger did not show it{first}{last}"))));
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
