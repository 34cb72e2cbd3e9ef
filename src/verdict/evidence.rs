//! What a run leaves behind, as plain data: the checks know neither the simulator nor the database.

use crate::domain::{JobId, Lane, SnapshotName};
use crate::queue::JobDetail;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// Everything that the checks need.
#[derive(Debug, Clone, Default)]
pub struct RunEvidence {
    /// Every call that arrived, in order.
    pub calls: Vec<ObservedCall>,
    /// What Lightsail made of each snapshot.
    pub made: BTreeMap<LaneSnapshot, Made>,
    /// Every job with its history.
    pub jobs: Vec<JobDetail>,
    /// Every file that was enqueued.
    pub batches: Vec<ReportedBatch>,
    /// The daemon's lives, in order: each from a start to a crash or an end.
    pub lives: Vec<Life>,
    /// The limits that the daemon was given.
    pub limits: PromisedLimits,
    /// What proves that an attempt had no effect.
    pub settling: Settling,
    /// The words for a lane's trouble in [`ObservedCall::answer`]: what costs no attempt.
    pub troubles: BTreeSet<String>,
    /// What ended in another way than it had to, in words.
    pub astray: Vec<String>,
}

/// A snapshot of a lane.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneSnapshot {
    /// Its lane.
    pub lane: Lane,
    /// Its name.
    pub name: SnapshotName,
}

impl fmt::Display for LaneSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.name, self.lane)
    }
}

/// A call that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedCall {
    /// Its lane.
    pub lane: Lane,
    /// What it requested.
    pub kind: CallKind,
    /// When, in milliseconds of one clock, rounded down.
    pub at_ms: u64,
    /// What the answer was, as the other side has it; whether it arrived is another matter.
    pub answer: String,
    /// Whether it began an export.
    pub effect: bool,
    /// The request id of its answer.
    pub request_id: String,
}

/// What a call requests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CallKind {
    /// An export of this snapshot.
    Export(SnapshotName),
    /// A page of one of a lane's four lists, named by the operation.
    List(String),
    /// Anything else.
    Other,
}

impl CallKind {
    /// The lists that an inventory is made of.
    pub const LISTS: [&'static str; 4] =
        ["GetInstanceSnapshots", "GetDiskSnapshots", "GetExportSnapshotRecords", "GetOperations"];
}

/// What Lightsail made of a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// Exports that began.
    pub exports: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// What the others became.
    pub destinations: BTreeSet<String>,
}

/// A file that was enqueued, and its report.
#[derive(Debug, Clone, Default)]
pub struct ReportedBatch {
    /// The batch's name.
    pub name: String,
    /// The snapshots of the file, line by line.
    pub file: Vec<LaneSnapshot>,
    /// The rows that the batch says it has read; none where there is no complete batch.
    pub read: Option<u64>,
    /// The rows that it says became new jobs, were live already, repeated others, or were rejected.
    pub sorted: u64,
    /// The lines of its report.
    pub report: Vec<ReportedRow>,
}

/// A line of a batch's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedRow {
    /// The snapshot.
    pub subject: LaneSnapshot,
    /// What it became.
    pub destination: Option<String>,
}

/// A daemon's life.
#[derive(Debug, Clone, Default)]
pub struct Life {
    /// Whether it was killed.
    pub crashed: bool,
    /// The place in [`RunEvidence::calls`] of its first call, and the one after its last.
    pub calls: std::ops::Range<usize>,
    /// For each snapshot that it called for: what stood on disk when it was gone.
    pub sent: Vec<Sent>,
    /// The snapshots that had a live job when it was gone, as often as they had one.
    pub live: Vec<LaneSnapshot>,
    /// The jobs that were being sent when it was gone, each with the number of the attempt.
    pub submitting: Vec<(JobId, u32)>,
    /// How far the history had come when it was gone.
    pub marks: Vec<Mark>,
}

/// Calls on the wire beside intents on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The snapshot.
    pub subject: LaneSnapshot,
    /// The calls that had arrived for it since the beginning.
    pub calls: u64,
    /// The intents for it that stood on disk.
    pub intents: u64,
}

/// How far a job's history had come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The job.
    pub job: JobId,
    /// Its attempts.
    pub attempts: usize,
    /// Its transitions.
    pub transitions: usize,
    /// The last of them: its step, its event.
    pub last: Option<(u64, String)>,
}

/// The limits of each lane.
#[derive(Debug, Clone, Copy, Default)]
pub struct PromisedLimits {
    /// Exports a second, and at once.
    pub exports: (f64, u32),
    /// All other calls a second, and at once.
    pub reads: (f64, u32),
}

/// What proves that an attempt had no effect.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settling {
    /// The first absence check is no earlier than this after the intent.
    pub attempt_timeout: Duration,
    /// The absence checks are spread over this.
    pub settle: Duration,
    /// How many absence checks.
    pub looks: u32,
}

impl RunEvidence {
    /// The export calls of each snapshot.
    pub(super) fn exports_of(&self) -> BTreeMap<LaneSnapshot, Vec<&ObservedCall>> {
        let mut all: BTreeMap<LaneSnapshot, Vec<&ObservedCall>> = BTreeMap::new();
        for call in &self.calls {
            if let CallKind::Export(name) = &call.kind {
                all.entry(LaneSnapshot { lane: call.lane.clone(), name: name.clone() }).or_default().push(call);
            }
        }
        all
    }
}

pub(super) fn subject(job: &JobDetail) -> LaneSnapshot {
    LaneSnapshot { lane: job.job.lane.clone(), name: job.job.snapshot_name.clone() }
}
