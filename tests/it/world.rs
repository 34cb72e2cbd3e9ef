//! A world to test in: the simulator on a socket, a database in a folder of its own, the daemon with the real client.

use lightsail_simulator::{Call, Handle, Simulator, SimulatorConfig};
use snapferry::clock::{SharedClock, SystemClock};
use snapferry::daemon::{Connect, Daemon, DaemonEnd, Until};
use snapferry::domain::{AccountLabel, BatchName, Existing, JobState, Lane, Region, SnapshotName};
use snapferry::lightsail::{AccountAccess, AwsLightsail, CredentialSource, Lightsail, SharedHttp};
use snapferry::queue::{JobView, LoadName, NewRow, Queue, Selector};
use snapferry::settings::{DatabaseUrl, LaneSettings, Settings};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

pub(crate) const REGION: &str = "eu-west-1";

/// What a daemon in the process of a test writes of itself.
pub(crate) const DAEMON: &str = "a daemon of this test";

/// How long a test waits for what must come; it never waits that long where it does.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct World {
    pub(crate) simulator: Handle,
    pub(crate) queue: Queue,
    pub(crate) settings: Settings,
    pub(crate) clock: SharedClock,
    pub(crate) access_key: String,
    /// Where the daemon looks for Lightsail: the simulator, unless a test puts something between.
    pub(crate) endpoint: String,
    pub(crate) folder: TempDir,
}

/// The simulator's time, by the clock of a test.
pub(crate) struct SimulatorTime(pub(crate) SharedClock);

impl lightsail_simulator::Clock for SimulatorTime {
    fn since_1970(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.now().0).expect("a time after 1970"))
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, span: Duration) -> snapferry::clock::Sleep {
        self.0.sleep(span)
    }
}

/// A daemon that runs in the background.
pub(crate) struct Running {
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<DaemonEnd>,
}

impl World {
    /// A simulator as configured, and a database with nothing in it. All waits are short.
    pub(crate) async fn new(config: SimulatorConfig) -> Self {
        Self::by_clock(config, Arc::new(SystemClock::new())).await
    }

    /// The same, by a clock of its own.
    pub(crate) async fn by_clock(config: SimulatorConfig, clock: SharedClock) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let simulator =
            Simulator::start(config, listener, Arc::new(SimulatorTime(Arc::clone(&clock)))).expect("a simulator");
        let path = folder.path().join("test.db");
        let queue = Queue::open(&path).await.expect("a database");
        let mut settings = Settings::built_in(DatabaseUrl::at(path));
        settings.every_lane = hurried();
        let endpoint = simulator.endpoint();
        Self { simulator, queue, settings, clock, access_key: "AKIASIM123456789012".to_owned(), endpoint, folder }
    }

    /// Another database for the same Lightsail, as after the loss of the first.
    pub(crate) async fn with_an_empty_database(mut self) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("test.db");
        let queue = Queue::open(&path).await.expect("a database");
        std::mem::replace(&mut self.queue, queue).close().await;
        self.settings.database = DatabaseUrl::at(path);
        self.folder = folder;
        self
    }

    pub(crate) fn connect(&self) -> Connect {
        let http = SharedHttp::without_proxy();
        let (endpoint, access_key) = (self.endpoint.clone(), self.access_key.clone());
        Arc::new(move |lane: &Lane, settings: &LaneSettings| {
            let access = AccountAccess {
                endpoint_url: Some(endpoint.clone()),
                credentials: CredentialSource::Fixed {
                    access_key: access_key.clone(),
                    secret_key: "secret".to_owned(),
                },
                ..AccountAccess::default()
            };
            let client = AwsLightsail::new(access, lane.region, settings.export.attempt_timeout, http.clone());
            Arc::new(client) as Arc<dyn Lightsail>
        })
    }

    fn daemon(&self) -> Daemon {
        Daemon::new(self.queue.clone(), self.settings.clone(), Arc::clone(&self.clock), self.connect(), DAEMON)
            .expect("the lock")
    }

    /// Runs the daemon until every job has ended or waits for a person.
    pub(crate) async fn drain(&self) {
        let (_stop, stopped) = watch::channel(false);
        let ended = self.daemon().run(Until::Drained, Some(PATIENCE), stopped).await.expect("a run");
        assert_eq!(ended, DaemonEnd::Drained, "the queue was not drained in {PATIENCE:?}");
    }

    /// Runs the daemon in the background.
    pub(crate) fn start(&self) -> Running {
        let (stop, stopped) = watch::channel(false);
        let daemon = self.daemon();
        let task = tokio::spawn(async move { daemon.run(Until::Stopped, None, stopped).await.expect("a run") });
        Running { stop, task }
    }

    /// The job of a snapshot in the Region that most tests use: the newest one.
    pub(crate) async fn job(&self, name: &str) -> JobView {
        let selector = Selector { name_globs: vec![name.to_owned()], ..Selector::default() };
        let jobs = self.queue.jobs_page(&selector, None, 100).await.expect("jobs");
        jobs.into_iter().next_back().unwrap_or_else(|| panic!("no job of {name}"))
    }

    pub(crate) async fn state(&self, name: &str) -> JobState {
        self.job(name).await.state
    }

    /// The calls of `ExportSnapshot` of a snapshot that arrived.
    pub(crate) fn sent(&self, name: &str) -> Vec<Call> {
        let of = |call: &Call| call.operation == "ExportSnapshot" && call.name.as_deref() == Some(name);
        self.simulator.calls().into_iter().filter(of).collect()
    }

    /// How often a snapshot was exported, by the simulator's ledger.
    pub(crate) fn exports(&self, name: &str) -> usize {
        let ledger = self.simulator.ledger();
        ledger.lanes.values().filter_map(|lane| lane.snapshots.get(name)).map(|one| one.exports).sum()
    }
}

/// Every window of every run: what the simulator saw of it is held to the limits.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let kept = super::limit::check(&self.simulator.calls(), super::limit::limits_of(&self.settings.every_lane));
            assert_eq!(kept, Ok(()));
        }
    }
}

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.send(true).expect("a daemon");
        assert_eq!(self.task.await.expect("no panic"), DaemonEnd::Stopped);
    }
}

/// Looks until `found` says so; fails where it never does.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut found: impl FnMut() -> F) {
    let looked = tokio::time::timeout(PATIENCE, async {
        while !found().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    looked.await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// The defaults with every wait shortened.
pub(crate) fn hurried() -> LaneSettings {
    let mut settings = LaneSettings::default();
    settings.export.rate = 500.0;
    settings.export.burst = 100;
    settings.export.max_in_flight = 100_000;
    settings.export.attempt_timeout = Duration::from_millis(400);
    settings.export.backoff_initial = Duration::from_millis(5);
    settings.export.backoff_max = Duration::from_millis(20);
    settings.read.rate = 1000.0;
    settings.read.burst = 100;
    settings.poll.min = Duration::from_millis(30);
    settings.poll.max = Duration::from_millis(100);
    settings.reconcile.settle = Duration::from_millis(300);
    settings.lane.probe = Duration::from_millis(100);
    settings.breaker.wait = Duration::from_millis(100);
    settings.breaker.wait_max = Duration::from_millis(200);
    settings
}

impl World {
    /// Brings snapshots in, in one batch.
    pub(crate) async fn enqueue(&self, names: &[&str]) {
        self.enqueue_in(&names.iter().map(|name| (REGION, *name)).collect::<Vec<_>>()).await;
    }

    /// The same, each with its Region.
    pub(crate) async fn enqueue_in(&self, names: &[(&str, &str)]) {
        let name = LoadName::Derived(BatchName::parse("batch").expect("a name"));
        let mut load = self.queue.begin_load(name, "a test", &[], "a test", self.clock.now()).await.expect("a load");
        let rows = names.iter().zip(1..).map(|((region, name), line)| NewRow {
            line,
            lane: Lane { account: AccountLabel::unnamed(), region: Region::parse(region).expect("a Region") },
            snapshot: SnapshotName::parse(name).expect("a name"),
            priority: 0,
            not_before: None,
            existing: Existing::Adopt,
            carried: Vec::new(),
        });
        load.add(rows.collect()).await.expect("added");
        load.seal(0, self.clock.now()).await.expect("sealed");
    }
}
