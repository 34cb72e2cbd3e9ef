//! A database that is a copy: the real program is killed together with its disk, goes on from a backup, and nothing is exported
//! twice, however late Lightsail's lists are.

mod litestream;

use super::crash::{command, start_with};
use super::world::{World, eventually};
use lightsail_simulator::{Faults, Fleet, FleetEntry, SimulatorConfig};
use snapferry::domain::{JobState, JobVersion, Timestamp};
use snapferry::queue::{
    Overwrite, Queue, QueueError, Selector, Takeover, TakeoverCause, TakeoverOptions, TakeoverWait, Transition,
};
use snapferry::settings::DatabaseUrl;
use sqlx::Connection as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

const SETTLE: Duration = Duration::from_secs(4);

/// How late the lists are.
const LATE: Duration = Duration::from_secs(1);

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("web-{n:03}")).collect()
}

/// A fleet whose exports show late, and the settings that go with it.
async fn world(count: usize, delay: Duration) -> World {
    let config = SimulatorConfig {
        fleet: Fleet::Listed(names(count).iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: "50ms..400ms".parse().expect("a spread"),
        faults: Faults { late_lists: delay, ..Faults::default() },
        ..SimulatorConfig::default()
    };
    let mut world = World::new(config).await;
    let lane = &mut world.settings.every_lane;
    (lane.export.rate, lane.export.burst) = (60.0, 5);
    (lane.read.rate, lane.read.burst) = (500.0, 50);
    world.enqueue(&names(count).iter().map(String::as_str).collect::<Vec<_>>()).await;
    world
}

fn settle(settle: Duration) -> (&'static str, String) {
    ("SNAPFERRY_RECONCILE__SETTLE", humantime::format_duration(settle).to_string())
}

/// The program on the database of a world that has another name by now.
fn daemon(world: &World, arguments: &[&str], settings: &[(&str, String)]) -> Child {
    start_with(world, &[&["daemon"], arguments].concat(), &[&[settle(SETTLE)], settings].concat())
}

/// Runs the program to its end; what it wrote.
async fn run(world: &World, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = command(world, arguments);
    let (name, value) = settle(SETTLE);
    command.env(name, value).stdin(Stdio::null());
    let ended = tokio::task::spawn_blocking(move || command.output().expect("the program")).await.expect("no panic");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

fn kill(mut child: Child) {
    child.kill().expect("killed");
    child.wait().expect("gone");
}

/// Exports of a snapshot beyond the first, by the simulator's count.
fn needless(world: &World) -> usize {
    let ledger = world.simulator.ledger();
    ledger.lanes.values().flat_map(|lane| lane.snapshots.values()).map(|one| one.exports.saturating_sub(1)).sum()
}

fn sent(world: &World) -> usize {
    world.simulator.calls().iter().filter(|call| call.operation == "ExportSnapshot").count()
}

/// What lies beside a backup that is restored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CounterBeside {
    Nothing,
    /// The counter file of a database that was made there before.
    OfNewDatabase,
    /// An older state of the lost host's counter file, from a backup of the whole folder.
    OfLastNight,
}

/// A host is lost together with its database, a backup is restored into a new folder, and the daemon goes on there. How many
/// exports were needless.
async fn after_the_loss(beside: CounterBeside, arguments: &[&str]) -> usize {
    let mut world = world(60, LATE).await;
    let restored = tempfile::tempdir().expect("a folder");
    let (copy, database) = (restored.path().join("backup.db"), restored.path().join("test.db"));
    if beside == CounterBeside::OfLastNight {
        let last_night = daemon(&world, &[], &[]);
        eventually("the host has sent some", async || sent(&world) >= 8).await;
        kill(last_night);
        std::fs::copy(counter(world.queue.path()), counter(&database)).expect("copied");
        let this_morning = daemon(&world, &[], &[]);
        eventually("the host has sent more", async || sent(&world) >= 20).await;
        world.queue.backup(&copy, Overwrite::Refuse).await.expect("a backup");
        let before = sent(&world);
        eventually("the host has sent what the backup does not know", async || sent(&world) >= before + 10).await;
        kill(this_morning);
    } else {
        world.queue.backup(&copy, Overwrite::Refuse).await.expect("a backup");
        let lost = daemon(&world, &[], &[]);
        eventually("the lost host has sent some", async || sent(&world) >= 20).await;
        kill(lost);
    }
    if beside == CounterBeside::OfNewDatabase {
        open(&database).await.close().await;
    }
    std::fs::rename(&copy, &database).expect("restored");
    let queue = Queue::open(&database).await.expect("the copy");
    std::mem::replace(&mut world.queue, queue).close().await;
    world.settings.database = DatabaseUrl::at(database);
    let old = std::mem::replace(&mut world.folder, restored);
    old.close().expect("the host is gone with its disk");
    let (code, _, err) = run(&world, &[&["daemon", "--drain"], arguments].concat()).await;
    assert_eq!(code, Some(0), "{err}");
    let jobs = world.queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs");
    assert!(jobs.len() == 60 && jobs.iter().all(|job| job.state == JobState::Succeeded));
    assert!(err.contains("taken over from a copy"), "{} needless exports: {err}", needless(&world));
    needless(&world)
}

#[tokio::test]
async fn what_the_lost_host_has_sent_is_found_and_not_sent_again() {
    assert_eq!(after_the_loss(CounterBeside::Nothing, &[]).await, 0);
}

#[tokio::test]
async fn a_backup_beside_the_counter_file_of_a_new_database_is_a_copy() {
    assert_eq!(after_the_loss(CounterBeside::OfNewDatabase, &[]).await, 0);
}

#[tokio::test]
async fn a_replica_beside_an_older_counter_file_is_a_copy() {
    assert_eq!(after_the_loss(CounterBeside::OfLastNight, &[]).await, 0);
}

#[tokio::test]
async fn without_the_wait_it_would_be_sent_again() {
    assert!(after_the_loss(CounterBeside::Nothing, &["--no-takeover-wait"]).await > 0, "the test above shows nothing");
}

async fn open(path: &Path) -> Queue {
    Queue::open(path).await.expect("a database")
}

/// What the start of a daemon on the file finds, and whether it is a takeover that was found just now.
async fn check(path: &Path, options: TakeoverOptions, at: i64) -> Option<(Takeover, bool)> {
    let queue = open(path).await;
    let found = queue.check_takeover(options, Timestamp(at), Duration::ZERO).await.expect("checked");
    queue.close().await;
    found
}

async fn cause(path: &Path) -> Option<TakeoverCause> {
    let found = check(path, TakeoverOptions::default(), 1).await;
    found.filter(|(_, found)| *found).map(|(takeover, _)| takeover.cause)
}

fn counter(database: &Path) -> PathBuf {
    PathBuf::from(format!("{}.sent", database.display()))
}

/// How many takeovers the database has on record.
async fn takeovers(path: &Path) -> usize {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    let count: i64 =
        sqlx::query_scalar("SELECT count(*) FROM takeovers").fetch_one(&mut connection).await.expect("a count");
    connection.close().await.expect("closed");
    usize::try_from(count).expect("not negative")
}

/// Commits the intent of the next queued job.
async fn intend(queue: &Queue) -> Result<(), QueueError> {
    let run = queue.begin_run(Timestamp(5), "test").await.expect("a run");
    let all = queue.jobs_page(&Selector::default(), None, 100).await.expect("jobs");
    let job = all.iter().find(|job| job.state == JobState::Queued).expect("a job");
    let standing = JobVersion { state: job.state, attempt: job.attempts, used: job.used, max_attempts: 5 };
    let intent = Transition::new(job.id, &standing, snapferry::domain::Event::Intend, Timestamp(5), "test");
    queue.transition(intent.expect("possible").intending(run, 1, None)).await
}

async fn several_jobs(path: &Path) -> Queue {
    let queue = open(path).await;
    super::tracker::write(path, super::tracker::LANE).await;
    for id in 1..=4 {
        let sql = format!(
            "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
             VALUES ({id}, 1, 1, {id}, 'web-{id}', 0, 'adopt', 'queued', 0);"
        );
        super::tracker::write(path, sql.leak()).await;
    }
    queue
}

fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).expect("copied");
}

#[tokio::test]
async fn a_database_is_level_on_whatever_host_as_long_as_its_file_goes_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (here, there) = (folder.path().join("here.db"), folder.path().join("there.db"));
    assert_eq!(cause(&here).await, None, "one that is new");
    let queue = several_jobs(&here).await;
    let before_any = std::fs::read(counter(&here)).expect("a file");
    intend(&queue).await.expect("counted");
    let after_one = std::fs::read(counter(&here)).expect("a file");
    intend(&queue).await.expect("counted");
    queue.close().await;
    assert_eq!(cause(&here).await, None);
    // A kill or a power loss between the commit and the file.
    std::fs::write(counter(&here), after_one).expect("written");
    assert_eq!(cause(&here).await, None);
    copy(&here, &there);
    copy(&counter(&here), &counter(&there));
    assert_eq!(cause(&there).await, None);
    // A file that was copied earlier than its database.
    std::fs::write(counter(&there), before_any).expect("written");
    assert_eq!(cause(&there).await, Some(TakeoverCause::OldFile));
}

#[tokio::test]
async fn a_database_that_is_behind_or_alone_is_a_copy_and_told_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let (here, before, moved) = (path("here.db"), path("before.db"), path("moved.db"));
    let queue = several_jobs(&here).await;
    intend(&queue).await.expect("counted");
    queue.backup(&before, Overwrite::Refuse).await.expect("a backup");
    intend(&queue).await.expect("counted");
    queue.close().await;
    copy(&here, &moved);
    // An older state at the same path; the newer one put back is a copy too, as it does not know what was sent since.
    copy(&before, &here);
    assert_eq!(cause(&here).await, Some(TakeoverCause::Behind));
    assert_eq!(cause(&here).await, None, "once");
    copy(&moved, &here);
    assert_eq!(cause(&here).await, Some(TakeoverCause::Another));
    // A backup, and a file that nobody understands.
    assert_eq!(cause(&before).await, Some(TakeoverCause::NoFile));
    std::fs::write(counter(&before), [0; 40]).expect("written");
    assert_eq!(cause(&before).await, Some(TakeoverCause::NoFile));
    // One that is made anew where exports were sent does not know of them.
    std::fs::remove_file(&here).expect("removed");
    assert_eq!(cause(&here).await, Some(TakeoverCause::Another));
}

#[tokio::test]
async fn a_batch_that_was_brought_into_a_copy_does_not_make_it_look_younger() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("q.db");
    let queue = several_jobs(&path).await;
    intend(&queue).await.expect("counted");
    queue.close().await;
    super::tracker::write(&path, "UPDATE batches SET created_at = 900, sealed_at = 900").await;
    std::fs::remove_file(counter(&path)).expect("removed");
    let (takeover, _) = check(&path, TakeoverOptions::default(), 1000).await.expect("a takeover");
    assert_eq!(takeover.written_at, Some(Timestamp(5)));
}

#[tokio::test]
async fn a_restore_is_declared_once_by_its_name_and_a_waived_wait_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("q.db");
    let named = |name: &str| TakeoverOptions { restored: Some(name.to_owned()), ..TakeoverOptions::default() };
    for (name, at, found) in [("monday", 10, true), ("monday", 20, false), ("tuesday", 30, true), ("monday", 40, false)]
    {
        let (takeover, now) = check(&path, named(name), at).await.expect("a takeover");
        assert_eq!((takeover.cause, now), (TakeoverCause::Declared, found), "{name} at {at}");
        assert_eq!(takeover.found_at, Timestamp(if at < 30 { 10 } else { 30 }));
    }
    // Without a name each start declares one.
    for at in [41, 42] {
        let (takeover, now) = check(&path, named(""), at).await.expect("a takeover");
        assert_eq!((takeover.found_at, now), (Timestamp(at), true));
    }
    let queue = open(&path).await;
    let seconds = Duration::from_secs;
    let waited = async |options, at, elapsed| {
        queue.check_takeover(options, Timestamp(at), elapsed).await.expect("checked");
        queue.takeover_waited(elapsed + seconds(7)).map(|waited| waited.as_secs())
    };
    // The monotonic clock counts what passes in a run, whatever the time of day says and for however long nothing ran.
    let mut total = 0;
    for (passes, at) in [(0, 142), (5, 9_000_000), (0, 5), (7, 142)] {
        queue.store_takeover_wait(seconds(2 + passes)).await.expect("stored");
        total += passes;
        assert_eq!(waited(TakeoverOptions::default(), at, seconds(2)).await, Some(total + 7), "{at}");
        let takeover = queue.takeover().await.expect("read").expect("a takeover");
        assert_eq!((takeover.waited, takeover.left(seconds(20))), (seconds(total), Some(seconds(20 - total))));
        assert_eq!(takeover.left(seconds(total)), None);
    }
    let skipped = TakeoverOptions { wait: TakeoverWait::Waived, ..TakeoverOptions::default() };
    assert_eq!(waited(skipped, 130, Duration::ZERO).await, None);
    assert_eq!(waited(TakeoverOptions::default(), 130, Duration::ZERO).await, None, "it stays waived");
}

#[tokio::test]
async fn an_intent_that_cannot_be_counted_is_not_told_of_and_nothing_more_is_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("q.db");
    let queue = several_jobs(&path).await;
    std::fs::remove_file(counter(&path)).expect("removed");
    std::fs::create_dir(counter(&path)).expect("a folder in its place");
    let refused = intend(&queue).await.expect_err("it cannot be counted");
    assert!(matches!(refused, QueueError::Counter { .. }), "{refused}");
    // It stands on the disk, as after a kill: the next start reconciles it.
    let jobs = queue.jobs_page(&Selector::default(), None, 100).await.expect("jobs");
    assert_eq!(jobs.iter().filter(|job| job.state == JobState::Submitting).count(), 1);
    assert!(queue.begin_run(Timestamp(6), "test").await.is_err(), "the store has stopped");
}

/// Kills a daemon at a point, on a copy; the next one finds the takeover as well, and waits for it.
async fn killed_at(point: &str) {
    let mut world = world(3, Duration::ZERO).await;
    std::fs::remove_file(counter(world.queue.path())).expect("removed");
    let mark = world.folder.path().join("mark");
    let crash = [("CRASH_AT", point.to_owned()), ("CRASH_MARK", mark.display().to_string())];
    let mut child = daemon(&world, &["--drain"], &crash);
    tokio::task::spawn_blocking(move || child.wait().expect("gone")).await.expect("no panic");
    assert!(mark.exists(), "it does not get to {point}");
    world.settings.every_lane.reconcile.settle = Duration::from_millis(500);
    assert_eq!(sent(&world), 0, "killed at {point}");
    world.drain().await;
    let takeover = world.queue.takeover().await.expect("read").expect("a takeover");
    assert_eq!((takeover.cause, sent(&world), needless(&world)), (TakeoverCause::NoFile, 3, 0), "killed at {point}");
}

#[tokio::test]
async fn killed_while_it_is_found_a_takeover_is_found_again_or_stands() {
    for point in ["within-taken-over", "after-taken-over", "counter-level"] {
        killed_at(point).await;
    }
}

async fn waited(world: &World) -> Duration {
    world.queue.takeover().await.expect("read").map_or(Duration::ZERO, |takeover| takeover.waited)
}

#[tokio::test]
async fn a_wait_goes_on_across_kills_and_ends_though_no_run_waits_for_all_of_it() {
    let world = world(3, Duration::ZERO).await;
    std::fs::remove_file(counter(world.queue.path())).expect("removed");
    let mut before = Duration::ZERO;
    while before < SETTLE {
        assert_eq!(sent(&world), 0, "after {before:?}");
        let child = daemon(&world, &[], &[]);
        eventually("some more of the wait is stored", async || waited(&world).await > before).await;
        kill(child);
        before = waited(&world).await;
        assert!(before < 2 * SETTLE, "each run begins anew");
    }
    let (code, _, err) = run(&world, &["daemon", "--drain"]).await;
    assert_eq!((code, sent(&world), needless(&world)), (Some(0), 3, 0), "{err}");
}

#[tokio::test]
async fn an_ordinary_restart_never_waits_also_after_a_kill_at_the_worst_moment() {
    for point in ["within-intend", "after-intend", "intent-counted", "before-call", "answer-heard"] {
        let world = world(5, Duration::ZERO).await;
        let mark = world.folder.path().join("mark");
        let long = ("SNAPFERRY_RECONCILE__SETTLE", "1h".to_owned());
        let crash = [("CRASH_AT", point.to_owned()), ("CRASH_MARK", mark.display().to_string()), long.clone()];
        let mut child = daemon(&world, &[], &crash);
        tokio::task::spawn_blocking(move || child.wait().expect("gone")).await.expect("no panic");
        assert!(mark.exists(), "it does not get to {point}");
        let child = daemon(&world, &[], &[long]);
        // All but the one that was in the middle of its call, which is reconciled within the hour.
        eventually("the others are exported", async || {
            let jobs = world.queue.jobs_page(&Selector::default(), None, 100).await.expect("jobs");
            jobs.iter().filter(|job| job.state == JobState::Succeeded).count() >= 4
        })
        .await;
        kill(child);
        assert_eq!(world.queue.takeover().await.expect("read"), None, "killed at {point}");
    }
}

#[tokio::test]
async fn while_it_waits_every_command_says_so_and_what_shows_is_adopted() {
    let mut world = world(2, Duration::ZERO).await;
    std::fs::remove_file(counter(world.queue.path())).expect("removed");
    let by_hand = lightsail_simulator::ByHand {
        account: None,
        region: super::world::REGION.to_owned(),
        name: "web-001".to_owned(),
    };
    world.simulator.export_by_hand(&by_hand).expect("an export");
    world.settings.every_lane.reconcile.settle = Duration::from_hours(1);
    let hour = ("SNAPFERRY_RECONCILE__SETTLE", "1h".to_owned());
    let child = daemon(&world, &["-v"], std::slice::from_ref(&hour));
    eventually("what shows is adopted during the wait", async || {
        world.job("web-001").await.state == JobState::Succeeded
    })
    .await;
    assert!(world.job("web-001").await.adopted && sent(&world) == 0);
    eventually("the wait is stored", async || waited(&world).await >= Duration::from_secs(1)).await;
    let said = async |arguments: &[&str]| {
        let mut command = command(&world, arguments);
        command.env(hour.0, &hour.1).stdin(Stdio::null());
        let output =
            tokio::task::spawn_blocking(move || command.output().expect("the program")).await.expect("no panic");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let status = said(&["status"]).await;
    for part in [
        "waiting after a takeover until",
        "there is no valid counter file beside it",
        "(cancel, pause) is not in it",
        "59 min",
    ] {
        assert!(status.contains(part), "{part}: {status}");
    }
    let json: serde_json::Value = serde_json::from_str(&said(&["status", "--json"]).await).expect("JSON");
    super::documented(&json);
    assert_eq!(json["takeover"]["cause"], "no_file");
    assert!(json["takeover"]["left_ms"].as_u64().is_some_and(|left| (3_500_000..3_600_000).contains(&left)), "{json}");
    assert_eq!(json["lanes"][0]["bound_by"], serde_json::json!(["takeover"]));
    assert_eq!(json["needs"][0]["kind"], "takeover");
    let why = said(&["why", "1"]).await;
    assert!(why.contains("taken over from a copy of unknown age") && why.contains("59 min"), "{why}");
    kill(child);
    // A person who knows better ends the wait, also one that a run before has begun.
    let (code, _, err) = run(&world, &["daemon", "--drain", "--no-takeover-wait"]).await;
    assert_eq!((code, sent(&world)), (Some(0), 1), "{err}");
}

/// Jobs that export again on purpose, queued in a copy, of which the lost host had sent one.
async fn export_again() -> World {
    let mut world = world(0, Duration::ZERO).await;
    for name in ["again", "other"] {
        let entry = FleetEntry { region: Some(super::world::REGION.to_owned()), ..FleetEntry::named(name) };
        world.simulator.change_snapshot(lightsail_simulator::SnapshotChange::Add(entry)).expect("added");
    }
    let file = world.folder.path().join("fleet.csv");
    std::fs::write(&file, "snapshot_name,region\nagain,eu-west-1\nother,eu-west-1\n").expect("a file");
    let file = file.display().to_string();
    let (code, _, err) = run(&world, &["enqueue", "--export-again", &file]).await;
    assert_eq!(code, Some(0), "{err}");
    let by_hand = |name: &str| lightsail_simulator::ByHand {
        account: None,
        region: super::world::REGION.to_owned(),
        name: name.to_owned(),
    };
    world.simulator.export_by_hand(&by_hand("again")).expect("an export");
    std::fs::remove_file(counter(world.queue.path())).expect("removed");
    world.settings.every_lane.reconcile.settle = Duration::from_millis(500);
    world.drain().await;
    assert_eq!((world.state("again").await, world.state("other").await), (JobState::NeedsReview, JobState::Succeeded));
    assert_eq!((world.sent("again").len(), world.sent("other").len()), (0, 1));
    let job = world.job("again").await;
    assert_eq!(job.error_code.as_ref().map(snapferry::domain::ErrorCode::as_str), Some("ExportedAfterCopy"));
    world
}

#[tokio::test]
async fn a_job_that_exports_again_is_a_persons_where_the_copy_does_not_know_an_export() {
    for (verdict, state, calls) in
        [("--adopt", JobState::Succeeded, 0), ("--send-again", JobState::Succeeded, 1), ("--fail", JobState::Failed, 0)]
    {
        let world = export_again().await;
        let id = world.job("again").await.id.to_string();
        let (code, evidence, _) = run(&world, &["resolve", &id]).await;
        assert!(code.is_some() && evidence.contains("a copy"), "{code:?} {evidence}");
        let ledger = world.simulator.ledger();
        let record =
            ledger.lanes.values().find_map(|lane| lane.snapshots["again"].record_arns.first()).expect("a record");
        let mut arguments = vec!["resolve", &id, verdict];
        arguments.extend((verdict == "--adopt").then_some(record.as_str()));
        let (code, _, err) = run(&world, &arguments).await;
        assert_eq!(code, Some(0), "{verdict}: {err}");
        world.drain().await;
        assert_eq!((world.state("again").await, world.sent("again").len()), (state, calls), "{verdict}");
    }
}
