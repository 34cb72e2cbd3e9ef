//! Why a job stands where it stands, and what would change it. Pure: facts in, sentences out. `why_queued.rs` has the
//! longest chapter, `why_text.rs` lays it out.

use crate::domain::{AbsenceRule, ErrorCode, JobState, LaneTrouble, Timestamp, reconciliation_window};
use crate::queue::{AttemptOutcome, AttemptView, EntryStatus, QueuePosition, RefusedCall, TransitionView};
use crate::report::layout::words::{ago, moment, one_line, several, span, trouble, what_blocks};
use crate::report::why::queued;
use serde::Serialize;
use std::time::Duration;

/// What is known.
#[derive(Debug, Clone)]
pub struct JobFacts {
    /// The time.
    pub now: Timestamp,
    /// What the daemon says of itself; nothing where none is running.
    pub daemon: Option<String>,
    /// The job among all others.
    pub waiting: QueuePosition,
    /// EBS copies of other clients in progress in its lane.
    pub copies_of_others: u64,
    /// The calls of its lane that were refused within [`THROTTLED_WITHIN`].
    pub refused: Vec<RefusedCall>,
    /// The settings of its lane.
    pub pace: Pace,
}

/// How far back throttles are told.
pub const THROTTLED_WITHIN: Duration = Duration::from_hours(1);

/// What the settings say of a lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// The ceiling, in exports a second.
    pub rate: f64,
    /// EBS copies under way at most.
    pub max_in_flight: u64,
    /// Attempts that a job has.
    pub max_attempts: u32,
    /// How long an answer is waited for.
    pub attempt_timeout: Duration,
    /// How long an export may take before a person is asked.
    pub give_up: Duration,
    /// The least time over which the looks at the ledger are spread.
    pub settle: Duration,
    /// The looks that prove an attempt absent.
    pub looks: u32,
    /// How often a blocked lane tries again.
    pub probe: Duration,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// When the state that it is in began.
    pub since: Timestamp,
    /// All of it in one sentence.
    pub summary: String,
    /// The chain of causes: what binds first comes first.
    pub causes: Vec<WaitCause>,
    /// What would change it.
    pub ways: Vec<Way>,
}

/// A link of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitCause {
    /// Its name in JSON.
    pub kind: &'static str,
    /// It in words.
    pub text: String,
    /// Since when, where that is known.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub since: Option<Timestamp>,
    /// Until when, where that is known.
    #[serde(serialize_with = "Timestamp::as_text_or_null")]
    pub until: Option<Timestamp>,
}

/// A way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Way {
    /// It in words.
    pub text: String,
    /// The command; nothing where it comes by itself.
    pub command: Option<String>,
}

/// What is collected on the way.
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

    /// Since when the last cause has been there.
    pub(in crate::report) fn since(&mut self, at: Option<Timestamp>) -> &mut Self {
        if let Some(cause) = self.causes.last_mut() {
            cause.since = at;
        }
        self
    }

    /// Until when it will be.
    pub(in crate::report) fn until(&mut self, at: Option<Timestamp>) -> &mut Self {
        if let Some(cause) = self.causes.last_mut() {
            cause.until = at;
        }
        self
    }

    pub(in crate::report) fn way(&mut self, text: impl Into<String>, command: Option<String>) {
        self.ways.push(Way { text: text.into(), command });
    }
}

/// Says why.
pub fn explain(facts: &JobFacts) -> Why {
    let job = &facts.waiting.detail.job;
    let mut chain = Chain::default();
    match job.state {
        JobState::Queued => queued::explain(facts, &mut chain),
        JobState::Submitting => submitting(facts, &mut chain),
        JobState::Exporting => exporting(facts, &mut chain),
        JobState::Unknown => unknown(facts, &mut chain),
        JobState::NeedsReview => needs_review(facts, &mut chain),
        JobState::Succeeded => succeeded(facts, &mut chain),
        JobState::Failed => failed(facts, &mut chain),
        JobState::Cancelled => cancelled(facts, &mut chain),
    }
    let since = facts.since();
    let first = chain.causes.first().map_or_else(|| "nothing is known".to_owned(), |cause| cause.text.clone());
    let when =
        if job.state.is_live() { format!("for {}", span(facts.now.since(since))) } else { ago(facts.now, since) };
    let behind = chain.causes.iter().skip(1).find(|cause| cause.kind == "ahead");
    let behind = behind.map(|_| format!("; {} ahead", several(facts.waiting.ahead.jobs, "job"))).unwrap_or_default();
    let summary = format!("{} {when}: {first}{behind}", job.state);
    Why { since, summary, causes: chain.causes, ways: chain.ways }
}

impl JobFacts {
    /// When the state that the job is in began.
    pub(in crate::report) fn since(&self) -> Timestamp {
        let moved = self.last_step(|step| step.from != step.to);
        moved.map_or(self.waiting.detail.job.queued_at, |step| step.at)
    }

    pub(in crate::report) fn last_step(&self, wanted: impl Fn(&TransitionView) -> bool) -> Option<&TransitionView> {
        self.waiting.detail.transitions.iter().rfind(|step| wanted(step))
    }

    /// The reconciliation window of its last attempt.
    pub(in crate::report) fn settle(&self) -> Duration {
        let intended = self.last_attempt().map_or(self.now, |attempt| attempt.intended_at);
        reconciliation_window(self.pace.settle, self.waiting.lane.delay, intended)
    }

    /// How the record ended that is taken for the job's, where its attempt was found in the ledger and not told by an answer.
    fn ended_unanswered(&self) -> Option<String> {
        let record = &self.waiting.record.as_ref()?.sighting;
        let found = self.last_attempt().is_some_and(|attempt| attempt.outcome == Some(AttemptOutcome::Found));
        match (&record.destination, record.status) {
            (Some(made), EntryStatus::Succeeded) if found => Some(format!("made {} of it", one_line(&made.id))),
            (_, EntryStatus::Failed) if found => Some("failed to export it".to_owned()),
            _ => None,
        }
    }

    pub(in crate::report) fn last_attempt(&self) -> Option<&AttemptView> {
        self.waiting.detail.attempts.last()
    }

    /// The job's trouble with its message.
    pub(in crate::report) fn trouble(&self) -> Option<String> {
        let job = &self.waiting.detail.job;
        trouble(job.error_code.as_ref(), job.error_message.as_deref())
    }
}

/// Nothing moves without a daemon.
pub(in crate::report) fn no_daemon(facts: &JobFacts, chain: &mut Chain) -> bool {
    if facts.daemon.is_none() {
        chain.cause("no_daemon", "no daemon is running");
        chain.way("start one", Some("snapferry daemon".to_owned()));
    }
    facts.daemon.is_none()
}

/// A trouble of the lane keeps its records from being read, or jobs from being sent; whether the latter.
pub(in crate::report) fn blocked(facts: &JobFacts, chain: &mut Chain) -> bool {
    let lane = &facts.waiting.lane;
    let Some(block) = &lane.blocked else { return false };
    let stops = block.trouble.stops_sending();
    let what = if stops { "is blocked" } else { "cannot be read" };
    let text = format!("its lane {} {what}: {}", lane.lane, what_blocks(block));
    chain.cause("blocked", text).since(Some(block.since));
    let tries = if block.trouble == LaneTrouble::Quota {
        "then resume the lane".to_owned()
    } else if !stops {
        "it is read again within 5 min and recovers automatically".to_owned()
    } else if block.trouble == LaneTrouble::CopyLimit {
        "one job at a time is tried, at the latest every 5 min".to_owned()
    } else {
        format!("the lane tries again every {} and recovers automatically", span(facts.pace.probe))
    };
    chain.way(format!("{}; {tries}", remedy(block.trouble)), None);
    stops
}

/// What helps against a lane's trouble.
fn remedy(trouble: LaneTrouble) -> &'static str {
    match trouble {
        LaneTrouble::Credentials => "renew the account's credentials (profile, SSO login or role)",
        LaneTrouble::Unreachable => "see to the connection to Lightsail's endpoint",
        LaneTrouble::Identity => {
            "give the label its own account's credentials again, or start a new label for the other"
        }
        LaneTrouble::Outage => "Lightsail has to recover",
        LaneTrouble::Denied => "allow what the message names (`snapferry doctor --policy` has all that it needs)",
        LaneTrouble::Reads => "see what its reads are answered with, and allow lightsail:Get* if they are denied",
        LaneTrouble::Setup => "AWS has to finish setting the account or the Region up",
        LaneTrouble::Clock => "let NTP set this machine's clock",
        LaneTrouble::NotEnabled => "enable the Region for the account",
        LaneTrouble::CopyLimit => "other snapshot copies have to end",
        LaneTrouble::Quota => "free some of the quota, or have it raised",
    }
}

fn submitting(facts: &JobFacts, chain: &mut Chain) {
    let sent = facts.last_attempt().map_or(facts.since(), |attempt| attempt.intended_at);
    let until = sent.after(facts.pace.attempt_timeout);
    if facts.daemon.is_none() {
        chain.cause("interrupted", "the daemon ended in the middle of the call, and nobody has its answer");
        chain.way("the next start looks into the ledger for it; it is never sent on a guess", None);
        no_daemon(facts, chain);
        return;
    }
    let waits = span(facts.pace.attempt_timeout);
    let text = format!("its call is out; the answer is waited for up to {waits}");
    chain.cause("calling", text).since(Some(sent)).until(Some(until));
    chain.way("the answer, or after that time the ledger, tells", None);
}

/// When the daemon looks at it next.
fn looked_at(facts: &JobFacts, chain: &mut Chain) {
    let Some(at) = facts.waiting.detail.job.next_poll_at else { return };
    if at > facts.now {
        chain.cause("looked_at", format!("its next look is in {}", span(at.since(facts.now)))).until(Some(at));
    } else {
        chain.cause("looked_at", "it is looked at any moment");
    }
}

fn exporting(facts: &JobFacts, chain: &mut Chain) {
    let job = &facts.waiting.detail.job;
    let since = facts.since();
    let text = match (&job.operation_id, job.adopted) {
        (_, true) => "Lightsail exports it; this job did not begin that and adopted it".to_owned(),
        (Some(operation), false) => format!("Lightsail exports it, operation {operation}"),
        (None, false) => "Lightsail exports it, and its record is not in sight yet".to_owned(),
    };
    if let Some(ended) = facts.ended_unanswered() {
        unanswered(facts, chain, &ended);
        return;
    }
    chain.cause("under_way", text).since(Some(since));
    if !no_daemon(facts, chain) {
        looked_at(facts, chain);
        blocked(facts, chain);
    }
    let give_up = since.after(facts.pace.give_up);
    chain.way(
        format!("it ends by itself; without an end by {} a person is asked (poll.give_up)", moment(give_up)),
        None,
    );
    chain.way("an export cannot be cancelled at Lightsail", None);
}

/// What it became is in sight, and may be another client's until its reconciliation window is over.
fn unanswered(facts: &JobFacts, chain: &mut Chain, ended: &str) {
    let since = facts.since();
    let until = since.after(facts.settle());
    chain
        .cause(
            "settling",
            format!("Lightsail has {ended}, and nobody has the answer of its call: until the reconciliation window of {} is over, that may be another client's export", span(facts.settle())),
        )
        .since(Some(since))
        .until(Some(until));
    if !no_daemon(facts, chain) {
        blocked(facts, chain);
    }
    chain.way(format!("what no other record contradicts by {} is taken for its own", moment(until)), None);
}

fn unknown(facts: &JobFacts, chain: &mut Chain) {
    let said = facts.trouble().map(|said| format!(": {said}")).unwrap_or_default();
    let Pace { looks: needed, attempt_timeout, .. } = facts.pace;
    let settle = facts.settle();
    let number = facts.waiting.detail.job.attempts;
    chain
        .cause("unknown", format!("it is not known whether Lightsail took attempt {number}{said}"))
        .since(Some(facts.since()));
    if let Some(attempt) = facts.last_attempt() {
        let opens = attempt.intended_at.after(attempt_timeout);
        let rule = AbsenceRule { checks: needed, window: settle };
        let next = facts.waiting.detail.job.next_poll_at;
        let earliest = rule.met_at(attempt.first_check_at, opens.max(facts.now), next);
        chain
            .cause(
                "absence_checks",
                format!(
                    "{} of {needed} complete looks at the ledger have shown no trace of it",
                    attempt.absence_checks
                ),
            )
            .since(attempt.first_check_at)
            .until(Some(earliest));
        let over = rule.met_at(attempt.first_check_at, opens.max(facts.now), None);
        let absent = if attempt.absence_checks >= needed && over <= facts.now {
            "its next look without a trace proves it absent, unless the daemon was stopped for long".to_owned()
        } else {
            let over = span(settle);
            format!("{needed} looks over {over} without a trace prove it absent, not before {}", moment(earliest))
        };
        chain.way(format!("found in the ledger, it is adopted; {absent}"), None);
    }
    if !no_daemon(facts, chain) {
        looked_at(facts, chain);
        blocked(facts, chain);
    }
}

fn needs_review(facts: &JobFacts, chain: &mut Chain) {
    let job = facts.waiting.detail.job.id;
    let said = facts.trouble().unwrap_or_else(|| "the ledger cannot be explained".to_owned());
    chain.cause("review", format!("a person has to decide: {said}")).since(Some(facts.since()));
    chain.way("see the evidence, then decide", Some(format!("snapferry resolve {job}")));
}

fn succeeded(facts: &JobFacts, chain: &mut Chain) {
    let job = &facts.waiting.detail.job;
    let id = job.destination_id.as_deref().unwrap_or("something that is not on record");
    let text = if job.adopted {
        format!("exported before, as {id}; that was not this job's doing, and it may be gone since")
    } else {
        format!("it became {id}")
    };
    chain.cause("succeeded", text).since(Some(facts.since()));
}

fn failed(facts: &JobFacts, chain: &mut Chain) {
    let job = &facts.waiting.detail.job;
    let said = facts.trouble().unwrap_or_else(|| "for no reason on record".to_owned());
    chain.cause("failed", said).since(Some(facts.since()));
    if job.used >= facts.pace.max_attempts {
        chain.cause("attempts", format!("{} of {} attempts are used up", job.used, facts.pace.max_attempts));
    }
    let way = match job.error_code.as_ref().map(ErrorCode::as_str) {
        Some(ErrorCode::SNAPSHOT_NOT_FOUND) => "once there is a snapshot of that name, try it again",
        Some(ErrorCode::SNAPSHOT_IN_ERROR) => "make a new snapshot, then try it again",
        Some(_) | None => "once the cause is gone, try it again",
    };
    chain.way(way, Some(format!("snapferry retry {}", job.id)));
}

fn cancelled(facts: &JobFacts, chain: &mut Chain) {
    let by = facts.last_step(|step| step.to == JobState::Cancelled).map(|step| one_line(&step.actor));
    let by = by.unwrap_or("a person".into());
    chain.cause("cancelled", format!("cancelled by {by}")).since(Some(facts.since()));
    chain.way("try it again", Some(format!("snapferry retry {}", facts.waiting.detail.job.id)));
}
