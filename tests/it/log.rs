//! The write-ahead log beside readers that are long, and many.

use super::stored::Stored;
use super::world::eventually;
use snapferry::domain::LaneId;
use sqlx::{Connection, SqliteConnection};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// What a log may come to that nobody reads from: what its file is cut to, and what is written until it is looked at.
const BOUND: u64 = 80 << 20;

fn log_of(stored: &Stored) -> PathBuf {
    let mut name = stored.queue.path().as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn size(log: &Path) -> u64 {
    log.metadata().map_or(0, |log| log.len())
}

/// Writes so much as other processes would, without copying it.
async fn write(stored: &Stored, mebibytes: u32) {
    stored
        .sql(&format!(
            "PRAGMA wal_autocheckpoint = 0;
             CREATE TABLE IF NOT EXISTS ballast (bytes BLOB);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {mebibytes})
             INSERT INTO ballast SELECT randomblob(1000000) FROM n"
        ))
        .await;
}

#[tokio::test]
async fn the_log_grows_while_a_long_reader_needs_it_and_begins_anew_after_that() {
    let stored = Stored::many(10).await;
    let log = log_of(&stored);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(stored.queue.path());
    let mut reader = SqliteConnection::connect_with(&options).await.expect("a connection");
    let mut reading = reader.begin().await.expect("begun");
    let _: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&mut *reading).await.expect("a count");
    write(&stored, 128).await;
    assert!(size(&log) > BOUND, "{}", size(&log));
    // A daemon's commits go on, and what the reader saw stays.
    for rate in 1..=20 {
        stored.queue.learn_rate(LaneId(1), f64::from(rate)).await.expect("written");
    }
    let jobs: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&mut *reading).await.expect("a count");
    assert_eq!(jobs, 10);
    reading.commit().await.expect("ended");
    let rate = AtomicU32::new(100);
    eventually("the log is short again", async || {
        let rate = f64::from(rate.fetch_add(1, Ordering::Relaxed));
        stored.queue.learn_rate(LaneId(1), rate).await.expect("written");
        size(&log) < BOUND
    })
    .await;
}
