//! The disk under the store fails, fills up or loses its power at each operation of a whole life, from the enqueue to the last
//! report: whatever was confirmed is there afterwards, and each snapshot is exported once.

use super::world::{REGION, World, hurried};
use futures_util::StreamExt as _;
use lightsail_simulator::{AppliesTo, FaultRule, Faults, Fleet, FleetEntry, SimulatorConfig};
use snapferry::clock::{Clock, SharedClock, Sleep, SystemClock};
use snapferry::daemon::{Daemon, DaemonEnd, DaemonError, Until};
use snapferry::domain::{AccountLabel, BatchName, Existing, JobState, Lane, Region, SnapshotName, Timestamp};
use snapferry::queue::{LoadName, NewRow, Queue, QueueError, Selector};
use snapferry_test_disk::{Counts, Disk, Op, Strike, What};
use sqlx::{Connection, SqliteConnection};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How much faster than the machine's the clock of these tests runs: what they wait for is work, not time.
const SPEED: u32 = 25;

/// Lives at a time; most of each is waiting.
const AT_ONCE: usize = 6;

/// Of the writes and reads of a life, of which there are many, as many are struck, spread over all of them. Syncs are
/// struck one and all. `every_write_and_read` strikes the rest too.
const SAMPLE: u64 = 20;

/// More than a life needs, by that clock.
const PATIENCE: Duration = Duration::from_mins(10);

const NAMES: [&str; 4] = ["web-1", "web-2", "web-3", "web-4"];

struct Hasty(SystemClock);

impl Clock for Hasty {
    fn now(&self) -> Timestamp {
        Timestamp(0).after(Duration::from_millis(self.0.now().0.unsigned_abs()) + self.elapsed())
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed() * SPEED
    }

    fn sleep(&self, span: Duration) -> Sleep {
        self.0.sleep(span / SPEED)
    }
}

/// One answer is lost, one export is refused by a service in trouble: a life with something to settle.
fn troubled() -> SimulatorConfig {
    let once = |name: &str, fault: &str| FaultRule {
        name: Some(name.to_owned()),
        applies_to: AppliesTo::Exports,
        answers: [fault.parse().expect("a fault")].into(),
        ..FaultRule::default()
    };
    SimulatorConfig {
        fleet: Fleet::Listed(NAMES.iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: "50ms..400ms".parse().expect("a spread"),
        faults: Faults { rules: vec![once("web-2", "lost"), once("web-3", "ServiceException")], ..Faults::default() },
        ..SimulatorConfig::default()
    }
}

async fn world() -> World {
    let clock: SharedClock = Arc::new(Hasty(SystemClock::new()));
    let mut world = World::by_clock(troubled(), clock).await;
    // Far from what the machine needs for an answer: it is not time that is tested here.
    world.settings.every_lane.export.attempt_timeout = Duration::from_secs(5);
    world.settings.every_lane.reconcile.settle = hurried().reconcile.settle;
    world
}

async fn enqueue(queue: &Queue, now: Timestamp) -> Result<(), QueueError> {
    let name = LoadName::Given(BatchName::parse("batch").expect("a name"));
    let mut load = queue.begin_load(name, "a test", &[], "a test", now).await?;
    let rows = NAMES.iter().zip(1..).map(|(name, line)| NewRow {
        line,
        lane: Lane { account: AccountLabel::unnamed(), region: Region::parse(REGION).expect("a Region") },
        snapshot: SnapshotName::parse(name).expect("a name"),
        priority: 0,
        not_before: None,
        existing: Existing::Adopt,
        carried: Vec::new(),
    });
    load.add(rows.collect()).await?;
    load.seal(0, now).await.map(drop)
}

async fn drain(world: &World, queue: &Queue) -> Result<DaemonEnd, DaemonError> {
    let (_stop, stopped) = watch::channel(false);
    let (settings, clock) = (world.settings.clone(), Arc::clone(&world.clock));
    Daemon::new(queue.clone(), settings, clock, world.connect(), "a test")?
        .run(Until::Drained, Some(PATIENCE), stopped)
        .await
}

/// A life on a disk, as far as it comes.
#[derive(Debug, Default)]
struct Life {
    sealed: bool,
    drained: bool,
    /// What a person is told, in one line.
    said: Option<String>,
}

pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        line = format!("{line}: {cause}");
        next = cause.source();
    }
    line
}

async fn live(world: &World, path: &Path) -> Life {
    let mut life = Life::default();
    let queue = match Queue::open(path).await {
        Ok(queue) => queue,
        Err(error) => return Life { said: Some(told(&error)), ..life },
    };
    match enqueue(&queue, world.clock.now()).await {
        Ok(()) => life.sealed = true,
        Err(error) => life.said = Some(told(&error)),
    }
    if life.sealed {
        match drain(world, &queue).await {
            Ok(DaemonEnd::Drained) => life.drained = true,
            Ok(ended) => panic!("{ended:?}"),
            Err(error) => life.said = Some(told(&error)),
        }
    }
    queue.close().await;
    life
}

/// Goes on after a life, on a disk that is in order, and holds the promises against the ledger.
async fn go_on(world: &World, path: &Path, life: &Life, case: &str) {
    check_file(path, world, case).await;
    let queue = Queue::open(path).await.unwrap_or_else(|error| panic!("{case}: {}", told(&error)));
    let there = is_sealed(path).await;
    assert!(there || !life.sealed, "{case}: the batch was confirmed, and is gone");
    if !there {
        enqueue(&queue, world.clock.now()).await.unwrap_or_else(|error| panic!("{case}: {}", told(&error)));
    }
    if life.drained {
        assert_eq!(queue.unfinished(None).await.expect("a count"), 0, "{case}: the drain was confirmed, and is undone");
    }
    let ended = drain(world, &queue).await.unwrap_or_else(|error| panic!("{case}: {}", told(&error)));
    assert_eq!(ended, DaemonEnd::Drained, "{case}");
    let jobs = queue.jobs_page(&Selector::default(), None, 100).await.expect("jobs");
    assert_eq!(jobs.len(), NAMES.len(), "{case}");
    for job in &jobs {
        let name = job.snapshot_name.as_str();
        assert_eq!(job.state, JobState::Succeeded, "{case}: {name}: {:?} {:?}", job.error_code, job.error_message);
        assert_eq!(world.exports(name), 1, "{case}: {name}");
    }
    queue.close().await;
    check_file(path, world, case).await;
}

/// What must hold of the file at any time: it is whole, its counters are right, and each call that arrived has its attempt
/// in it, because that was durable before the call left.
async fn check_file(path: &Path, world: &World, case: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut db = SqliteConnection::connect_with(&options).await.unwrap_or_else(|error| panic!("{case}: {error}"));
    let whole: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut db).await.expect("a check");
    assert_eq!(whole, ["ok"], "{case}");
    let made: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'attempts'")
        .fetch_one(&mut db)
        .await
        .expect("a count");
    if made > 0 {
        let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut db).await.expect("a check");
        assert!(broken.is_empty(), "{case}: {} references without an end", broken.len());
        let off: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM (SELECT lane_id, batch_id, state, count(*) AS jobs, sum(weight) AS weight FROM jobs
                                   GROUP BY lane_id, batch_id, state) AS real
             LEFT JOIN job_counts USING (lane_id, batch_id, state)
             WHERE job_counts.jobs IS NOT real.jobs OR job_counts.weight IS NOT real.weight",
        )
        .fetch_one(&mut db)
        .await
        .expect("a count");
        assert_eq!(off, 0, "{case}: counters that are off");
    }
    for name in NAMES {
        let attempts: i64 = if made > 0 {
            sqlx::query_scalar("SELECT count(*) FROM attempts JOIN jobs ON jobs.id = job_id WHERE snapshot_name = ?1")
                .bind(name)
                .fetch_one(&mut db)
                .await
                .expect("a count")
        } else {
            0
        };
        let sent = i64::try_from(world.sent(name).len()).expect("few");
        assert!(sent <= attempts, "{case}: {name} was sent {sent} times, and the file knows of {attempts}");
    }
    db.close().await.expect("closed");
}

async fn is_sealed(path: &Path) -> bool {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut db = SqliteConnection::connect_with(&options).await.expect("a connection");
    let sealed: i64 = sqlx::query_scalar("SELECT count(*) FROM batches WHERE state = 'sealed'")
        .fetch_one(&mut db)
        .await
        .expect("a count");
    db.close().await.expect("closed");
    sealed > 0
}

/// A life that is struck, and the life after it; whether it came to the strike, and what it said.
async fn struck(strike: Strike) -> (bool, Option<String>) {
    let case = format!("{strike:?}");
    let world = world().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("struck.db");
    let disk = Disk::mount(folder.path(), Some(strike));
    let life = tokio::time::timeout(Duration::from_mins(1), live(&world, &path))
        .await
        .unwrap_or_else(|_| panic!("{case}: the daemon neither went on nor ended"));
    let has_struck = disk.has_struck();
    if matches!(strike.what, What::PowerLost | What::PowerLostAfter) && has_struck {
        let after = tempfile::tempdir().expect("a folder");
        disk.recover(after.path(), strike.nth);
        go_on(&world, &after.path().join("struck.db"), &life, &case).await;
    } else {
        disk.heal();
        go_on(&world, &path, &life, &case).await;
    }
    (has_struck, life.said)
}

/// The operations of a life that nothing strikes.
async fn counted() -> Counts {
    let world = world().await;
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::mount(folder.path(), None);
    let life = live(&world, &folder.path().join("struck.db")).await;
    assert!(life.drained, "{life:?}");
    disk.counts()
}

/// Strikes at these operations, one life for each, and gives back what was said; nobody has to be struck whose life was
/// shorter.
async fn strike_all(strikes: Vec<Strike>) -> Vec<(Strike, String)> {
    let all = strikes.len();
    let lives = futures_util::stream::iter(strikes).map(|strike| async move { (strike, struck(strike).await) });
    let ended: Vec<_> = lives.buffer_unordered(AT_ONCE).collect().await;
    let hit = ended.iter().filter(|(_, (hit, _))| *hit).count();
    assert!(hit * 2 >= all, "{hit} of {all} strikes hit");
    ended.into_iter().filter_map(|(strike, (_, said))| Some((strike, said?))).collect()
}

fn strikes(op: Op, nths: impl Iterator<Item = u64>, whats: &[What]) -> Vec<Strike> {
    nths.flat_map(|nth| whats.iter().map(move |what| Strike { op, nth, what: *what })).collect()
}

/// As many of `count` as the sample has, one out of each stretch.
fn sample(count: u64, seed: u64) -> impl Iterator<Item = u64> {
    let mut chance = fastrand::Rng::with_seed(seed);
    (0..SAMPLE).map(move |n| {
        let (from, to) = (n * count / SAMPLE, (n + 1) * count / SAMPLE);
        1 + chance.u64(from..to.max(from + 1))
    })
}

/// Strikes at every operation of opening a new database and enqueuing, one by one, until that needs no more.
#[tokio::test]
async fn a_load_struck_anywhere_is_there_whole_or_not_at_all() {
    let world = world().await;
    for (op, whats) in [
        (Op::Write, &[What::Full, What::FullOnce, What::Short, What::Error, What::PowerLost][..]),
        (Op::Sync, &[What::Error, What::PowerLost, What::PowerLostAfter]),
        (Op::Read, &[What::Error]),
    ] {
        for what in whats {
            for nth in 1.. {
                let case = format!("{op:?} {nth} {what:?}");
                let folder = tempfile::tempdir().expect("a folder");
                let after = tempfile::tempdir().expect("a folder");
                let mut path = folder.path().join("struck.db");
                let disk = Disk::mount(folder.path(), Some(Strike { op, nth, what: *what }));
                let mut done = false;
                if let Ok(queue) = Queue::open(&path).await {
                    done = enqueue(&queue, world.clock.now()).await.is_ok();
                    queue.close().await;
                }
                if !disk.has_struck() {
                    assert!(done && nth > 1, "{case}");
                    break;
                }
                if matches!(what, What::PowerLost | What::PowerLostAfter) {
                    disk.recover(after.path(), nth);
                    path = after.path().join("struck.db");
                }
                disk.heal();
                check_file(&path, &world, &case).await;
                let queue = Queue::open(&path).await.unwrap_or_else(|error| panic!("{case}: {}", told(&error)));
                let there = is_sealed(&path).await;
                assert!(there || !done, "{case}: confirmed, and gone");
                if !there {
                    enqueue(&queue, world.clock.now()).await.unwrap_or_else(|error| panic!("{case}: {}", told(&error)));
                }
                assert_eq!(queue.unfinished(None).await.expect("a count"), 4, "{case}");
                queue.close().await;
                check_file(&path, &world, &case).await;
            }
        }
    }
}

#[tokio::test]
async fn power_lost_at_any_sync_undoes_nothing_that_was_confirmed() {
    let syncs = counted().await.syncs;
    assert!(syncs > 30, "{syncs} syncs");
    strike_all(strikes(Op::Sync, 1..=syncs, &[What::PowerLost, What::PowerLostAfter])).await;
}

#[tokio::test]
async fn power_lost_in_the_middle_of_writes_undoes_nothing_that_was_confirmed() {
    let writes = counted().await.writes;
    strike_all(strikes(Op::Write, sample(writes, 1), &[What::PowerLost])).await;
}

#[tokio::test]
async fn a_disk_that_is_full_ends_the_daemon_with_one_clear_line_and_loses_nothing() {
    let writes = counted().await.writes;
    let said = strike_all(strikes(Op::Write, sample(writes, 2), &[What::Full, What::FullOnce, What::Short])).await;
    assert!(said.len() > 25, "{} of them ended", said.len());
    for (strike, said) in said {
        assert!(said.contains("is full") && said.contains("Make room") && !said.contains('\n'), "{strike:?}: {said}");
    }
}

#[tokio::test]
async fn a_device_that_fails_ends_the_daemon_with_one_clear_line_and_loses_nothing() {
    let Counts { writes, syncs, reads } = counted().await;
    let mut all = strikes(Op::Sync, 1..=syncs, &[What::Error]);
    all.extend(strikes(Op::Write, sample(writes, 3), &[What::Error]));
    all.extend(strikes(Op::Read, sample(reads, 4), &[What::Error]));
    let said = strike_all(all).await;
    assert!(said.len() > 25, "{} of them ended", said.len());
    for (strike, said) in said {
        assert!(said.contains("I/O error") && !said.contains('\n'), "{strike:?}: {said}");
    }
}

#[tokio::test]
#[ignore = "exhaustive"]
async fn exhaustive_every_write_and_read() {
    let Counts { writes, reads, .. } = counted().await;
    let writing = [What::PowerLost, What::PowerLostAfter, What::Full, What::FullOnce, What::Short, What::Error];
    strike_all(strikes(Op::Write, 1..=writes, &writing)).await;
    strike_all(strikes(Op::Read, 1..=reads, &[What::Error])).await;
}
