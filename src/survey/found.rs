//! A lane's snapshots, each with what is known of its export.

use super::{Exports, LaneReader, LaneReading, Unread};
use crate::domain::{JobId, JobState, Lane, SnapshotArn};
use crate::lightsail::Snapshot;
use crate::queue::{KnownJob, Peek, QueueError};
use std::collections::HashMap;

/// Names in one query of the database.
const CHUNK: usize = 1000;

/// A snapshot that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundSnapshot {
    /// Where.
    pub lane: Lane,
    /// The snapshot.
    pub snapshot: Snapshot,
    /// What is known of its export.
    pub export: SeenExport,
    /// The job that is live, or that exported it.
    pub job: Option<JobId>,
}

/// What is known of a snapshot's export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenExport {
    /// Nothing.
    No,
    /// A job waits for its turn.
    Queued,
    /// It is under way.
    UnderWay,
    /// It is done.
    Done {
        /// `ami-...` or `snap-...`.
        destination: String,
    },
}

/// What the database knows of the names of a lane.
#[derive(Debug, Default)]
pub(super) struct Memory {
    live: HashMap<String, (JobId, JobState)>,
    done: HashMap<SnapshotArn, (Option<JobId>, String)>,
}

impl Memory {
    /// Asks the database, where there is one.
    pub(super) async fn read<'n>(
        peek: Option<&Peek>,
        lane: &Lane,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<Self, QueueError> {
        let mut memory = Self::default();
        let Some(peek) = peek else { return Ok(memory) };
        let names: Vec<&str> = names.collect();
        for chunk in names.chunks(CHUNK) {
            for (place, known) in peek.known(lane, chunk).await? {
                let Some(name) = chunk.get(place) else { continue };
                match known {
                    KnownJob::Live { job, state } => {
                        memory.live.insert((*name).to_owned(), (job, state));
                    }
                    KnownJob::Done { job, arn, destination } => {
                        memory.done.insert(arn, (job, destination));
                    }
                }
            }
        }
        Ok(memory)
    }

    /// Whether a job of that name is live.
    pub(super) fn is_live(&self, name: &str) -> bool {
        self.live.contains_key(name)
    }

    /// What is known of a snapshot's export. What Lightsail says goes before what the database remembers.
    pub(super) fn export_of(&self, snapshot: &Snapshot, exports: &Exports) -> (SeenExport, Option<JobId>) {
        let live = self.live.get(&snapshot.name);
        let remembered = snapshot.arn.as_ref().and_then(|arn| self.done.get(arn));
        let told = exports.of(snapshot.arn.as_ref());
        let job = live.map(|(job, _)| *job).or_else(|| remembered.and_then(|(job, _)| *job));
        let done = told.and_then(|told| told.done.clone()).or_else(|| remembered.map(|(_, id)| id.clone()));
        let export = match (done, live) {
            (Some(destination), _) => SeenExport::Done { destination },
            (None, Some((_, JobState::Queued))) if !told.is_some_and(|told| told.under_way) => SeenExport::Queued,
            (None, Some(_)) => SeenExport::UnderWay,
            (None, None) if told.is_some_and(|told| told.under_way) => SeenExport::UnderWay,
            (None, None) => SeenExport::No,
        };
        (export, job)
    }
}

/// Why a lane's snapshots could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// Lightsail could not be read.
    #[error(transparent)]
    Lane(#[from] Unread),
    /// The database could not be read.
    #[error(transparent)]
    Database(#[from] QueueError),
}

/// A lane's snapshots in the order of their names, and whose account it is.
///
/// # Errors
/// [`NotFound`], where the lane or the database could not be read.
pub async fn discover(reader: &LaneReader, peek: Option<&Peek>) -> Result<(Vec<FoundSnapshot>, LaneReading), NotFound> {
    let mut reading = reader.read().await?;
    let snapshots = std::mem::take(&mut reading.snapshots);
    let names = snapshots.iter().map(|snapshot| snapshot.name.as_str());
    let memory = Memory::read(peek, &reader.lane, names).await?;
    let found = snapshots.into_iter().map(|snapshot| {
        let (export, job) = memory.export_of(&snapshot, &reading.exports);
        FoundSnapshot { lane: reader.lane.clone(), snapshot, export, job }
    });
    Ok((found.collect(), reading))
}
