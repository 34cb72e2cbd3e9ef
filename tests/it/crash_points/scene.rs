//! A database, a Lightsail to go with it, and child processes that die where they are told to.

use super::people::deed_at;
use super::recipes::{Before, By, EXPORT_TIME, End, Leaving, OVER, Place, RESTORED, SORTS, Sort};
use crate::world::eventually;
use lightsail_simulator::{
    ByHand, FaultRule, Faults, Fleet, FleetEntry, Handle, Simulator, SimulatorConfig, SnapshotChange, Spread,
    StartState, SystemClock,
};
use snapferry::domain::{JobState, Region, SnapshotName};
use snapferry::lightsail::{AccountAccess, AwsLightsail, CredentialSource, Lightsail, Pages, SharedHttp};
use snapferry::points::{Between, Point};
use snapferry::queue::Queue;
use sqlx::Connection;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Opens a database to write, makes and migrates it where that is needed, and then has nothing to do.
const OPENS: [&str; 4] = ["resume", "--state", "queued", "--yes"];

/// How long a process may take; none takes that long where it is sound.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long a daemon that is not to drain may take to its point.
const TO_THE_POINT: Duration = Duration::from_secs(30);

/// Snapshots of a sort at most; their scripts are written before they are needed.
const OF_A_SORT: usize = 120;

/// How long an export is missing from the lists: less than a third of the reconciliation window.
const LATE: Duration = Duration::from_millis(400);

const COMMON: &str = "eu-west-1";
const BREAKING: &str = "ap-southeast-5";
const FRESH: [&str; 10] = [
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "ca-central-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
];

const SETTINGS: [(&str, &str); 21] = [
    ("SNAPFERRY_PRUNE__AFTER", "1d"),
    ("SNAPFERRY_EXPORT__RATE", "500"),
    ("SNAPFERRY_EXPORT__BURST", "100"),
    ("SNAPFERRY_EXPORT__MAX_IN_FLIGHT", "1000"),
    ("SNAPFERRY_EXPORT__ATTEMPT_TIMEOUT", "400ms"),
    ("SNAPFERRY_EXPORT__BACKOFF_INITIAL", "5ms"),
    ("SNAPFERRY_EXPORT__BACKOFF_MAX", "20ms"),
    ("SNAPFERRY_EXPORT__MAX_ATTEMPTS", "50"),
    ("SNAPFERRY_READ__RATE", "1000"),
    ("SNAPFERRY_READ__BURST", "100"),
    ("SNAPFERRY_POLL__MIN", "30ms"),
    ("SNAPFERRY_POLL__MAX", "100ms"),
    ("SNAPFERRY_RECONCILE__SETTLE", "1500ms"),
    ("SNAPFERRY_LANE__PROBE", "100ms"),
    ("SNAPFERRY_BREAKER__WAIT", "100ms"),
    ("SNAPFERRY_BREAKER__WAIT_MAX", "200ms"),
    ("SNAPFERRY_BREAKER__CODES__NOTFOUNDEXCEPTION", "2"),
    ("SNAPFERRY_LANES__DEFAULT_AP_SOUTHEAST_5__EXPORT__MAX_IN_FLIGHT", "1"),
    ("SNAPFERRY_LANES__DEFAULT_EU_WEST_2__EXPORT__ATTEMPT_TIMEOUT", "20s"),
    ("SNAPFERRY_LANES__DEFAULT_EU_WEST_3__POLL__GIVE_UP", "1s"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
];

/// A snapshot that was enqueued.
pub(super) struct Enqueued {
    pub(super) name: String,
    pub(super) sort: &'static Sort,
}

pub(super) struct Scene {
    pub(super) simulator: Handle,
    pub(super) folder: TempDir,
    pub(super) enqueued: Vec<Enqueued>,
    /// The names of the batches, with those of their rows.
    pub(super) batches: BTreeMap<String, Vec<String>>,
    /// What has been done so far, for whoever has to find out.
    pub(super) story: Vec<String>,
    /// The batches that are over for long, and pruned at the end.
    pub(super) over: Vec<String>,
    /// Batches whose enqueue was killed.
    unsure: Vec<String>,
    access_key: &'static str,
    http: SharedHttp,
    made: HashMap<&'static str, usize>,
    fresh: usize,
    crashes: usize,
}

/// How a process ended that was told to die at a point.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Died {
    There,
    NotThere,
}

impl Scene {
    pub(super) async fn new() -> Self {
        Self::with_pending(Duration::from_secs(1)).await
    }

    /// With snapshots that are pending for so long, on a machine too busy to meet them so within a second.
    pub(super) async fn with_pending(pending_time: Duration) -> Self {
        let rules = SORTS.iter().flat_map(|sort| {
            (0..OF_A_SORT).filter_map(|number| {
                let script = (sort.script)();
                (!script.is_empty() && sort.is_scripted(number))
                    .then(|| FaultRule::script(&name_of(sort, number), script))
            })
        });
        let config = SimulatorConfig {
            fleet: Fleet::Listed(Vec::new()),
            operation_time: Spread::exactly(EXPORT_TIME),
            pending_time,
            page_size: 10.try_into().expect("a size"),
            faults: Faults { rules: rules.collect(), late_lists: LATE, ..Faults::default() },
            ..SimulatorConfig::default()
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self {
            simulator: Simulator::start(config, listener, Arc::new(SystemClock::new())).expect("a simulator"),
            folder: tempfile::tempdir().expect("a folder"),
            enqueued: Vec::new(),
            batches: BTreeMap::new(),
            story: Vec::new(),
            over: Vec::new(),
            unsure: Vec::new(),
            access_key: "AKIASIM123456789012",
            http: SharedHttp::without_proxy(),
            made: HashMap::new(),
            fresh: 0,
            crashes: 0,
        }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.folder.path().join("test.db")
    }

    /// A process dies at `point`. Fails where none gets there.
    pub(super) async fn crash(&mut self, point: Point) {
        for _ in 0..3 {
            if self.try_crash(point).await {
                return;
            }
        }
        panic!("no process gets to {point}: {:#?}", self.story);
    }

    /// A process dies at `point`, and the next one at `then`.
    pub(super) async fn crash_twice(&mut self, point: Point, then: Point, crashed: bool) {
        // What a daemon has to bring about for it comes first: between the two nothing drains.
        let deed = deed_at(then).filter(|deed| deed.after().is_some());
        let pruning = By::of(then) == By::Pruning;
        let mut crashed = crashed && By::of(then) != By::DaemonAfterACall && deed.is_none() && !pruning;
        for _ in 0..3 {
            let command = match deed {
                Some(deed) => Some(self.prepare_deed(deed).await),
                None => None,
            };
            if pruning {
                self.prepare_pruning().await;
            }
            if !crashed {
                match (By::of(then), Leaving::at(point)) {
                    (By::DaemonAfterACall, Leaving::Itself) if By::of(point) != By::Outside("held-call") => {
                        self.crash_with_a_call_under_way(point).await;
                    }
                    (By::DaemonAfterACall, Leaving::Earlier) => {
                        self.crash(Point::Between(Between::BeforeCall)).await;
                        self.crash(point).await;
                    }
                    _ => self.crash(point).await,
                }
            }
            let ended = match &command {
                Some(command) => self.die_in(then, command).await,
                None if pruning => self.die(then, &["daemon", "--drain"], 1).await == Died::There,
                None => self.try_crash_now(then).await,
            };
            if ended {
                return;
            }
            // It has drained in between: the two would not be in a row.
            crashed = false;
        }
        panic!("no process gets to {then} after one that ended at {point}: {:#?}", self.story);
    }

    async fn try_crash(&mut self, point: Point) -> bool {
        if By::of(point) == By::DaemonAfterACall {
            Box::pin(self.crash(Point::Between(Between::BeforeCall))).await;
        }
        self.try_crash_now(point).await
    }

    async fn try_crash_now(&mut self, point: Point) -> bool {
        match By::of(point) {
            By::Opening => self.die(point, &OPENS, 1).await == Died::There,
            By::Enqueue => self.enqueue(&["plain"], Some(point)).await == Died::There,
            By::BadEnqueue => self.enqueue_what_is_bad(point).await == Died::There,
            By::Daemon(sort) => {
                self.enqueue(&[sort], None).await;
                let restored = (sort == RESTORED).then_some("--restored");
                let arguments: Vec<&str> = ["daemon", "--drain"].into_iter().chain(restored).collect();
                self.die(point, &arguments, 1).await == Died::There
            }
            By::DaemonAfterACall => self.die(point, &["daemon", "--drain"], 1).await == Died::There,
            By::Outside(sort) => {
                self.enqueue(&[sort], None).await;
                let child = self.start(&["daemon", "--drain"], &[]);
                self.wait_for_call().await;
                self.kill(child, point);
                true
            }
            By::Pruning => {
                self.prepare_pruning().await;
                self.die(point, &["daemon", "--drain"], 1).await == Died::There
            }
            By::Person(deed) => {
                let command = self.prepare_deed(deed).await;
                self.die_in(point, &command).await
            }
        }
    }

    /// A process dies at its `nth` time at `point`, with all that there is to do; whether there was such a time.
    pub(super) async fn crash_amid_everything(&mut self, point: Point, nth: u64) -> bool {
        if By::of(point) == By::Opening {
            let died = self.die(point, &OPENS, nth).await == Died::There;
            self.enqueue_everything().await;
            return died;
        }
        self.enqueue_everything().await;
        match By::of(point) {
            By::Daemon(_) => {
                let died = self.die(point, &["daemon", "--drain"], nth).await == Died::There;
                died || (nth == 1 && self.try_crash(point).await)
            }
            By::Opening
            | By::Enqueue
            | By::BadEnqueue
            | By::DaemonAfterACall
            | By::Outside(_)
            | By::Pruning
            | By::Person(_) => self.try_crash(point).await,
        }
    }

    async fn enqueue_everything(&mut self) {
        let sorts: Vec<&str> = SORTS.iter().map(|sort| sort.name).filter(|name| *name != "held-call").collect();
        self.enqueue(&sorts, None).await;
    }

    /// As [`Self::crash`], while the answer to a call is awaited.
    async fn crash_with_a_call_under_way(&mut self, point: Point) {
        for _ in 0..3 {
            let when = self.folder.path().join(format!("when-{}", self.crashes));
            self.enqueue(&["held-call"], None).await;
            let mark = self.mark();
            let child = self.start(
                &["daemon"],
                &[
                    ("CRASH_AT", point.to_string()),
                    ("CRASH_MARK", mark.display().to_string()),
                    ("CRASH_WHEN", when.display().to_string()),
                ],
            );
            self.wait_for_call().await;
            std::fs::write(&when, "").expect("written");
            let By::Daemon(sort) = By::of(point) else { panic!("{point} is not the daemon's") };
            self.enqueue(&[sort], None).await;
            let Some(status) = self.wait(child, TO_THE_POINT, true).await else { continue };
            if self.judge(point, &mark, status) == Died::There {
                return;
            }
        }
        panic!("no process with a call under way gets to {point}: {:#?}", self.story);
    }

    /// Waits until the last call that is held has arrived.
    async fn wait_for_call(&self) {
        let name = self.enqueued.iter().rfind(|one| one.sort.name == "held-call").map(|one| one.name.clone());
        eventually("the call that is held arrives", async || {
            let arrived = |call: &lightsail_simulator::Call| call.operation == "ExportSnapshot" && call.name == name;
            self.simulator.calls().iter().any(arrived)
        })
        .await;
    }

    /// Brings snapshots of these sorts in, as one batch; the process that does so dies at a point where one is named.
    pub(super) async fn enqueue(&mut self, sorts: &[&str], at: Option<Point>) -> Died {
        let mut csv = "snapshot_name,region,note\n".to_owned();
        let mut names = Vec::new();
        for sort in sorts {
            let sort = SORTS.iter().find(|one| one.name == *sort).expect("a sort");
            let region = self.region(sort.place);
            for _ in 0..sort.count {
                let name = self.prepare(sort, region).await;
                let note = if sort.name == OVER { "n".repeat(40_000) } else { String::new() };
                writeln!(csv, "{name},{region},{note}").expect("written");
                names.push(name.clone());
                self.enqueued.push(Enqueued { name, sort });
            }
        }
        let batch = format!("batch-{}", self.batches.len());
        let file = self.folder.path().join(format!("{batch}.csv"));
        std::fs::write(&file, csv).expect("a file");
        self.batches.insert(batch.clone(), names);
        let file = file.display().to_string();
        let arguments = ["enqueue", file.as_str(), "--batch", batch.as_str()];
        let died = match at {
            Some(point) => self.die(point, &arguments, 1).await,
            None => Died::NotThere,
        };
        if at.is_none() || died == Died::There {
            self.story.push(format!("enqueue {} as {batch}", sorts.join(" ")));
        }
        if at.is_none() {
            self.run(&arguments, &[0]).await;
        } else if died == Died::There {
            self.unsure.push(batch);
        }
        died
    }

    /// Brings in a snapshot with a cell that takes pages of its own, has it exported and reported, and makes that long ago.
    async fn prepare_pruning(&mut self) {
        self.enqueue(&[OVER], None).await;
        self.run(&["daemon", "--drain"], &[0, 3]).await;
        let batch = format!("batch-{}", self.batches.len() - 1);
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.database());
        let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
        let long_ago =
            sqlx::query("UPDATE batches SET bundled_at = 0 WHERE name = ?1 AND bundled = amended").bind(&batch);
        assert_eq!(long_ago.execute(&mut connection).await.expect("written").rows_affected(), 1, "{:#?}", self.story);
        connection.close().await.expect("closed");
        self.story.push(format!("{batch} is over for long"));
        self.over.push(batch);
    }

    /// Brings in once more what was pruned.
    async fn enqueue_what_is_over(&mut self) {
        let names: Vec<String> = self.over.iter().flat_map(|batch| self.batches[batch].clone()).collect();
        if names.is_empty() {
            return;
        }
        let csv = names.iter().fold("snapshot_name,region\n".to_owned(), |csv, name| csv + name + "," + COMMON + "\n");
        let batch = format!("batch-{}", self.batches.len());
        let file = self.folder.path().join(format!("{batch}.csv"));
        std::fs::write(&file, csv).expect("a file");
        self.run(&["enqueue", &file.display().to_string(), "--batch", &batch], &[0]).await;
        self.batches.insert(batch, names);
    }

    /// Brings in again what was killed, as whoever called it would: what was sealed by then is refused.
    async fn enqueue_again(&mut self) {
        for batch in std::mem::take(&mut self.unsure) {
            let file = self.folder.path().join(format!("{batch}.csv")).display().to_string();
            let code = self.run(&["enqueue", &file, "--batch", &batch], &[0, 2]).await;
            assert!(code == 0 || self.said().contains("already exists"), "{}", self.said());
        }
    }

    /// Enough good rows to be loaded before the bad one is met.
    async fn enqueue_what_is_bad(&mut self, at: Point) -> Died {
        let mut csv = "snapshot_name,region\n".to_owned();
        for number in 0..2000 {
            writeln!(csv, "never-{number},{COMMON}").expect("written");
        }
        csv += "bad,nowhere\n";
        let file = self.folder.path().join("bad.csv");
        std::fs::write(&file, csv).expect("a file");
        self.die(at, &["enqueue", &file.display().to_string()], 1).await
    }

    fn region(&mut self, place: Place) -> &'static str {
        match place {
            Place::Common => COMMON,
            Place::Patient => "eu-west-2",
            Place::Impatient => "eu-west-3",
            Place::Blocked => "eu-central-1",
            Place::Denying => "eu-north-1",
            Place::Breaking => BREAKING,
            Place::Fresh => {
                self.fresh += 1;
                FRESH[self.fresh - 1]
            }
        }
    }

    /// Makes the snapshot, as far as there is to be one.
    async fn prepare(&mut self, sort: &'static Sort, region: &'static str) -> String {
        let number = self.made.entry(sort.name).or_default();
        let name = name_of(sort, *number);
        *number += 1;
        assert!(*number <= OF_A_SORT, "the scripts of {} are used up", sort.name);
        let state = if sort.before == Before::Pending { StartState::Pending } else { StartState::Available };
        let entry = FleetEntry { region: Some(region.to_owned()), state, ..FleetEntry::named(&name) };
        if sort.before != Before::Missing {
            self.simulator.change_snapshot(SnapshotChange::Add(entry)).expect("added");
        }
        match sort.before {
            Before::Available | Before::Pending | Before::Missing => {}
            Before::Exported => {
                let by_hand = ByHand { account: None, region: region.to_owned(), name: name.clone() };
                self.simulator.export_by_hand(&by_hand).expect("begun");
                eventually("the export in the console is done", async || {
                    !self.ledger(&name).destination_ids.is_empty()
                })
                .await;
            }
            Before::UnderWay => {
                let access = AccountAccess {
                    endpoint_url: Some(self.simulator.endpoint()),
                    credentials: CredentialSource::Fixed {
                        access_key: self.access_key.to_owned(),
                        secret_key: "secret".to_owned(),
                    },
                    ..AccountAccess::default()
                };
                let region = Region::parse(region).expect("a Region");
                let script = AwsLightsail::new(access, region, Duration::from_secs(20), self.http.clone());
                script.expect_account(None);
                let snapshot = SnapshotName::parse(&name).expect("a name");
                script.export_snapshot(&snapshot).await.expect("accepted");
                // An inventory that came before would say that nobody exports it.
                eventually("the script's export shows in the lists", async || {
                    let mut pages = Pages::export_records(&script);
                    while let Some(page) = pages.next().await.expect("records") {
                        if page.iter().any(|record| record.source_name.as_deref() == Some(snapshot.as_str())) {
                            return true;
                        }
                    }
                    false
                })
                .await;
            }
        }
        name
    }

    /// What the simulator has of a snapshot.
    pub(super) fn ledger(&self, name: &str) -> lightsail_simulator::SnapshotLedger {
        let ledger = self.simulator.ledger();
        ledger.lanes.into_values().find_map(|mut lane| lane.snapshots.remove(name)).unwrap_or_default()
    }

    /// Does what was killed once more, brings in one more snapshot, which takes away what a killed load has left, and goes
    /// on until all has ended.
    pub(super) async fn finish(&mut self) {
        self.enqueue_again().await;
        self.enqueue_what_is_over().await;
        self.enqueue(&["plain"], None).await;
        // A drain leaves behind a breaker what was tried in vain.
        loop {
            self.run(&["resume", "--all", "--yes"], &[0]).await;
            self.run(&["daemon", "--drain"], &[0, 3]).await;
            let queue = Queue::open(&self.database()).await.expect("a database");
            let stopped = queue.breaker_openings(None).await.expect("a read");
            let queued = queue.batches().await.expect("batches").iter().any(|one| one.jobs.of(JobState::Queued) > 0);
            queue.close().await;
            if stopped.is_empty() || !queued {
                return;
            }
        }
    }

    /// The report of a batch.
    pub(super) async fn report(&self, batch: &str) -> String {
        let file = self.folder.path().join("report.csv");
        let to = file.display().to_string();
        self.run(&["report", "--batch", batch, "--format", "csv", "-o", &to], &[0]).await;
        std::fs::read_to_string(file).expect("a report")
    }

    fn mark(&mut self) -> PathBuf {
        self.crashes += 1;
        self.folder.path().join(format!("mark-{}", self.crashes))
    }

    async fn die_in(&mut self, point: Point, command: &[String]) -> bool {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        self.die(point, &command, 1).await == Died::There
    }

    async fn die(&mut self, point: Point, arguments: &[&str], nth: u64) -> Died {
        let mark = self.mark();
        let crash = [
            ("CRASH_AT", point.to_string()),
            ("CRASH_NTH", nth.to_string()),
            ("CRASH_MARK", mark.display().to_string()),
        ];
        let child = self.start(arguments, &crash);
        let status = self.wait(child, PATIENCE, false).await.expect("an end");
        self.judge(point, &mark, status)
    }

    fn judge(&mut self, point: Point, mark: &std::path::Path, status: ExitStatus) -> Died {
        let Ok(marked) = std::fs::read_to_string(mark) else {
            assert!(matches!(status.code(), Some(0 | 2 | 3)), "before {point}: {status}, {:#?}", self.story);
            self.story.push(format!("never at {point}: {status}"));
            return Died::NotThere;
        };
        assert_eq!((marked, status.signal()), (point.to_string(), Some(9)), "{:#?}", self.story);
        self.story.push(format!("died at {point}"));
        Died::There
    }

    fn kill(&mut self, mut child: Child, point: Point) {
        child.kill().expect("killed");
        let status = child.wait().expect("gone");
        assert_eq!(status.signal(), Some(9), "{:#?}", self.story);
        self.story.push(format!("died at {point}"));
    }

    /// Runs the program to its end, which must be one of these.
    pub(super) async fn run(&self, arguments: &[&str], ends: &[i32]) -> i32 {
        let child = self.start(arguments, &[]);
        let status = self.wait(child, PATIENCE, false).await.expect("an end");
        let ended = status.code().filter(|code| ends.contains(code));
        ended.unwrap_or_else(|| panic!("{arguments:?}: {status}\n{}\n{:#?}", self.said(), self.story))
    }

    /// What the last process wrote.
    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("stderr")).unwrap_or_default()
    }

    pub(super) fn start(&self, arguments: &[&str], more: &[(&str, String)]) -> Child {
        let said = std::fs::File::create(self.folder.path().join("stderr")).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_snapferry"));
        command.args(arguments).env_clear().envs(SETTINGS).envs(more.iter().map(|(name, value)| (name, value)));
        command.env("AWS_ENDPOINT_URL_LIGHTSAIL", self.simulator.endpoint());
        command.env("AWS_ACCESS_KEY_ID", self.access_key).env("AWS_SECRET_ACCESS_KEY", "secret");
        command.env("HOME", self.folder.path());
        command.env("SNAPFERRY_REPORT__BUNDLE", self.folder.path().join("reports"));
        command.env("SNAPFERRY_DATABASE", format!("sqlite://{}", self.database().display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().expect("the program")
    }

    /// Waits for the end of a process, which is ended where that does not come and is not `wanted` to.
    async fn wait(&self, mut child: Child, most: Duration, may_stay: bool) -> Option<ExitStatus> {
        let ended = tokio::time::timeout(most, async {
            loop {
                if let Some(status) = child.try_wait().expect("a status") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        if let Ok(status) = ended.await {
            return Some(status);
        }
        child.kill().expect("killed");
        child.wait().expect("gone");
        assert!(may_stay, "a process does not end: {}\n{:#?}", self.said(), self.story);
        None
    }
}

fn name_of(sort: &Sort, number: usize) -> String {
    format!("{}-{number:03}", sort.name)
}

impl End {
    /// Exports that did not fail, for that end.
    pub(super) fn exports(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Once | Self::Review | Self::ReviewOrFailed => 1..=1,
            Self::ReviewOrTwice => 1..=2,
            Self::Twice => 2..=2,
            Self::Failed => 0..=0,
            Self::OnceOrRefused | Self::OnceOrCancelled => 0..=1,
        }
    }
}
