//! The completion reports that the daemon writes when a batch ends: once for each ending, through a kill and a place
//! that takes no folder.

use crate::bundle::whole;
use crate::crash;
use crate::world::{World, eventually};
use lightsail_simulator::{Fleet, FleetEntry, SimulatorConfig};
use snapferry::domain::{Event, JobState, JobVersion};
use snapferry::queue::Transition;
use sqlx::Connection;
use std::path::{Path, PathBuf};
use std::time::Duration;

async fn world(names: &[&str]) -> (World, PathBuf) {
    let config = SimulatorConfig {
        fleet: Fleet::Listed(names.iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: "20ms".parse().expect("a spread"),
        ..SimulatorConfig::default()
    };
    let mut world = World::new(config).await;
    let reports = world.folder.path().join("reports");
    world.settings.bundle = Some(reports.clone());
    (world, reports)
}

fn beside(reports: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(reports) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name")).collect();
    names.sort();
    names
}

async fn retry(world: &World, name: &str) {
    let job = world.job(name).await;
    let standing = JobVersion { state: job.state, attempt: job.attempts, used: job.used, max_attempts: 5 };
    let retry = Transition::new(job.id, &standing, Event::Retry, world.clock.now(), "ann").expect("a change");
    world.queue.transition(retry).await.expect("retried");
}

#[tokio::test]
async fn a_batch_that_ends_gets_its_report_and_another_when_it_ends_again() {
    let (world, reports) = world(&["web-1", "web-2"]).await;
    world.enqueue(&["web-1", "web-2", "gone-1"]).await;
    world.drain().await;
    assert_eq!(beside(&reports), ["batch"]);
    let first = whole(&reports.join("batch"));
    assert_eq!((&first["states"]["succeeded"], &first["states"]["failed"]), (&2.into(), &1.into()));
    assert_eq!(first["ended"], true);

    // Nothing has changed: nothing is written again.
    world.drain().await;
    assert_eq!(whole(&reports.join("batch")), first);

    retry(&world, "gone-1").await;
    world.drain().await;
    assert_eq!(world.state("gone-1").await, JobState::Failed);
    let second = whole(&reports.join("batch"));
    assert_ne!(second["written_at"], first["written_at"]);
    assert_ne!(second["last_change_at"], first["last_change_at"]);
    assert_eq!(beside(&reports), ["batch"]);
}

#[tokio::test]
async fn a_report_that_somebody_has_worked_on_stays_and_the_next_stands_beside_it() {
    let (world, reports) = world(&["web-1"]).await;
    world.enqueue(&["web-1", "gone-1", "gone-2"]).await;
    world.drain().await;
    let (mine, beside_it) = (reports.join("batch/failed.csv"), "batch@");
    let corrected = std::fs::read_to_string(&mine).expect("a part").replace("gone-1", "web-1x");
    std::fs::write(&mine, &corrected).expect("corrected");
    for _ in 0..2 {
        retry(&world, "gone-2").await;
        world.drain().await;
        let names = beside(&reports);
        assert!(names.len() == 2 && names[0] == "batch" && names[1].starts_with(beside_it), "{names:?}");
        assert_eq!(std::fs::read_to_string(&mine).expect("a part"), corrected);
        assert_eq!(whole(&reports.join(&names[1]))["states"]["failed"], 2);
    }
    // One that is gone holds nobody's work.
    std::fs::remove_file(&mine).expect("removed");
    retry(&world, "gone-2").await;
    world.drain().await;
    assert_eq!(whole(&reports.join("batch"))["states"]["failed"], 2);
}

#[tokio::test]
async fn a_daemon_that_stays_writes_it_too() {
    let (world, reports) = world(&["web-1"]).await;
    let daemon = world.start();
    world.enqueue(&["web-1"]).await;
    eventually("a report", || async { reports.join("batch/manifest.json").exists() }).await;
    assert_eq!(whole(&reports.join("batch"))["states"]["succeeded"], 1);
    daemon.stop().await;
}

#[tokio::test]
async fn a_place_that_takes_no_folder_ends_nothing_and_is_tried_again() {
    let (world, reports) = world(&["web-1"]).await;
    std::fs::write(&reports, "in the way").expect("a file");
    world.enqueue(&["web-1"]).await;
    world.drain().await;
    assert_eq!(world.state("web-1").await, JobState::Succeeded);
    assert_eq!(std::fs::read_to_string(&reports).expect("the file"), "in the way");
    std::fs::remove_file(&reports).expect("removed");
    world.drain().await;
    assert_eq!(whole(&reports.join("batch"))["states"]["succeeded"], 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_stops_no_export_and_the_report_is_written_once_it_can() {
    let (world, reports) = world(&["web-1", "web-2"]).await;
    std::fs::write(&reports, "in the way").expect("a file");
    let daemon = world.start();
    for name in ["web-1", "web-2"] {
        world.enqueue(&[name]).await;
        eventually("an export", || async { world.state(name).await == JobState::Succeeded }).await;
    }
    // Later than the first try.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    std::fs::remove_file(&reports).expect("removed");
    eventually("both reports", || async { beside(&reports).iter().filter(|name| !name.starts_with('.')).count() == 2 })
        .await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_store_that_refuses_what_a_report_notes_stops_no_export_and_is_tried_again() {
    let (world, reports) = world(&["web-1", "web-2"]).await;
    let refuses =
        "CREATE TRIGGER refuses BEFORE UPDATE OF bundled ON batches BEGIN SELECT RAISE(ABORT, 'not now'); END";
    sql(world.queue.path(), refuses).await;
    let daemon = world.start();
    world.enqueue(&["web-1"]).await;
    eventually("a report", || async { reports.join("batch/manifest.json").exists() }).await;
    world.enqueue(&["web-2"]).await;
    eventually("an export", || async { world.state("web-2").await == JobState::Succeeded }).await;
    sql(world.queue.path(), "DROP TRIGGER refuses").await;
    eventually("all is noted", || async { world.queue.next_ending(None).await.expect("looked").is_none() }).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_drain_that_has_exported_all_ends_well_where_its_report_cannot_be_noted() {
    let (world, _) = world(&["web-1"]).await;
    let refuses =
        "CREATE TRIGGER refuses BEFORE UPDATE OF bundled ON batches BEGIN SELECT RAISE(ABORT, 'not now'); END";
    sql(world.queue.path(), refuses).await;
    world.enqueue(&["web-1"]).await;
    world.drain().await;
    assert_eq!(world.state("web-1").await, JobState::Succeeded);
}

#[tokio::test]
async fn another_databases_report_of_that_name_stays() {
    let (mut world, _) = world(&["web-1"]).await;
    let home = tempfile::tempdir().expect("a folder");
    let reports = home.path().join("reports");
    world.settings.bundle = Some(reports.clone());
    world.enqueue(&["web-1"]).await;
    world.drain().await;
    let first = whole(&reports.join("batch"));
    let world = world.with_an_empty_database().await;
    world.enqueue(&["web-1"]).await;
    world.drain().await;
    assert_eq!(whole(&reports.join("batch")), first);
    let names = beside(&reports);
    assert_eq!(names.len(), 2);
    assert!(names[1].starts_with("batch@20"), "{names:?}");
    let second = whole(&reports.join(&names[1]));
    assert_eq!(second["adopted"], 1);
}

async fn sql(path: &Path, sql: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.expect("the rows");
    connection.close().await.expect("closed");
}

#[tokio::test]
async fn what_a_kill_cut_off_is_written_at_the_next_start() {
    const ROWS: u32 = 30_000;
    let (world, reports) = world(&["web-1"]).await;
    // A batch that has ended, and whose report takes long enough to be killed in the middle.
    sql(
        world.queue.path(),
        &format!(
            "INSERT INTO lanes (id, account, region) VALUES (1, 'default', 'eu-west-1');
             INSERT INTO batches (id, name, source, state, created_at, sealed_at, rows_read, rows_new)
             VALUES (1, 'big', 'big.csv', 'sealed', 1795456800000, 1795456800000, {ROWS}, {ROWS});
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
             INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, destination_id,
                               queued_at, finished_at)
             SELECT i, 1, 1, i + 1, 'snap-' || i, 0, 'adopt', 'succeeded', 'ami-' || i, 1795456800000, 1795456900000 FROM n;
             INSERT INTO batch_rows (batch_id, line, job_id, disposition) SELECT 1, line, id, 'new' FROM jobs;
             INSERT INTO job_counts SELECT 1, 1, 'succeeded', {ROWS}, {ROWS};"
        ),
    )
    .await;
    let mut child = with_reports(&world, &reports);
    eventually("a report in the making", || async {
        beside(&reports).iter().any(|name| name.starts_with(".snapferry-report-"))
    })
    .await;
    child.kill().expect("killed");
    child.wait().expect("gone");
    let left = beside(&reports);
    assert_eq!(left.len(), 1, "no report, and one that was cut off: {left:?}");
    assert!(left[0].starts_with(".snapferry-report-"), "{left:?}");

    let mut child = with_reports(&world, &reports);
    assert!(child.wait().expect("an end").success());
    assert_eq!(beside(&reports), ["big"]);
    assert_eq!(whole(&reports.join("big"))["states"]["succeeded"], ROWS);
}

fn with_reports(world: &World, reports: &Path) -> std::process::Child {
    crash::start_with(
        world,
        &["daemon", "--drain", "-q"],
        &[("SNAPFERRY_REPORT__BUNDLE", reports.display().to_string())],
    )
}
