//! What people do to many jobs at once: first a plan, then its execution, in chunks between which others can write. Each job is moved
//! only from where the plan found it.

use crate::domain::{Act, BatchName, JobId, JobVersion, Lane, SkipReason, SnapshotName, Timestamp};
use crate::queue::Queue;
use crate::queue::jobs::transition::Transition;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::json;
use crate::queue::steering::selection::Selector;
use crate::queue::views::counts::StateCounts;
use crate::queue::views::job_views::{JobView, jobs_by_id};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Jobs that are read at once.
const PAGE: u32 = 1000;

/// Jobs that are moved at once: one transaction's worth.
const CHUNK: usize = 500;

/// How many jobs a plan shows: of those that it changes, and of those that it skips for one reason.
const SHOWN: usize = 10;

/// What an act would do.
#[derive(Debug, Clone)]
pub struct ActPlan {
    act: Act,
    chosen: Vec<(JobId, JobVersion)>,
    /// The jobs that it changes, by state.
    pub states: StateCounts,
    /// The first of these jobs.
    pub first: Vec<JobView>,
    /// The batches and lanes of the jobs that are to be sent after it: those that it takes up, and those that are queued already.
    pub places: BTreeSet<(BatchName, Lane)>,
    /// Those that it skips, by reason.
    pub left: BTreeMap<SkipReason, SkippedJobs>,
}

/// Jobs that are skipped for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SkippedJobs {
    /// How many.
    pub count: u64,
    /// The first of them, with the other job where there is one that is the reason.
    pub first: Vec<(JobId, Option<JobId>)>,
}

/// What an act did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Acted {
    /// Jobs that were moved.
    pub done: u64,
    /// Jobs that have changed since the plan was made.
    pub moved_on: u64,
    /// Jobs of a snapshot that has got another live job since.
    pub rivals: u64,
}

/// An act that the store ended.
#[derive(Debug, thiserror::Error)]
#[error("stopped after {done} of {all} jobs; the same command does the rest")]
pub struct ActError {
    /// Jobs that were moved.
    pub done: u64,
    /// Jobs that were to be.
    pub all: u64,
    /// Why.
    pub source: QueueError,
}

impl ActPlan {
    /// The act.
    pub fn act(&self) -> Act {
        self.act
    }

    /// How many jobs it changes.
    pub fn len(&self) -> u64 {
        self.states.total()
    }

    /// Whether it changes none.
    pub fn is_empty(&self) -> bool {
        self.chosen.is_empty()
    }

    /// How many jobs it skips.
    pub fn left_alone(&self) -> u64 {
        self.left.values().map(|ones| ones.count).sum()
    }

    fn leave(&mut self, reason: SkipReason, job: JobId, other: Option<JobId>) {
        let ones = self.left.entry(reason).or_default();
        ones.count += 1;
        if ones.first.len() < SHOWN {
            ones.first.push((job, other));
        }
    }
}

impl Queue {
    /// What `act` would do to the selected jobs.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn plan_act(&self, act: Act, selector: &Selector) -> Result<ActPlan, QueueError> {
        let mut plan = ActPlan {
            act,
            chosen: Vec::new(),
            states: StateCounts::default(),
            first: Vec::new(),
            places: BTreeSet::new(),
            left: BTreeMap::new(),
        };
        let paused = if act == Act::Resume { self.paused_places().await? } else { PausedScopes::default() };
        // Of several ended jobs of one snapshot the last one is retried: at most one can be live.
        let mut last_of = HashMap::<(Lane, SnapshotName), usize>::new();
        let mut after = None;
        loop {
            let page = self.jobs_page(selector, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let mut rivals = if act == Act::Retry { self.rivals(&page).await? } else { HashMap::new() };
            for job in page {
                let reason = act.leaves_alone(job.state, job.paused_at).map(|reason| paused.refine(reason, &job));
                if reason.is_none_or(|reason| reason == SkipReason::QueuedAlready) {
                    plan.places.insert((job.batch.clone(), job.lane.clone()));
                }
                if let Some(reason) = reason {
                    plan.leave(reason, job.id, None);
                    continue;
                }
                if let Some(rival) = rivals.remove(&job.id) {
                    plan.leave(SkipReason::RivalLive, job.id, Some(rival));
                    continue;
                }
                let chosen = (job.id, job.version());
                if act == Act::Retry {
                    let place = *last_of.entry((job.lane, job.snapshot_name)).or_insert(plan.chosen.len());
                    if let Some(earlier) = plan.chosen.get_mut(place) {
                        let earlier = std::mem::replace(earlier, chosen);
                        plan.leave(SkipReason::LaterTaken, earlier.0, Some(chosen.0));
                        continue;
                    }
                }
                plan.chosen.push(chosen);
            }
        }
        plan.chosen.sort_unstable_by_key(|(job, _)| *job);
        plan.states = plan.chosen.iter().map(|(_, version)| (version.state, 1)).collect();
        let first: Vec<JobId> = plan.chosen.iter().take(SHOWN).map(|(job, _)| *job).collect();
        let mut connection = self.readers.acquire().await?;
        plan.first = jobs_by_id(&mut connection, &first).await?;
        Ok(plan)
    }

    /// Carries out a plan, as `actor`. A job that has changed since is skipped and counted.
    ///
    /// # Errors
    /// [`ActError`] when the database fails; what was done until then stands.
    pub async fn act(&self, plan: &ActPlan, at: Timestamp, actor: &str) -> Result<Acted, ActError> {
        let mut acted = Acted::default();
        for chunk in plan.chosen.chunks(CHUNK) {
            let moved = self.act_on(plan.act, chunk, at, actor, &mut acted).await;
            moved.map_err(|source| ActError { done: acted.done, all: plan.len(), source })?;
        }
        Ok(acted)
    }

    async fn act_on(
        &self,
        act: Act,
        chunk: &[(JobId, JobVersion)],
        at: Timestamp,
        actor: &str,
        acted: &mut Acted,
    ) -> Result<(), QueueError> {
        let change = |(job, version): &(JobId, JobVersion)| Transition::new(*job, version, act.event(), at, actor);
        let changes = chunk.iter().map(change).collect::<Result<Vec<_>, _>>()?;
        let mut failed = None;
        for verdict in self.transition_all(changes).await {
            match verdict {
                Ok(()) => acted.done += 1,
                Err(QueueError::Stale { .. }) => acted.moved_on += 1,
                Err(QueueError::Rival) => acted.rivals += 1,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// The ended jobs of a page whose snapshot has another job that is live, with that one.
    async fn rivals(&self, page: &[JobView]) -> Result<HashMap<JobId, JobId>, QueueError> {
        let ended: Vec<JobId> = page.iter().filter(|job| !job.state.is_live()).map(|job| job.id).collect();
        let ended = json(&ended)?;
        let rows = sqlx::query_file!("src/queue/sql/rivals.sql", ended).fetch_all(&self.readers).await?;
        Ok(rows.into_iter().map(|row| (row.id, row.live)).collect())
    }

    async fn paused_places(&self) -> Result<PausedScopes, QueueError> {
        let lanes_by_id = self.lane_records().await?;
        let batches =
            sqlx::query_scalar!(r#"SELECT name AS "name: BatchName" FROM batches WHERE paused_at IS NOT NULL"#);
        let lanes = sqlx::query_scalar!(
            r#"SELECT account || ' ' || region AS "lane!: Lane" FROM lanes WHERE paused_at IS NOT NULL"#
        );
        let openings = self.breaker_openings(None).await?;
        let lane_of = |id| lanes_by_id.iter().find(|record| record.id == id).map(|record| record.lane.clone());
        Ok(PausedScopes {
            stopped: openings
                .into_iter()
                .filter_map(|opening| Some((lane_of(opening.lane)?, opening.batch_name)))
                .collect(),
            batches: batches.fetch_all(&self.readers).await?.into_iter().collect(),
            lanes: lanes.fetch_all(&self.readers).await?.into_iter().collect(),
        })
    }
}

/// Batches and lanes that are paused as a whole.
#[derive(Default)]
struct PausedScopes {
    batches: HashSet<BatchName>,
    lanes: HashSet<Lane>,
    /// What is stopped by its circuit breaker: a lane, or a batch in it.
    stopped: Vec<(Lane, Option<BatchName>)>,
}

impl PausedScopes {
    /// A job that is not paused itself may be held back by its batch or lane.
    fn refine(&self, reason: SkipReason, job: &JobView) -> SkipReason {
        if reason != SkipReason::NotPaused {
            return reason;
        }
        if self.batches.contains(&job.batch) {
            SkipReason::BatchPaused
        } else if self.lanes.contains(&job.lane) {
            SkipReason::LanePaused
        } else if self
            .stopped
            .iter()
            .any(|(lane, batch)| *lane == job.lane && batch.as_ref().is_none_or(|batch| *batch == job.batch))
        {
            SkipReason::Stopped
        } else {
            SkipReason::NotPaused
        }
    }
}
