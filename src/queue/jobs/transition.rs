//! A change of one job as data: it names the state and the attempt that it expects. The statements in `sql/` read it as JSON.

use crate::domain::{
    Change, Event, EventKind, Failure, JobId, JobState, JobVersion, LaneTrouble, OperationId, RunId, SnapshotArn,
    Timestamp, apply, named,
};
use crate::points::Step;
use crate::queue::queue_error::QueueError;
use serde::Serialize;

named! {
    /// The outcome of an attempt; its name stands in SQL and in JSON.
    pub enum AttemptOutcome {
        /// Lightsail accepted it.
        Accepted = "accepted",
        /// Lightsail refused it, without effect.
        Refused = "refused",
        /// It is not known whether Lightsail accepted it.
        Ambiguous = "ambiguous",
        /// Found in the ledger later.
        Found = "found",
        /// Proven absent from the ledger.
        Absent = "absent",
    }
}

/// What a transition writes about its attempt.
#[derive(Debug, Clone, Serialize)]
pub struct AttemptAnswer {
    /// Its outcome.
    pub outcome: AttemptOutcome,
    /// The HTTP status, where there was one.
    pub http_status: Option<u16>,
    /// The request id, where there was one.
    pub request_id: Option<String>,
    /// The failure, where there was one.
    pub failure: Option<Failure>,
}

/// An operation that a response named; it belongs to the attempt from the start.
#[derive(Debug, Clone, Serialize)]
pub struct SentOperation {
    /// Its id.
    pub id: OperationId,
    /// When Lightsail says that it began.
    pub created_at: Option<Timestamp>,
}

/// What the intent records of the job.
#[derive(Debug, Clone, Serialize)]
struct Intent {
    run: RunId,
    weight: u32,
    source_arn: Option<SnapshotArn>,
}

/// Entries of the ledger that belong to an attempt.
#[derive(Debug, Clone, Serialize)]
pub(in crate::queue) struct OwnedEntries {
    attempt: u32,
    entries: Vec<i64>,
}

/// One change of one job.
#[derive(Debug, Clone, Serialize)]
pub struct Transition {
    /// The job.
    pub job: JobId,
    from: JobState,
    expected_attempt: u32,
    expected_used: u32,
    #[serde(flatten)]
    change: Change,
    event: EventKind,
    #[serde(skip)]
    step: Step,
    at: Timestamp,
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::queue) ended_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_poll_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probes: Option<LaneTrouble>,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent: Option<Intent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::queue) answer: Option<AttemptAnswer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::queue) operations: Vec<SentOperation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::queue) owns: Option<OwnedEntries>,
}

impl Transition {
    /// The change that `event` makes to `job`, made at `at` by `actor` (`daemon`, or a person's name).
    ///
    /// # Errors
    /// [`QueueError::Illegal`] when the state machine has no such change.
    pub fn new(
        job: JobId,
        version: &JobVersion,
        event: Event,
        at: Timestamp,
        actor: impl Into<String>,
    ) -> Result<Self, QueueError> {
        let kind = event.kind();
        let change = apply(version, event)?;
        Ok(Self {
            job,
            from: version.state,
            expected_attempt: version.attempt,
            expected_used: version.used,
            ended_at: (!change.to.is_live()).then_some(at),
            change,
            event: kind,
            step: Step::Moved(kind),
            at,
            actor: actor.into(),
            next_poll_at: None,
            probes: None,
            intent: None,
            answer: None,
            operations: Vec::new(),
            owns: None,
        })
    }

    /// The state after it.
    pub fn to(&self) -> JobState {
        self.change.to
    }

    /// Whether it is the intent to send.
    pub(in crate::queue) fn is_intent(&self) -> bool {
        self.intent.is_some()
    }

    /// Whether the job returns to the queue. One that was not sent after all never left it.
    pub(in crate::queue) fn is_back(&self) -> bool {
        self.change.to == JobState::Queued && self.from != JobState::Submitting
    }

    /// When it was made.
    pub(in crate::queue) fn at(&self) -> Timestamp {
        self.at
    }

    /// Its durable step.
    pub(in crate::queue) fn step(&self) -> Step {
        self.step
    }

    /// The same change, as another step.
    pub(in crate::queue) fn named(mut self, step: Step) -> Self {
        self.step = step;
        self
    }

    /// When to poll the job next.
    pub fn poll_at(mut self, at: Timestamp) -> Self {
        self.next_poll_at = Some(at);
        self
    }

    /// What to record of an attempt that is about to be sent.
    pub fn intending(mut self, run: RunId, weight: u32, source_arn: Option<SnapshotArn>) -> Self {
        self.intent = Some(Intent { run, weight: weight.max(1), source_arn });
        self
    }

    /// The lane's trouble that the attempt probes: the intent is written only while the lane has exactly that.
    pub fn probing(mut self, trouble: Option<LaneTrouble>) -> Self {
        self.probes = trouble;
        self
    }

    /// The outcome of the attempt, and the operations that it started.
    pub fn answered(mut self, answer: AttemptAnswer, operations: Vec<SentOperation>) -> Self {
        self.answer = Some(answer);
        self.operations = operations;
        self
    }

    /// The entries of the ledger that belong to the attempt from now on; to the job as such where `attempt` is 0.
    pub fn owning(mut self, attempt: u32, entries: Vec<i64>) -> Self {
        self.owns = Some(OwnedEntries { attempt, entries });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Destination, ErrorCode, ExportRef, Hold, RecordArn, SideEffect};
    use std::collections::BTreeSet;

    /// A transition that leaves nothing out.
    fn complete() -> Transition {
        let now = Timestamp(1);
        let failure = Failure { code: ErrorCode::new("Code"), message: "why".to_owned() };
        let answer = AttemptAnswer {
            outcome: AttemptOutcome::Accepted,
            http_status: Some(200),
            request_id: Some("request".to_owned()),
            failure: Some(failure.clone()),
        };
        let operation = SentOperation { id: OperationId::new("operation"), created_at: Some(now) };
        Transition {
            job: JobId(1),
            from: JobState::Queued,
            expected_attempt: 0,
            expected_used: 0,
            change: Change {
                to: JobState::Queued,
                attempt: 1,
                used: 1,
                due_at: Some(now),
                hold: Some(Hold::Inventory),
                side_effect: SideEffect::Nothing,
                export_ref: ExportRef {
                    operation: Some(OperationId::new("operation")),
                    record: Some(RecordArn::new("record")),
                    record_name: Some("record".to_owned()),
                    destination: Some(Destination { service: "EC2".to_owned(), id: "ami".to_owned() }),
                },
                adopted: true,
                reset_export: true,
                failure: Some(failure),
            },
            event: EventKind::Retry,
            step: Step::Moved(EventKind::Retry),
            at: now,
            actor: "daemon".to_owned(),
            ended_at: Some(now),
            next_poll_at: Some(now),
            probes: Some(LaneTrouble::Outage),
            intent: Some(Intent { run: RunId(1), weight: 1, source_arn: Some(SnapshotArn::new("arn")) }),
            answer: Some(answer),
            operations: vec![operation],
            owns: Some(OwnedEntries { attempt: 1, entries: vec![1] }),
        }
    }

    fn paths(value: &serde_json::Value, path: &str, found: &mut BTreeSet<String>) {
        found.insert(path.to_owned());
        for (name, inner) in value.as_object().into_iter().flatten() {
            paths(inner, &format!("{path}.{name}"), found);
        }
    }

    #[test]
    fn the_statements_read_what_a_transition_says() {
        let value = serde_json::to_value(complete()).expect("JSON");
        let mut said = BTreeSet::new();
        paths(&value, "$", &mut said);
        // These read each operation by itself.
        paths(&value["operations"][0], "$", &mut said);
        let statements = [
            include_str!("../sql/move_jobs.sql"),
            include_str!("../sql/review_records.sql"),
            include_str!("../sql/review_late_records.sql"),
            include_str!("../sql/add_transitions.sql"),
            include_str!("../sql/add_attempts.sql"),
            include_str!("../sql/answer_attempts.sql"),
            include_str!("../sql/own_entries.sql"),
            include_str!("../sql/add_sent_operations.sql"),
        ];
        let read: BTreeSet<&str> =
            statements.iter().flat_map(|sql| sql.split('\'')).filter(|text| text.starts_with("$.")).collect();
        assert!(read.len() > 30, "{read:?}");
        let unsaid: Vec<_> = read.into_iter().filter(|path| !said.contains(*path)).collect();
        assert_eq!(unsaid, Vec::<&str>::new());
    }
}
