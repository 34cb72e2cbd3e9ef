//! A database that has had the first migration and none after it, with something in every table and a job in every state.
//! Today's program brings it up to date in place, and every command that reads can read it.

use super::disk::told;
use super::stored::Stored;
use super::world::{World, eventually};
use lightsail_simulator::{Fleet, FleetEntry, SimulatorConfig};
use snapferry::domain::JobState;
use snapferry::queue::{Queue, Selector};
use snapferry::settings::DatabaseUrl;
use snapferry_test_disk::{Disk, Op, Strike, What};
use sqlx::{Connection, SqliteConnection};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

const STATES: [JobState; 8] = [
    JobState::Queued,
    JobState::Submitting,
    JobState::Exporting,
    JobState::Unknown,
    JobState::NeedsReview,
    JobState::Succeeded,
    JobState::Failed,
    JobState::Cancelled,
];

fn here(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// The migrations by their version.
fn migrations() -> BTreeMap<i64, PathBuf> {
    let entries = std::fs::read_dir(here("migrations")).expect("a folder").map(|entry| entry.expect("an entry").path());
    let version = |path: &Path| path.file_name()?.to_str()?.split('_').next()?.parse().ok();
    entries.filter_map(|path| Some((version(&path)?, path))).collect()
}

/// The version of the first of them.
fn first() -> i64 {
    *migrations().keys().next().expect("a migration")
}

async fn connect(path: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options.foreign_keys(false)).await.expect("a connection")
}

async fn run(db: &mut SqliteConnection, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(db).await.expect("it runs");
}

async fn tables(db: &mut SqliteConnection) -> Vec<String> {
    let ours = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@'";
    sqlx::query_scalar(ours).fetch_all(db).await.expect("names")
}

/// What the schema is made of, without the migrations' own table.
async fn schema(db: &mut SqliteConnection) -> BTreeSet<String> {
    let all: Vec<String> = sqlx::query_scalar(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND tbl_name NOT IN ('_sqlx_migrations', 'sqlite_sequence')",
    )
    .fetch_all(db)
    .await
    .expect("a schema");
    all.into_iter().collect()
}

/// A database of the first schema in a folder of its own.
async fn old() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, until) = (folder.path().join("snapferry.db"), folder.path().join("migrations"));
    std::fs::create_dir(&until).expect("a folder");
    let migration = &migrations()[&first()];
    std::fs::copy(migration, until.join(migration.file_name().expect("a name"))).expect("copied");
    let mut db = connect(&path).await;
    run(&mut db, "PRAGMA application_id = 0x536e4679".to_owned()).await;
    sqlx::migrate::Migrator::new(until).await.expect("a migration").run(&mut db).await.expect("migrated");
    run(&mut db, std::fs::read_to_string(here("tests/fixtures/first_schema.sql")).expect("a fixture")).await;
    db.close().await.expect("closed");
    (folder, path)
}

/// What all the migrations make.
async fn todays_schema(folder: &Path) -> BTreeSet<String> {
    let mut fresh = connect(&folder.join("fresh.db")).await;
    for migration in migrations().into_values() {
        run(&mut fresh, std::fs::read_to_string(migration).expect("a migration")).await;
    }
    schema(&mut fresh).await
}

#[tokio::test]
async fn the_old_database_has_something_of_everything() {
    let (_folder, path) = old().await;
    let mut db = connect(&path).await;
    for table in tables(&mut db).await {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut db).await.expect("a count");
        assert!(rows > 0, "nothing in {table}");
    }
    let states: Vec<String> =
        sqlx::query_scalar("SELECT DISTINCT state FROM jobs").fetch_all(&mut db).await.expect("states");
    for state in STATES {
        assert!(states.iter().any(|found| found == state.as_str()), "no job is {state:?}");
    }
    assert!(migrations().len() > 1, "nothing would be migrated");
}

#[tokio::test]
async fn an_old_database_is_migrated_in_place_and_every_reading_command_reads_it() {
    let (folder, path) = old().await;
    let before = jobs_of(&path).await;

    let queue = Queue::open(&path).await.expect("a database");
    let after = queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs");
    let after: Vec<_> = after
        .iter()
        .map(|job| (job.id.0, job.snapshot_name.as_str().to_owned(), job.state.as_str().to_owned()))
        .collect();
    assert_eq!(after, before, "every job is there as it was");

    let stored = Stored { folder, queue };
    let ids: Vec<String> = before.iter().map(|(id, ..)| id.to_string()).collect();
    let mut lines = vec![
        vec!["status"],
        vec!["status", "--json"],
        vec!["status", "--batch", "fleet"],
        vec!["jobs"],
        vec!["jobs", "--json"],
        vec!["report"],
        vec!["report", "--batch", "fleet"],
    ];
    lines
        .extend(["table", "csv", "json", "jsonl"].map(|format| vec!["report", "--batch", "fleet", "--format", format]));
    lines.extend(ids.iter().map(|id| vec!["show", id.as_str()]));
    for line in lines {
        let out = stored.run(&line).await.done();
        assert!(!out.is_empty(), "{line:?} says nothing");
    }

    let mut db = connect(&path).await;
    let whole: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut db).await.expect("a check");
    assert_eq!(whole, ["ok"]);
    let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut db).await.expect("a check");
    assert!(broken.is_empty(), "references without an end");
    let applied: i64 =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut db).await.expect("one");
    assert_eq!(Some(&applied), migrations().keys().next_back());
    let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut db).await.expect("a mode");
    assert_eq!(journal, "wal", "a dump has lost it");
    assert_eq!(schema(&mut db).await, todays_schema(stored.folder.path()).await, "migrated, it is as if made today");
}

/// Within each migration that is still to be made, and after the last of them.
#[tokio::test]
async fn killed_in_the_middle_of_a_migration_a_database_is_as_it_was_or_as_it_is_to_be() {
    let missing: Vec<i64> = migrations().into_keys().skip(1).collect();
    // Each of them is two commits: what it changes with the note that it is made, and then how long that took.
    let points = (1..=2 * missing.len()).map(|nth| ("within-migrated", nth)).chain([("after-migrated", 1)]);
    for (at, nth) in points {
        let (folder, path) = old().await;
        let jobs = jobs_of(&path).await;
        let mark = folder.path().join("mark");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_snapferry"));
        command.args(["resume", "--state", "queued", "--yes"]).env_clear().env("HOME", folder.path());
        command.env("SNAPFERRY_DATABASE", format!("sqlite://{}", path.display()));
        command.env("CRASH_AT", at).env("CRASH_NTH", nth.to_string()).env("CRASH_MARK", &mark);
        let ended = command.output().expect("the program");
        assert_eq!((ended.status.signal(), mark.exists()), (Some(9), true), "{at} {nth}: {ended:?}");

        let mut db = connect(&path).await;
        let applied: i64 =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut db).await.expect("one");
        let done = if at == "after-migrated" { missing.len() } else { nth / 2 };
        assert_eq!(applied, missing.iter().take(done).next_back().copied().unwrap_or(first()), "{at} {nth}");
        db.close().await.expect("closed");

        Queue::open(&path).await.unwrap_or_else(|error| panic!("{at} {nth}: {error}")).close().await;
        assert_eq!(jobs_of(&path).await, jobs, "{at} {nth}");
        let mut db = connect(&path).await;
        assert_eq!(schema(&mut db).await, todays_schema(folder.path()).await, "{at} {nth}");
    }
}

/// What an older version left in the middle of its work, today's daemon brings to its end.
#[tokio::test]
async fn a_daemon_ends_what_an_older_version_has_begun_and_exports_nothing_twice() {
    let (_folder, path) = old().await;
    let names = ["db-primary-nightly-2026-11-22", "db-2", "edge-1", "edge-2", "edge-3"];
    let fleet = Fleet::Listed(names.iter().map(|name| FleetEntry::named(name)).collect());
    let mut world = World::new(SimulatorConfig { fleet, ..SimulatorConfig::default() }).await;
    world.queue.clone().close().await;
    world.queue = Queue::open(&path).await.expect("a database");
    world.settings.database = DatabaseUrl::at(path);
    let daemon = world.start();
    let is_over = async |name| {
        let state = world.job(name).await.state;
        !state.is_live() || state == JobState::NeedsReview
    };
    for name in names {
        eventually(name, async || is_over(name).await).await;
    }
    daemon.stop().await;
    for name in names {
        let job = world.job(name).await;
        let state = match name {
            // Its operation is of another Lightsail, and nobody will ever tell how it ended.
            "db-2" => JobState::NeedsReview,
            _ => JobState::Succeeded,
        };
        let exports = usize::from(state == JobState::Succeeded);
        assert_eq!((job.state, world.exports(name)), (state, exports), "{job:?}");
    }
}

/// Each write and sync of bringing an old database up to date meets a disk that is full or that fails, ever further apart.
#[tokio::test]
async fn struck_in_the_middle_of_a_migration_a_database_says_why_and_is_brought_up_to_date_later() {
    let mut struck = 0;
    for (op, what, why) in [
        (Op::Write, What::Full, "is full"),
        (Op::Write, What::Error, "I/O error"),
        (Op::Sync, What::Error, "I/O error"),
    ] {
        let mut nth = 1;
        loop {
            let case = format!("{op:?} {nth} {what:?}");
            let (folder, path) = old().await;
            let jobs = jobs_of(&path).await;
            let disk = Disk::mount(folder.path(), Some(Strike { op, nth, what }));
            let opened = Queue::open(&path).await;
            let has_struck = disk.has_struck();
            disk.heal();
            match opened {
                Ok(queue) => queue.close().await,
                Err(error) => {
                    let told = told(&error);
                    assert!(told.contains(why) && !told.contains('\n'), "{case}: {told}");
                    struck += 1;
                }
            }
            Queue::open(&path).await.unwrap_or_else(|error| panic!("{case}: {}", told(&error))).close().await;
            assert_eq!(jobs_of(&path).await, jobs, "{case}");
            let mut db = connect(&path).await;
            assert_eq!(schema(&mut db).await, todays_schema(folder.path()).await, "{case}");
            if !has_struck {
                break;
            }
            nth += 1 + nth / 3;
        }
    }
    assert!(struck > 10, "{struck}");
}

async fn jobs_of(path: &Path) -> Vec<(i64, String, String)> {
    let mut db = connect(path).await;
    let jobs = sqlx::query_as("SELECT id, snapshot_name, state FROM jobs ORDER BY id").fetch_all(&mut db).await;
    db.close().await.expect("closed");
    jobs.expect("jobs")
}
