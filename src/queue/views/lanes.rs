//! Lanes with the counts of their jobs. Reads only.

use crate::domain::{BatchId, LaneId};
use crate::queue::Queue;
use crate::queue::lanes::lane_records::{LaneRecord, read_lanes};
use crate::queue::queue_error::QueueError;
use crate::queue::views::batches::shared_jobs;
use crate::queue::views::counts::StateCounts;
use std::collections::HashMap;
use std::ops::Deref;

/// A lane with its jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneView {
    /// The lane.
    pub record: LaneRecord,
    /// Its jobs, or those of the batch that was asked for.
    pub jobs: StateCounts,
    /// The EBS copies that these take.
    pub copies: StateCounts,
}

impl Deref for LaneView {
    type Target = LaneRecord;

    fn deref(&self) -> &LaneRecord {
        &self.record
    }
}

impl Queue {
    /// Every lane in the order of account and Region, with all its jobs; or, with a batch, the lanes in which the
    /// batch has jobs, with these alone.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn lanes(&self, batch: Option<BatchId>) -> Result<Vec<LaneView>, QueueError> {
        let wanted = batch.map(|id| id.0);
        let mut transaction = self.readers.begin().await?;
        let records = read_lanes(&mut *transaction, None, None).await?;
        let counts = sqlx::query!(
            r#"SELECT lane_id AS "lane!: LaneId", json_group_object(state, jobs) AS "jobs!: StateCounts",
                      json_group_object(state, copies) AS "copies!: StateCounts"
               FROM (SELECT lane_id, state, sum(jobs) AS jobs, sum(weight) AS copies FROM job_counts
                     WHERE ?1 IS NULL OR batch_id = ?1 GROUP BY lane_id, state)
               GROUP BY lane_id"#,
            wanted
        )
        .fetch_all(&mut *transaction)
        .await?;
        let shared = if batch.is_some() { shared_jobs(&mut transaction, batch).await? } else { Vec::new() };
        transaction.commit().await?;

        let counts = counts.into_iter().map(|row| (row.lane, (row.jobs, row.copies)));
        let mut counts: HashMap<LaneId, (StateCounts, StateCounts)> = counts.collect();
        for one in shared {
            counts.entry(one.lane).or_default().0.add(one.state, one.jobs);
        }
        let views = records.into_iter().map(|record| {
            let (jobs, copies) = counts.remove(&record.id).unwrap_or_default();
            LaneView { record, jobs, copies }
        });
        Ok(views.filter(|view| batch.is_none() || view.jobs.total() > 0).collect())
    }
}
