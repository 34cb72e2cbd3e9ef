//! Why a job is in its state, and what would change it. Pure: facts in, sentences out. `queued.rs` explains queued jobs,
//! `text.rs` lays the answer out.

use crate::domain::{AbsenceRule, EntryStatus, ErrorCode, JobState, LaneTrouble, Timestamp, reconciliation_window};
use crate::queue::{AttemptOutcome, AttemptView, JobView, QueuePosition, RefusedCall, TransitionView};
use crate::report::jobs::retry_advice::advice;
use crate::report::layout::words::{ago, moment, one_line, several, span, trouble, what_blocks};
use crate::report::status::ConfiguredLimits;
use crate::report::why::why_queued;
use serde::Serialize;
use std::time::Duration;

/// What is known of a job.
#[derive(Debug, Clone)]
pub struct JobFacts {
    /// The time.
    pub now: Timestamp,
    /// The running daemon's own description; nothing if none is running.
    pub daemon: Option<String>,
    /// The job among all others.
    pub waiting: QueuePosition,
    /// EBS copies of other clients in progress in its lane.
    pub copies_of_others: u64,
    /// The calls of its lane that were refused within [`THROTTLED_WITHIN`].
    pub refused: Vec<RefusedCall>,
    /// The settings of its lane.
    pub limits: ConfiguredLimits,
}

/// How far back throttles are counted.
pub const THROTTLED_WITHIN: Duration = Duration::from_hours(1);

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// When its current state began.
    pub since: Timestamp,
    /// All of it in one sentence.
    pub summary: String,
    /// The causes: what binds first comes first.
    pub causes: Vec<WaitCause>,
    /// What would change it.
    pub ways: Vec<Way>,
}

/// A cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitCause {
    /// Its name in JSON.
    pub kind: &'static str,
    /// The cause in words.
    pub text: String,
    /// Since when, if that is known.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub since: Option<Timestamp>,
    /// Until when, if that is known.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub until: Option<Timestamp>,
}

/// A way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// The way in words.
    pub text: String,
    /// The command; nothing if it happens without one.
    pub command: Option<String>,
}

/// The causes and ways collected so far.
#[derive(Debug, Default)]
pub(in crate::report) struct Chain {
    pub(in crate::report) causes: Vec<WaitCause>,
    pub(in crate::report) ways: Vec<Way>,
}

impl Chain {
    pub(in crate::report) fn cause(&mut self, kind: &'static str, text: impl Into<String>) -> &mut Self {
        self.causes.push(WaitCause { kind, text: text.into(), since: None, until: None });
        self
    }

    /// When the last cause began.
    pub(in crate::report) fn since(&mut self, at: impl Into<Option<Timestamp>>) -> &mut Self {
        if let Some(cause) = self.causes.last_mut() {
            cause.since = at.into();
        }
        self
    }

    /// When the last cause ends.
    pub(in crate::report) fn until(&mut self, at: impl Into<Option<Timestamp>>) -> &mut Self {
        if let Some(cause) = self.causes.last_mut() {
            cause.until = at.into();
        }
        self
    }

    pub(in crate::report) fn way(&mut self, text: impl Into<String>, command: Option<String>) {
        self.ways.push(Way { text: text.into(), command });
    }
}

/// Explains why.
pub fn explain(facts: &JobFacts) -> Why {
    let mut chain = Chain::default();
    let state = facts.job().state;
    match state {
        JobState::Queued => why_queued::explain(facts, &mut chain),
        JobState::Submitting => submitting(facts, &mut chain),
        JobState::Exporting => exporting(facts, &mut chain),
        JobState::Unknown => unknown(facts, &mut chain),
        JobState::NeedsReview => needs_review(facts, &mut chain),
        JobState::Succeeded => succeeded(facts, &mut chain),
        JobState::Failed => failed(facts, &mut chain),
        JobState::Cancelled => cancelled(facts, &mut chain),
    }
    let since = facts.since();
    let first = chain.causes.first().map(|cause| cause.text.as_str()).unwrap_or_default();
    let when = if state.is_live() { format!("for {}", span(facts.now.since(since))) } else { ago(facts.now, since) };
    let behind = chain.causes.iter().skip(1).find(|cause| cause.kind == "ahead");
    let behind = behind.map(|_| format!("; {} ahead", several(facts.waiting.ahead.jobs, "job"))).unwrap_or_default();
    let summary = format!("{state} {when}: {first}{behind}");
    Why { since, summary, causes: chain.causes, ways: chain.ways }
}

impl JobFacts {
    pub(in crate::report) fn job(&self) -> &JobView {
        &self.waiting.detail.job
    }

    /// When its current state began.
    pub(in crate::report) fn since(&self) -> Timestamp {
        let moved = self.last_step(|step| step.from != step.to);
        moved.map_or(self.job().queued_at, |step| step.at)
    }

    pub(in crate::report) fn last_step(&self, wanted: impl Fn(&TransitionView) -> bool) -> Option<&TransitionView> {
        self.waiting.detail.transitions.iter().rfind(|step| wanted(step))
    }

    /// The reconciliation window of its last attempt.
    pub(in crate::report) fn window(&self) -> Duration {
        let intended = self.last_attempt().map_or(self.now, |attempt| attempt.intended_at);
        reconciliation_window(self.limits.settle, self.waiting.lane.delay, intended)
    }

    /// How the record ended that may be the job's, if its attempt was found in Lightsail's records.
    fn ended_unanswered(&self) -> Option<String> {
        let record = &self.waiting.record.as_ref()?.sighting;
        let found = self.last_attempt().is_some_and(|attempt| attempt.outcome == Some(AttemptOutcome::Found));
        match (&record.destination, record.status) {
            (Some(made), EntryStatus::Succeeded) if found => Some(format!("made {} from it", one_line(&made.id))),
            (_, EntryStatus::Failed) if found => Some("failed to export it".to_owned()),
            _ => None,
        }
    }

    pub(in crate::report) fn last_attempt(&self) -> Option<&AttemptView> {
        self.waiting.detail.attempts.last()
    }

    /// The code of the job's error with its message.
    pub(in crate::report) fn trouble(&self) -> Option<String> {
        trouble(self.job().error_code.as_ref(), self.job().error_message.as_deref())
    }
}

/// Without a daemon nothing moves.
pub(in crate::report) fn no_daemon(facts: &JobFacts, chain: &mut Chain) -> bool {
    if facts.daemon.is_none() {
        chain.cause("no_daemon", "no daemon is running");
        chain.way("start one", Some("snapferry daemon".to_owned()));
    }
    facts.daemon.is_none()
}

/// The lane's own trouble; whether it stops sending.
pub(in crate::report) fn blocked(facts: &JobFacts, chain: &mut Chain) -> bool {
    let lane = &facts.waiting.lane;
    let Some(block) = &lane.blocked else { return false };
    let stops = block.trouble.stops_sending();
    let what = if stops { "is blocked" } else { "cannot be read" };
    chain.cause("blocked", format!("its lane {} {what}: {}", lane.lane, what_blocks(block))).since(block.since);
    let way = if block.trouble == LaneTrouble::Quota {
        "free some of the quota or have it raised, then resume the lane".to_owned()
    } else if !stops {
        "it is read again within 5 min and recovers automatically once the cause is gone".to_owned()
    } else if block.trouble == LaneTrouble::CopyLimit {
        "other snapshot copies end; one job at a time is tried, at the latest every 5 min".to_owned()
    } else {
        let probe = span(facts.limits.probe);
        format!("the lane tries again every {probe} and recovers automatically once the cause is gone")
    };
    chain.way(way, None);
    stops
}

fn submitting(facts: &JobFacts, chain: &mut Chain) {
    if facts.daemon.is_none() {
        chain.cause("interrupted", "the daemon ended during the call, before it had an answer");
        chain.way("the next start looks for the export in Lightsail's records; nothing is sent on a guess", None);
        no_daemon(facts, chain);
        return;
    }
    let sent = facts.last_attempt().map_or(facts.since(), |attempt| attempt.intended_at);
    let timeout = facts.limits.attempt_timeout;
    let text = format!("its call has been sent; the answer may take up to {}", span(timeout));
    chain.cause("calling", text).since(sent).until(sent.after(timeout));
    chain.way("the answer decides, or after that time Lightsail's records", None);
}

/// When the daemon reads its state again, and what prevents that.
fn next_poll(facts: &JobFacts, chain: &mut Chain) {
    if no_daemon(facts, chain) {
        return;
    }
    match facts.job().next_poll_at {
        None => {}
        Some(at) if at > facts.now => {
            chain.cause("next_poll", format!("its state is read again in {}", span(at.since(facts.now)))).until(at);
        }
        Some(_) => {
            chain.cause("next_poll", "its state is about to be read again");
        }
    }
    blocked(facts, chain);
}

fn exporting(facts: &JobFacts, chain: &mut Chain) {
    if let Some(ended) = facts.ended_unanswered() {
        unanswered(facts, chain, &ended);
        return;
    }
    let (job, since) = (facts.job(), facts.since());
    let text = match (&job.operation_id, job.adopted) {
        (_, true) => "Lightsail exports it; this job adopted an export that it had not started".to_owned(),
        (Some(operation), false) => format!("Lightsail exports it, operation {operation}"),
        (None, false) => "Lightsail exports it; its record has not been seen yet".to_owned(),
    };
    chain.cause("under_way", text).since(since);
    next_poll(facts, chain);
    let give_up = moment(since.after(facts.limits.give_up));
    chain.way(format!("the export ends; if it has not ended by {give_up}, a person is asked (poll.give_up)"), None);
    chain.way("an export cannot be cancelled at Lightsail", None);
}

/// Its export has ended, but may be another client's until the reconciliation window is over.
fn unanswered(facts: &JobFacts, chain: &mut Chain, ended: &str) {
    let (since, window) = (facts.since(), facts.window());
    let until = since.after(window);
    let text = format!(
        "Lightsail has {ended}, but its call got no answer: until the reconciliation window of {} is over, that may be \
         another client's export",
        span(window)
    );
    chain.cause("reconciling", text).since(since).until(until);
    if !no_daemon(facts, chain) {
        blocked(facts, chain);
    }
    chain.way(
        format!("unless another record contradicts it by {}, the export is taken for its own", moment(until)),
        None,
    );
}

fn unknown(facts: &JobFacts, chain: &mut Chain) {
    let error = facts.trouble().map(|error| format!(": {error}")).unwrap_or_default();
    let text = format!("it is not known whether Lightsail accepted attempt {}{error}", facts.job().attempts);
    chain.cause("unknown", text).since(facts.since());
    if let Some(attempt) = facts.last_attempt() {
        let ConfiguredLimits { looks: needed, attempt_timeout, .. } = facts.limits;
        let (seen, first) = (attempt.absence_checks, attempt.first_check_at);
        let rule = AbsenceRule { checks: needed, window: facts.window() };
        let opens = attempt.intended_at.after(attempt_timeout).max(facts.now);
        let earliest = rule.met_at(first, opens, facts.job().next_poll_at);
        let text =
            format!("{seen} of {needed} absence checks are done: complete readings that did not show the attempt");
        chain.cause("absence_checks", text).since(first).until(earliest);
        let absent = if seen >= needed && rule.met_at(first, opens, None) <= facts.now {
            "the next check that does not show it proves it absent, unless the daemon was stopped for long".to_owned()
        } else {
            let window = span(rule.window);
            format!(
                "{needed} checks over {window} that do not show it prove it absent, not before {}",
                moment(earliest)
            )
        };
        chain.way(format!("if Lightsail's records show it, it is adopted; {absent}"), None);
    }
    next_poll(facts, chain);
}

fn needs_review(facts: &JobFacts, chain: &mut Chain) {
    let error = facts.trouble().unwrap_or_else(|| "Lightsail's records cannot be explained".to_owned());
    chain.cause("review", format!("a person has to decide: {error}")).since(facts.since());
    chain.way("see the evidence, then decide", Some(format!("snapferry resolve {}", facts.job().id)));
}

fn succeeded(facts: &JobFacts, chain: &mut Chain) {
    let id = facts.job().destination_id.as_deref().unwrap_or("an unrecorded destination");
    let text = if facts.job().adopted {
        format!("adopted as {id}, an export that this job had not started; it may have been deleted since")
    } else {
        format!("exported as {id}")
    };
    chain.cause("succeeded", text).since(facts.since());
}

fn failed(facts: &JobFacts, chain: &mut Chain) {
    let (job, most) = (facts.job(), facts.limits.max_attempts);
    chain.cause("failed", facts.trouble().unwrap_or_else(|| "no error on record".to_owned())).since(facts.since());
    if job.used >= most {
        chain.cause("attempts", format!("{} of {most} attempts are used", job.used));
    }
    let code = job.error_code.as_ref().map_or("", ErrorCode::as_str);
    let (_, way) = advice(code, job.error_message.as_deref().unwrap_or_default());
    chain.way(way, Some(format!("snapferry retry {}", job.id)));
}

fn cancelled(facts: &JobFacts, chain: &mut Chain) {
    let by = facts.last_step(|step| step.to == JobState::Cancelled).map(|step| one_line(&step.actor));
    chain.cause("cancelled", format!("cancelled by {}", by.unwrap_or("a person".into()))).since(facts.since());
    chain.way("retry it", Some(format!("snapferry retry {}", facts.job().id)));
}
