//! Lanes with their counts and with what binds them, to be looked at. Reads only.

use crate::domain::{AccountNumber, BatchId, ErrorCode, Lane, LaneId, LaneTrouble, ListDelay, LoweredCap, Timestamp};
use crate::queue::Queue;
use crate::queue::error::QueueError;
use crate::queue::sqlite::decode;
use crate::queue::views::batches::{Pause, by_number, pause, shared_jobs};
use crate::queue::views::counts::StateCounts;
use serde::Serialize;

/// Why a lane does not send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blocked {
    /// Since when.
    #[serde(serialize_with = "Timestamp::as_text")]
    pub since: Timestamp,
    /// The trouble's code.
    pub code: ErrorCode,
    /// What was said of it.
    pub message: Option<String>,
}

impl Blocked {
    /// Whether it keeps jobs from being sent.
    pub fn stops_sending(&self) -> bool {
        LaneTrouble::parse(self.code.as_str()).is_none_or(LaneTrouble::stops_sending)
    }
}

/// A lane.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneView {
    /// Its number.
    pub id: LaneId,
    /// Its account's label and its Region.
    pub lane: Lane,
    /// The account's number, once it was read from an ARN.
    pub account_number: Option<AccountNumber>,
    /// Whether an export of it was ever accepted; until then one goes alone.
    pub proven: bool,
    /// Exports a second that the lane is known to take, once a throttle has taught it.
    pub learned_rate: Option<f64>,
    /// The cap on its copies under way, where EC2 had too many of them.
    pub lowered: Option<LoweredCap>,
    /// How long an export that Lightsail had was seen to be missing from its lists.
    pub delay: ListDelay,
    /// When its last complete inventory was.
    pub listed_at: Option<Timestamp>,
    /// Whether it is blocked.
    pub blocked: Option<Blocked>,
    /// Whether it is paused.
    pub paused: Option<Pause>,
    /// Its jobs, or those of the batch that was asked for.
    pub jobs: StateCounts,
    /// The EBS copies that these take.
    pub copies: StateCounts,
}

impl Queue {
    /// Every lane in the order of account and Region, with all its jobs; or, with a batch, the lanes in which the
    /// batch has jobs, with these alone.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn lanes(&self, batch: Option<BatchId>) -> Result<Vec<LaneView>, QueueError> {
        let wanted = batch.map(|id| id.0);
        let mut reader = self.readers.take().await?;
        let mut transaction = reader.begin().await?;
        let rows = sqlx::query!(
            r#"SELECT id AS "id!: i64", account, region, account_number, proven AS "proven: bool", learned_rate,
                   lowered_cap AS "lowered_cap: i64", lowered_at AS "lowered_at: i64", lowered_code, longest_delay, delay_seen_at,
                   listed_at, blocked_at, blocked_code, blocked_message, paused_at, paused_by
               FROM lanes ORDER BY account, region"#
        )
        .fetch_all(&mut *transaction)
        .await?;
        let job_counts = sqlx::query!(
            r#"SELECT lane_id, state, sum(jobs) AS "jobs!: i64", sum(weight) AS "copies!: i64" FROM job_counts
               WHERE ?1 IS NULL OR batch_id = ?1 GROUP BY lane_id, state"#,
            wanted
        )
        .fetch_all(&mut *transaction)
        .await?;
        let shared = if batch.is_some() { shared_jobs(&mut transaction, batch).await? } else { Vec::new() };
        transaction.commit().await?;

        let mut jobs = by_number(job_counts.iter().map(|tally| (tally.lane_id, tally.state.clone(), tally.jobs)))?;
        let mut copies = by_number(job_counts.into_iter().map(|tally| (tally.lane_id, tally.state, tally.copies)))?;
        for one in shared {
            jobs.entry(one.lane).or_default().add(one.state, one.jobs);
        }
        let mut lanes = Vec::with_capacity(rows.len());
        for row in rows {
            let jobs = jobs.remove(&row.id).unwrap_or_default();
            if batch.is_some() && jobs.total() == 0 {
                continue;
            }
            let blocked = row.blocked_at.zip(row.blocked_code);
            lanes.push(LaneView {
                id: LaneId(row.id),
                lane: decode::lane(&row.account, &row.region)?,
                account_number: decode::account_number(row.account_number)?,
                proven: row.proven,
                learned_rate: row.learned_rate,
                lowered: crate::queue::lanes::records::lowered_cap(row.lowered_cap, row.lowered_at, row.lowered_code),
                delay: crate::queue::lanes::records::list_delay(row.longest_delay, row.delay_seen_at),
                listed_at: decode::moment(row.listed_at),
                blocked: blocked.map(|(since, code)| Blocked {
                    since: Timestamp(since),
                    code: ErrorCode::new(code),
                    message: row.blocked_message,
                }),
                paused: pause(row.paused_at, row.paused_by),
                jobs,
                copies: copies.remove(&row.id).unwrap_or_default(),
            });
        }
        Ok(lanes)
    }
}
