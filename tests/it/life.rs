//! The program as a process: its locks, its signals, and databases that it cannot use. Each error is one line that names
//! the thing and the way out.

use super::crash::start;
use super::world::{World, eventually};
use snapferry::simulator::SimulatorConfig;
use std::path::Path;
use std::process::{Command, Output};

fn snapferry(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_snapferry"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .output()
        .expect("the program")
}

fn says(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The error is one line on stderr, and nothing is on stdout.
#[track_caller]
fn fails(output: &Output, code: i32, parts: &[&str]) {
    let said = says(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(output.stdout.is_empty());
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[tokio::test]
async fn a_second_daemon_says_who_holds_the_database_and_ends_with_1() {
    let world = World::new(SimulatorConfig::default()).await;
    let mut first = start(&world, &["daemon"]);
    let lock = world.folder.path().join("test.db.daemon.lock");
    eventually("the first has the lock", async || {
        std::fs::read_to_string(&lock).is_ok_and(|text| text.contains("daemon"))
    })
    .await;
    let second = start(&world, &["daemon"]).wait_with_output().expect("an end");
    fails(&second, 1, &[&format!("pid {}", first.id()), "test.db"]);
    // Ended by a signal, it ends within seconds and in good order.
    let killed = Command::new("kill").arg("-TERM").arg(first.id().to_string()).status().expect("kill");
    assert!(killed.success());
    assert_eq!(first.wait().expect("an end").code(), Some(0));
    let third = start(&world, &["daemon", "--drain"]).wait_with_output().expect("an end");
    assert_eq!(third.status.code(), Some(0), "{}", says(&third));
}

#[test]
fn without_a_command_there_is_help() {
    let home = tempfile::tempdir().expect("a folder");
    let none = snapferry(home.path(), &[]);
    assert_eq!(none.status.code(), Some(2));
    assert!(none.stdout.is_empty() && !says(&none).contains("error:"), "{}", says(&none));
    for part in ["Usage: snapferry", "enqueue", "Examples:"] {
        assert!(says(&none).contains(part), "{part:?} is not in: {}", says(&none));
    }
}

#[test]
fn a_database_that_cannot_be_used_is_named_with_the_way_out() {
    let home = tempfile::tempdir().expect("a folder");
    let at = |name: &str| format!("sqlite://{}", home.path().join(name).display());

    let missing = snapferry(home.path(), &["status", "--database", &at("no/such/folder/x.db")]);
    fails(&missing, 2, &["no/such/folder", "does not exist", "--database"]);

    std::fs::write(home.path().join("notes.txt"), "these are my notes, and no database at all".repeat(50))
        .expect("notes");
    let notes = snapferry(home.path(), &["status", "--database", &at("notes.txt")]);
    fails(&notes, 2, &["notes.txt", "not a Snapferry database"]);

    let folder = snapferry(home.path(), &["status", "--database", &at("")]);
    assert_eq!(folder.status.code(), Some(2), "{}", says(&folder));

    let url = snapferry(home.path(), &["status", "--database", "postgres://user:secret@host/db"]);
    fails(&url, 2, &["--database", "sqlite://"]);
    assert!(!says(&url).contains("secret"));
}

#[tokio::test]
async fn somebody_elses_or_a_newer_database_stays_as_it_was() {
    use sqlx::Connection;
    let home = tempfile::tempdir().expect("a folder");
    let make = async |name: &str, statements: &[&'static str]| {
        let options =
            sqlx::sqlite::SqliteConnectOptions::new().filename(home.path().join(name)).create_if_missing(true);
        let mut db = sqlx::SqliteConnection::connect_with(&options).await.expect("a database");
        for statement in statements {
            sqlx::query(*statement).execute(&mut db).await.expect("a statement");
        }
        db.close().await.expect("closed");
        std::fs::read(home.path().join(name)).expect("bytes")
    };
    let at = |name: &str| format!("sqlite://{}", home.path().join(name).display());

    let before = make("other.db", &["CREATE TABLE guests (name TEXT)"]).await;
    let other = snapferry(home.path(), &["status", "--database", &at("other.db")]);
    fails(&other, 2, &["other.db", "not a Snapferry database"]);
    assert_eq!(std::fs::read(home.path().join("other.db")).expect("bytes"), before);

    let ours = snapferry(home.path(), &["status", "--database", &at("ours.db")]);
    assert_eq!(ours.status.code(), Some(0), "{}", says(&ours));
    make(
        "ours.db",
        &["INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
           VALUES (99990101000000, 'from the future', true, x'00', 0)"],
    )
    .await;
    let newer = snapferry(home.path(), &["status", "--database", &at("ours.db")]);
    fails(&newer, 1, &["ours.db", "newer Snapferry"]);
}

#[test]
fn many_that_find_no_database_at_one_moment_make_it_once() {
    for _ in 0..3 {
        let home = tempfile::tempdir().expect("a folder");
        let database = format!("sqlite://{}", home.path().join("new.db").display());
        let children: Vec<_> = (0..6)
            .map(|_| {
                Command::new(env!("CARGO_BIN_EXE_snapferry"))
                    .args(["status", "--database", &database])
                    .env_clear()
                    .env("HOME", home.path())
                    .stdout(std::process::Stdio::null())
                    .stderr(std::process::Stdio::piped())
                    .spawn()
                    .expect("the program")
            })
            .collect();
        for child in children {
            let output = child.wait_with_output().expect("an end");
            assert_eq!(output.status.code(), Some(0), "{}", says(&output));
        }
        // Two that close at one moment leave the log to the next.
        let next = snapferry(home.path(), &["status", "--database", &database]);
        assert_eq!(next.status.code(), Some(0), "{}", says(&next));
        let mut left: Vec<_> =
            std::fs::read_dir(home.path()).expect("a folder").map(|entry| entry.expect("a file").file_name()).collect();
        left.sort();
        assert_eq!(left, ["new.db", "new.db.sent"], "nothing but the counter is left beside the file");
    }
}
