//! The answer to why, as text and as JSON.

use crate::domain::{JobId, JobState, Timestamp};
use crate::report::layout::style::{Paint, TextStyle};
use crate::report::layout::words::{capital, moment, period};
use crate::report::why::explain::{JobFacts, WaitCause, Way, Why};
use serde::Serialize;

/// The answer as text; it ends with a line end.
pub fn why_text(facts: &JobFacts, why: &Why, look: TextStyle) -> String {
    let job = &facts.waiting.detail.job;
    let title = format!("Job {} ({}): {}", job.id, job.snapshot_name, why.summary);
    let mut lines = vec![look.colour.paint(Paint::Title, title)];
    lines.extend([String::new(), look.colour.paint(Paint::Title, "BECAUSE")]);
    lines.extend(why.causes.iter().map(|cause| format!("  {}", cause_line(cause, facts.now))));
    if !why.ways.is_empty() {
        lines.extend([String::new(), look.colour.paint(Paint::Title, "WHAT CHANGES IT")]);
        lines.extend(why.ways.iter().map(|way| match &way.command {
            Some(command) => format!("  {}: {command}", capital(&way.text)),
            None => format!("  {}", capital(&way.text)),
        }));
    }
    look.lay_out(lines)
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

/// The answer as one JSON value.
pub fn why_json<'a>(facts: &'a JobFacts, why: &'a Why) -> impl Serialize + 'a {
    let (waiting, job) = (&facts.waiting, &facts.waiting.detail.job);
    let last = waiting.detail.attempts.last();
    WhyAnswer {
        id: job.id,
        snapshot_name: job.snapshot_name.as_str(),
        batch: job.batch.as_str(),
        account: job.lane.account.as_str(),
        region: job.lane.region.as_str(),
        state: job.state,
        since: why.since.to_string(),
        summary: &why.summary,
        causes: &why.causes,
        ways: &why.ways,
        jobs_ahead: (job.state == JobState::Queued).then_some(waiting.ahead.jobs),
        learned_rate: waiting.lane.learned_rate,
        rate: facts.pace.rate,
        copies_in_flight: waiting.load.in_flight,
        max_in_flight: facts.pace.max_in_flight,
        attempts_used: job.used,
        max_attempts: facts.pace.max_attempts,
        absence_checks: last.map_or(0, |attempt| attempt.absence_checks),
        absence_checks_needed: facts.pace.looks,
    }
}

#[derive(Serialize)]
struct WhyAnswer<'a> {
    id: JobId,
    snapshot_name: &'a str,
    batch: &'a str,
    account: &'a str,
    region: &'static str,
    state: JobState,
    since: String,
    summary: &'a str,
    causes: &'a [WaitCause],
    ways: &'a [Way],
    jobs_ahead: Option<u64>,
    learned_rate: Option<f64>,
    rate: f64,
    copies_in_flight: u64,
    max_in_flight: u64,
    attempts_used: u32,
    max_attempts: u32,
    absence_checks: u32,
    absence_checks_needed: u32,
}
