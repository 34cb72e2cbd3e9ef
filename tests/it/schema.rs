//! Databases of every schema there ever was: `tests/fixtures/schema` has one of each, with something in every table and a job
//! in every state. Today's program opens them in place, and every command that reads can read them.

use super::disk::told;
use super::stored::Stored;
use super::world::{World, eventually};
use snapferry::domain::JobState;
use snapferry::queue::{Queue, Selector};
use snapferry::settings::DatabaseUrl;
use snapferry::simulator::{Fleet, FleetEntry, SimulatorConfig};
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

/// The SQL files of a folder by the version that their names begin with.
fn versions(folder: &str) -> BTreeMap<i64, PathBuf> {
    let entries = std::fs::read_dir(here(folder)).expect("a folder").map(|entry| entry.expect("an entry").path());
    let version = |path: &Path| path.file_name()?.to_str()?.split(['_', '.']).next()?.parse().ok();
    entries.filter_map(|path| Some((version(&path)?, path))).collect()
}

/// The schemas that a migration has followed upon, and that no fixture is of.
fn missing(migrations: &BTreeSet<i64>, fixtures: &BTreeSet<i64>) -> Vec<i64> {
    let before_last = migrations.len().saturating_sub(1);
    migrations.iter().take(before_last).filter(|version| !fixtures.contains(version)).copied().collect()
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

/// A database of a fixture in a folder of its own.
async fn made_of(fixture: &Path) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("snapferry.db");
    let mut db = connect(&path).await;
    run(&mut db, std::fs::read_to_string(fixture).expect("a fixture")).await;
    db.close().await.expect("closed");
    (folder, path)
}

#[test]
fn every_schema_that_a_migration_followed_upon_has_its_fixture() {
    let of = |folder| versions(folder).into_keys().collect::<BTreeSet<_>>();
    let missing = missing(&of("migrations"), &of("tests/fixtures/schema"));
    assert_eq!(
        missing, [0; 0],
        "run `cargo test make_the_missing_fixtures -- --ignored`, and fill what is new in them"
    );
}

#[test]
fn a_migration_without_a_fixture_of_what_was_before_it_is_noticed() {
    let set = |versions: &[i64]| versions.iter().copied().collect::<BTreeSet<_>>();
    assert_eq!(missing(&set(&[1]), &set(&[])), [0; 0], "the first follows upon nothing");
    assert_eq!(missing(&set(&[1, 2]), &set(&[1])), [0; 0]);
    assert_eq!(missing(&set(&[1, 2, 3]), &set(&[1])), [2]);
    assert_eq!(missing(&set(&[1, 2]), &set(&[2])), [1]);
}

#[tokio::test]
async fn every_fixture_is_what_its_migrations_made_and_has_something_of_everything() {
    for (version, fixture) in versions("tests/fixtures/schema") {
        let (folder, path) = made_of(&fixture).await;
        let mut db = connect(&path).await;
        let mut fresh = connect(&folder.path().join("fresh.db")).await;
        for (_, migration) in versions("migrations").range(..=version) {
            run(&mut fresh, std::fs::read_to_string(migration).expect("a migration")).await;
        }
        assert_eq!(schema(&mut db).await, schema(&mut fresh).await, "{version}");
        for table in tables(&mut db).await {
            let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
            let rows: i64 = sqlx::query_scalar(count).fetch_one(&mut db).await.expect("a count");
            assert!(rows > 0, "{version}: nothing in {table}");
        }
        let states: Vec<String> =
            sqlx::query_scalar("SELECT DISTINCT state FROM jobs").fetch_all(&mut db).await.expect("states");
        for state in STATES {
            assert!(states.iter().any(|found| found == state.as_str()), "{version}: no job is {state:?}");
        }
        let applied: i64 =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut db).await.expect("one");
        assert_eq!(applied, version);
    }
}

#[tokio::test]
async fn a_database_of_any_version_is_migrated_in_place_and_every_reading_command_reads_it() {
    let newest = *versions("migrations").keys().next_back().expect("a migration");
    for (version, fixture) in versions("tests/fixtures/schema") {
        let (folder, path) = made_of(&fixture).await;
        let before = jobs_of(&path).await;

        let queue = Queue::open(&path).await.unwrap_or_else(|error| panic!("{version}: {error}"));
        let after = queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs");
        let after: Vec<_> = after
            .iter()
            .map(|job| (job.id.0, job.snapshot_name.as_str().to_owned(), job.state.as_str().to_owned()))
            .collect();
        assert_eq!(after, before, "{version}: every job is there as it was");

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
        lines.extend(
            ["table", "csv", "json", "jsonl"].map(|format| vec!["report", "--batch", "fleet", "--format", format]),
        );
        lines.extend(ids.iter().map(|id| vec!["show", id.as_str()]));
        for line in lines {
            let out = stored.run(&line).await.done();
            assert!(!out.is_empty(), "{version}: {line:?} says nothing");
        }

        let mut db = connect(&path).await;
        let whole: Vec<String> =
            sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut db).await.expect("a check");
        assert_eq!(whole, ["ok"], "{version}");
        let broken = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut db).await.expect("a check");
        assert!(broken.is_empty(), "{version}: references without an end");
        let applied: i64 =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut db).await.expect("one");
        assert_eq!(applied, newest, "{version}");
        let journal: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut db).await.expect("a mode");
        assert_eq!(journal, "wal", "{version}: a dump has lost it");
        let mut fresh = connect(&stored.folder.path().join("fresh.db")).await;
        for migration in versions("migrations").into_values() {
            run(&mut fresh, std::fs::read_to_string(migration).expect("a migration")).await;
        }
        assert_eq!(schema(&mut db).await, schema(&mut fresh).await, "{version}: migrated, it is as if made today");
    }
}

/// Within each migration that is still to be made, and after the last of them.
#[tokio::test]
async fn killed_in_the_middle_of_a_migration_a_database_is_as_it_was_or_as_it_is_to_be() {
    let migrations: Vec<i64> = versions("migrations").into_keys().collect();
    for (version, fixture) in versions("tests/fixtures/schema") {
        let left = migrations.iter().filter(|one| **one > version).count();
        // Each of them is two commits: what it changes with the note that it is made, and then how long that took.
        let points = (1..=2 * left).map(|nth| ("within-migrated", nth)).chain([("after-migrated", 1)]);
        for (at, nth) in points {
            let (folder, path) = made_of(&fixture).await;
            let jobs = jobs_of(&path).await;
            let mark = folder.path().join("mark");
            let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_snapferry"));
            command.arg("status").env_clear().env("HOME", folder.path());
            command.env("SNAPFERRY_DATABASE", format!("sqlite://{}", path.display()));
            command.env("CRASH_AT", at).env("CRASH_NTH", nth.to_string()).env("CRASH_MARK", &mark);
            let ended = command.output().expect("the program");
            assert_eq!((ended.status.signal(), mark.exists()), (Some(9), true), "{version} {at} {nth}: {ended:?}");

            let mut db = connect(&path).await;
            let applied: i64 =
                sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&mut db).await.expect("one");
            let done = if at == "after-migrated" { left } else { nth / 2 };
            let expected = migrations.iter().filter(|one| **one > version).take(done).last().unwrap_or(&version);
            assert_eq!(applied, *expected, "{version} {at} {nth}");
            db.close().await.expect("closed");

            Queue::open(&path).await.unwrap_or_else(|error| panic!("{version} {at} {nth}: {error}")).close().await;
            assert_eq!(jobs_of(&path).await, jobs, "{version} {at} {nth}");
            let mut db = connect(&path).await;
            let mut fresh = connect(&folder.path().join("fresh.db")).await;
            for migration in versions("migrations").into_values() {
                run(&mut fresh, std::fs::read_to_string(migration).expect("a migration")).await;
            }
            assert_eq!(schema(&mut db).await, schema(&mut fresh).await, "{version} {at} {nth}");
        }
    }
}

/// What an older version left in the middle of its work, today's daemon brings to its end.
#[tokio::test]
async fn a_daemon_ends_what_an_older_version_has_begun_and_exports_nothing_twice() {
    // Most of it is waiting.
    futures_util::future::join_all(versions("tests/fixtures/schema").into_values().map(ends)).await;
}

async fn ends(fixture: PathBuf) {
    let (_folder, path) = made_of(&fixture).await;
    let names = ["db-primary-nightly-2026-11-22", "db-2", "edge-1", "edge-2", "edge-3"];
    let fleet = Fleet::Listed(names.iter().map(|name| FleetEntry::named(name)).collect());
    let mut world = World::new(SimulatorConfig { fleet, ..SimulatorConfig::default() }).await;
    world.queue.clone().close().await;
    world.queue = Queue::open(&path).await.unwrap_or_else(|error| panic!("{}: {error}", fixture.display()));
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
            // It was denied, and the others of its lane are not: it is its own trouble.
            "edge-3" => JobState::Failed,
            _ => JobState::Succeeded,
        };
        let exports = usize::from(state == JobState::Succeeded);
        assert_eq!((job.state, world.exports(name)), (state, exports), "{}: {job:?}", fixture.display());
    }
}

/// Each write and sync of bringing an old database up to date meets a disk that is full or that fails, ever further apart.
#[tokio::test]
async fn struck_in_the_middle_of_a_migration_a_database_says_why_and_is_brought_up_to_date_later() {
    let versions_of_old = versions("tests/fixtures/schema");
    let oldest = versions_of_old.values().next().expect("a fixture");
    let mut struck = 0;
    for (op, what, why) in [
        (Op::Write, What::Full, "is full"),
        (Op::Write, What::Error, "I/O error"),
        (Op::Sync, What::Error, "I/O error"),
    ] {
        let mut nth = 1;
        loop {
            let case = format!("{op:?} {nth} {what:?}");
            let (folder, path) = made_of(oldest).await;
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
            let mut fresh = connect(&folder.path().join("fresh.db")).await;
            for migration in versions("migrations").into_values() {
                run(&mut fresh, std::fs::read_to_string(migration).expect("a migration")).await;
            }
            assert_eq!(schema(&mut db).await, schema(&mut fresh).await, "{case}");
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

/// Takes the fixture before each that is missing, and migrates it. New tables and columns have to be filled by hand.
#[tokio::test]
#[ignore = "writes into the source: for whoever adds a migration"]
async fn make_the_missing_fixtures() {
    let migrations = versions("migrations");
    for version in missing(
        &migrations.keys().copied().collect(),
        &versions("tests/fixtures/schema").into_keys().collect::<BTreeSet<_>>(),
    ) {
        let fixtures = versions("tests/fixtures/schema");
        let (from, fixture) = fixtures.range(..version).next_back().expect("the first schema has one");
        let (folder, path) = made_of(fixture).await;
        // The migrations up to that version, in a folder as the migrator reads it.
        let until = folder.path().join("migrations");
        std::fs::create_dir(&until).expect("a folder");
        for (_, migration) in migrations.range(..=version) {
            std::fs::copy(migration, until.join(migration.file_name().expect("a name"))).expect("copied");
        }
        let mut db = connect(&path).await;
        sqlx::migrate::Migrator::new(until).await.expect("migrations").run(&mut db).await.expect("migrated");
        let text = format!("-- The fixture of {from}, migrated.\n{}", dump(&mut db).await);
        std::fs::write(here("tests/fixtures/schema").join(format!("{version}.sql")), text).expect("written");
    }
}

/// A database as SQL.
async fn dump(db: &mut SqliteConnection) -> String {
    let mut text = "PRAGMA application_id = 0x536e4679;\nPRAGMA foreign_keys=OFF;\nBEGIN;\n".to_owned();
    let statements = async |db: &mut SqliteConnection, tables: &str| -> Vec<String> {
        let sql = format!(
            "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'sqlite_sequence' AND (type {tables})
             ORDER BY rowid"
        );
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(db).await.expect("statements")
    };
    let made = statements(db, "= 'table'").await;
    let mut names = tables(db).await;
    names.push("sqlite_sequence".to_owned());
    let mut rows = vec!["DELETE FROM sqlite_sequence;".to_owned()];
    for table in names {
        let columns: Vec<String> = sqlx::query_scalar("SELECT 'quote(\"' || name || '\")' FROM pragma_table_info(?1)")
            .bind(&table)
            .fetch_all(&mut *db)
            .await
            .expect("columns");
        let sql =
            format!("SELECT 'INSERT INTO {table} VALUES(' || {} || ');' FROM {table}", columns.join(" || ',' || "));
        let of: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *db).await.expect("rows");
        // What the inserts before it have counted is not what was counted then.
        rows.splice(if table == "sqlite_sequence" { rows.len()..rows.len() } else { 0..0 }, of);
    }
    for line in made.into_iter().chain(rows).chain(statements(db, "<> 'table'").await) {
        text.push_str(&line);
        text.push('\n');
    }
    text + "COMMIT;\n"
}
