//! The daemon's life: begin a run, recover what an earlier one left, keep the lanes running, shut down in order.

use super::bundles::{Bundles, FailedBundles};
use super::lane_tasks::{Connect, LaneParts, compose};
use super::pruning::Pruning;
use super::service;
use crate::clock::{NEVER, SharedClock, Stop, stopped};
use crate::domain::{BatchId, LaneId, RunId};
use crate::lightsail::RegionSlots;
use crate::points::{Between, Point, reached};
use crate::queue::{
    DatabaseLock, Held, LaneRecord, LaneWaker, LockError, Queue, QueueError, TakeoverOptions, TakeoverWait,
};
use crate::settings::Settings;
use futures_util::future::OptionFuture;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often the daemon polls the store for what other processes wrote, for all lanes at once: everything is noticed within a
/// second.
const PULSE: Duration = Duration::from_millis(500);

/// Whether all is done is checked again only after so many times as long as the check took.
const REST: u32 = 20;

/// Milliseconds by which the time of day may drift between two polls without having been set.
const SET: u64 = 1000;

/// How long calls in progress may take to end after a stop; what has not ended then is reconciled at the next start.
const GRACE: Duration = Duration::from_secs(5);

/// How long a write may still wait for another process after a stop.
const LAST_TURN: Duration = Duration::from_secs(2);

/// When a daemon ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When a shutdown is requested.
    Stopped,
    /// When every job has ended or waits for a person.
    Drained,
    /// When every job of a batch's rows has ended or waits for a person.
    BatchDrained(BatchId),
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaemonEnd {
    /// A shutdown was requested.
    Stopped,
    /// There was nothing left to do.
    Drained,
    /// The time that it was given was over first.
    OutOfTime,
}

/// Why it could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another one works on this database, or its lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store failed. What is on disk stays; the next start continues from there.
    #[error("stopped, because the database failed; fix the cause and start again, no work is lost")]
    Store(#[source] QueueError),
    /// The database's file is no longer the one that it began with.
    #[error("stopped, and nothing more is sent")]
    Replaced(#[source] QueueError),
    /// A part of it failed, which is a bug.
    #[error("stopped, because a part of Snapferry failed; start again, no work is lost")]
    Part(#[source] tokio::task::JoinError),
}

impl From<QueueError> for DaemonError {
    fn from(error: QueueError) -> Self {
        if matches!(error, QueueError::Replaced { .. }) { Self::Replaced(error) } else { Self::Store(error) }
    }
}

/// The lanes and services that are running, and what is remembered of them between two polls of the store.
struct Running {
    run: RunId,
    stop: Stop,
    slots: RegionSlots,
    lanes: BTreeMap<LaneId, LaneWaker>,
    tasks: JoinSet<Result<(), QueueError>>,
    /// How far the time of day is ahead of the monotonic clock, in milliseconds.
    ahead: Option<i64>,
    /// When to check again whether the daemon has reached its end.
    check_at: Duration,
}

/// Whether the time of day was set since the last poll: what a lane waits for may have come nearer, or moved further away.
fn clock_was_set(ahead: &mut Option<i64>, clock: &SharedClock) -> bool {
    let elapsed = i64::try_from(clock.elapsed().as_millis()).unwrap_or(i64::MAX);
    let now = clock.now().0.saturating_sub(elapsed);
    ahead.replace(now).is_some_and(|before| before.abs_diff(now) > SET)
}

/// A daemon that is ready to run: it holds the database's lock.
pub struct Daemon {
    queue: Queue,
    settings: Settings,
    clock: SharedClock,
    connect: Connect,
    takeover: TakeoverOptions,
    _lock: DatabaseLock,
}

impl Daemon {
    /// Takes the lock of the database.
    ///
    /// # Errors
    /// [`DaemonError::Lock`] when another one has it.
    pub fn new(
        queue: Queue,
        settings: Settings,
        clock: SharedClock,
        connect: Connect,
        who: &str,
    ) -> Result<Self, DaemonError> {
        let lock = DatabaseLock::take(queue.path(), Held::Daemon, who)?;
        Ok(Self { queue, settings, clock, connect, takeover: TakeoverOptions::default(), _lock: lock })
    }

    /// With what a person says of takeovers.
    pub fn taking_over(self, takeover: TakeoverOptions) -> Self {
        Self { takeover, ..self }
    }

    /// Runs until `stop` says so, or `until` is reached, or `max_wait` is over.
    ///
    /// # Errors
    /// [`DaemonError`] when it cannot go on; nothing is lost.
    pub async fn run(self, until: Until, max_wait: Option<Duration>, stop: Stop) -> Result<DaemonEnd, DaemonError> {
        self.queue.wait_for_turns(None);
        let latest = self.clock.elapsed().saturating_add(max_wait.unwrap_or(NEVER));
        let ended = tokio::select! {
            ended = self.work(until, latest, stop.clone()) => ended,
            // It never ends.
            () = self.shorten_waits(max_wait, stop.clone()) => Ok(DaemonEnd::Stopped),
        };
        self.queue.wait_for_turns(Some(LAST_TURN));
        match ended {
            // Nothing is lost: the next start reconciles what could not be written.
            Err(DaemonError::Store(QueueError::Busy)) if *stop.borrow() => Ok(DaemonEnd::Stopped),
            Err(DaemonError::Store(QueueError::Busy)) if latest <= self.clock.elapsed() => Ok(DaemonEnd::OutOfTime),
            ended => ended,
        }
    }

    /// Has no write wait long for another process once the daemon is to end.
    async fn shorten_waits(&self, max_wait: Option<Duration>, mut stop: Stop) {
        tokio::select! {
            () = stopped(&mut stop) => {}
            Some(()) = OptionFuture::from(max_wait.map(|most| self.clock.sleep(most))) => {}
        }
        self.queue.wait_for_turns(Some(LAST_TURN));
        std::future::pending::<()>().await;
    }

    async fn work(&self, until: Until, latest: Duration, mut stop: Stop) -> Result<DaemonEnd, DaemonError> {
        reached(Point::Between(Between::DaemonLocked));
        if let Some(pruning) = self.pruning() {
            pruning.prepare().await;
        }
        self.check_takeover().await?;
        let run = self.queue.begin_run(self.clock.now(), env!("CARGO_PKG_VERSION")).await?;
        let recovered = self.queue.recover(self.clock.now()).await?;
        if recovered > 0 {
            tracing::warn!(
                jobs = recovered,
                "an earlier run ended in the middle of calls; they are reconciled with Lightsail's records"
            );
        }
        tracing::info!(run = run.0, database = %self.queue.path().display(), "the daemon has started");
        let (halt, halted) = watch::channel(false);
        let mut tasks = JoinSet::new();
        if let Some(bundles) = self.bundles() {
            tasks.spawn(service::keep(bundles, self.clock.clone(), halted.clone()));
        }
        if let Some(pruning) = self.pruning() {
            tasks.spawn(service::keep(pruning, self.clock.clone(), halted.clone()));
        }
        let (lanes, slots) = (BTreeMap::new(), RegionSlots::of_exports());
        let mut running = Running { run, stop: halted, slots, lanes, tasks, ahead: None, check_at: Duration::ZERO };
        for record in self.queue.lane_records().await? {
            self.start_lane(record, &mut running);
        }
        let outcome = self.supervise(until, latest, &mut running, &mut stop).await;
        let _ = halt.send(true);
        let late = self.shut_down(&mut running.tasks).await;
        let outcome = outcome.and_then(|end| late.map_or(Ok(end), Err));
        if let Ok(DaemonEnd::Drained) = outcome
            && let Err(error) = self.tidy_up(&stop).await
        {
            let error = service::in_one_line(&error);
            tracing::warn!(
                error,
                "all is exported, but completion reports or pruning failed; the next start makes up for it"
            );
        }
        reached(Point::Between(Between::Halted));
        // The caller reports a store that has failed.
        if let Err(error) = self.queue.end_run(run, self.clock.now()).await
            && outcome.is_ok()
        {
            tracing::warn!(%error, "the end of the run could not be recorded");
        }
        let why = match &outcome {
            Ok(DaemonEnd::Drained) => "all work is done",
            Ok(DaemonEnd::OutOfTime) => "the given time is over",
            Ok(DaemonEnd::Stopped) => "shutdown requested",
            Err(DaemonError::Store(QueueError::Busy)) => "another program holds the database's write lock",
            Err(_) => "it failed",
        };
        tracing::info!(run = run.0, why, "the daemon has stopped");
        outcome.map_err(|error| self.cause(error))
    }

    /// Polls the store until the daemon has reached its end, is stopped, or fails.
    async fn supervise(
        &self,
        until: Until,
        latest: Duration,
        running: &mut Running,
        stop: &mut Stop,
    ) -> Result<DaemonEnd, DaemonError> {
        loop {
            if self.poll_store(until, running).await? {
                return Ok(DaemonEnd::Drained);
            }
            if latest <= self.clock.elapsed() {
                return Ok(DaemonEnd::OutOfTime);
            }
            tokio::select! {
                () = self.clock.sleep(PULSE) => {}
                () = stopped(stop) => return Ok(DaemonEnd::Stopped),
                Some(ended) = running.tasks.join_next() => ended.map_err(DaemonError::Part)??,
            }
        }
    }

    /// What the services have left to do once all is exported.
    async fn tidy_up(&self, stop: &Stop) -> Result<(), QueueError> {
        if let Some(mut bundles) = self.bundles() {
            bundles.write_due(stop).await?;
        }
        if let Some(pruning) = self.pruning() {
            // Without rests: nothing waits for the disk any more.
            pruning.prune(0, stop).await?;
        }
        Ok(())
    }

    /// Logs whether the database is a copy. Exports that it does not know may be in progress, too recent to be listed yet.
    async fn check_takeover(&self) -> Result<(), QueueError> {
        let now = self.clock.now();
        let options = self.takeover.clone();
        let (name, wait) = (options.restored.clone(), options.wait);
        let newest = self.queue.check_takeover(options, now, self.clock.elapsed()).await?;
        let Some((takeover, true)) = newest else {
            if let Some(name) = name {
                tracing::info!(name, "--restored: a restore of that name was declared before, and counts once");
            }
            return Ok(());
        };
        let age = takeover.written_at.map(|at| Duration::from_secs(now.since(at).as_secs()));
        let age = age.map_or("unknown age".to_owned(), |age| format!("age {}", humantime::format_duration(age)));
        let next = match wait {
            TakeoverWait::Kept => {
                "no lane sends before its reconciliation window is over, so that Lightsail's records show what was exported \
                 since; this is the time to look, and to cancel and pause again"
            }
            TakeoverWait::Waived => "the wait is skipped (--no-takeover-wait)",
        };
        tracing::warn!(
            cause = takeover.cause.as_str(),
            "this database is taken over from a copy of {age} ({}); what people did after the copy was made (cancel, pause) is \
             not in it; {next}",
            takeover.cause.text()
        );
        Ok(())
    }

    /// Polls the store; whether the daemon has reached its end.
    async fn poll_store(&self, until: Until, running: &mut Running) -> Result<bool, QueueError> {
        for lane in self.queue.take_wake_ups().await? {
            if let Some(wakes) = running.lanes.get(&lane) {
                wakes.all();
            } else if let Some(record) = self.queue.lane_record(lane).await? {
                self.start_lane(record, running);
            }
        }
        self.queue.store_takeover_wait(self.clock.elapsed()).await?;
        if clock_was_set(&mut running.ahead, &self.clock) {
            running.lanes.values().for_each(LaneWaker::all);
        }
        self.is_reached(until, &mut running.check_at).await
    }

    /// A file that is gone fails its readers in many ways; the error names the cause instead.
    fn cause(&self, error: DaemonError) -> DaemonError {
        match self.queue.in_place() {
            Err(gone) if matches!(error, DaemonError::Store(_)) => gone.into(),
            Ok(()) | Err(_) => error,
        }
    }

    fn bundles(&self) -> Option<Bundles> {
        let folder = self.settings.bundle.clone()?;
        Some(Bundles {
            queue: self.queue.clone(),
            clock: self.clock.clone(),
            folder,
            troubles: FailedBundles::default(),
        })
    }

    fn pruning(&self) -> Option<Pruning> {
        let after = self.settings.prune_after?;
        Some(Pruning { queue: self.queue.clone(), clock: self.clock.clone(), after })
    }

    fn start_lane(&self, record: LaneRecord, running: &mut Running) {
        let (id, region, settings) = (record.id, record.lane.region, self.settings.for_lane(&record.lane));
        tracing::info!(lane = %record.lane, "lane started");
        let Running { run, stop, slots, lanes, tasks, .. } = running;
        let LaneParts { dispatcher, tracker, wakes } =
            compose(self.queue.clone(), self.clock.clone(), &self.connect, *run, record, &settings);
        tasks.spawn(dispatcher.run(stop.clone(), slots.of(region)));
        tasks.spawn(tracker.track(stop.clone()));
        lanes.insert(id, wakes);
    }

    async fn is_reached(&self, until: Until, check_at: &mut Duration) -> Result<bool, QueueError> {
        let batch = match until {
            Until::Stopped => return Ok(false),
            Until::Drained => None,
            Until::BatchDrained(batch) => Some(batch),
        };
        let began = self.clock.elapsed();
        if began < *check_at {
            return Ok(false);
        }
        let reached = self.queue.unfinished(batch).await? == 0;
        let ended = self.clock.elapsed();
        *check_at = ended.saturating_add(ended.saturating_sub(began) * REST);
        Ok(reached)
    }

    /// Waits for the calls in progress; the first error among them.
    async fn shut_down(&self, tasks: &mut JoinSet<Result<(), QueueError>>) -> Option<DaemonError> {
        let mut first = None;
        let mut grace = self.clock.sleep(GRACE);
        loop {
            tokio::select! {
                ended = tasks.join_next() => {
                    let Some(ended) = ended else { return first };
                    let failed = ended.map_err(DaemonError::Part).and_then(|ended| Ok(ended?));
                    first = first.or(failed.err());
                }
                () = &mut grace => {
                    tracing::warn!("some calls did not end in time; the next start reconciles them first");
                    tasks.shutdown().await;
                    return first;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::Timestamp;
    use std::sync::Arc;

    #[test]
    fn a_time_of_day_that_is_set_is_noticed_once_and_one_that_drifts_is_not() {
        let manual = Arc::new(ManualClock::new(Timestamp(1_000_000)));
        let clock: SharedClock = manual.clone();
        let mut ahead = None;
        let mut was_set = || clock_was_set(&mut ahead, &clock);
        assert!(!was_set());
        for by in [-3_600_000, 3_600_000] {
            manual.advance(PULSE);
            assert!(!was_set());
            manual.jump(Timestamp(clock.now().0 + by));
            assert!(was_set() && !was_set());
        }
        manual.jump(Timestamp(clock.now().0 + 20));
        assert!(!was_set());
    }
}
