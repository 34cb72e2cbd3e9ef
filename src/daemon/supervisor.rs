//! The daemon's life: begin a run, take up what an earlier one left, keep the lanes going, stop in order.

use super::bundles::{Bundles, FailedBundles};
use super::lane::{Connect, DaemonContext, start};
use super::pruning::Pruning;
use super::service;
use crate::clock::{SharedClock, Stop, stopped};
use crate::domain::{BatchId, LaneId};
use crate::points::{Between, Point, reached};
use crate::queue::{
    DatabaseLock, Held, LaneRecord, LaneWaker, LockError, Queue, QueueError, TakeoverCause, TakeoverOptions,
    TakeoverWait,
};
use crate::settings::Settings;
use crate::worker::RegionSlots;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often the daemon looks whether another process has written, for all lanes at once: within a second everything is
/// noticed.
const PULSE: Duration = Duration::from_millis(500);

/// A look that takes long at whether all is done leaves the database alone for that many times as long.
const REST: u32 = 20;

/// By so many milliseconds the time of day may drift between two beats, and nobody has set it.
const SET: u64 = 1000;

/// How long the calls under way may take to end after a stop; what has not ended then is settled at the next start.
const GRACE: Duration = Duration::from_secs(5);

/// How long a write may still wait for another process after a stop.
const LAST_TURN: Duration = Duration::from_secs(2);

/// Other processes may write for so long before that is told.
const TOLD: Duration = Duration::from_secs(5);

/// When a daemon ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// When it is told to.
    Stopped,
    /// When every job has ended or waits for a person.
    Drained,
    /// When every job of a batch's rows has ended or waits for a person.
    BatchDrained(BatchId),
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaemonEnd {
    /// It was told to.
    Stopped,
    /// There was nothing left to do.
    Drained,
    /// The longest wait was over before that.
    OutOfTime,
}

/// Why it could not go on.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another one works on this database, or its lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store failed. What is on disk stands; the next start goes on from there.
    #[error("stopped, because the database failed; start again once that is mended, nothing is lost")]
    Store(#[source] QueueError),
    /// The database's file is no longer the one that it began with.
    #[error("stopped, and nothing more is sent")]
    Replaced(#[source] QueueError),
    /// A part of it failed, which is an error of Snapferry's.
    #[error("stopped, because a part of Snapferry failed; start again, nothing is lost")]
    Part(#[source] tokio::task::JoinError),
}

impl From<QueueError> for DaemonError {
    fn from(error: QueueError) -> Self {
        if matches!(error, QueueError::Replaced { .. }) { Self::Replaced(error) } else { Self::Store(error) }
    }
}

/// The lanes and services that are at work, and what is remembered of them between two beats.
struct Running {
    shared: DaemonContext,
    lanes: BTreeMap<LaneId, LaneWaker>,
    tasks: JoinSet<Result<(), QueueError>>,
    beats: SupervisorState,
}

/// What the supervisor remembers between two beats.
#[derive(Debug, Default)]
struct SupervisorState {
    /// How far the time of day is ahead of the monotonic clock, in milliseconds.
    ahead: Option<i64>,
    /// When it is looked again whether what the daemon runs for is reached.
    look_at: Duration,
}

impl SupervisorState {
    /// Whether the time of day was set since the last beat: what a lane waits for may have come nearer, or gone further away.
    fn clock_was_set(&mut self, clock: &SharedClock) -> bool {
        let elapsed = i64::try_from(clock.elapsed().as_millis()).unwrap_or(i64::MAX);
        let ahead = clock.now().0.saturating_sub(elapsed);
        self.ahead.replace(ahead).is_some_and(|before| before.abs_diff(ahead) > SET)
    }
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
        let latest = max_wait.map(|most| self.clock.elapsed().saturating_add(most));
        let told = tokio::select! {
            told = self.work(until, max_wait, stop.clone()) => told,
            // Of itself it never ends.
            () = self.watch_turns(max_wait, stop.clone()) => Ok(DaemonEnd::Stopped),
        };
        self.queue.wait_for_turns(Some(LAST_TURN));
        match told {
            // Nothing is lost: what could not be written down is settled by the next start.
            Err(DaemonError::Store(QueueError::Busy)) if *stop.borrow() => Ok(DaemonEnd::Stopped),
            Err(DaemonError::Store(QueueError::Busy))
                if latest.is_some_and(|latest| latest <= self.clock.elapsed()) =>
            {
                Ok(DaemonEnd::OutOfTime)
            }
            told => told,
        }
    }

    /// Tells where another process keeps this one from writing, and has no write wait long for it once the daemon is to end.
    async fn watch_turns(&self, max_wait: Option<Duration>, mut stop: Stop) {
        let mut waiting = self.queue.kept_waiting();
        let told = async {
            while waiting.wait_for(|waiting| *waiting).await.is_ok() {
                let since = self.clock.now();
                tokio::select! {
                    () = self.clock.sleep(TOLD) => {}
                    _ = waiting.wait_for(|waiting| !*waiting) => continue,
                }
                tracing::warn!(
                    "another program holds the database's write lock since {since}; nothing is sent meanwhile, and it goes on by \
                     itself once that program lets go (fuser tells which it is)"
                );
                let _ = waiting.wait_for(|waiting| !*waiting).await;
                tracing::info!("the database's write lock is free again; writing resumes");
            }
        };
        let end = async {
            match max_wait {
                Some(most) => tokio::select! {
                    () = stopped(&mut stop) => {}
                    () = self.clock.sleep(most) => {}
                },
                None => stopped(&mut stop).await,
            }
            self.queue.wait_for_turns(Some(LAST_TURN));
            std::future::pending::<()>().await;
        };
        tokio::join!(told, end);
    }

    async fn work(&self, until: Until, max_wait: Option<Duration>, mut stop: Stop) -> Result<DaemonEnd, DaemonError> {
        let began = self.clock.elapsed();
        reached(Point::Between(Between::DaemonLocked));
        if let Some(pruning) = self.pruning() {
            pruning.prepare().await;
        }
        self.check_takeover().await?;
        let run = self.queue.begin_run(self.clock.now(), env!("CARGO_PKG_VERSION")).await?;
        let recovered = self.queue.recover(self.clock.now()).await?;
        if recovered > 0 {
            tracing::warn!(jobs = recovered, "an earlier run ended in the middle of calls; the ledger will tell");
        }
        tracing::info!(run = run.0, database = %self.queue.path().display(), "the daemon has started");
        let (halt, halted) = watch::channel(false);
        let shared = DaemonContext {
            queue: self.queue.clone(),
            clock: self.clock.clone(),
            connect: self.connect.clone(),
            run,
            stop: halted,
            slots: RegionSlots::default(),
        };
        let mut running =
            Running { shared, lanes: BTreeMap::new(), tasks: JoinSet::new(), beats: SupervisorState::default() };
        let Running { shared, tasks, .. } = &mut running;
        if let Some(bundles) = self.bundles() {
            tasks.spawn(service::keep(bundles, self.clock.clone(), shared.stop.clone()));
        }
        if let Some(pruning) = self.pruning() {
            tasks.spawn(service::keep(pruning, self.clock.clone(), shared.stop.clone()));
        }
        for record in self.queue.lane_records().await? {
            self.start_lane(record, &mut running);
        }
        let outcome = loop {
            match self.poll_store(until, &mut running).await {
                Ok(false) => {}
                Ok(true) => break Ok(DaemonEnd::Drained),
                Err(error) => break Err(error.into()),
            }
            if max_wait.is_some_and(|most| self.clock.elapsed().saturating_sub(began) >= most) {
                break Ok(DaemonEnd::OutOfTime);
            }
            tokio::select! {
                () = self.clock.sleep(PULSE) => {}
                () = stopped(&mut stop) => break Ok(DaemonEnd::Stopped),
                Some(ended) = running.tasks.join_next(), if !running.tasks.is_empty() => match ended {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => break Err(error.into()),
                    Err(error) => break Err(DaemonError::Part(error)),
                },
            }
        };
        let _ = halt.send(true);
        let late = self.shut_down(&mut running.tasks).await;
        if let (Ok(DaemonEnd::Drained), None) = (&outcome, &late)
            && let Err(error) = self.tidy_up(&stop).await
        {
            let error = service::in_one_line(&error);
            tracing::warn!(
                error,
                "all is exported, but completion reports or pruning failed; the next start makes up for it"
            );
        }
        reached(Point::Between(Between::Halted));
        // Of a store that has failed the caller is told.
        if let Err(error) = self.queue.end_run(run, self.clock.now()).await
            && outcome.is_ok()
        {
            tracing::warn!(%error, "the end of the run could not be written down");
        }
        let why = match &outcome {
            Ok(DaemonEnd::Drained) => "all that was to be done is done",
            Ok(DaemonEnd::OutOfTime) => "the time that it was given is over",
            Ok(DaemonEnd::Stopped) => "it was told to",
            Err(DaemonError::Store(QueueError::Busy)) => "another program holds the database's write lock",
            Err(_) => "it could not go on",
        };
        tracing::info!(run = run.0, why, "the daemon has stopped");
        match (outcome, late) {
            (Ok(ended), None) => Ok(ended),
            (Err(error), _) | (Ok(_), Some(error)) => Err(self.cause(error)),
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

    /// Says whether the database is a copy. What it does not know is in flight elsewhere, and it may be too early to see it.
    async fn check_takeover(&self) -> Result<(), QueueError> {
        let now = self.clock.now();
        let options = self.takeover.clone();
        let (name, wait) = (options.restored.clone(), options.wait);
        let newest = self.queue.check_takeover(options, now, self.clock.elapsed()).await?;
        let (cause, found) = newest.as_ref().map_or((None, false), |(takeover, found)| (Some(takeover.cause), *found));
        if let Some(name) = name.filter(|_| !found) {
            tracing::info!(name, "--restored: a restore of that name was declared before, and counts once");
        }
        let Some((takeover, true)) = newest else { return Ok(()) };
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
            cause = cause.map_or("", TakeoverCause::as_str),
            "this database is taken over from a copy of {age} ({}); what people did after the copy was made (cancel, pause) is \
             not in it; {next}",
            takeover.cause.text()
        );
        Ok(())
    }

    /// Looks at the store; whether what the daemon runs for is reached.
    async fn poll_store(&self, until: Until, running: &mut Running) -> Result<bool, QueueError> {
        for lane in self.queue.take_wake_ups().await? {
            if let Some(wakes) = running.lanes.get(&lane) {
                wakes.all();
            } else if let Some(record) = self.queue.lane_record(lane).await? {
                self.start_lane(record, running);
            }
        }
        self.queue.store_takeover_wait(self.clock.elapsed()).await?;
        if running.beats.clock_was_set(&self.clock) {
            running.lanes.values().for_each(LaneWaker::all);
        }
        self.is_reached(until, &mut running.beats).await
    }

    /// A file that is gone fails its readers in many ways; what it comes from is said instead.
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
        let (id, settings) = (record.id, self.settings.for_lane(&record.lane));
        tracing::info!(lane = %record.lane, "the lane is taken up");
        running.lanes.insert(id, start(&running.shared, record, &settings, &mut running.tasks));
    }

    async fn is_reached(&self, until: Until, beats: &mut SupervisorState) -> Result<bool, QueueError> {
        let batch = match until {
            Until::Stopped => return Ok(false),
            Until::Drained => None,
            Until::BatchDrained(batch) => Some(batch),
        };
        let began = self.clock.elapsed();
        if began < beats.look_at {
            return Ok(false);
        }
        let reached = self.queue.unfinished(batch).await? == 0;
        let ended = self.clock.elapsed();
        beats.look_at = ended.saturating_add(ended.saturating_sub(began) * REST);
        Ok(reached)
    }

    /// Waits for the calls under way; the first error among them.
    async fn shut_down(&self, tasks: &mut JoinSet<Result<(), QueueError>>) -> Option<DaemonError> {
        let mut first = None;
        let mut grace = self.clock.sleep(GRACE);
        loop {
            tokio::select! {
                ended = tasks.join_next() => match ended {
                    None => return first,
                    Some(Ok(Ok(()))) => {}
                    Some(Ok(Err(error))) => first = first.or(Some(error.into())),
                    Some(Err(error)) if error.is_cancelled() => {}
                    Some(Err(error)) => first = first.or(Some(DaemonError::Part(error))),
                },
                () = &mut grace => {
                    tracing::warn!("calls were still under way; the next start settles them first");
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
        let mut beats = SupervisorState::default();
        assert!(!beats.clock_was_set(&clock));
        for by in [-3_600_000, 3_600_000] {
            manual.advance(PULSE);
            assert!(!beats.clock_was_set(&clock));
            manual.jump(Timestamp(clock.now().0 + by));
            assert!(beats.clock_was_set(&clock) && !beats.clock_was_set(&clock));
        }
        manual.jump(Timestamp(clock.now().0 + 20));
        assert!(!beats.clock_was_set(&clock));
    }
}
