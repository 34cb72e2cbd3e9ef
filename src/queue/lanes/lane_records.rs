//! Lanes: what is known of them, what blocks them, what they have learned; and the runs of the daemon.

use crate::domain::{
    AccountLabel, AccountNumber, Lane, LaneId, LaneTrouble, ListDelay, LoweredCap, RunId, Timestamp, WINDOW_MARGIN,
};
use crate::points::Step;
use crate::queue::Queue;
use crate::queue::queue_error::QueueError;
use crate::queue::views::batches::BatchStage;
use serde::{Deserialize, Serialize};
use sqlx::SqliteExecutor;

/// A lane as the store knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneRecord {
    /// Its number.
    pub id: LaneId,
    /// Account and Region.
    pub lane: Lane,
    /// The 12 digits, once an inventory has shown them.
    pub account_number: Option<AccountNumber>,
    /// Whether an export was ever accepted; until then one goes alone.
    pub proven: bool,
    /// The rate of its exports that it has learned from throttles, in calls a second.
    pub learned_rate: Option<f64>,
    /// The rate of its reads that it has learned.
    pub learned_read_rate: Option<f64>,
    /// The cap on its copies in progress, where EC2 had too many of them.
    pub lowered: Option<LoweredCap>,
    /// The longest time that an export which Lightsail had was missing from its lists.
    pub delay: ListDelay,
    /// When its last complete inventory was.
    pub listed_at: Option<Timestamp>,
    /// What blocks it.
    pub blocked: Option<Block>,
    /// A person's pause.
    pub paused: Option<Pause>,
}

/// Why a lane sends nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Since when.
    #[serde(serialize_with = "Timestamp::as_text")]
    pub since: Timestamp,
    /// What is wrong.
    #[serde(rename = "code")]
    pub trouble: LaneTrouble,
    /// One line for a person, with the way out.
    pub message: String,
}

/// A person's pause of a batch or a lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Since when.
    #[serde(serialize_with = "Timestamp::as_text")]
    pub since: Timestamp,
    /// Who paused it, where that is known.
    pub by: Option<String>,
}

/// What the account number of an inventory means for its lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountMatch {
    /// The number that the lane has always had, or its first.
    Same,
    /// The lane belongs to another account.
    Other {
        /// The number that it has had so far.
        stored: AccountNumber,
    },
    /// Another label stands for the same account and Region.
    Shared {
        /// The other label.
        label: AccountLabel,
    },
}

impl Queue {
    /// Every lane that ever had a job, in the order of accounts and Regions. One of a load in progress does not exist yet.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn lane_records(&self) -> Result<Vec<LaneRecord>, QueueError> {
        read_lanes(&self.readers, None, Some(BatchStage::Sealed)).await
    }

    /// One lane, if it ever had a job.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn lane_record(&self, lane: LaneId) -> Result<Option<LaneRecord>, QueueError> {
        Ok(read_lanes(&self.readers, Some(lane), Some(BatchStage::Sealed)).await?.pop())
    }

    /// Compares the account number that an inventory showed with what is stored, and stores the first one.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn identify(&self, lane: LaneId, number: AccountNumber) -> Result<AccountMatch, QueueError> {
        // Every page of an inventory asks, and only the first one has something to write.
        if let Some(identity) = compare_account(&self.readers, lane, &number).await? {
            return Ok(identity);
        }
        self.writer
            .write(Step::Identified, move |connection| {
                Box::pin(async move {
                    if let Some(identity) = compare_account(&mut *connection, lane, &number).await? {
                        return Ok(identity);
                    }
                    let digits = number.as_str();
                    sqlx::query!("UPDATE lanes SET account_number = ?2 WHERE id = ?1", lane.0, digits)
                        .execute(&mut *connection)
                        .await?;
                    Ok(AccountMatch::Same)
                })
            })
            .await
    }

    /// Blocks a lane; its jobs stay queued. The start of a block stays. A trouble with reads replaces no other, and an outage none that
    /// the calls in progress could not know of. Whether that is new.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn block(&self, lane: LaneId, block: Block) -> Result<bool, QueueError> {
        let code = block.trouble.as_str();
        let blocked = sqlx::query!(
            "UPDATE lanes SET blocked_message = ?3, blocked_code = ?2,
                    blocked_at = CASE WHEN blocked_code = ?2 THEN blocked_at ELSE ?4 END
             WHERE id = ?1 AND (blocked_code IS NOT ?2 OR blocked_message IS NOT ?3)
               AND (?2 <> 'reads' OR blocked_code IS NULL OR blocked_code = 'reads')
               AND (?2 <> 'outage' OR blocked_code IS NULL OR blocked_code IN ('reads', 'outage', 'setup'))",
            lane.0,
            code,
            block.message,
            block.since.0
        );
        self.writer.execute((Step::Blocked, lane), [blocked]).await.map(|rows| rows > 0)
    }

    /// Ends a lane's block, if it is for that trouble.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn end_trouble(&self, lane: LaneId, trouble: LaneTrouble) -> Result<(), QueueError> {
        let code = trouble.as_str();
        let unblocked = sqlx::query!(
            "UPDATE lanes SET blocked_at = NULL, blocked_code = NULL, blocked_message = NULL
             WHERE id = ?1 AND blocked_code = ?2",
            lane.0,
            code
        );
        self.writer.execute((Step::Unblocked, lane), [unblocked]).await.map(drop)
    }

    /// Records that an export of the lane was accepted.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn prove_account(&self, lane: LaneId) -> Result<(), QueueError> {
        let proven = sqlx::query!("UPDATE lanes SET proven = 1 WHERE id = ?1 AND proven = 0", lane.0);
        self.writer.execute(Step::Proven, [proven]).await.map(drop)
    }

    /// Keeps the rate that a lane has learned, in calls a second, for the next start.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn learn_rate(&self, lane: LaneId, rate: f64) -> Result<(), QueueError> {
        let learned = sqlx::query!("UPDATE lanes SET learned_rate = ?2 WHERE id = ?1", lane.0, rate);
        self.writer.execute(Step::RateLearned, [learned]).await.map(drop)
    }

    /// Keeps the rate that a lane has learned for its reads, as [`Self::learn_rate`] for its exports.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn learn_read_rate(&self, lane: LaneId, rate: f64) -> Result<(), QueueError> {
        let learned = sqlx::query!("UPDATE lanes SET learned_read_rate = ?2 WHERE id = ?1", lane.0, rate);
        self.writer.execute(Step::RateLearned, [learned]).await.map(drop)
    }

    /// Lowers the cap on a lane's copies under way.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn lower_cap(&self, lane: LaneId, lowered: LoweredCap) -> Result<(), QueueError> {
        let to = i64::try_from(lowered.to).unwrap_or(i64::MAX);
        let code = lowered.code.as_str();
        let lowered = sqlx::query!(
            "UPDATE lanes SET lowered_cap = ?2, lowered_at = ?3, lowered_code = ?4 WHERE id = ?1",
            lane.0,
            to,
            lowered.since.0,
            code
        );
        self.writer.execute(Step::CapLowered, [lowered]).await.map(drop)
    }

    /// Stores a delay of a lane's lists, replacing the last one. Unconfirmed attempts keep their window.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn learn_delay(&self, lane: LaneId, delay: ListDelay) -> Result<(), QueueError> {
        self.keep_delay(vec![lane], delay).await
    }

    /// Forgets how late the lists of these lanes were. Unconfirmed attempts keep their window.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn forget_delays(&self, lanes: Vec<LaneId>) -> Result<(), QueueError> {
        self.keep_delay(lanes, ListDelay::default()).await
    }

    async fn keep_delay(&self, lanes: Vec<LaneId>, delay: ListDelay) -> Result<(), QueueError> {
        let longest = i64::try_from(delay.longest.as_millis()).unwrap_or(i64::MAX);
        let seen_at = delay.seen_at.map(|at| at.0);
        let learned = lanes.into_iter().flat_map(move |lane| {
            let kept = sqlx::query!(
                "UPDATE attempts SET kept_window = max(coalesce(kept_window, 0), open.window)
                 FROM (SELECT jobs.id, jobs.attempt, lanes.longest_delay * ?2 AS window
                       FROM lanes JOIN jobs ON jobs.lane_id = lanes.id
                       WHERE lanes.id = ?1 AND lanes.longest_delay > 0
                         AND (jobs.state = 'submitting' OR jobs.state = 'exporting' OR jobs.state = 'unknown')
                       LIMIT -1) AS open
                 WHERE attempts.job_id = open.id AND attempts.number = open.attempt",
                lane.0,
                WINDOW_MARGIN
            );
            let delay = sqlx::query!(
                "UPDATE lanes SET longest_delay = ?2, delay_seen_at = ?3 WHERE id = ?1",
                lane.0,
                longest,
                seen_at
            );
            [kept, delay]
        });
        self.writer.execute(Step::DelayLearned, learned).await.map(drop)
    }

    /// Begins a run of the daemon.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn begin_run(&self, at: Timestamp, version: &'static str) -> Result<RunId, QueueError> {
        let pid = i64::from(std::process::id());
        self.writer
            .write(Step::RunBegun, move |connection| {
                Box::pin(async move {
                    let begun = sqlx::query_scalar!(
                        r#"INSERT INTO runs (began_at, pid, version) VALUES (?1, ?2, ?3) RETURNING id AS "id!: RunId""#,
                        at.0,
                        pid,
                        version
                    );
                    Ok(begun.fetch_one(connection).await?)
                })
            })
            .await
    }

    /// Ends a run of the daemon in order.
    ///
    /// # Errors
    /// [`QueueError`] when the database fails.
    pub async fn end_run(&self, run: RunId, at: Timestamp) -> Result<(), QueueError> {
        let ended = sqlx::query!("UPDATE runs SET ended_at = ?2 WHERE id = ?1", run.0, at.0);
        self.writer.execute(Step::RunEnded, [ended]).await.map(drop)
    }
}

/// One lane, or all in the order of accounts and Regions: those that have a batch in this stage, or any.
pub(in crate::queue) async fn read_lanes<'c, E>(
    reader: E,
    lane: Option<LaneId>,
    stage: Option<BatchStage>,
) -> Result<Vec<LaneRecord>, QueueError>
where
    E: SqliteExecutor<'c>,
{
    let (lane, stage) = (lane.map(|lane| lane.0), stage.map(BatchStage::as_str));
    Ok(sqlx::query_file_as!(LaneRecord, "src/queue/sql/lane_records.sql", lane, stage).fetch_all(reader).await?)
}

/// What an account number means for a lane; nothing where the lane has none yet and no other lane has this one.
async fn compare_account<'c, E>(
    executor: E,
    lane: LaneId,
    number: &AccountNumber,
) -> Result<Option<AccountMatch>, QueueError>
where
    E: SqliteExecutor<'c>,
{
    let digits = number.as_str();
    let known = sqlx::query!(
        r#"SELECT lanes.account_number AS "stored: AccountNumber", other.account AS "other: AccountLabel"
           FROM lanes LEFT JOIN lanes AS other
               ON other.region = lanes.region AND other.id <> lanes.id AND other.account_number = ?2
               -- A lane that has exported nothing and has no work exports nothing twice.
               AND (other.proven = 1 OR EXISTS (
                   SELECT 1 FROM job_counts WHERE job_counts.lane_id = other.id AND job_counts.jobs > 0
                       AND job_counts.state NOT IN ('succeeded', 'failed', 'cancelled')))
           WHERE lanes.id = ?1 LIMIT 1"#,
        lane.0,
        digits
    )
    .fetch_one(executor)
    .await?;
    Ok(match (known.stored, known.other) {
        (Some(stored), _) if stored != *number => Some(AccountMatch::Other { stored }),
        (_, Some(label)) => Some(AccountMatch::Shared { label }),
        (stored, None) => stored.map(|_| AccountMatch::Same),
    })
}
