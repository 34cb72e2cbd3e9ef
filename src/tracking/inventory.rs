//! The inventory of a lane before anything is sent: which of the queued snapshots exist, which have to wait, and which have
//! been exported already.

use super::changes::{CHUNK, Changes};
use super::lane_context::{ACTOR, TrackingContext};
use super::lists::{Purpose, ReadError, RecordsWanted, SearchResult, SnapshotSearch};
use super::tracker_state::{TrackerState, left};
use crate::domain::{BatchId, ErrorCode, Event, Failure, JobId, JobState, JobVersion};
use crate::points::{Between, Point, reached};
use crate::queue::{InventoryJob, QueueError, Transition};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How often a lane with queued jobs gets a new inventory: snapshots are deleted, break and are made again meanwhile.
const REPEAT: Duration = Duration::from_hours(1);

/// When the next inventory is due.
#[derive(Debug, Default)]
pub(super) struct InventorySchedule {
    /// When the last complete one began.
    pub(super) taken_at: Option<Duration>,
    /// How long jobs that wait for one keep from the last; it doubles while they wait.
    pause: Duration,
}

/// Takes a lane's inventories.
pub(super) struct Inventory(pub(super) Arc<Changes>);

impl Inventory {
    /// Takes an inventory where jobs wait for one, and from time to time anyway; tells how long until the next.
    pub(super) async fn take_if_due(&self, state: &mut TrackerState) -> Result<Duration, ReadError> {
        let context = &self.0.context;
        let settings = &context.settings;
        let uncleared = !context.queue.without_inventory(context.lane.id, context.run).await?.is_empty();
        let schedule = &mut state.inventory;
        // After a takeover one inventory adopts what shows already, and one at the end of the wait clears the rest.
        let fresh = uncleared && (schedule.taken_at.is_none() || self.takeover_wait().is_zero());
        let elapsed = context.clock.elapsed();
        if !fresh {
            let awaited = context.queue.awaits_inventory(context.lane.id).await?;
            schedule.pause = if awaited { schedule.pause } else { Duration::ZERO };
            let rest = left(schedule.taken_at, if awaited { schedule.pause } else { REPEAT }, elapsed);
            if !rest.is_zero() {
                return Ok(rest);
            }
        }
        schedule.pause = schedule.pause.saturating_mul(2).clamp(settings.poll.min, settings.poll.max);
        // One that does not complete is no inventory.
        schedule.taken_at = None;
        self.take(state).await?;
        state.failures.clear(Purpose::Inventory);
        state.inventory.taken_at = Some(elapsed);
        state.read_at = Some(context.clock.elapsed());
        let awaited = context.queue.awaits_inventory(context.lane.id).await?;
        Ok(if awaited { state.inventory.pause } else { REPEAT })
    }

    /// Reads all lists, acts on what they show, and clears the batches that were there before it began.
    async fn take(&self, state: &mut TrackerState) -> Result<(), ReadError> {
        let Changes { context, reader, lag, .. } = &*self.0;
        let TrackingContext { queue, lane, run, .. } = &**context;
        // What is queued from here on waits for the next inventory.
        let batches = queue.without_inventory(lane.id, *run).await?;
        let held = self.held().await?;
        let takeover_wait = self.takeover_wait();
        reader.read_snapshots().await?;
        lag.read_records(reader, RecordsWanted::All, state).await?;
        reader.read_operations().await?;
        reached(Point::Between(Between::InventoryRead));
        // A job that was held only since belongs to the next inventory: this one began before it was queued.
        let concerns = |job: &InventoryJob| !job.held || held.contains(&job.job);
        let mut search = SnapshotSearch::new(reader);
        for batch in batches.iter().copied().map(Some).chain([None]) {
            self.act(batch, &mut search, concerns).await?;
        }
        reached(Point::Between(Between::InventoryActedUpon));
        if takeover_wait.is_zero() {
            queue.record_inventory(lane.id, *run, batches).await?;
        } else {
            tracing::warn!(
                lane = %lane.lane,
                wait = %humantime::format_duration(Duration::from_secs(takeover_wait.as_secs() + 1)),
                "this database is a copy; nothing is sent until Lightsail's records must show what was exported since it was made"
            );
        }
        Ok(())
    }

    /// How long no inventory clears a batch: a database that is a copy does not know every export, and until the
    /// reconciliation window after the takeover is over, Lightsail's lists need not show them either.
    pub(super) fn takeover_wait(&self) -> Duration {
        let Changes { context, lag, .. } = &*self.0;
        let waited = context.queue.takeover_waited(context.clock.elapsed());
        waited.map_or(Duration::ZERO, |waited| lag.window().saturating_sub(waited))
    }

    async fn held(&self) -> Result<HashSet<JobId>, QueueError> {
        let mut held = HashSet::new();
        let mut after = JobId(0);
        loop {
            let page = self.page(None, after).await?;
            let Some(last) = page.last() else { return Ok(held) };
            after = last.job;
            held.extend(page.iter().filter(|job| job.held).map(|job| job.job));
        }
    }

    async fn act(
        &self,
        batch: Option<BatchId>,
        search: &mut SnapshotSearch<'_>,
        concerns: impl Fn(&InventoryJob) -> bool,
    ) -> Result<(), ReadError> {
        let mut after = JobId(0);
        loop {
            let page = self.page(batch, after).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.job;
            self.act_on(page.into_iter().filter(&concerns).collect(), search).await?;
        }
    }

    async fn page(&self, batch: Option<BatchId>, after: JobId) -> Result<Vec<InventoryJob>, QueueError> {
        let TrackingContext { queue, lane, run, .. } = &*self.0.context;
        queue.inventory_jobs(lane.id, *run, batch, after, CHUNK).await
    }

    async fn act_on(&self, page: Vec<InventoryJob>, search: &mut SnapshotSearch<'_>) -> Result<(), ReadError> {
        // An export that is done stands for its job even where the snapshot is gone or broken by now: but only where
        // the snapshot's ARN is known to be the same.
        let in_ledger: Vec<JobId> = page.iter().filter(|job| job.in_ledger).map(|job| job.job).collect();
        let adopted = self.0.decide_for(&in_ledger).await?;
        let open: Vec<&InventoryJob> = page.iter().filter(|job| !adopted.jobs.contains(&job.job)).collect();
        search.expect_missing(open.iter().filter(|job| job.snapshot_state.is_none()).count()).await?;
        let (mut hold, mut release, mut failing) = (Vec::new(), Vec::new(), Vec::new());
        for job in open {
            let found = match &job.snapshot_state {
                Some(state) => SearchResult::There(state.clone()),
                None => search.find(&job.snapshot).await?,
            };
            match found {
                SearchResult::Gone => failing.push(self.fail(job, search.missing(&job.snapshot).await?)?),
                SearchResult::There(state) if state == "error" => failing.push(self.fail(job, broken())?),
                SearchResult::There(state) if state == "pending" => hold.push(job.job),
                SearchResult::Unclear => hold.push(job.job),
                SearchResult::There(_) if job.held => release.push(job.job),
                SearchResult::There(_) => {}
            }
        }
        let context = &self.0.context;
        context.apply(failing).await?;
        context.queue.hold_for_inventory(context.lane.id, &hold, &release).await?;
        Ok(())
    }

    fn fail(&self, job: &InventoryJob, failure: Failure) -> Result<Transition, QueueError> {
        let TrackingContext { clock, settings, .. } = &*self.0.context;
        let version = JobVersion {
            state: JobState::Queued,
            attempt: job.attempt,
            used: job.used,
            max_attempts: settings.export.max_attempts,
        };
        Transition::new(job.job, &version, Event::NotExportable(failure), clock.now(), ACTOR)
    }
}

fn broken() -> Failure {
    Failure::new(ErrorCode::SNAPSHOT_IN_ERROR, "the snapshot itself is in state error; make a new one and enqueue that")
}
