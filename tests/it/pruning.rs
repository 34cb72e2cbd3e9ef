//! What is over for long is taken away, and is not exported again for it.

use super::stored::Stored;
use super::world::{REGION, World, eventually};
use lightsail_simulator::{Fleet, FleetEntry, SimulatorConfig};
use snapferry::domain::{JobState, Timestamp};
use snapferry::queue::Queue;
use sqlx::Connection;
use std::time::Duration;

const A_DAY: Duration = Duration::from_hours(24);

async fn world(names: &[&str]) -> World {
    let config = SimulatorConfig {
        fleet: Fleet::Listed(names.iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: "1ms".parse().expect("a spread"),
        ..SimulatorConfig::default()
    };
    let mut world = World::new(config).await;
    world.settings.bundle = Some(world.folder.path().join("reports"));
    world.settings.prune_after = Some(A_DAY);
    world
}

async fn sql(queue: &Queue, sql: &str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(queue.path());
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut db).await.expect("done");
    db.close().await.expect("closed");
}

async fn count(queue: &Queue, sql: &str) -> i64 {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(queue.path());
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    let count = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut db).await.expect("a count");
    db.close().await.expect("closed");
    count
}

const LONG_AGO: &str = "UPDATE batches SET bundled_at = 1 WHERE bundled IS NOT NULL";
const LEFT: &str = "SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM batch_rows) + (SELECT count(*) FROM attempts)
                         + (SELECT count(*) FROM transitions) + (SELECT count(*) FROM batches) + (SELECT count(*) FROM job_counts)";

#[tokio::test]
async fn what_was_exported_and_pruned_is_adopted_when_it_is_enqueued_again() {
    let world = world(&["one", "two"]).await;
    world.enqueue_in(&[(REGION, "one"), (REGION, "two"), (REGION, "gone")]).await;
    world.drain().await;
    assert_eq!(world.state("one").await, JobState::Succeeded);
    let first = world.job("one").await;
    world.drain().await;
    assert_ne!(count(&world.queue, LEFT).await, 0, "it is not a day old");
    sql(&world.queue, LONG_AGO).await;
    world.drain().await;
    assert_eq!(count(&world.queue, LEFT).await, 0);
    assert_eq!(count(&world.queue, "SELECT count(*) FROM pragma_foreign_key_check").await, 0);

    world.enqueue_in(&[(REGION, "one"), (REGION, "two"), (REGION, "gone")]).await;
    world.drain().await;
    for name in ["one", "two"] {
        let job = world.job(name).await;
        assert_eq!((job.state, job.adopted, job.attempts), (JobState::Succeeded, true, 0), "{name}");
        assert_eq!((world.exports(name), world.sent(name).len()), (1, 1), "{name}");
    }
    let again = world.job("one").await;
    assert_eq!(again.destination_id, first.destination_id);
    assert!(again.id > first.id, "a number is given once");
    assert_eq!(world.state("gone").await, JobState::Failed);
}

#[tokio::test]
async fn pruning_that_fails_stops_no_export_and_is_tried_again() {
    let world = world(&["one", "two"]).await;
    world.enqueue_in(&[(REGION, "one")]).await;
    world.drain().await;
    sql(&world.queue, LONG_AGO).await;
    let refuses =
        "CREATE TRIGGER refuses BEFORE UPDATE OF pruned_at ON batches BEGIN SELECT RAISE(ABORT, 'not now'); END";
    sql(&world.queue, refuses).await;
    let daemon = world.start();
    world.enqueue_in(&[(REGION, "two")]).await;
    eventually("an export", || async { world.state("two").await == JobState::Succeeded }).await;
    sql(&world.queue, "DROP TRIGGER refuses").await;
    let old = "SELECT count(*) FROM jobs WHERE snapshot_name = 'one'";
    eventually("the old batch is pruned", || async { count(&world.queue, old).await == 0 }).await;
    daemon.stop().await;
}

/// Batch 1 with three jobs that have ended, reported at 1000; batch 2 with a row that points to one of them, and one of its
/// own that has ended too.
async fn two_batches() -> Stored {
    let stored = Stored::empty().await;
    stored
        .sql(
            "INSERT INTO lanes (id, account, region) VALUES (1, 'default', 'eu-west-1');
             INSERT INTO batches (id, name, source, state, created_at, sealed_at, rows_read, rows_new, rows_live, bundled,
                                  bundled_at)
             VALUES (1, 'old', 'x', 'sealed', 1, 1, 3, 3, 0, 0, 1000), (2, 'young', 'x', 'sealed', 1, 1, 2, 1, 1, 0, 2000);
             INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, destination_id,
                               queued_at, finished_at)
             VALUES (1, 1, 1, 1, 'web-a', 0, 'adopt', 'succeeded', 'ami-1', 1, 5),
                    (2, 1, 1, 2, 'web-b', 0, 'adopt', 'succeeded', 'ami-2', 1, 5),
                    (3, 1, 1, 3, 'web-c', 0, 'adopt', 'succeeded', 'ami-3', 1, 5),
                    (4, 1, 2, 2, 'web-d', 0, 'adopt', 'succeeded', 'ami-4', 1, 5);
             INSERT INTO batch_rows (batch_id, line, job_id, disposition)
             VALUES (1, 1, 1, 'new'), (1, 2, 2, 'new'), (1, 3, 3, 'new'), (2, 1, 2, 'live'), (2, 2, 4, 'new');
             INSERT INTO job_counts VALUES (1, 1, 'succeeded', 3, 3), (1, 2, 'succeeded', 1, 1);",
        )
        .await;
    stored
}

async fn names(stored: &Stored) -> Vec<String> {
    stored.queue.batch_names().await.expect("names").into_iter().map(|name| name.to_string()).collect()
}

async fn next(stored: &Stored, by: i64) -> Option<String> {
    let mut pruner = stored.queue.pruner().await.expect("a pruner");
    let found = pruner.next(Timestamp(by), None).await.expect("looked");
    pruner.close().await;
    found.map(|found| found.name.to_string())
}

#[tokio::test]
async fn a_batch_is_pruned_once_it_is_old_reported_as_it_stands_and_no_other_needs_it() {
    let stored = two_batches().await;
    assert_eq!(next(&stored, 1999).await, None, "a row of the young one points to a job of the old one");
    assert_eq!(next(&stored, 2000).await.as_deref(), Some("young"));
    stored.sql("UPDATE batches SET amended = 1 WHERE id = 2").await;
    assert_eq!(next(&stored, 2000).await, None, "the report is of another ending");
    stored.sql("UPDATE batches SET bundled = NULL, bundled_at = NULL WHERE id = 2").await;
    assert_eq!(next(&stored, 2000).await, None, "there is no report");
    stored.sql("DELETE FROM batch_rows WHERE batch_id = 2 AND line = 1").await;
    assert_eq!(next(&stored, 999).await, None, "too young");
    assert_eq!(next(&stored, 1000).await.as_deref(), Some("old"));
}

#[tokio::test]
async fn a_batch_that_is_being_pruned_is_not_seen_and_its_name_is_free() {
    let stored = two_batches().await;
    // It was stopped by its circuit breaker, and so had its lane.
    stored
        .sql(
            "INSERT INTO outcomes VALUES (1, 2, 's', 0, NULL, 0), (1, 0, 's', 0, NULL, 0);
             INSERT INTO breaker_openings (lane_id, batch_id, opened_at, failed, ended, waits_from, wait, probe, closed_at, closed_by)
             VALUES (1, 2, 1, 1, 1, 1, 1, 4, 2, 'daemon'), (1, NULL, 1, 1, 1, 1, 1, 4, 2, 'daemon');",
        )
        .await;
    let mut pruner = stored.queue.pruner().await.expect("a pruner");
    let young = pruner.next(Timestamp(2000), None).await.expect("looked").expect("a batch").batch;
    // Taken up again at the last moment.
    stored.sql("UPDATE batches SET amended = 1 WHERE id = 2").await;
    assert!(!pruner.begin(young, Timestamp(3000)).await.expect("asked"));
    stored.sql("UPDATE batches SET bundled = 1 WHERE id = 2").await;
    assert!(pruner.begin(young, Timestamp(3000)).await.expect("begun"));
    pruner.close().await;
    assert_eq!(names(&stored).await, ["old"]);
    let jobs = stored.run(&["jobs"]).await.done();
    assert!(!jobs.contains("young"), "{jobs}");
    assert!(!stored.run(&["status"]).await.done().contains("young"));
    // A load takes away what killed loads have left, and this is none.
    assert_eq!(stored.queue.drop_killed_loads("a test").await.expect("looked"), 0);

    // Another process ends what was begun, and then the old one may go too.
    let mut pruner = stored.queue.pruner().await.expect("a pruner");
    while pruner.take_away().await.expect("taken") {}
    pruner.close().await;
    assert_eq!(count(&stored.queue, "SELECT count(*) FROM jobs").await, 3);
    assert_eq!(count(&stored.queue, "SELECT count(*) FROM outcomes WHERE batch_id = 2").await, 0);
    assert_eq!(count(&stored.queue, "SELECT count(*) FROM breaker_openings").await, 1, "the lane's stays");
    assert_eq!(next(&stored, 2000).await.as_deref(), Some("old"));
    assert_eq!(count(&stored.queue, "SELECT count(*) FROM pragma_foreign_key_check").await, 0);
}

#[tokio::test]
async fn the_file_gives_back_what_is_pruned_also_one_that_could_not_before() {
    for older in [false, true] {
        let stored = Stored::many(20_000).await;
        stored
            .sql(
                "UPDATE jobs SET state = 'succeeded', destination_id = 'ami-1', finished_at = 5;
                 UPDATE batches SET bundled = amended, bundled_at = 5;",
            )
            .await;
        if older {
            stored.sql("PRAGMA auto_vacuum = NONE; VACUUM;").await;
        }
        let pages = "SELECT page_count FROM pragma_page_count";
        let before = count(&stored.queue, pages).await;
        let mut pruner = stored.queue.pruner().await.expect("a pruner");
        assert_eq!(pruner.make_shrinkable().await.expect("written anew"), older);
        let batch = pruner.next(Timestamp(5), None).await.expect("looked").expect("a batch").batch;
        assert!(pruner.begin(batch, Timestamp(6)).await.expect("begun"));
        while pruner.take_away().await.expect("taken") {}
        while pruner.give_back().await.expect("given back") {}
        pruner.close().await;
        let after = count(&stored.queue, pages).await;
        assert!(after * 10 < before, "{before} pages, then {after}");
        let sound = "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'";
        assert_eq!(count(&stored.queue, sound).await, 0);
    }
}
