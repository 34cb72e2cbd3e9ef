//! Tracking over a real store, with a Lightsail that answers as it is told.

mod rounds;

use async_trait::async_trait;
use snapferry::clock::{Clock, ManualClock};
use snapferry::domain::{
    AccountNumber, Destination, EntryStatus, JobId, JobState, LaneId, ListDelay, OperationId, RecordArn, RunId,
    SnapshotArn, SnapshotName, Timestamp,
};
use snapferry::lightsail::{
    Accepted, CallError, ErrorClass, ExportRecord, Lightsail, Operation, Page, PageToken, Snapshot, SnapshotKind,
    SnapshotState,
};
use snapferry::queue::Queue;
use snapferry::settings::LaneSettings;
use snapferry::tracking::{Tracker, TrackerState};
use sqlx::{Connection, SqliteConnection};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const NOW: i64 = 1_800_000_000_000;
const MINUTE: Duration = Duration::from_mins(1);

#[derive(Default)]
struct Told {
    snapshots: Vec<&'static str>,
    records: Vec<ExportRecord>,
    operations: Vec<Operation>,
    /// Snapshots that are there, and that the lists miss for that many more readings.
    missed: HashMap<&'static str, usize>,
    /// Snapshots that are not available.
    states: HashMap<&'static str, SnapshotState>,
    /// Names that were asked for.
    asked: Vec<String>,
    /// Names and ids whose operations were read.
    read: Vec<String>,
    /// How often the records were read.
    readings: usize,
    /// What every list answers, where it does not do well.
    fails: Option<ErrorClass>,
    /// Names and ids of which no reading does well.
    poisoned: HashSet<&'static str>,
    /// What they answer; a permanent error, where nothing is said.
    poison: Option<ErrorClass>,
    /// What the list of all operations answers, where it does not do well.
    unlisted: Option<ErrorClass>,
    /// How often that list was read.
    operation_lists: usize,
    /// So many readings of one snapshot, or of its operations, are throttled.
    throttled: usize,
    /// Whether operations do not say of which snapshot they are.
    nameless: bool,
    inventories: usize,
    /// Statements that somebody else writes while the snapshots are being listed.
    meanwhile: Option<&'static str>,
    /// How long a reading of the records takes.
    takes: Duration,
    /// The most records on a page; all on one, where nothing is said.
    page: usize,
    /// Pages of records that were read, and operations that were asked for.
    pages: usize,
    asked_operations: usize,
}

struct Fake {
    told: Mutex<Told>,
    clock: Arc<ManualClock>,
    path: PathBuf,
}

impl Fake {
    fn told<T>(&self, tell: impl FnOnce(&mut Told) -> T) -> T {
        tell(&mut self.told.lock().expect("not poisoned"))
    }

    fn check(&self, what: &str) -> Result<(), CallError> {
        let bad = self.told(|told| told.poisoned.contains(what));
        let class = self.told(|told| told.poison).unwrap_or(ErrorClass::Permanent);
        if bad { Err(CallError::new(class, "InvalidInputException", "no")) } else { Ok(()) }
    }

    fn throttle(&self) -> Result<(), CallError> {
        let throttled = self.told(|told| {
            let throttled = told.throttled > 0;
            told.throttled -= usize::from(throttled);
            throttled
        });
        if throttled { Err(CallError::new(ErrorClass::Throttled, "ThrottlingException", "slow down")) } else { Ok(()) }
    }

    fn list(&self) -> Result<(), CallError> {
        self.told(|told| told.fails).map_or(Ok(()), |class| Err(CallError::new(class, "Code", "words")))
    }

    fn one(&self, name: &str) -> Snapshot {
        Snapshot {
            name: name.to_owned(),
            arn: Some(arn_of(name)),
            kind: SnapshotKind::Instance,
            state: self.told(|told| told.states.get(name).cloned()).unwrap_or(SnapshotState::Available),
            attached_disks: 0,
            attached_gb: 0,
            size_gb: None,
            created_at: None,
            source: None,
            from_auto: false,
            tags: Vec::new(),
            account: AccountNumber::parse("123456789012").ok(),
        }
    }
}

fn page<T>(items: Vec<T>) -> Page<T> {
    Page { items, next: None }
}

fn arn_of(name: &str) -> SnapshotArn {
    SnapshotArn::new(format!("arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/{name}"))
}

#[async_trait]
impl Lightsail for Fake {
    async fn export_snapshot(&self, _: &SnapshotName) -> Result<Accepted, CallError> {
        panic!("tracking sends nothing")
    }

    async fn get_operation(&self, id: &OperationId) -> Result<Option<Operation>, CallError> {
        self.told(|told| told.read.push(id.as_str().to_owned()));
        self.check(id.as_str())?;
        self.told(|told| told.asked_operations += 1);
        Ok(self.told(|told| told.operations.iter().find(|one| one.id == *id).cloned()))
    }

    async fn operations(&self, of: Option<&SnapshotName>, _: Option<PageToken>) -> Result<Page<Operation>, CallError> {
        let Some(name) = of else {
            self.told(|told| told.operation_lists += 1);
            self.told(|told| told.unlisted).map_or(Ok(()), |class| Err(CallError::new(class, "Code", "words")))?;
            return Ok(page(self.told(|told| told.operations.clone())));
        };
        self.told(|told| told.read.push(name.as_str().to_owned()));
        self.throttle()?;
        self.check(name.as_str())?;
        let of = |one: &&Operation| one.resource_name.as_deref() == Some(name.as_str());
        Ok(page(self.told(|told| {
            let said = |one: &Operation| Operation {
                resource_name: one.resource_name.clone().filter(|_| !told.nameless),
                ..one.clone()
            };
            told.operations.iter().filter(of).map(said).collect()
        })))
    }

    async fn export_records(&self, token: Option<PageToken>) -> Result<Page<ExportRecord>, CallError> {
        self.list()?;
        let from: usize = token.map_or(0, |token| token.as_str().parse().expect("ours"));
        let (records, takes, size) = self.told(|told| {
            told.pages += 1;
            told.readings += usize::from(from == 0);
            (told.records.clone(), told.takes, if told.page == 0 { usize::MAX } else { told.page })
        });
        self.clock.advance(takes);
        let until = from.saturating_add(size).min(records.len());
        let next = (until < records.len()).then(|| PageToken::new(until.to_string()));
        Ok(Page { items: records[from..until].to_vec(), next })
    }

    async fn snapshots(&self, kind: SnapshotKind, _: Option<PageToken>) -> Result<Page<Snapshot>, CallError> {
        if kind == SnapshotKind::Disk {
            return Ok(Page::empty());
        }
        let (names, meanwhile) = self.told(|told| {
            told.inventories += 1;
            (told.snapshots.clone(), told.meanwhile.take())
        });
        self.list()?;
        if let Some(statements) = meanwhile {
            write(&self.path, statements).await;
        }
        let shown = |name: &&str| {
            self.told(|told| match told.missed.get_mut(*name) {
                Some(left) if *left > 0 => {
                    *left -= 1;
                    false
                }
                Some(_) | None => true,
            })
        };
        Ok(page(names.into_iter().filter(shown).map(|name| self.one(name)).collect()))
    }

    async fn snapshot(&self, name: &SnapshotName, kind: SnapshotKind) -> Result<Option<Snapshot>, CallError> {
        self.throttle()?;
        self.check(name.as_str())?;
        self.told(|told| told.asked.push(name.as_str().to_owned()));
        let there = kind == SnapshotKind::Instance && self.told(|told| told.snapshots.contains(&name.as_str()));
        Ok(there.then(|| self.one(name.as_str())))
    }
}

fn record(name: &str, snapshot: &str, destination: Option<&str>) -> ExportRecord {
    ExportRecord {
        arn: RecordArn::new(name),
        name: Some(name.to_owned()),
        created_at: Some(Timestamp(NOW)),
        state: if destination.is_some() { EntryStatus::Succeeded } else { EntryStatus::UnderWay },
        source_name: Some(snapshot.to_owned()),
        source_arn: Some(arn_of(snapshot)),
        destination: destination.map(|id| Destination { service: "Aws::EC2::Image".to_owned(), id: id.to_owned() }),
        account: None,
    }
}

fn operation(id: &str, snapshot: &str, status: EntryStatus) -> Operation {
    Operation {
        id: OperationId::new(id),
        kind: "ExportSnapshot".to_owned(),
        resource_name: Some(snapshot.to_owned()),
        status,
        created_at: Some(Timestamp(NOW)),
        error_code: None,
        error_details: None,
    }
}

pub(crate) async fn write(path: &std::path::Path, statements: &'static str) {
    let url = format!("sqlite://{}", path.display());
    let mut connection = SqliteConnection::connect(&url).await.expect("a connection");
    sqlx::raw_sql(statements).execute(&mut connection).await.expect("written");
    // The job_counts are the enqueuing's business, which is not here.
    sqlx::raw_sql(
        "DELETE FROM job_counts;
         INSERT INTO job_counts SELECT lane_id, batch_id, state, count(*), sum(weight) FROM jobs GROUP BY 1, 2, 3;",
    )
    .execute(&mut connection)
    .await
    .expect("tallied");
}

/// A lane with batch 1, sealed.
pub(crate) const LANE: &str = "INSERT INTO lanes (id, account, region) VALUES (1, 'default', 'eu-west-1');
    INSERT INTO batches (id, name, source, state, created_at, sealed_at) VALUES (1, 'one', '-', 'sealed', 0, 0);";

struct Scene {
    _folder: tempfile::TempDir,
    path: PathBuf,
    queue: Queue,
    clock: Arc<ManualClock>,
    fake: Arc<Fake>,
    tracker: Tracker,
    state_of_tracker: TrackerState,
    run: RunId,
}

fn tracker(
    queue: &Queue,
    fake: &Arc<Fake>,
    clock: &Arc<ManualClock>,
    run: RunId,
    lane: snapferry::queue::LaneRecord,
) -> Tracker {
    let mut settings = LaneSettings::default();
    settings.poll.give_up = 2 * 60 * MINUTE;
    settings.export.max_in_flight = u32::MAX;
    Tracker::new(queue.clone(), fake.clone(), clock.clone(), run, lane, Arc::new(settings))
}

impl Scene {
    async fn new(jobs: &'static str, told: Told) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("queue.db");
        let queue = Queue::open(&path).await.expect("opened");
        let run = queue.begin_run(Timestamp(NOW), "test").await.expect("a run");
        write(&path, LANE).await;
        write(&path, jobs).await;
        let clock = Arc::new(ManualClock::new(Timestamp(NOW)));
        let fake = Arc::new(Fake { told: Mutex::new(told), clock: clock.clone(), path: path.clone() });
        let lane = queue.lane_records().await.expect("lanes").remove(0);
        let tracker = tracker(&queue, &fake, &clock, run, lane);
        Self { _folder: folder, path, queue, clock, fake, tracker, state_of_tracker: TrackerState::default(), run }
    }

    /// Another run on the same database.
    async fn restart(&mut self) {
        self.run = self.queue.begin_run(self.clock.now(), "test").await.expect("a run");
        let lane = self.queue.lane_records().await.expect("lanes").remove(0);
        self.tracker = tracker(&self.queue, &self.fake, &self.clock, self.run, lane);
        self.state_of_tracker = TrackerState::default();
    }

    async fn round(&mut self) {
        self.tracker.run_once(&mut self.state_of_tracker).await.expect("a round");
    }

    /// Rounds for that long, one every ten seconds.
    async fn live(&mut self, span: Duration) {
        let until = self.clock.elapsed() + span;
        while self.clock.elapsed() < until {
            self.round().await;
            self.clock.advance(Duration::from_secs(10));
        }
    }

    async fn state(&self, job: i64) -> String {
        let followed = self.queue.followed_jobs(&[JobId(job)]).await.expect("read");
        followed.first().expect("the job").state.to_string()
    }

    async fn claimable(&self, limit: u32) -> Vec<i64> {
        let claimable = self.queue.claimable(LaneId(1), self.run, limit).await.expect("read");
        claimable.into_iter().map(|job| job.job.0).collect()
    }
}

const TWO_QUEUED: &str =
    "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
    VALUES (1, 1, 1, 1, 'web-1', 0, 'adopt', 'queued', 0), (2, 1, 1, 2, 'web-2', 0, 'adopt', 'queued', 0);";

const TWO_UNKNOWN: &str = "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at,
        attempt, used, next_poll_at)
    VALUES (1, 1, 1, 1, 'web-1', 0, 'adopt', 'unknown', 0, 1, 1, 0), (2, 1, 1, 2, 'web-2', 0, 'adopt', 'unknown', 0, 1, 1, 1);
    INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome)
    VALUES (1, 1, 1, 1799999940000, 0, 'ambiguous'), (2, 1, 1, 1799999940000, 0, 'ambiguous');";

const TWO_EXPORTING: &str =
    "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at,
        attempt, used, next_poll_at, operation_id)
    VALUES (1, 1, 1, 1, 'web-1', 0, 'adopt', 'exporting', 1800000000000, 1, 1, 0, 'op-1'),
           (2, 1, 1, 2, 'web-2', 0, 'adopt', 'exporting', 1800000000000, 1, 1, 1, 'op-2');
    INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome)
    VALUES (1, 1, 1, 1799999940000, 0, 'accepted'), (2, 1, 1, 1799999940000, 0, 'accepted');
    INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, created_at, seen_at, job_id, attempt, unprocessed)
    VALUES (1, 'operation', 'op-1', 'web-1', 'under_way', 1800000000000, 0, 1, 1, 0),
           (1, 'operation', 'op-2', 'web-2', 'under_way', 1800000000000, 0, 2, 1, 0);";

fn both() -> Told {
    Told { snapshots: vec!["web-1", "web-2"], ..Told::default() }
}

/// An earlier job of the name has an entry of its own: what the live one may have made is one candidate, not two.
#[tokio::test]
async fn of_two_jobs_of_one_name_each_entry_is_seen_once() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    write(
        &scene.path,
        "UPDATE jobs SET snapshot_name = 'web-1', state = 'failed', finished_at = 1, error_code = 'Boom', next_poll_at = NULL
         WHERE id = 2;
         UPDATE attempts SET outcome = 'found' WHERE job_id = 2;
         INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, seen_at, job_id, attempt, unprocessed)
         VALUES (1, 'record', 'record-0', 'web-1', 'failed', 0, 2, 1, 0);
         UPDATE attempts SET baseline = 1 WHERE job_id = 1;
         UPDATE jobs SET next_poll_at = 1800000900000 WHERE id = 1",
    )
    .await;
    scene.fake.told(|told| told.records = vec![record("record-1", "web-1", None)]);
    scene.live(MINUTE).await;
    assert_eq!(scene.state(1).await, "exporting");
}

#[tokio::test]
async fn a_name_that_cannot_be_read_holds_up_no_other_and_is_never_absent() {
    let told = Told { poisoned: HashSet::from(["web-1"]), unlisted: Some(ErrorClass::Ambiguous), ..both() };
    let mut scene = Scene::new(TWO_UNKNOWN, told).await;
    scene.live(12 * MINUTE).await;
    assert_eq!((scene.state(1).await.as_str(), scene.state(2).await.as_str()), ("unknown", "queued"));
    scene.fake.told(|told| {
        told.poisoned.clear();
        told.unlisted = None;
    });
    scene.live(12 * MINUTE).await;
    assert_eq!(scene.state(1).await, "queued");
}

/// A snapshot that was deleted after the call may not be asked for any more: its job must not wait for ever.
#[tokio::test]
async fn a_name_that_cannot_be_read_is_looked_for_in_the_list_of_all_operations() {
    let mut scene = Scene::new(TWO_UNKNOWN, Told { poisoned: HashSet::from(["web-1", "web-2"]), ..both() }).await;
    scene.fake.told(|told| told.operations = vec![operation("op-1", "web-1", EntryStatus::UnderWay)]);
    scene.live(12 * MINUTE).await;
    assert_eq!((scene.state(1).await.as_str(), scene.state(2).await.as_str()), ("exporting", "queued"));
}

#[tokio::test]
async fn a_reading_of_a_name_that_is_throttled_is_tried_again_and_ends_no_round() {
    let mut scene = Scene::new(TWO_UNKNOWN, Told { throttled: 3, ..both() }).await;
    scene.round().await;
    let looks =
        async |scene: &Scene| scene.queue.job(JobId(1)).await.expect("read").expect("a job").attempts[0].absence_checks;
    assert_eq!(looks(&scene).await, 1);
    // A few times: what is throttled on and on waits for another round.
    let mut scene = Scene::new(TWO_UNKNOWN, Told { throttled: 9, ..both() }).await;
    scene.round().await;
    assert_eq!((looks(&scene).await, scene.fake.told(|told| told.read.len())), (0, 4));
}

#[tokio::test]
async fn an_operation_that_cannot_be_read_holds_up_no_other() {
    let mut scene = Scene::new(TWO_EXPORTING, Told { poisoned: HashSet::from(["op-1"]), ..both() }).await;
    // Its record failed, so that its operation is asked for whenever there is news of it.
    scene.fake.told(|told| {
        let mut failed = record("record-1", "web-1", None);
        failed.state = EntryStatus::Failed;
        told.records = vec![failed, record("record-2", "web-2", Some("ami-2"))];
    });
    scene.live(MINUTE).await;
    assert_eq!((scene.state(1).await.as_str(), scene.state(2).await.as_str()), ("exporting", "succeeded"));
}

#[tokio::test]
async fn a_reading_that_began_before_the_window_opened_is_no_look() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    write(&scene.path, "UPDATE attempts SET intended_at = 1800000000000").await;
    scene.round().await;
    // It begins 20 seconds after the intent, ends 35 seconds after it, and the answer is waited for 30.
    scene.clock.advance(Duration::from_secs(20));
    scene.fake.told(|told| told.takes = Duration::from_secs(15));
    scene.round().await;
    let looks =
        async |scene: &Scene| scene.queue.job(JobId(1)).await.expect("read").expect("a job").attempts[0].absence_checks;
    assert_eq!(looks(&scene).await, 0);
    scene.round().await;
    assert_eq!(looks(&scene).await, 1);
}

#[tokio::test]
async fn a_clock_set_on_shortens_no_settle_window() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    scene.round().await;
    for _ in 0..3 {
        scene.clock.jump(scene.clock.now().after(60 * MINUTE));
        scene.live(MINUTE).await;
    }
    assert_eq!(scene.state(1).await, "unknown");
    scene.live(12 * MINUTE).await;
    assert_eq!(scene.state(1).await, "queued");
}

#[tokio::test]
async fn a_clock_set_right_after_being_ahead_holds_nothing_up() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    scene.live(6 * MINUTE).await;
    scene.clock.jump(Timestamp(NOW).before(60 * 24 * 60 * MINUTE));
    scene.live(9 * MINUTE).await;
    assert_eq!(scene.state(1).await, "unknown", "the count began anew");
    scene.live(6 * MINUTE).await;
    assert_eq!(scene.state(1).await, "queued");
}

#[tokio::test]
async fn a_job_queued_again_during_a_listing_waits_for_the_next() {
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    write(&scene.path, "UPDATE jobs SET state = 'cancelled', finished_at = 0 WHERE id = 1").await;
    // Its snapshot is made anew, after the page was read, and a person retries it.
    scene.fake.told(|told| {
        told.snapshots = vec!["web-2"];
        told.meanwhile = Some("UPDATE jobs SET state = 'queued', finished_at = NULL, hold = 'inventory' WHERE id = 1");
    });
    scene.round().await;
    assert_eq!((scene.state(1).await.as_str(), scene.claimable(9).await), ("queued", vec![2]));
    scene.fake.told(|told| told.snapshots = vec!["web-1", "web-2"]);
    scene.live(MINUTE).await;
    assert_eq!(scene.claimable(9).await, [1, 2]);
    assert_eq!(scene.fake.told(|told| told.inventories), 2);
}

#[tokio::test]
async fn a_job_whose_snapshot_a_later_listing_misses_ends_and_blocks_nobody() {
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    scene.round().await;
    assert_eq!(scene.claimable(1).await, [1]);
    scene.fake.told(|told| told.snapshots = vec!["web-2", "web-3"]);
    write(
        &scene.path,
        "INSERT INTO batches (id, name, source, state, created_at, sealed_at) VALUES (2, 'two', '-', 'sealed', 0, 0);
         INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
         VALUES (3, 1, 2, 1, 'web-3', 0, 'adopt', 'queued', 0);",
    )
    .await;
    scene.round().await;
    assert_eq!((scene.state(1).await.as_str(), scene.claimable(1).await), ("failed", vec![2]));
}

#[tokio::test]
async fn what_an_earlier_job_exported_is_not_exported_again() {
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    write(
        &scene.path,
        "UPDATE jobs SET state = 'succeeded', finished_at = 0, destination_id = 'ami-1', record_arn = 'record-1' WHERE id = 1;
         INSERT INTO ledger (lane_id, kind, key, snapshot_name, snapshot_arn, status, destination_id, seen_at, job_id, attempt, unprocessed)
         VALUES (1, 'record', 'record-1', 'web-1', 'arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/web-1',
                 'succeeded', 'ami-1', 0, 1, 1, 0);
         INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
         VALUES (3, 1, 1, 3, 'web-1', 0, 'adopt', 'queued', 0);",
    )
    .await;
    scene.fake.told(|told| told.records = vec![record("record-1", "web-1", Some("ami-1"))]);
    scene.round().await;
    assert_eq!((scene.state(3).await.as_str(), scene.claimable(9).await), ("succeeded", vec![2]));
}

#[tokio::test]
async fn what_the_ledger_says_is_acted_upon_before_a_job_is_claimed() {
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    scene.round().await;
    write(
        &scene.path,
        "INSERT INTO ledger (lane_id, kind, key, snapshot_name, snapshot_arn, status, seen_at, unprocessed)
         VALUES (1, 'record', 'record-1', 'web-1', 'arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/web-1',
                 'under_way', 0, 1)",
    )
    .await;
    assert_eq!(scene.claimable(9).await, [2], "somebody at the console has begun it");
    scene.round().await;
    assert_eq!(scene.state(1).await, "exporting");
}

#[tokio::test]
async fn a_job_that_comes_back_to_the_queue_is_looked_for_in_the_ledger() {
    // While its own export failed, somebody at the console began another, which the ledger has shown already.
    let mut scene = Scene::new(TWO_EXPORTING, both()).await;
    write(
        &scene.path,
        "INSERT INTO ledger (lane_id, kind, key, snapshot_name, snapshot_arn, status, seen_at, unprocessed)
         VALUES (1, 'record', 'record-9', 'web-1', 'arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/web-1',
                 'under_way', 0, 0);
         INSERT INTO ledger (lane_id, kind, key, snapshot_name, snapshot_arn, status, seen_at, job_id, attempt, unprocessed)
         VALUES (1, 'record', 'record-1', 'web-1', 'arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/web-1',
                 'failed', 0, 1, 1, 0);",
    )
    .await;
    let mut failed = operation("op-1", "web-1", EntryStatus::Failed);
    failed.error_code = Some("Busy".to_owned());
    scene.fake.told(|told| told.operations = vec![failed]);
    scene.live(MINUTE).await;
    assert_eq!(scene.state(1).await, "exporting");
    scene.fake.told(|told| told.records = vec![record("record-9", "web-1", Some("ami-9"))]);
    scene.live(2 * MINUTE).await;
    assert_eq!(scene.state(1).await, "succeeded");
    let followed = scene.queue.followed_jobs(&[JobId(1)]).await.expect("read").remove(0);
    assert_eq!((followed.adopted, followed.destination_id.as_deref(), followed.attempt), (true, Some("ami-9"), 1));
}

#[tokio::test]
async fn a_throttle_on_one_snapshot_does_not_end_the_inventory() {
    let missed = HashMap::from([("web-1", 9), ("web-2", 9)]);
    let told = Told { snapshots: vec!["web-1", "web-2"], missed, throttled: 3, ..Told::default() };
    let mut scene = Scene::new(TWO_QUEUED, told).await;
    scene.round().await;
    assert_eq!(scene.claimable(9).await, [1, 2]);
}

#[tokio::test]
async fn a_snapshot_that_a_listing_missed_is_asked_for_by_name_before_its_job_fails() {
    let missed = HashMap::from([("web-1", 1), ("web-2", 1)]);
    let told = Told { missed, poisoned: HashSet::from(["web-2"]), poison: Some(ErrorClass::Ambiguous), ..both() };
    let mut scene = Scene::new(TWO_QUEUED, told).await;
    scene.round().await;
    assert_eq!((scene.state(1).await.as_str(), scene.claimable(9).await), ("queued", vec![1]));
    assert_eq!(scene.state(2).await, "queued", "nobody could say");
    scene.live(MINUTE).await;
    assert_eq!(scene.claimable(9).await, [1, 2]);
}

#[tokio::test]
async fn a_snapshot_that_may_not_be_asked_for_by_name_is_sought_by_another_reading() {
    let missed = HashMap::from([("web-1", 1)]);
    let poisoned = HashSet::from(["web-1", "web-2"]);
    let mut scene =
        Scene::new(TWO_QUEUED, Told { snapshots: vec!["web-1"], missed, poisoned, ..Told::default() }).await;
    scene.round().await;
    assert_eq!((scene.claimable(9).await, scene.state(2).await.as_str()), (vec![1], "failed"));
    assert_eq!(scene.fake.told(|told| told.inventories), 2);
}

#[tokio::test]
async fn many_snapshots_that_a_listing_missed_are_sought_by_another_reading() {
    // As many as it takes: the names are asked for only up to a bound.
    const MANY: &str = "WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 199)
        INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
        SELECT n + 1, 1, 1, n, 'web-' || n, 0, 'adopt', 'queued', 0 FROM n;";
    let names: Vec<&'static str> = (0..200).map(|n| &*Box::leak(format!("web-{n}").into_boxed_str())).collect();
    let missed = names.iter().map(|name| (*name, if *name == "web-7" { 2 } else { 1 })).collect();
    let told = Told { snapshots: [&["other"], &names[..198]].concat(), missed, ..Told::default() };
    let mut scene = Scene::new(MANY, told).await;
    scene.round().await;
    assert_eq!(scene.claimable(999).await.len(), 198);
    assert_eq!((scene.state(199).await, scene.state(200).await), ("failed".to_owned(), "failed".to_owned()));
    let (inventories, asked) = scene.fake.told(|told| (told.inventories, told.asked.clone()));
    assert_eq!((inventories, asked.iter().filter(|name| *name == "web-7").count()), (2, 1));
    assert!(asked.len() <= 100, "{}", asked.len());
}

#[tokio::test]
async fn a_long_run_lists_again_and_notices_what_was_deleted_or_broke() {
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    scene.live(10 * MINUTE).await;
    assert_eq!(scene.fake.told(|told| told.inventories), 1, "not without need");
    scene.fake.told(|told| {
        told.snapshots = vec!["web-2"];
        told.states.insert("web-2", SnapshotState::Error);
    });
    scene.live(55 * MINUTE).await;
    assert_eq!((scene.state(1).await, scene.state(2).await), ("failed".to_owned(), "failed".to_owned()));
    assert_eq!(scene.fake.told(|told| told.inventories), 2);
}

#[tokio::test]
async fn a_snapshot_that_is_pending_when_its_hold_ends_is_not_sent_before_it_is_ready() {
    let pending = HashMap::from([("web-1", SnapshotState::Pending)]);
    let mut scene = Scene::new(TWO_QUEUED, Told { states: pending, ..both() }).await;
    write(&scene.path, "UPDATE jobs SET due_at = 4102444800000 WHERE id = 1").await;
    scene.round().await;
    assert_eq!(scene.claimable(9).await, [2]);
    write(&scene.path, "UPDATE jobs SET due_at = NULL WHERE id = 1").await;
    assert_eq!(scene.claimable(9).await, [2]);
    scene.live(MINUTE).await;
    scene.fake.told(|told| told.states.clear());
    scene.live(2 * MINUTE).await;
    assert_eq!(scene.claimable(9).await, [1, 2]);
}

#[tokio::test]
async fn a_snapshot_that_went_while_its_job_waited_is_still_told_by_its_arn() {
    // It was exported and deleted at the console; beside it stands the export of an older one of that name.
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    scene.round().await;
    scene.fake.told(|told| {
        told.snapshots = vec!["web-2"];
        let mut older = record("record-0", "web-1", Some("ami-0"));
        older.source_arn = Some(arn_of("an-older-one"));
        told.records = vec![older, record("record-1", "web-1", Some("ami-1"))];
    });
    write(&scene.path, "UPDATE jobs SET hold = 'inventory' WHERE id = 1").await;
    scene.live(MINUTE).await;
    let followed = scene.queue.followed_jobs(&[JobId(1)]).await.expect("read").remove(0);
    assert_eq!((scene.state(1).await.as_str(), followed.destination_id.as_deref()), ("succeeded", Some("ami-1")));
}

#[tokio::test]
async fn a_record_that_is_first_shown_without_its_arn_stays_one_record() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    let as_shown =
        |arn: &str, destination| ExportRecord { arn: RecordArn::new(arn), ..record("record-1", "web-1", destination) };
    for (arn, destination) in [("record-1", None), ("arn:record-1", None), ("record-1", None)] {
        scene.fake.told(|told| told.records = vec![as_shown(arn, destination)]);
        scene.live(MINUTE).await;
        assert_eq!(scene.state(1).await, "exporting", "{arn}");
    }
    let followed = scene.queue.followed_jobs(&[JobId(1)]).await.expect("read").remove(0);
    assert_eq!(followed.record, Some(RecordArn::new("arn:record-1")));
    scene.fake.told(|told| told.records = vec![as_shown("record-1", Some("ami-1"))]);
    // It was found, not answered: another may come into sight within the reconciliation window.
    scene.live(10 * MINUTE).await;
    assert_eq!(scene.state(1).await, "succeeded");
    let name = SnapshotName::parse("web-1").expect("a name");
    assert_eq!(scene.queue.entries(LaneId(1), &[name]).await.expect("read").len(), 1);
}

const TWO_NOT_TAKEN: &str =
    "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at,
        attempt, used, finished_at, error_code)
    VALUES (1, 1, 1, 1, 'web-1', 0, 'adopt', 'failed', 0, 1, 1, 1799999990000, 'NotTaken'),
           (2, 1, 1, 2, 'web-2', 0, 'adopt', 'failed', 0, 1, 1, 1799999990000, 'NotTaken');
    INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome, absence_checks, first_check_at, last_check_at)
    VALUES (1, 1, 1, 1799999000000, 0, 'absent', 3, 1799999040000, 1799999740000),
           (2, 1, 1, 1799999000000, 0, 'absent', 3, 1799999040000, 1799999740000);";

#[tokio::test]
async fn a_late_export_of_a_job_that_has_ended_is_noticed_though_nothing_is_live() {
    let mut scene = Scene::new(TWO_NOT_TAKEN, both()).await;
    scene.round().await;
    scene.fake.told(|told| told.records = vec![record("record-1", "web-1", Some("ami-1"))]);
    scene.live(70 * MINUTE).await;
    let both = scene.queue.followed_jobs(&[JobId(1), JobId(2)]).await.expect("read");
    let told: Vec<_> = both.iter().map(|job| (job.state.as_str(), job.error_code.as_deref())).collect();
    assert_eq!(told, [("failed", Some("LateExport")), ("failed", Some("NotTaken"))]);
}

#[tokio::test]
async fn how_the_exports_end_of_a_job_that_waits_for_a_person_is_still_seen() {
    let mut scene = Scene::new(TWO_NOT_TAKEN, both()).await;
    write(
        &scene.path,
        "UPDATE jobs SET state = 'needs_review', finished_at = NULL, next_poll_at = NULL WHERE id = 1;
         UPDATE attempts SET outcome = 'accepted';
         INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, record_name, seen_at, unprocessed)
         VALUES (1, 'record', 'record-1', 'web-1', 'under_way', 'record-1', 0, 0);",
    )
    .await;
    scene.fake.told(|told| told.records = vec![record("record-1", "web-1", Some("ami-1"))]);
    scene.live(3 * MINUTE).await;
    let evidence = scene.queue.evidence(JobId(1)).await.expect("read").expect("a job");
    assert_eq!(evidence.entries[0].sighting.destination.as_ref().map(|it| it.id.as_str()), Some("ami-1"));
}

#[tokio::test]
async fn a_late_export_is_told_once_the_live_job_of_its_name_has_its_own() {
    let mut scene = Scene::new(TWO_NOT_TAKEN, both()).await;
    write(
        &scene.path,
        "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at,
             attempt, used, next_poll_at, operation_id)
         VALUES (3, 1, 1, 3, 'web-1', 0, 'export-again', 'exporting', 1800000000000, 1, 1, 0, 'op-3');
         INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome)
         VALUES (3, 1, 1, 1799999999000, 0, 'accepted');
         INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, created_at, seen_at, job_id, attempt, unprocessed)
         VALUES (1, 'operation', 'op-3', 'web-1', 'under_way', 1800000000000, 0, 3, 1, 0);",
    )
    .await;
    let records = ["1", "2"].map(|n| record(&format!("record-{n}"), "web-1", None));
    scene.fake.told(|told| told.records = records.to_vec());
    scene.live(2 * MINUTE).await;
    assert_eq!(scene.state(3).await, "exporting");
    scene.fake.told(|told| told.records[0] = record("record-1", "web-1", Some("ami-1")));
    scene.live(2 * MINUTE).await;
    scene.fake.told(|told| told.records[1] = record("record-2", "web-1", Some("ami-2")));
    scene.live(2 * MINUTE).await;
    let jobs = scene.queue.followed_jobs(&[JobId(1), JobId(3)]).await.expect("read");
    assert_eq!(jobs[0].error_code.as_deref(), Some("LateExport"));
    assert_eq!((jobs[1].state.as_str(), jobs[1].destination_id.as_deref()), ("succeeded", Some("ami-1")));
    // The two began at the same time: which of them is whose, nothing tells.
    assert_eq!(jobs[1].error_code.as_deref(), Some("DuplicateExport"));
}

#[tokio::test]
async fn a_clock_that_is_set_gives_no_export_up_and_keeps_none_for_ever() {
    let mut scene = Scene::new(TWO_EXPORTING, both()).await;
    scene.fake.told(|told| told.operations = vec![operation("op-1", "web-1", EntryStatus::UnderWay)]);
    scene.live(MINUTE).await;
    scene.clock.jump(scene.clock.now().after(3 * 60 * MINUTE));
    scene.live(110 * MINUTE).await;
    assert_eq!(scene.state(1).await, "exporting");
    scene.clock.jump(scene.clock.now().before(30 * 24 * 60 * MINUTE));
    scene.live(15 * MINUTE).await;
    assert_eq!(scene.state(1).await, "needs_review");
    // Begun by a clock that was ahead, and met by one that is right.
    let mut scene = Scene::new(TWO_EXPORTING, both()).await;
    scene.clock.jump(Timestamp(NOW).before(30 * 24 * 60 * MINUTE));
    scene.live(125 * MINUTE).await;
    assert_eq!(scene.state(1).await, "needs_review");
}

#[tokio::test]
async fn the_settle_window_is_three_times_the_longest_delay_that_was_seen() {
    let mut scene = Scene::new(TWO_EXPORTING, both()).await;
    write(
        &scene.path,
        "UPDATE attempts SET answered_at = 1800000000000;
         INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at,
             attempt, used, next_poll_at)
         VALUES (3, 1, 1, 3, 'web-3', 0, 'adopt', 'unknown', 0, 1, 1, 0);
         INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome)
         VALUES (3, 1, 1, 1799999940000, 2, 'ambiguous');",
    )
    .await;
    scene.fake.told(|told| {
        told.snapshots.push("web-3");
        told.operations = vec![operation("op-1", "web-1", EntryStatus::UnderWay)];
    });
    scene.live(6 * MINUTE).await;
    // Setting the clock makes no delay longer.
    scene.clock.jump(scene.clock.now().after(60 * MINUTE));
    scene.fake.told(|told| told.records = vec![record("record-1", "web-1", None)]);
    scene.live(MINUTE).await;
    let delay = scene.queue.lane_records().await.expect("lanes").remove(0).delay.longest;
    assert!(delay >= 5 * MINUTE && delay <= 8 * MINUTE, "{delay:?}");
    scene.live(9 * MINUTE).await;
    assert_eq!(scene.state(3).await, "unknown", "the setting alone would have taken it for absent");
    scene.live(12 * MINUTE).await;
    assert_eq!(scene.state(3).await, "queued");
}

#[tokio::test]
async fn a_restart_does_not_forget_the_longest_delay() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    let seen = ListDelay { longest: 6 * MINUTE, seen_at: Some(Timestamp(NOW)) };
    scene.queue.learn_delay(LaneId(1), seen).await.expect("learned");
    scene.restart().await;
    scene.live(15 * MINUTE).await;
    assert_eq!(scene.state(1).await, "unknown");
    scene.live(6 * MINUTE).await;
    assert_eq!(scene.state(1).await, "queued");
}

#[tokio::test]
async fn an_export_that_shows_after_its_attempt_was_taken_for_absent_stretches_the_settle_window() {
    let mut scene = Scene::new(TWO_NOT_TAKEN, both()).await;
    scene.fake.told(|told| told.records = vec![record("record-1", "web-1", Some("ami-1"))]);
    scene.live(MINUTE).await;
    let delay = scene.queue.lane_records().await.expect("lanes").remove(0).delay.longest;
    assert_eq!(delay, 10 * MINUTE, "as far as its looks go");
}

/// A second attempt whose outcome is open, after one whose operation failed.
const SECOND_UNKNOWN: &str = "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state,
        queued_at, attempt, used, next_poll_at)
    VALUES (1, 1, 1, 1, 'web-1', 0, 'adopt', 'unknown', 1799999000000, 2, 2, 0);
    INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, created_at, seen_at, job_id, attempt, unprocessed)
    VALUES (1, 'operation', 'op-1', 'web-1', 'failed', 1799999000000, 0, 1, 1, 0);
    INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome)
    VALUES (1, 1, 1, 1799999000000, 0, 'accepted'), (1, 2, 1, 1799999940000, 1, 'ambiguous');";

#[tokio::test]
async fn an_unknown_export_that_its_looks_did_not_show_tells_of_a_delay() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    scene.live(7 * MINUTE).await;
    scene.fake.told(|told| told.records = vec![record("record-1", "web-1", Some("ami-1"))]);
    scene.live(5 * MINUTE).await;
    assert_eq!(scene.state(1).await, "succeeded");
    let delay = scene.queue.lane_records().await.expect("lanes").remove(0).delay.longest;
    assert!(delay >= 4 * MINUTE && delay <= 8 * MINUTE, "{delay:?}");
}

#[tokio::test]
async fn what_was_in_sight_all_along_is_no_delay() {
    let failed = ExportRecord { state: EntryStatus::Failed, ..record("record-1", "web-1", None) };
    let mut scene = Scene::new(TWO_UNKNOWN, Told { records: vec![failed], ..both() }).await;
    // Another may show yet, so a failed one is looked beside for the whole reconciliation window.
    scene.live(12 * MINUTE).await;
    assert_eq!(scene.state(1).await, "queued");
    let under_way = vec![record("record-1", "web-1", None)];
    let mut another = Scene::new(SECOND_UNKNOWN, Told { records: under_way, ..both() }).await;
    // It may be the record of the first attempt, until it has an end.
    another.live(20 * MINUTE).await;
    assert_eq!(another.state(1).await, "unknown");
    another.fake.told(|told| told.records = vec![record("record-1", "web-1", Some("ami-1"))]);
    another.live(MINUTE).await;
    assert_eq!(another.state(1).await, "succeeded");
    for scene in [scene, another] {
        let delay = scene.queue.lane_records().await.expect("lanes").remove(0).delay.longest;
        assert_eq!(delay, Duration::ZERO);
    }
}

#[tokio::test]
async fn that_nobody_looked_is_no_delay() {
    let mut scene = Scene::new(TWO_EXPORTING, both()).await;
    write(&scene.path, "UPDATE attempts SET answered_at = 1800000000000").await;
    scene.clock.advance(30 * MINUTE);
    scene.fake.told(|told| told.records = vec![record("record-1", "web-1", None)]);
    scene.round().await;
    let delay = async || scene.queue.lane_records().await.expect("lanes").remove(0).delay.longest;
    assert_eq!(delay().await, Duration::ZERO, "the first reading showed it");
    // Missed by one reading, then nobody reads for long.
    scene.clock.advance(30 * MINUTE);
    scene.fake.told(|told| told.records.push(record("record-2", "web-2", None)));
    scene.round().await;
    let delay = scene.queue.lane_records().await.expect("lanes").remove(0).delay.longest;
    assert_eq!(delay, 31 * MINUTE, "as long as a reading missed it, and one poll");
}

/// Forty records of others, and in front of them those of the two; a page has ten.
fn a_long_list(first: [ExportRecord; 2]) -> Told {
    const OTHERS: [&str; 40] = ["other"; 40];
    let others = OTHERS.iter().enumerate().map(|(place, name)| record(&format!("old-{place}"), name, Some("ami-old")));
    Told { records: first.into_iter().chain(others).collect(), page: 10, ..both() }
}

/// One of three exports has ended in a lane that has read its records once; the pages and operations that this took.
async fn see_an_end(jobs: &'static str) -> (Scene, usize, usize) {
    let under_way = [record("record-1", "web-1", None), record("record-2", "web-2", None)];
    let mut scene = Scene::new(jobs, a_long_list(under_way)).await;
    scene.fake.told(|told| {
        told.operations = ["op-1", "op-2"]
            .iter()
            .zip(["web-1", "web-2"])
            .map(|(id, name)| operation(id, name, EntryStatus::UnderWay))
            .collect();
    });
    scene.round().await;
    assert_eq!(scene.fake.told(|told| told.pages), 5, "absence takes every page");
    scene.clock.advance(Duration::from_secs(10));
    scene.fake.told(|told| {
        (told.pages, told.asked_operations) = (0, 0);
        told.records[1] = record("record-2", "web-2", Some("ami-2"));
        told.operations[1].status = EntryStatus::Succeeded;
    });
    scene.round().await;
    let counts = scene.fake.told(|told| (told.pages, told.asked_operations));
    (scene, counts.0, counts.1)
}

#[tokio::test]
async fn few_operations_are_asked_for_and_only_the_record_of_one_that_has_ended_is_looked_up() {
    let (scene, pages, operations) = see_an_end(TWO_EXPORTING).await;
    assert_eq!((scene.state(1).await.as_str(), scene.state(2).await.as_str()), ("exporting", "succeeded"));
    assert_eq!((pages, operations), (1, 2), "of five pages and two operations");
}

#[tokio::test]
async fn a_reading_ends_once_every_export_that_is_due_was_seen() {
    // Where an answer named no operation, there is none to ask for.
    const WITHOUT: &str =
        "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at,
            attempt, used, next_poll_at)
        VALUES (1, 1, 1, 1, 'web-1', 0, 'adopt', 'exporting', 1800000000000, 1, 1, 0),
               (2, 1, 1, 2, 'web-2', 0, 'adopt', 'exporting', 1800000000000, 1, 1, 1);
        INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome)
        VALUES (1, 1, 1, 1799999940000, 0, 'accepted'), (2, 1, 1, 1799999940000, 0, 'accepted');";
    let (scene, pages, operations) = see_an_end(WITHOUT).await;
    // Whose record it is, the reconciliation window tells.
    assert_eq!((scene.state(1).await.as_str(), scene.state(2).await.as_str()), ("exporting", "exporting"));
    assert_eq!((pages, operations), (1, 0));
}

/// The window of attempts that were intended under it stays, whatever a person forgets; without that it fades by itself.
#[tokio::test]
async fn a_long_window_fades_and_an_open_attempt_keeps_the_one_that_it_was_promised() {
    let late = |seen: i64| -> &'static str {
        Box::leak(format!("UPDATE lanes SET longest_delay = 1200000, delay_seen_at = {seen}").into_boxed_str())
    };
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    write(&scene.path, late(NOW)).await;
    scene.round().await;
    scene.queue.forget_delays(vec![LaneId(1)]).await.expect("forgotten");
    scene.live(58 * MINUTE).await;
    assert_eq!(scene.state(1).await, "unknown");
    // Never less; a little more, as what a run has counted is remembered by the shorter window.
    scene.live(20 * MINUTE).await;
    assert_eq!(scene.state(1).await, "queued");
    // Five weeks later nothing is left of it.
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    write(&scene.path, late(NOW - 35 * 86_400_000)).await;
    scene.live(12 * MINUTE).await;
    assert_eq!(scene.state(1).await, "queued");
    // A shorter delay takes the place of one that has faded, and no window that was promised gets shorter by that.
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    write(&scene.path, late(NOW - 70_000)).await;
    let seen = Some(Timestamp(NOW));
    scene.queue.learn_delay(LaneId(1), ListDelay { longest: MINUTE, seen_at: seen }).await.expect("kept");
    scene.live(58 * MINUTE).await;
    assert_eq!(scene.state(1).await, "unknown");
}
