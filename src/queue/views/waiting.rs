//! What a job waits for: the facts behind `why`, each from an index or a counter. Reads only.

use crate::domain::{JobId, JobState, LaneId, Timestamp};
use crate::queue::Queue;
use crate::queue::jobs::claims::LaneLoad;
use crate::queue::queue_error::QueueError;
use crate::queue::views::batches::BatchView;
use crate::queue::views::lanes::LaneView;
use crate::queue::{BreakerOpening, EntryKey, JobDetail, JobView, LedgerEntry, PastOpening, PastPause, Takeover};

/// The most jobs that are counted ahead of one: beyond that the exact number is of no use, and counting costs.
const COUNTED: u32 = 100_000;

/// The jobs that a lane sends before another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobsAhead {
    /// How many.
    pub jobs: u64,
    /// Whether there are more than were counted.
    pub and_more: bool,
}

/// A snapshot as the last inventory of its lane showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotSeen {
    /// `available`, `pending`, `error`, or the service's own word.
    pub state: String,
    /// EBS copies that its export takes.
    pub weight: u64,
}

/// What a job waits for.
#[derive(Debug, Clone)]
pub struct QueuePosition {
    /// The job with its history.
    pub detail: JobDetail,
    /// Its batch.
    pub batch: BatchView,
    /// Its lane.
    pub lane: LaneView,
    /// What its lane has to do.
    pub load: LaneLoad,
    /// The jobs that are sent before it.
    pub ahead: JobsAhead,
    /// Whether an inventory of the newest run has covered its batch.
    pub cleared: bool,
    /// When the newest run began.
    pub run_began_at: Option<Timestamp>,
    /// Its snapshot, where an inventory has shown it.
    pub snapshot: Option<SnapshotSeen>,
    /// The record that belongs to it, if it is exporting.
    pub record: Option<LedgerEntry>,
    /// The newest takeover of the database.
    pub takeover: Option<Takeover>,
    /// The pauses of its batch and its lane since it was queued.
    pub pauses: Vec<PastPause>,
    /// The open breakers that hold it back.
    pub openings: Vec<BreakerOpening>,
    /// The breakers that were open since it was queued.
    pub stops: Vec<PastOpening>,
}

impl Queue {
    /// What a job waits for; nothing where there is no such job.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn waiting(&self, id: JobId) -> Result<Option<QueuePosition>, QueueError> {
        let Some(detail) = self.job(id).await? else { return Ok(None) };
        let gone = |what| QueueError::Corrupt(what, id.to_string());
        let batch = self.batch(&detail.job.batch).await?.ok_or_else(|| gone("a job without a batch"))?;
        let lanes = self.lanes(None).await?;
        let lane = lanes.into_iter().find(|lane| lane.lane == detail.job.lane);
        let lane = lane.ok_or_else(|| gone("a job without a lane"))?;
        let load = self.load(lane.id).await?;
        let mut openings = self.breaker_openings(Some(lane.id)).await?;
        openings.retain(|opening| opening.covers(batch.id));
        let ahead = self.ahead(lane.id, detail.job.priority, id).await?;
        let facts = sqlx::query!(
            r#"SELECT EXISTS (SELECT 1 FROM inventories
                              WHERE inventories.lane_id = jobs.lane_id AND inventories.batch_id = jobs.batch_id
                                AND inventories.run_id = (SELECT max(id) FROM runs)) AS "cleared!: bool",
                      (SELECT began_at FROM runs ORDER BY id DESC LIMIT 1) AS "run_began_at: Timestamp",
                      snapshots.state AS "snapshot_state?", snapshots.weight AS "snapshot_weight?: u64"
               FROM jobs LEFT JOIN snapshots
                   ON snapshots.lane_id = jobs.lane_id AND snapshots.name = jobs.snapshot_name
               WHERE jobs.id = ?1"#,
            id.0
        )
        .fetch_one(&self.readers)
        .await?;
        let snapshot = facts.snapshot_state.zip(facts.snapshot_weight);
        let exporting = detail.job.state == JobState::Exporting;
        let record = if exporting { self.record_of(lane.id, &detail.job).await? } else { None };
        Ok(Some(QueuePosition {
            detail,
            batch,
            lane,
            load,
            ahead,
            cleared: facts.cleared,
            run_began_at: facts.run_began_at,
            snapshot: snapshot.map(|(state, weight)| SnapshotSeen { state, weight }),
            record,
            takeover: self.takeover().await?,
            pauses: self.matching_pauses(id).await?,
            openings,
            stops: self.matching_openings(id).await?,
        }))
    }

    async fn record_of(&self, lane: LaneId, job: &JobView) -> Result<Option<LedgerEntry>, QueueError> {
        let entries = self.entries(lane, std::slice::from_ref(&job.snapshot_name)).await?;
        let own = |entry: &LedgerEntry| {
            matches!(entry.sighting.key, EntryKey::Record(_)) && entry.owner == Some((job.id, job.attempts))
        };
        Ok(entries.into_iter().find(own))
    }

    /// The jobs of a lane that have their turn before one of that priority and number, whichever batch is the next.
    async fn ahead(&self, lane: LaneId, priority: i64, job: JobId) -> Result<JobsAhead, QueueError> {
        let most = COUNTED + 1;
        let count = sqlx::query_file_scalar!("src/queue/sql/ahead.sql", lane.0, priority, job.0, most);
        let count = count.fetch_one(&self.readers).await?;
        Ok(JobsAhead { jobs: count.min(COUNTED).into(), and_more: count > COUNTED })
    }
}
