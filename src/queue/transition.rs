//! Moving jobs: each change names the state and the attempt that it expects, and is written with its history. A group
//! of them is a few statements, whatever its size.

use super::Queue;
use super::error::QueueError;
use super::reading::json;
use super::rows::{AttemptRow, JobRow, OwnedRow};
use crate::domain::{
    Change, Failure, JobId, JobState, LaneId, LaneTrouble, OperationId, RunId, SnapshotArn, Standing, Timestamp,
};
use crate::domain::{Event, apply};
use crate::points::{Between, Point, Step, reached};
use sqlx::{Connection, SqliteConnection};
use std::collections::{BTreeMap, HashSet};

/// How an attempt came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// Lightsail took it.
    Accepted,
    /// Lightsail refused it, without effect.
    Refused,
    /// Nobody can say.
    Ambiguous,
    /// Found in the ledger later.
    Found,
    /// Proven absent from the ledger.
    Absent,
}

impl AttemptOutcome {
    /// Every outcome.
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Refused, Self::Ambiguous, Self::Found, Self::Absent];

    /// The outcome's name in SQL and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Ambiguous => "ambiguous",
            Self::Found => "found",
            Self::Absent => "absent",
        }
    }
}

/// What is written of the attempt with a transition.
#[derive(Debug, Clone)]
pub struct Answer {
    /// How it came out.
    pub outcome: AttemptOutcome,
    /// The HTTP status, where there was one.
    pub http_status: Option<u16>,
    /// The request id, where there was one.
    pub request_id: Option<String>,
    /// The trouble, where there was one.
    pub failure: Option<Failure>,
}

/// An operation that an answer named; it belongs to the attempt from the first.
#[derive(Debug, Clone)]
pub struct SentOperation {
    /// Its id.
    pub id: OperationId,
    /// When Lightsail says that it began.
    pub created_at: Option<Timestamp>,
}

/// What the intent writes down of the job.
#[derive(Debug, Clone)]
pub(super) struct Intent {
    pub(super) run: RunId,
    pub(super) weight: u32,
    pub(super) source_arn: Option<SnapshotArn>,
}

/// One change of one job.
#[derive(Debug, Clone)]
pub struct Transition {
    job: JobId,
    from: JobState,
    expected_attempt: u32,
    expected_used: u32,
    change: Change,
    event: &'static str,
    step: Step,
    at: Timestamp,
    actor: String,
    next_poll_at: Option<Timestamp>,
    probes: Option<LaneTrouble>,
    intent: Option<Intent>,
    answer: Option<Answer>,
    operations: Vec<SentOperation>,
    own: Vec<(u32, i64)>,
}

impl Transition {
    /// The change that `event` makes to `job`, made at `at` by `actor` (`daemon`, or a person's name).
    ///
    /// # Errors
    /// [`QueueError::Illegal`] when the state machine has no such change.
    pub fn new(
        job: JobId,
        standing: &Standing,
        event: Event,
        at: Timestamp,
        actor: impl Into<String>,
    ) -> Result<Self, QueueError> {
        let (name, step) = (event.name(), step_of(&event));
        let change = apply(standing, event)?;
        Ok(Self {
            job,
            from: standing.state,
            expected_attempt: standing.attempt,
            expected_used: standing.used,
            change,
            event: name,
            step,
            at,
            actor: actor.into(),
            next_poll_at: None,
            probes: None,
            intent: None,
            answer: None,
            operations: Vec::new(),
            own: Vec::new(),
        })
    }

    /// The state after it.
    #[must_use]
    pub fn to(&self) -> JobState {
        self.change.to
    }

    /// Whether it is the intent to send.
    pub(super) fn is_intent(&self) -> bool {
        self.intent.is_some()
    }

    /// When it was made.
    pub(super) fn at(&self) -> Timestamp {
        self.at
    }

    /// What it is on the disk.
    pub(super) fn step(&self) -> Step {
        self.step
    }

    /// The same change, as another step.
    pub(super) fn named(mut self, step: Step) -> Self {
        self.step = step;
        self
    }

    /// When the job is to be looked at next.
    #[must_use]
    pub fn poll_at(mut self, at: Timestamp) -> Self {
        self.next_poll_at = Some(at);
        self
    }

    /// What to write down for an attempt that is about to be sent.
    #[must_use]
    pub fn intending(mut self, run: RunId, weight: u32, source_arn: Option<SnapshotArn>) -> Self {
        self.intent = Some(Intent { run, weight, source_arn });
        self
    }

    /// The trouble that the lane is in, which the attempt probes: an intent is written in no other.
    #[must_use]
    pub fn probing(mut self, trouble: Option<LaneTrouble>) -> Self {
        self.probes = trouble;
        self
    }

    /// How the attempt came out, and the operations that it made.
    #[must_use]
    pub fn answered(mut self, answer: Answer, operations: Vec<SentOperation>) -> Self {
        self.answer = Some(answer);
        self.operations = operations;
        self
    }

    /// The entries of the ledger that belong to that attempt from now on; to the job as such where it is 0.
    #[must_use]
    pub fn owning(mut self, attempt: u32, entries: Vec<i64>) -> Self {
        self.own = entries.into_iter().map(|entry| (attempt, entry)).collect();
        self
    }
}

impl Queue {
    /// Moves a job; durable when this returns.
    ///
    /// # Errors
    /// [`QueueError::Stale`] when the job is no longer where the change expects it; then nothing was written.
    pub async fn transition(&self, transition: Transition) -> Result<(), QueueError> {
        self.writer.transition(transition).await
    }

    /// Moves several jobs; the answers stand in the order of the changes.
    pub async fn transition_all(&self, transitions: Vec<Transition>) -> Vec<Result<(), QueueError>> {
        futures_util::future::join_all(transitions.into_iter().map(|one| self.writer.transition(one))).await
    }
}

fn step_of(event: &Event) -> Step {
    match event {
        Event::Impossible(_) => Step::Impossible,
        Event::AlreadyExported(_) => Step::AdoptedDone,
        Event::UnderWayAlready(_) => Step::AdoptedUnderWay,
        Event::Cancel => Step::Cancelled,
        Event::Intend => Step::Intended,
        Event::Accepted(_) => Step::Accepted,
        Event::RefusedByLane(_) => Step::RefusedByLane,
        Event::Denied(..) => Step::Denied,
        Event::OverLimit(..) => Step::OverLimit,
        Event::RefusedForNow(..) => Step::RefusedForNow,
        Event::RefusedForGood(_) => Step::RefusedForGood,
        Event::OutcomeUnknown(_) => Step::OutcomeUnknown,
        Event::OutcomeUnknownInOutage(_) => Step::OutcomeUnknownInOutage,
        Event::FoundUnderWay(_) => Step::FoundUnderWay,
        Event::FoundDone(_) => Step::FoundDone,
        Event::FoundFailed(..) => Step::FoundFailed,
        Event::ProvenAbsent(..) => Step::ProvenAbsent,
        Event::Contradiction(_) => Step::Contradicted,
        Event::Finished(_) => Step::Finished,
        Event::OperationFailed(..) => Step::OperationFailed,
        Event::GaveUp(_) => Step::GaveUp,
        Event::SendAgain => Step::SentAgain,
        Event::AdoptRecord(..) => Step::RecordAdopted,
        Event::CallFailed(_) => Step::CalledFailed,
        Event::Retry => Step::Retried,
        Event::Pause => Step::Paused,
        Event::Resume => Step::Resumed,
    }
}

/// What became of each change: its job's lane, where it was made.
type Verdicts = Vec<Result<LaneId, QueueError>>;

/// Writes a group in the transaction that is open; the verdicts stand in its order.
///
/// # Errors
/// Where a rule of the schema forbids one of them, such as the one live job per snapshot, none is written whole: the
/// transaction is to be undone, and [`write_each`] tells which it was.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    transitions: &[Transition],
) -> Result<Verdicts, QueueError> {
    if transitions.is_empty() { Ok(Vec::new()) } else { write_group(connection, transitions).await }
}

/// Writes them one by one: one that a rule of the schema forbids leaves the others standing.
pub(super) async fn write_each(
    connection: &mut SqliteConnection,
    transitions: &[Transition],
) -> Result<Verdicts, QueueError> {
    let mut verdicts = Vec::with_capacity(transitions.len());
    for one in transitions {
        let mut alone = connection.begin().await?;
        match write_group(&mut alone, std::slice::from_ref(one)).await {
            Ok(verdict) => {
                alone.commit().await?;
                verdicts.extend(verdict);
            }
            Err(error) if forbids_one(&error) => {
                alone.rollback().await?;
                verdicts.push(Err(error));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(verdicts)
}

/// Whether a rule of the schema forbids what one of a group would write.
pub(super) fn forbids_one(error: &QueueError) -> bool {
    matches!(error, QueueError::Rival | QueueError::Forbidden(_))
}

/// What changes have in common: a group is written kind by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind<'a> {
    from: JobState,
    to: JobState,
    event: &'static str,
    actor: &'a str,
    hold: Option<&'static str>,
    besides: &'static str,
    afresh: bool,
    adopted: bool,
    probes: Option<LaneTrouble>,
}

impl<'a> Kind<'a> {
    fn of(one: &'a Transition) -> Self {
        let change = &one.change;
        Self {
            from: one.from,
            to: change.to,
            event: one.event,
            actor: &one.actor,
            hold: change.hold.map(crate::domain::Hold::as_str),
            besides: change.besides.as_str(),
            afresh: change.afresh,
            adopted: change.adopted,
            probes: one.probes,
        }
    }
}

/// The changes by their kind. Those that end a job keep their order among each other: a breaker counts what failed in a row.
fn by_kind<'a>(transitions: impl Iterator<Item = &'a Transition>) -> Vec<(Kind<'a>, Vec<&'a Transition>)> {
    let mut kinds: Vec<(Kind<'_>, Vec<&Transition>)> = Vec::new();
    for one in transitions {
        let kind = Kind::of(one);
        let same = if kind.to.is_live() {
            kinds.iter_mut().find(|(other, _)| *other == kind)
        } else {
            kinds.iter_mut().rfind(|(other, _)| !other.to.is_live()).filter(|(other, _)| *other == kind)
        };
        match same {
            Some((_, changes)) => changes.push(one),
            None => kinds.push((kind, vec![one])),
        }
    }
    kinds
}

/// A job that is named twice gets its second change refused: nobody can have seen the first.
async fn write_group(connection: &mut SqliteConnection, transitions: &[Transition]) -> Result<Verdicts, QueueError> {
    let mut named = HashSet::new();
    let once = transitions.iter().filter(|one| named.insert(one.job));
    let mut moved = BTreeMap::new();
    for (kind, some) in by_kind(once) {
        let rows = json(&some.iter().map(|one| job_row(one)).collect::<Vec<_>>())?;
        let done = move_jobs(connection, kind, &rows).await?;
        let ids: Vec<i64> = done.keys().copied().collect();
        if moved.len() + ids.len() > 1 {
            reached(Point::Between(Between::GroupHalfWritten));
        }
        if ids.len() == some.len() {
            write_history(connection, kind, &some, &ids, &rows).await?;
        } else if !ids.is_empty() {
            let some: Vec<_> = some.into_iter().filter(|one| done.contains_key(&one.job.0)).collect();
            let rows = json(&some.iter().map(|one| job_row(one)).collect::<Vec<_>>())?;
            write_history(connection, kind, &some, &ids, &rows).await?;
        }
        moved.extend(done);
    }
    let verdict = |one: &Transition| moved.remove(&one.job.0).ok_or(QueueError::Stale { job: one.job });
    Ok(transitions.iter().map(verdict).collect())
}

/// The jobs that were where the changes expected them, with their lanes.
async fn move_jobs(
    connection: &mut SqliteConnection,
    kind: Kind<'_>,
    rows: &str,
) -> Result<BTreeMap<i64, LaneId>, QueueError> {
    let Kind { from, to, hold, besides, afresh, adopted, probes, .. } = kind;
    let probes = probes.map(LaneTrouble::as_str);
    let (live, from, to) = (from.is_live() && to.is_live(), from.as_str(), to.as_str());
    if live {
        let moved =
            sqlx::query_file!("src/queue/sql/move_jobs.sql", rows, from, to, hold, besides, afresh, adopted, probes)
                .fetch_all(connection)
                .await?;
        return Ok(moved.into_iter().map(|row| (row.id, LaneId(row.lane))).collect());
    }
    let moved = sqlx::query_file!("src/queue/sql/end_jobs.sql", rows, from, to, hold, afresh, adopted, besides)
        .fetch_all(connection)
        .await?;
    Ok(moved.into_iter().map(|row| (row.id, LaneId(row.lane))).collect())
}

/// What the history keeps of changes that were made, whose jobs are `ids`.
async fn write_history(
    connection: &mut SqliteConnection,
    kind: Kind<'_>,
    written: &[&Transition],
    ids: &[i64],
    rows: &str,
) -> Result<(), QueueError> {
    if kind.to == JobState::Queued && kind.from != JobState::Submitting {
        let ids = json(ids)?;
        sqlx::query_file!("src/queue/sql/look_again.sql", ids).execute(&mut *connection).await?;
    }
    if !kind.to.is_live() {
        let ids = json(ids)?;
        sqlx::query_file!("src/queue/sql/look_for_late.sql", ids).execute(&mut *connection).await?;
    }
    let (from, to) = (kind.from.as_str(), kind.to.as_str());
    sqlx::query_file!("src/queue/sql/add_transitions.sql", rows, from, to, kind.event, kind.actor)
        .execute(&mut *connection)
        .await?;
    let intents: Vec<AttemptRow<'_>> = written.iter().filter_map(|one| intent_row(one)).collect();
    if !intents.is_empty() {
        let intents = json(&intents)?;
        sqlx::query_file!("src/queue/sql/add_attempts.sql", intents).execute(&mut *connection).await?;
    }
    let answers: Vec<AttemptRow<'_>> = written.iter().filter_map(|one| answer_row(one)).collect();
    if !answers.is_empty() {
        let answers = json(&answers)?;
        sqlx::query_file!("src/queue/sql/answer_attempts.sql", answers).execute(&mut *connection).await?;
    }
    let owned: Vec<OwnedRow<'_>> = written.iter().flat_map(|one| entry_rows(one)).collect();
    if !owned.is_empty() {
        let owned = json(&owned)?;
        sqlx::query_file!("src/queue/sql/own_entries.sql", owned).execute(&mut *connection).await?;
    }
    let sent: Vec<OwnedRow<'_>> = written.iter().flat_map(|one| operation_rows(one)).collect();
    if !sent.is_empty() {
        let sent = json(&sent)?;
        sqlx::query_file!("src/queue/sql/add_sent_operations.sql", sent).execute(&mut *connection).await?;
    }
    Ok(())
}

fn job_row(one: &Transition) -> JobRow<'_> {
    let change = &one.change;
    let trace = &change.trace;
    JobRow {
        job: one.job.0,
        expected: one.expected_attempt,
        expected_used: one.expected_used,
        due_at: change.due_at.map(|at| at.0),
        attempt: change.attempt,
        used: change.used,
        weight: one.intent.as_ref().map(|intent| intent.weight.max(1)),
        source_arn: one.intent.as_ref().and_then(|intent| intent.source_arn.as_ref()).map(SnapshotArn::as_str),
        operation: trace.operation.as_ref().map(OperationId::as_str),
        record: trace.record.as_ref().map(crate::domain::RecordArn::as_str),
        record_name: trace.record_name.as_deref(),
        service: trace.destination.as_ref().map(|destination| destination.service.as_str()),
        destination: trace.destination.as_ref().map(|destination| destination.id.as_str()),
        code: change.failure.as_ref().map(|failure| failure.code.as_str()),
        message: change.failure.as_ref().map(|failure| failure.message.as_str()),
        at: one.at.0,
        poll_at: one.next_poll_at.map(|at| at.0),
    }
}

fn intent_row(one: &Transition) -> Option<AttemptRow<'_>> {
    one.intent.as_ref().map(|intent| AttemptRow {
        job: one.job.0,
        number: one.change.attempt,
        run: intent.run.0,
        at: one.at.0,
        outcome: "pending",
        status: None,
        request: None,
        code: None,
        message: None,
        answered: false,
    })
}

fn answer_row(one: &Transition) -> Option<AttemptRow<'_>> {
    one.answer.as_ref().map(|answer| AttemptRow {
        job: one.job.0,
        number: one.expected_attempt,
        run: 0,
        at: one.at.0,
        outcome: answer.outcome.as_str(),
        status: answer.http_status,
        request: answer.request_id.as_deref(),
        code: answer.failure.as_ref().map(|failure| failure.code.as_str()),
        message: answer.failure.as_ref().map(|failure| failure.message.as_str()),
        // What the ledger told later is no answer.
        answered: matches!(
            answer.outcome,
            AttemptOutcome::Accepted | AttemptOutcome::Refused | AttemptOutcome::Ambiguous
        ),
    })
}

fn entry_rows(one: &Transition) -> impl Iterator<Item = OwnedRow<'_>> {
    one.own.iter().map(|(attempt, entry)| OwnedRow {
        job: one.job.0,
        attempt: *attempt,
        entry: Some(*entry),
        operation: None,
        created_at: None,
        at: one.at.0,
    })
}

fn operation_rows(one: &Transition) -> impl Iterator<Item = OwnedRow<'_>> {
    one.operations.iter().map(|operation| OwnedRow {
        job: one.job.0,
        attempt: one.expected_attempt,
        entry: None,
        operation: Some(operation.id.as_str()),
        created_at: operation.created_at.map(|at| at.0),
        at: one.at.0,
    })
}
