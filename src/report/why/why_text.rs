//! The answer to why, as text and as JSON.

use crate::domain::{JobState, Timestamp};
use crate::report::layout::style::{Paint, TextStyle};
use crate::report::layout::words::{capital, moment, period};
use crate::report::why::explain::{JobFacts, WaitCause, Why};
use serde_json::{Value, json};

/// The answer as text; it ends with a line end.
pub fn why_text(facts: &JobFacts, why: &Why, style: TextStyle) -> String {
    let job = facts.job();
    let title = format!("Job {} ({}): {}", job.id, job.snapshot_name, why.summary);
    let mut lines = vec![style.colour.paint(Paint::Title, title)];
    lines.extend([String::new(), style.colour.paint(Paint::Title, "BECAUSE")]);
    lines.extend(why.causes.iter().map(|cause| format!("  {}", cause_line(cause, facts.now))));
    if !why.ways.is_empty() {
        lines.extend([String::new(), style.colour.paint(Paint::Title, "WHAT CHANGES IT")]);
        lines.extend(why.ways.iter().map(|way| match &way.command {
            Some(command) => format!("  {}: {command}", capital(&way.text)),
            None => format!("  {}", capital(&way.text)),
        }));
    }
    style.lay_out(lines)
}

fn cause_line(cause: &WaitCause, now: Timestamp) -> String {
    let text = capital(&cause.text);
    match (cause.since, cause.until) {
        (Some(since), Some(until)) if until <= now => format!("{text} ({})", period(since, until)),
        (Some(since), Some(until)) => format!("{text} (since {}, until {})", moment(since), moment(until)),
        (Some(since), None) => format!("{text} (since {})", moment(since)),
        (None, Some(until)) => format!("{text} (until {})", moment(until)),
        (None, None) => text,
    }
}

/// The answer as a JSON object.
pub fn why_json(facts: &JobFacts, why: &Why) -> Value {
    let (waiting, job) = (&facts.waiting, facts.job());
    json!({
        "id": job.id,
        "snapshot_name": job.snapshot_name,
        "batch": job.batch,
        "account": job.lane.account,
        "region": job.lane.region,
        "state": job.state,
        "since": why.since.to_string(),
        "summary": why.summary,
        "causes": why.causes,
        "ways": why.ways,
        "jobs_ahead": (job.state == JobState::Queued).then_some(waiting.ahead.jobs),
        "learned_rate": waiting.lane.learned_rate,
        "rate": facts.limits.ceiling,
        "copies_in_flight": waiting.load.in_flight,
        "max_in_flight": facts.limits.cap,
        "attempts_used": job.used,
        "max_attempts": facts.limits.max_attempts,
        "absence_checks": facts.last_attempt().map_or(0, |attempt| attempt.absence_checks),
        "absence_checks_needed": facts.limits.looks,
    })
}
