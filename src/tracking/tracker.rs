//! A lane's tracking: `run_once` does all that is due and tells when to come again; the loop around it only waits.

use super::changes::{CHUNK, Changes};
use super::inventory::Inventory;
use super::lane_context::TrackingContext;
use super::lists::{Purpose, ReadError, RecordsWanted};
use super::poll_interval::Urgency;
use super::polling::Polling;
use super::reconciliation::Reconciliation;
use super::tracker_state::{ReadStart, TrackerState, left};
use crate::clock::{BACKSTOP, NEVER, SharedClock, Stop, stopped};
use crate::domain::{JobId, JobState, RunId, Timestamp};
use crate::lightsail::Lightsail;
use crate::queue::{Block, LaneLoad, LaneRecord, LaneWaker, Queue, QueueError};
use crate::settings::LaneSettings;
use std::sync::Arc;
use std::time::Duration;

/// The shortest sleep.
const LEAST: Duration = Duration::from_millis(10);

/// The tracker of a lane.
pub struct Tracker {
    changes: Arc<Changes>,
    inventory: Inventory,
    polling: Polling,
    reconciliation: Reconciliation,
    wakes: LaneWaker,
}

/// When a round may read for each state, and which jobs are due in it.
struct Due {
    exporting: Vec<JobId>,
    between: Duration,
    unconfirmed: Vec<JobId>,
    between_for_unconfirmed: Duration,
}

impl Tracker {
    /// A tracker of `lane`.
    pub fn new(
        queue: Queue,
        api: Arc<dyn Lightsail>,
        clock: SharedClock,
        run: RunId,
        lane: LaneRecord,
        settings: Arc<LaneSettings>,
    ) -> Self {
        let wakes = queue.wakes(lane.id);
        let changes = Arc::new(Changes::new(Arc::new(TrackingContext { queue, api, clock, run, lane, settings })));
        Self {
            inventory: Inventory(Arc::clone(&changes)),
            polling: Polling(Arc::clone(&changes)),
            reconciliation: Reconciliation(Arc::clone(&changes)),
            changes,
            wakes,
        }
    }

    /// Tracks until `stop` says so.
    ///
    /// # Errors
    /// [`QueueError`] when the store fails.
    pub async fn track(self, mut stop: Stop) -> Result<(), QueueError> {
        let mut state = TrackerState::default();
        while !*stop.borrow() {
            let pause = tokio::select! {
                // In a box: a lane that sleeps has no room for it.
                pause = Box::pin(self.run_once(&mut state)) => pause?,
                () = stopped(&mut stop) => break,
            };
            tokio::select! {
                () = self.wakes.tracker.notified() => {}
                () = self.changes.context.clock.sleep(if state.live { pause.min(BACKSTOP) } else { pause }) => {}
                () = stopped(&mut stop) => {}
            }
        }
        Ok(())
    }

    /// Does all that is due; tells how long until more is, unless a wake-up comes first.
    ///
    /// # Errors
    /// [`QueueError`] when the store fails.
    pub async fn run_once(&self, state: &mut TrackerState) -> Result<Duration, QueueError> {
        match self.round(state).await {
            Ok(pause) => Ok(pause),
            Err(ReadError::Store(error)) => Err(error),
            Err(ReadError::LaneBlocked) => {
                state.probed_at = Some(self.changes.context.clock.elapsed());
                Ok(self.changes.context.settings.lane.probe)
            }
            Err(ReadError::Transient(failed)) => {
                state.failures.on_failure(Purpose::Polling, failed, &self.changes.context).await?;
                Ok(state.failures.until_next(Purpose::Polling, &self.changes.context).max(LEAST))
            }
        }
    }

    async fn round(&self, state: &mut TrackerState) -> Result<Duration, ReadError> {
        let (queue, lane) = (&self.changes.context.queue, self.changes.context.lane.id);
        let Some(record) = queue.lane_record(lane).await? else { return Ok(NEVER) };
        self.changes.cap.refresh(record.lowered.as_ref());
        self.changes.lag.refresh(record.delay);
        if let Some(block) = record.blocked.as_ref().filter(|block| block.trouble.ends_with_a_reading()) {
            let rest = self.try_blocked_lane(block, state).await?;
            if !rest.is_zero() {
                return Ok(rest);
            }
        }
        let load = queue.load(lane).await?;
        let until_inventory = self.take_inventory(&load, state).await?;
        let due = self.due(&load, state).await?;
        state.live = load.queued + load.exporting + load.unknown + load.submitting > 0;
        self.read_for(&due, state).await?;
        if load.unknown == 0 {
            state.failures.clear(Purpose::AbsenceChecks);
        }
        if load.exporting == 0 {
            state.failures.clear(Purpose::Operations);
        }
        state.failures.end_condition(record.blocked.as_ref(), &self.changes.context).await?;
        let failing = state.failures.until_next(Purpose::Polling, &self.changes.context);
        if state.live {
            Ok(self.until_next_round(&due, failing, state).await?.min(until_inventory).max(LEAST))
        } else if failing.is_zero() {
            self.watch_ended_jobs(state).await
        } else {
            Ok(failing)
        }
    }

    /// Reads a blocked lane where its time has come, and unblocks it; tells how long it stays blocked.
    async fn try_blocked_lane(&self, block: &Block, state: &mut TrackerState) -> Result<Duration, ReadError> {
        let elapsed = self.changes.context.clock.elapsed();
        let rest = left(state.probed_at, self.changes.context.settings.lane.probe, elapsed);
        if !rest.is_zero() {
            return Ok(rest);
        }
        // Even where this succeeds: a lane that is blocked again at once is not tried without a pause.
        state.probed_at = Some(elapsed);
        self.changes.reader.read_snapshots().await?;
        self.changes.reader.read_records(RecordsWanted::All).await?;
        state.read_at = Some(elapsed);
        tracing::info!(lane = %self.changes.context.lane.lane, "the lane has recovered");
        self.changes.context.queue.end_trouble(self.changes.context.lane.id, block.trouble).await?;
        state.failures.clear(Purpose::Polling);
        // That reading decided nothing.
        state.inventory.taken_at = None;
        Ok(Duration::ZERO)
    }

    /// Takes an inventory where one is due; tells how long until the next.
    async fn take_inventory(&self, load: &LaneLoad, state: &mut TrackerState) -> Result<Duration, ReadError> {
        if load.queued == 0 {
            state.failures.clear(Purpose::Inventory);
            return Ok(NEVER);
        }
        let failing = state.failures.until_next(Purpose::Inventory, &self.changes.context);
        if !failing.is_zero() {
            return Ok(failing);
        }
        match self.inventory.take_if_due(state).await {
            Ok(next) => Ok(next),
            Err(error) => {
                state.failures.tolerate(Purpose::Inventory, error, &self.changes.context).await?;
                Ok(state.failures.until_next(Purpose::Inventory, &self.changes.context))
            }
        }
    }

    /// The jobs that may be read for now. One reading serves all of a lane's jobs, so those that fall due soon after it wait
    /// for the next.
    async fn due(&self, load: &LaneLoad, state: &TrackerState) -> Result<Due, QueueError> {
        let (settings, now) = (&self.changes.context.settings, self.changes.context.clock.now());
        let urgency = self.urgency(load).await?;
        let between = self.changes.export_time.poll_interval(settings.poll.min, settings.poll.max, urgency);
        let between_for_unconfirmed = settings.poll.min.min(self.changes.lag.between_checks());
        // What falls due soon after this reading would be read for twice.
        let soon = now.after(between / 4);
        Ok(Due {
            exporting: self.due_in(JobState::Exporting, between, soon, state).await?,
            between,
            unconfirmed: self.due_in(JobState::Unknown, between_for_unconfirmed, now, state).await?,
            between_for_unconfirmed,
        })
    }

    async fn due_in(
        &self,
        in_state: JobState,
        between: Duration,
        by: Timestamp,
        state: &TrackerState,
    ) -> Result<Vec<JobId>, QueueError> {
        let context = &self.changes.context;
        let failing = state.failures.until_next(Purpose::Polling, context);
        if !failing.max(left(state.read_at, between, context.clock.elapsed())).is_zero() {
            return Ok(Vec::new());
        }
        let latest = context.clock.now().after(self.changes.lag.longest_wait());
        context.queue.due(context.lane.id, in_state, by, latest, CHUNK).await
    }

    async fn urgency(&self, load: &LaneLoad) -> Result<Urgency, QueueError> {
        let context = &self.changes.context;
        if load.queued == 0 {
            return Ok(Urgency::Awaited);
        }
        let now = context.clock.now();
        // As the dispatcher counts.
        let taken = load.in_flight.saturating_add(context.queue.copies_of_others(context.lane.id, now).await?);
        let room = self.changes.cap.at(now).saturating_sub(taken);
        let held_by_cap = load.in_flight > 0 && (room == 0 || self.copies_of_next().await? > room);
        Ok(if held_by_cap { Urgency::Awaited } else { Urgency::Background })
    }

    /// The EBS copies of the job that is sent next; none where no queued job may be sent.
    async fn copies_of_next(&self) -> Result<u64, QueueError> {
        let next =
            self.changes.context.queue.claimable(self.changes.context.lane.id, self.changes.context.run, 1).await?;
        Ok(next.first().map_or(0, |job| u64::from(job.weight)))
    }

    /// Reads for what is due, or for a lane that was not read for `poll.max`, and acts on what changed.
    async fn read_for(&self, due: &Due, state: &mut TrackerState) -> Result<(), ReadError> {
        let Changes { context, reader, lag, .. } = &*self.changes;
        let begun = ReadStart { at: context.clock.now(), elapsed: context.clock.elapsed() };
        let next = begun.at.after(due.between);
        let unread_for = left(state.read_through_at, context.settings.poll.max, begun.elapsed)
            .max(state.failures.until_next(Purpose::Polling, context));
        if !due.unconfirmed.is_empty() || (state.live && unread_for.is_zero()) {
            state.read_at = Some(begun.elapsed);
            lag.read_records(reader, RecordsWanted::All, state).await?;
            self.reconciliation.check(&due.unconfirmed, begun, state).await?;
            self.changes.process().await?;
            self.polling.follow_up(&due.exporting, next, state).await?;
        } else if !due.exporting.is_empty() {
            self.polling.follow(&due.exporting, next, state).await?;
        } else {
            return self.changes.process().await;
        }
        state.failures.clear(Purpose::Polling);
        Ok(())
    }

    async fn until_next_round(
        &self,
        due: &Due,
        failing: Duration,
        state: &TrackerState,
    ) -> Result<Duration, QueueError> {
        let context = &self.changes.context;
        let (now, elapsed) = (context.clock.now(), context.clock.elapsed());
        let latest = now.after(self.changes.lag.longest_wait());
        let mut until = left(state.read_through_at, context.settings.poll.max, elapsed).max(failing);
        let takeover_wait = self.inventory.takeover_wait();
        if !takeover_wait.is_zero() {
            until = until.min(takeover_wait);
        }
        for (in_state, between) in
            [(JobState::Exporting, due.between), (JobState::Unknown, due.between_for_unconfirmed)]
        {
            // What is due has to wait until the lane may be read again.
            let rest = left(state.read_at, between, elapsed).max(failing);
            let next = context.queue.next_poll(context.lane.id, in_state).await?;
            // What is put off further than any wait was so before the clock was set back.
            let wait = |next: Timestamp| if next > latest { rest } else { next.since(now).max(rest) };
            until = until.min(next.map_or(NEVER, wait));
        }
        Ok(until)
    }

    /// Reads the records of a lane that has nothing to do, where a person has to know how an export ends, or a job has ended
    /// lately with an attempt that was proven absent: an export of it may still be seen. Tells how long until the next.
    async fn watch_ended_jobs(&self, state: &mut TrackerState) -> Result<Duration, ReadError> {
        let (queue, lane, settings) =
            (&self.changes.context.queue, self.changes.context.lane.id, &self.changes.context.settings);
        let elapsed = self.changes.context.clock.elapsed();
        let in_review = queue.review_is_open(lane).await?;
        let since = self.changes.context.clock.now().before(settings.poll.give_up);
        if !in_review && !queue.may_show_late_exports(lane, since).await? {
            return Ok(NEVER);
        }
        let gap = if in_review { settings.poll.max } else { self.changes.lag.window().max(settings.poll.max) };
        let rest = left(state.read_at, gap, elapsed);
        if !rest.is_zero() {
            return Ok(rest);
        }
        state.read_at = Some(elapsed);
        self.changes.reader.read_records(RecordsWanted::All).await?;
        state.failures.clear(Purpose::Polling);
        self.changes.process().await?;
        Ok(gap)
    }
}
