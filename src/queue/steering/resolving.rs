//! What a person decides on a job that needs review: the evidence, and the one change that follows.

use crate::domain::{Destination, EntryStatus, ErrorCode, Event, ExportRef, Failure, JobId, JobState, Timestamp};
use crate::queue::Queue;
use crate::queue::jobs::transition::{AttemptAnswer, AttemptOutcome, Transition};
use crate::queue::ledger::entries::{EntryKey, LedgerEntry};
use crate::queue::queue_error::QueueError;
use crate::queue::views::job_views::{JobDetail, JobView};

/// What is known of a job that needs a decision.
#[derive(Debug, Clone)]
pub struct ReviewEvidence {
    /// The job with its attempts.
    pub detail: JobDetail,
    /// What the ledger has of its snapshot's name, the oldest first.
    pub entries: Vec<LedgerEntry>,
}

/// What a person decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// It is queued again.
    SendAgain,
    /// It adopts this record, by ARN or name.
    Adopt(String),
    /// It has failed.
    Fail,
}

/// Why a decision was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// There is nothing to decide.
    #[error("job {0} is {1}; only a job in needs_review is resolved, and nothing was changed")]
    NotInReview(JobId, JobState),
    /// There is no such record.
    #[error("{snapshot} has no export record {wanted:?}; {known}")]
    NoRecord {
        /// What was asked for.
        wanted: String,
        /// The snapshot.
        snapshot: String,
        /// Those that there are.
        known: String,
    },
    /// The record has no destination.
    #[error("record {0} has no destination yet (it is {1}); a running daemon reads it every `poll.max`")]
    NoDestination(String, &'static str),
    /// The record is another job's.
    #[error("record {0} belongs to job {1}")]
    Owned(String, JobId),
    /// The store failed, or the job has moved on.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl ResolveError {
    /// Whether another argument would help.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoRecord { .. } | Self::NoDestination(..) | Self::Owned(..))
    }
}

impl Queue {
    /// What is known of a job; nothing where there is no such job.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn evidence(&self, job: JobId) -> Result<Option<ReviewEvidence>, QueueError> {
        let Some(detail) = self.job(job).await? else { return Ok(None) };
        let lanes = self.lane_records().await?;
        let entries = match lanes.into_iter().find(|lane| lane.lane == detail.job.lane) {
            Some(lane) => self.entries(lane.id, std::slice::from_ref(&detail.job.snapshot_name)).await?,
            None => Vec::new(),
        };
        Ok(Some(ReviewEvidence { detail, entries }))
    }

    /// Carries out a decision, as `actor`.
    ///
    /// # Errors
    /// [`ResolveError`]; then nothing was changed.
    pub async fn resolve(
        &self,
        evidence: &ReviewEvidence,
        verdict: &Resolution,
        at: Timestamp,
        actor: &str,
    ) -> Result<(), ResolveError> {
        let job = &evidence.detail.job;
        if job.state != JobState::NeedsReview {
            return Err(ResolveError::NotInReview(job.id, job.state));
        }
        let change = |event| Transition::new(job.id, &job.version(), event, at, actor);
        let transition = match verdict {
            Resolution::SendAgain => change(Event::SendAgain)?,
            Resolution::Fail => change(Event::MarkedFailed(marked_failed(job, actor)))?,
            Resolution::Adopt(wanted) => {
                let (entry, destination) = evidence.record(wanted)?;
                let trace = ExportRef {
                    operation: job.operation_id.clone(),
                    record: match &entry.sighting.key {
                        EntryKey::Record(arn) => Some(arn.clone()),
                        EntryKey::Operation(_) => None,
                    },
                    record_name: entry.sighting.record_name.clone(),
                    destination: Some(destination),
                };
                let adopted = change(Event::AdoptRecord(trace, evidence.other_exports(wanted)))?
                    .owning(job.attempts, vec![entry.id]);
                if evidence.is_open() { adopted.answered(found(), Vec::new()) } else { adopted }
            }
        };
        Ok(self.transition(transition).await?)
    }
}

impl ReviewEvidence {
    /// The record of that ARN or name, if it has a destination and belongs to no other job.
    fn record(&self, wanted: &str) -> Result<(&LedgerEntry, Destination), ResolveError> {
        let records = || self.entries.iter().filter_map(|entry| Some((entry, record_name(entry)?)));
        let is_wanted = |entry: &LedgerEntry, name: &str| name == wanted || entry_key(entry) == wanted;
        let Some((entry, name)) = records().find(|(entry, name)| is_wanted(entry, name)) else {
            let known: Vec<&str> = records().map(|(_, name)| name).collect();
            let known =
                if known.is_empty() { "it has none at all".to_owned() } else { format!("it has {}", known.join(", ")) };
            let snapshot = self.detail.job.snapshot_name.to_string();
            return Err(ResolveError::NoRecord { wanted: wanted.to_owned(), snapshot, known });
        };
        if let Some((owner, _)) = entry.owner.filter(|(owner, _)| *owner != self.detail.job.id) {
            return Err(ResolveError::Owned(name.to_owned(), owner));
        }
        match &entry.sighting.destination {
            Some(destination) => Ok((entry, destination.clone())),
            None => Err(ResolveError::NoDestination(name.to_owned(), entry.sighting.status.as_str())),
        }
    }

    /// Further exports of the snapshot since the first attempt, where the job adopts `wanted`: the report names them, as each costs
    /// money.
    pub fn other_exports(&self, wanted: &str) -> Option<Failure> {
        let baseline = self.detail.attempts.first()?.baseline;
        let others = self.entries.iter().filter(|entry| {
            entry.id > baseline
                && entry.sighting.status != EntryStatus::Failed
                && entry.owner.is_none_or(|(owner, _)| owner == self.detail.job.id)
        });
        let others: Vec<String> = others
            .filter_map(|entry| Some((entry, record_name(entry)?)))
            .filter(|(entry, name)| *name != wanted && entry_key(entry) != wanted)
            .map(|(entry, name)| {
                let what =
                    entry.sighting.destination.as_ref().map_or("not finished", |destination| destination.id.as_str());
                format!("{what} (record {name})")
            })
            .collect();
        let message = || format!("exported more than once; also {}", others.join(", "));
        (!others.is_empty()).then(|| Failure::new(ErrorCode::DUPLICATE_EXPORT, message()))
    }

    /// Whether the outcome of the last attempt is unknown.
    fn is_open(&self) -> bool {
        self.detail.attempts.last().is_some_and(|last| match last.outcome {
            None | Some(AttemptOutcome::Ambiguous | AttemptOutcome::Absent) => true,
            Some(AttemptOutcome::Accepted | AttemptOutcome::Refused | AttemptOutcome::Found) => false,
        })
    }
}

fn entry_key(entry: &LedgerEntry) -> &str {
    match &entry.sighting.key {
        EntryKey::Operation(id) => id.as_str(),
        EntryKey::Record(arn) => arn.as_str(),
    }
}

/// A record's name, or its ARN where it has none; nothing of an operation.
fn record_name(entry: &LedgerEntry) -> Option<&str> {
    match &entry.sighting.key {
        EntryKey::Operation(_) => None,
        EntryKey::Record(arn) => Some(entry.sighting.record_name.as_deref().unwrap_or(arn.as_str())),
    }
}

fn found() -> AttemptAnswer {
    AttemptAnswer { outcome: AttemptOutcome::Found, http_status: None, request_id: None, failure: None }
}

/// The failure that led to the review stays readable in the report.
fn marked_failed(job: &JobView, actor: &str) -> Failure {
    let before = match (&job.error_code, &job.error_message) {
        (Some(code), Some(message)) => format!("; before that: {code}: {message}"),
        (Some(code), None) => format!("; before that: {code}"),
        (None, _) => String::new(),
    };
    Failure::new(ErrorCode::FAILED_BY_USER, format!("marked failed by {actor}{before}"))
}
