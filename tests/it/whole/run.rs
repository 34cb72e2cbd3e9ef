//! One run: the lanes' rooms, driven turn by turn.

use super::hours::Hours;
use super::promises;
use super::scripted::Scripted;
use super::truth::{Fate, Truth};
use super::weather::{CounterFile, Drowsy, Event, Weather, one, span};
use snapferry::clock::{Clock, NEVER, SharedClock};
use snapferry::daemon::{Connect, LaneParts, compose};
use snapferry::domain::{
    AccountLabel, Act, BatchName, Existing, JobId, JobState, Lane, LaneId, Region, RunId, SnapshotName,
};
use snapferry::lightsail::{Lightsail, Permit};
use snapferry::queue::{JobDetail, JobView, LaneWaker, LoadName, NewRow, Overwrite, Queue, Selector, TakeoverOptions};
use snapferry::settings::LaneSettings;
use snapferry::tracking::{Tracker, TrackerState};
use snapferry::worker::{Dispatch, DispatchResult, Dispatcher, DispatcherState, NextAction};
use sqlx::Connection as _;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::future::{Future, poll_fn};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

pub(super) const WALL: i64 = 1_800_000_000_000;
const REGIONS: [&str; 2] = ["eu-west-1", "us-east-1"];

pub(super) fn region(lane: usize) -> &'static str {
    REGIONS[lane]
}

/// The records are read again so long after the end at the latest, where lists were seen to lag: three times the longest lag.
const LATEST: Duration = Duration::from_mins(15);

/// Turns of the loop after which a run is going nowhere.
const TURNS: usize = 400_000;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[derive(Debug, Default, Clone)]
pub(super) struct Tally {
    pub(super) jobs: usize,
    pub(super) exports: usize,
    pub(super) by_hand: usize,
    pub(super) lost_answers: usize,
    pub(super) crashes: usize,
    pub(super) reads: usize,
    pub(super) reviews: usize,
    pub(super) failed: usize,
    pub(super) late: usize,
    pub(super) hours: u64,
    /// Breakers that opened, and how often a person had to let go on what one held back.
    pub(super) openings: usize,
    pub(super) resumed: usize,
    /// Hosts that were lost, and takeovers that were found.
    pub(super) restores: usize,
    pub(super) takeovers: usize,
    /// The troubles and oddities that somebody has met.
    pub(super) met: BTreeSet<String>,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Self) {
        self.jobs += other.jobs;
        self.exports += other.exports;
        self.by_hand += other.by_hand;
        self.lost_answers += other.lost_answers;
        self.crashes += other.crashes;
        self.reads += other.reads;
        self.reviews += other.reviews;
        self.failed += other.failed;
        self.late += other.late;
        self.hours += other.hours;
        self.openings += other.openings;
        self.resumed += other.resumed;
        self.restores += other.restores;
        self.takeovers += other.takeovers;
        self.met.extend(other.met.iter().cloned());
    }
}

pub(super) struct Told {
    pub(super) story: String,
    pub(super) tally: Tally,
}

/// A row that was brought in: when, and what it says of exports that are there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Brought {
    pub(super) at: Duration,
    pub(super) existing: Existing,
}

/// How a run came out.
pub(super) struct Outcome {
    pub(super) weather: Arc<Weather>,
    pub(super) lanes: Vec<Scripted>,
    pub(super) jobs: Vec<JobDetail>,
    pub(super) brought: BTreeMap<snapferry::domain::JobId, Brought>,
}

/// A future that may wait for the time, and until when it does.
struct Waiting<T> {
    of: Boxed<T>,
    until: Duration,
}

impl<T> Waiting<T> {
    fn new(of: Boxed<T>) -> Self {
        Self { of, until: Duration::ZERO }
    }

    /// Lets it go on as far as it can without time passing.
    async fn step(&mut self, hours: &Hours) -> Option<T> {
        if self.until > hours.elapsed() {
            return None;
        }
        let of = &mut self.of;
        let until = &mut self.until;
        poll_fn(move |context| {
            hours.take_parked();
            match of.as_mut().poll(context) {
                Poll::Ready(value) => Poll::Ready(Some(value)),
                Poll::Pending => match hours.take_parked() {
                    Some(at) => {
                        *until = at;
                        Poll::Ready(None)
                    }
                    // It waits for the store, which wakes it.
                    None => Poll::Pending,
                },
            }
        })
        .await
    }

    /// The same for what never asks the store: it goes on now or with the next event.
    fn try_step(&mut self, hours: &Hours) -> Option<T> {
        hours.take_parked();
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let polled = self.of.as_mut().poll(&mut context);
        self.until = hours.take_parked().unwrap_or(Duration::MAX);
        match polled {
            Poll::Ready(value) => Some(value),
            Poll::Pending => None,
        }
    }
}

enum Sender {
    Asks(Duration),
    WaitsForPermit(Dispatch, Waiting<Permit>),
    WaitsForAnswers,
}

struct Rooms {
    dispatcher: Arc<Dispatcher>,
    tracker: Arc<Tracker>,
    wakes: LaneWaker,
    state: DispatcherState,
    sender: Sender,
    calls: Vec<Waiting<DispatchResult>>,
    rounds: Option<TrackerState>,
    round: Option<Waiting<(TrackerState, Result<Duration, snapferry::queue::QueueError>)>>,
    look_at: Duration,
}

struct Run {
    weather: Arc<Weather>,
    settings: LaneSettings,
    hours: Hours,
    queue: Queue,
    scripts: Vec<Scripted>,
    rooms: BTreeMap<LaneId, Rooms>,
    number: RunId,
    brought: BTreeMap<snapferry::domain::JobId, Brought>,
    crashes: usize,
    resumed: usize,
    copies: Vec<PathBuf>,
    restores: usize,
    takeovers: usize,
    rng: fastrand::Rng,
}

/// Plays a weather to its end; what it broke, where it did.
pub(super) fn play(weather: Weather) -> Result<Told, String> {
    let folder = tempfile::Builder::new();
    let memory = Path::new("/dev/shm");
    // What is shown here has nothing to do with the disk.
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { folder.tempdir() }.expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let mut run = Run::new(weather, &folder.path().join("test.db")).await;
        run.play().await?;
        let told = run.told().await;
        run.queue.close().await;
        told
    })
}

/// A counter file of that database, from before its last two groups of intents; nothing where there were fewer.
async fn older_than(database: &Path) -> Option<String> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(database);
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    let id: Option<String> = sqlx::query_scalar("SELECT id FROM origin WHERE intents > last_group")
        .fetch_optional(&mut db)
        .await
        .expect("a read");
    db.close().await.expect("closed");
    id.map(|id| format!("snapferry-intents {id} {:020}\n", 0))
}

impl Run {
    async fn new(weather: Weather, path: &Path) -> Self {
        let (seed, weather) = (weather.seed, Arc::new(weather));
        let queue = Queue::open(path).await.expect("a database");
        let hours = Hours::new(WALL);
        let script = |lane| Scripted {
            truth: Arc::new(Mutex::new(Truth::new(lane, &weather))),
            hours: hours.clone(),
            weather: Arc::clone(&weather),
            wall: WALL,
        };
        let scripts = (0..weather.lanes).map(script).collect();
        fastrand::seed(seed);
        Self {
            settings: weather.settings.clone(),
            weather,
            hours,
            queue,
            scripts,
            rooms: BTreeMap::new(),
            number: RunId(0),
            brought: BTreeMap::new(),
            crashes: 0,
            resumed: 0,
            copies: Vec::new(),
            restores: 0,
            takeovers: 0,
            rng: fastrand::Rng::with_seed(seed ^ 0xc4a5),
        }
    }

    async fn play(&mut self) -> Result<(), String> {
        self.begin().await;
        let mut events = self.weather.events.clone().into_iter().peekable();
        let mut ended_at = None;
        for _ in 0..TURNS {
            let now = self.hours.elapsed();
            while let Some((_, event)) = events.next_if(|(at, _)| *at <= now) {
                self.happens(event).await;
            }
            for script in &self.scripts {
                script.truth().arrive(now, &self.weather);
            }
            let mut moved = true;
            while moved {
                moved = false;
                for rooms in self.rooms.values_mut() {
                    moved |= rooms.go_on(&self.hours, self.weather.drowsy).await.map_err(|error| error.to_string())?;
                }
            }
            if now < self.weather.clears && self.rng.f64() < self.weather.crashes {
                self.crash().await;
                continue;
            }
            let over = events.peek().is_none() && now >= self.weather.clears;
            if over && self.queue.unfinished(None).await.map_err(|error| error.to_string())? == 0 {
                if self.let_go_on().await {
                    continue;
                }
                // What comes into sight late is waited for once more.
                let ended_at = *ended_at.get_or_insert(now);
                if now >= ended_at + self.weather.settings.reconcile.settle * 3 + LATEST {
                    return Ok(());
                }
            } else {
                ended_at = None;
            }
            let next = self.rooms.values().map(Rooms::next).min().unwrap_or(Duration::MAX);
            let next = next.min(events.peek().map_or(Duration::MAX, |(at, _)| *at));
            let next = if next >= now + NEVER { now + Duration::from_mins(1) } else { next };
            self.hours.advance_to(next.max(now + Duration::from_millis(1)));
        }
        let left = self.left().await;
        Err(format!("after {TURNS} turns, at {:?}, there are jobs that have not ended: {left}", self.hours.elapsed()))
    }

    /// What has not ended, with its lanes.
    async fn left(&self) -> String {
        let lanes = self.queue.lane_records().await.expect("lanes");
        let mut left = vec![format!("{lanes:#?}")];
        for job in self.queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs") {
            if job.state.is_live() {
                let evidence = self.queue.evidence(job.id).await.expect("a read");
                left.push(format!("{evidence:#?}"));
            }
        }
        left.join("\n")
    }

    /// What breakers hold back, where one was tried in vain, waits for a person: here is one. Whether there was any.
    async fn let_go_on(&mut self) -> bool {
        let openings = self.queue.breaker_openings(None).await.expect("breakers");
        let batches = self.queue.batches().await.expect("batches");
        if openings.is_empty() || batches.iter().all(|batch| batch.jobs.of(JobState::Queued) == 0) {
            return false;
        }
        self.resumed += 1;
        let batches: Vec<_> = batches.iter().map(|batch| batch.id).collect();
        let lanes: Vec<_> = openings.iter().map(|opening| opening.lane).collect();
        self.queue.resume(&batches, &lanes, self.hours.now(), "ada").await.expect("resumed");
        true
    }

    /// What a daemon does first.
    async fn begin(&mut self) {
        let options = TakeoverOptions { wait: self.weather.wait, restored: None };
        let (now, elapsed) = (self.hours.now(), self.hours.elapsed());
        let found = self.queue.check_takeover(options, now, elapsed).await.expect("checked");
        self.takeovers += usize::from(found.is_some_and(|(_, found)| found));
        self.number = self.queue.begin_run(self.hours.now(), "test").await.expect("a run");
        self.queue.recover(self.hours.now()).await.expect("recovered");
        self.take_up_lanes().await;
    }

    async fn take_up_lanes(&mut self) {
        for record in self.queue.lane_records().await.expect("lanes") {
            if self.rooms.contains_key(&record.id) {
                continue;
            }
            let number =
                REGIONS.iter().position(|region| *region == record.lane.region.as_str()).expect("a lane of ours");
            let script = self.scripts[number].clone();
            let connect: Connect = Arc::new(move |_, _| Arc::new(script.clone()) as Arc<dyn Lightsail>);
            let clock: SharedClock = Arc::new(self.hours.clone());
            let id = record.id;
            let parts = compose(self.queue.clone(), clock, &connect, self.number, record, &self.settings);
            self.rooms.insert(id, Rooms::new(parts));
        }
        self.wake_all();
    }

    /// What the daemon does when another process has written, or the clock was set.
    fn wake_all(&self) {
        self.rooms.values().for_each(|rooms| rooms.wakes.all());
    }

    async fn happens(&mut self, event: Event) {
        match event {
            Event::Enqueue { rows, existing } => self.enqueue(&rows, existing).await,
            Event::Console { lane, name } => {
                let mut truth = self.scripts[lane].truth();
                let now = self.hours.elapsed();
                if truth.snapshots[name].life(now).is_some_and(|life| !life.broken && life.ready <= now) {
                    truth.begin(name, now, None, &self.weather);
                }
            }
            Event::Jump(by) => {
                self.hours.jump(by);
                self.wake_all();
            }
            Event::Act(act, of) => self.act(act, of).await,
            Event::Crash => self.crash().await,
            Event::Backup => self.back_up().await,
            Event::Restore(counter) => self.restore(counter).await,
        }
    }

    async fn back_up(&mut self) {
        let copy = self.queue.path().with_file_name(format!("copy-{}.db", self.copies.len()));
        self.queue.backup(&copy, Overwrite::Refuse).await.expect("a backup");
        self.copies.push(copy);
    }

    /// The host is gone, and another one begins with one of the copies; people bring in once more what they had.
    async fn restore(&mut self, counter: CounterFile) {
        self.restores += 1;
        self.rooms.clear();
        for script in &self.scripts {
            script.truth().cut();
        }
        let path = self.queue.path().to_owned();
        let nothing = Queue::open(&path.with_file_name("nothing.db")).await.expect("a database");
        std::mem::replace(&mut self.queue, nothing).close().await;
        let copy = &self.copies[self.rng.usize(..self.copies.len())];
        let file = path.with_extension("db.sent");
        if counter != CounterFile::Stays {
            std::fs::remove_file(&file).expect("there is one");
        }
        if counter == CounterFile::New {
            std::fs::remove_file(&path).expect("there is one");
            Queue::open(&path).await.expect("a database").close().await;
        }
        std::fs::copy(copy, &path).expect("restored");
        if counter == CounterFile::Older
            && let Some(line) = older_than(copy).await
        {
            std::fs::write(&file, line).expect("written");
        }
        let restored = Queue::open(&path).await.expect("a database");
        std::mem::replace(&mut self.queue, restored).close().await;
        let down = one(&mut self.rng, &[0, 1, 30].map(Duration::from_secs));
        self.hours.advance_to(self.hours.elapsed() + down);
        self.begin().await;
        let all = (0..self.weather.lanes).flat_map(|lane| (0..self.weather.names).map(move |name| (lane, name)));
        self.enqueue(&all.collect::<Vec<_>>(), Existing::Adopt).await;
    }

    /// What a person does, as the commands do it: planned, and then done.
    async fn act(&mut self, act: Act, of: Option<(usize, usize)>) {
        let jobs = self.queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs");
        let meant = of.map(|(lane, name)| (REGIONS[lane], self.scripts[lane].truth().snapshots[name].name.clone()));
        let is_meant = |job: &&JobView| {
            let (region, name) = (job.lane.region.as_str(), job.snapshot_name.as_str());
            meant.as_ref().is_none_or(|meant| *meant == (region, name.to_owned()))
        };
        let jobs: Vec<JobId> = jobs.iter().filter(is_meant).map(|job| job.id).collect();
        // The calls of a name are told apart by the order of its jobs.
        if jobs.is_empty() || (act == Act::Retry && jobs.len() > 1) {
            return;
        }
        let plan = self.queue.plan_act(act, &Selector { jobs, ..Selector::default() }).await.expect("a plan");
        let acted = self.queue.act(&plan, self.hours.now(), "ada").await.expect("done");
        if acted.done > 0
            && let Some((lane, _)) = of
        {
            self.scripts[lane].truth().meets(format!("a person's {}", act.event().kind()));
        }
        self.take_up_lanes().await;
    }

    async fn enqueue(&mut self, rows: &[(usize, usize)], existing: Existing) {
        let name = LoadName::Derived(BatchName::parse("batch").expect("a name"));
        let now = self.hours.now();
        let mut load = self.queue.begin_load(name, "a test", &[], "a test", now).await.expect("a load");
        let rows = rows.iter().zip(1..).map(|((lane, name), line)| NewRow {
            line,
            lane: Lane { account: AccountLabel::unnamed(), region: Region::parse(REGIONS[*lane]).expect("a Region") },
            snapshot: SnapshotName::parse(&self.scripts[*lane].truth().snapshots[*name].name).expect("a name"),
            priority: 0,
            not_before: None,
            existing,
            carried: Vec::new(),
        });
        load.add(rows.collect()).await.expect("added");
        load.seal(0, now).await.expect("sealed");
        let at = self.hours.elapsed();
        for job in self.queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs") {
            self.brought.entry(job.id).or_insert(Brought { at, existing });
        }
        self.take_up_lanes().await;
    }

    /// All that is in memory is gone; another daemon begins on the same file.
    async fn crash(&mut self) {
        self.crashes += 1;
        // As the supervisor has done since, where it got to it.
        if self.crashes.is_multiple_of(2) {
            self.queue.store_takeover_wait(self.hours.elapsed()).await.expect("stored");
        }
        self.rooms.clear();
        for script in &self.scripts {
            script.truth().cut();
        }
        let down = span(&mut self.rng, Duration::ZERO, Duration::from_secs(30));
        self.hours.advance_to(self.hours.elapsed() + down);
        self.begin().await;
    }

    async fn told(&self) -> Result<Told, String> {
        let mut jobs = Vec::new();
        for job in self.queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs") {
            jobs.push(self.queue.job(job.id).await.expect("a job").expect("a job"));
        }
        let outcome = Outcome {
            weather: Arc::clone(&self.weather),
            lanes: self.scripts.clone(),
            jobs,
            brought: self.brought.clone(),
        };
        let mut story = String::new();
        let mut tally = Tally {
            jobs: outcome.jobs.len(),
            crashes: self.crashes,
            hours: self.hours.elapsed().as_secs() / 3600,
            resumed: self.resumed,
            restores: self.restores,
            takeovers: self.takeovers,
            ..Tally::default()
        };
        for script in &outcome.lanes {
            let truth = script.truth();
            tally.reads += truth.reads.len();
            tally.met.extend(truth.met.iter().cloned());
            tally.exports += truth.exports.len();
            tally.by_hand += truth.exports.iter().filter(|export| export.by.is_none()).count();
            tally.late += truth.exports.iter().filter(|export| export.late).count();
            tally.lost_answers += truth.calls.iter().filter(|call| call.fate == Fate::Lost).count();
            let _ = writeln!(story, "{:#?}\n{:#?}\n{} reads", truth.calls, truth.exports, truth.reads.len());
        }
        let mut stops = std::collections::BTreeSet::new();
        for job in &outcome.jobs {
            let met = self.queue.matching_openings(job.job.id).await.expect("breakers");
            stops.extend(met.iter().map(|stop| format!("{stop:?}")));
        }
        tally.openings = stops.len();
        let _ = writeln!(story, "{stops:#?}");
        for job in &outcome.jobs {
            tally.reviews += usize::from(job.job.state == JobState::NeedsReview);
            tally.failed += usize::from(job.job.state == JobState::Failed);
            let _ = writeln!(story, "{job:#?}");
        }
        let skewed = match self.weather.ahead {
            0 => "a clock that is the service's",
            1.. => "a clock that is minutes behind the service's",
            _ => "a clock that is minutes ahead of the service's",
        };
        tally.met.insert(skewed.to_owned());
        match promises::broken(&outcome) {
            Some(broken) => Err(format!("{broken}\n{story}")),
            None => Ok(Told { story, tally }),
        }
    }
}

impl Rooms {
    fn new(parts: LaneParts) -> Self {
        Self {
            dispatcher: Arc::new(parts.dispatcher),
            tracker: Arc::new(parts.tracker),
            wakes: parts.wakes,
            state: DispatcherState::default(),
            sender: Sender::Asks(Duration::ZERO),
            calls: Vec::new(),
            rounds: Some(TrackerState::default()),
            round: None,
            look_at: Duration::ZERO,
        }
    }

    /// How long a loop sleeps that wants to for `pause`.
    fn sleep(pause: Duration, drowsy: Drowsy) -> Duration {
        pause + (pause * drowsy.times).min(drowsy.most)
    }

    /// When something is to be done next.
    fn next(&self) -> Duration {
        let sender = match &self.sender {
            Sender::Asks(at) => *at,
            Sender::WaitsForPermit(_, permit) => permit.until,
            Sender::WaitsForAnswers => Duration::MAX,
        };
        let calls = self.calls.iter().map(|call| call.until).min().unwrap_or(Duration::MAX);
        let round = self.round.as_ref().map_or(self.look_at, |round| round.until);
        sender.min(calls).min(round)
    }

    /// Does what is to be done now; whether there was anything.
    async fn go_on(&mut self, hours: &Hours, drowsy: Drowsy) -> Result<bool, snapferry::queue::QueueError> {
        let now = hours.elapsed();
        let mut moved = false;
        let mut at = 0;
        while at < self.calls.len() {
            match self.calls[at].step(hours).await {
                None => at += 1,
                Some(sent) => {
                    drop(self.calls.remove(at));
                    self.dispatcher.on_response(sent, &mut self.state).await?;
                    if matches!(self.sender, Sender::Asks(_) | Sender::WaitsForAnswers) {
                        self.sender = Sender::Asks(now);
                    }
                    moved = true;
                }
            }
        }
        moved |= self.ask(hours, drowsy).await?;
        moved |= self.look(hours, drowsy).await?;
        Ok(moved)
    }

    async fn ask(&mut self, hours: &Hours, drowsy: Drowsy) -> Result<bool, snapferry::queue::QueueError> {
        let now = hours.elapsed();
        match &mut self.sender {
            Sender::Asks(at) => {
                if *at > now && !is_woken(&self.wakes.worker) {
                    return Ok(false);
                }
                self.sender = match self.dispatcher.run_once(&mut self.state, self.calls.len()).await? {
                    NextAction::Wait(pause) => Sender::Asks(now + Self::sleep(pause, drowsy)),
                    NextAction::AwaitResponse => Sender::WaitsForAnswers,
                    NextAction::Send(dispatch) => {
                        let dispatcher = Arc::clone(&self.dispatcher);
                        let permit = Waiting::new(Box::pin(async move { dispatcher.permit().await }));
                        Sender::WaitsForPermit(dispatch, permit)
                    }
                };
                Ok(true)
            }
            Sender::WaitsForPermit(_, permit) => {
                let Some(permit) = permit.try_step(hours) else { return Ok(false) };
                let asks = Sender::Asks(now);
                let Sender::WaitsForPermit(dispatch, _) = std::mem::replace(&mut self.sender, asks) else {
                    return Ok(false);
                };
                let dispatcher = Arc::clone(&self.dispatcher);
                let mut call = Waiting::new(Box::pin(async move { dispatcher.send(dispatch, permit).await }));
                match call.step(hours).await {
                    Some(sent) => self.dispatcher.on_response(sent, &mut self.state).await?,
                    None => self.calls.push(call),
                }
                Ok(true)
            }
            Sender::WaitsForAnswers => Ok(false),
        }
    }

    async fn look(&mut self, hours: &Hours, drowsy: Drowsy) -> Result<bool, snapferry::queue::QueueError> {
        let now = hours.elapsed();
        if let Some(round) = &mut self.round {
            let Some((rounds, pause)) = round.step(hours).await else { return Ok(false) };
            self.look_at = now + Self::sleep(pause?, drowsy);
            (self.round, self.rounds) = (None, Some(rounds));
            return Ok(true);
        }
        if self.look_at > now && !is_woken(&self.wakes.tracker) {
            return Ok(false);
        }
        let Some(mut rounds) = self.rounds.take() else { return Ok(false) };
        let tracker = Arc::clone(&self.tracker);
        self.round = Some(Waiting::new(Box::pin(async move {
            let pause = tracker.run_once(&mut rounds).await;
            (rounds, pause)
        })));
        Ok(true)
    }
}

fn is_woken(notify: &tokio::sync::Notify) -> bool {
    let notified = std::pin::pin!(notify.notified());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    notified.poll(&mut context).is_ready()
}
