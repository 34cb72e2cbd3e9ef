//! What people do to the database's files: deleted, moved or replaced under a running daemon, copied with and without the
//! WAL, and a real file system that takes no more bytes.

use super::crash::{command, start};
use super::world::{World, eventually};
use lightsail_simulator::{Fleet, FleetEntry, SimulatorConfig};
use snapferry::domain::JobState;
use snapferry::queue::{Queue, Selector};
use sqlx::{Connection, SqliteConnection};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const ENDINGS: [&str; 3] = ["", "-wal", "-shm"];

async fn world_of(jobs: usize) -> World {
    let names: Vec<String> = (0..jobs).map(|n| format!("web-{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let config = SimulatorConfig {
        fleet: Fleet::Listed(names.iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: "50ms..400ms".parse().expect("a spread"),
        ..SimulatorConfig::default()
    };
    let mut world = World::new(config).await;
    let lane = &mut world.settings.every_lane;
    (lane.export.rate, lane.export.burst) = (60.0, 10);
    world.enqueue(&names).await;
    world
}

fn file(folder: &Path, name: &str, ending: &str) -> PathBuf {
    folder.join(format!("{name}{ending}"))
}

/// Moves a database with its WAL and the WAL's index.
fn rename(folder: &Path, from: &str, to: &str) {
    for ending in ENDINGS {
        std::fs::rename(file(folder, from, ending), file(folder, to, ending)).expect("renamed");
    }
}

/// Its end, within the time that a test has patience; meanwhile the simulator answers.
async fn end_of(mut child: Child) -> Output {
    tokio::time::timeout(Duration::from_mins(1), async {
        while child.try_wait().expect("a status").is_none() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the daemon ends");
    child.wait_with_output().expect("an end")
}

/// It ends by an error, which is one line.
async fn error_of(child: Child) -> String {
    let output = end_of(child).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

/// A new one goes on to the end.
async fn drain(world: &World) {
    let output = end_of(start(world, &["daemon", "--drain", "-q"])).await;
    assert!(output.status.success(), "{output:?}");
}

/// The attempts of each snapshot that a database knows of.
async fn attempts(path: &Path) -> HashMap<String, usize> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut db = SqliteConnection::connect_with(&options).await.expect("a database");
    let all: Vec<String> = sqlx::query_scalar("SELECT snapshot_name FROM attempts JOIN jobs ON jobs.id = job_id")
        .fetch_all(&mut db)
        .await
        .expect("attempts");
    db.close().await.expect("closed");
    let mut found = HashMap::new();
    for name in all {
        *found.entry(name).or_default() += 1;
    }
    found
}

/// Every job ended well, and every snapshot was exported once.
async fn exported_once(world: &World, queue: &Queue, jobs: usize) {
    let all = queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs");
    assert_eq!(all.len(), jobs);
    for job in &all {
        let name = job.snapshot_name.as_str();
        assert_eq!(job.state, JobState::Succeeded, "{name}: {:?} {:?}", job.error_code, job.error_message);
        assert_eq!(world.exports(name), 1, "{name}");
    }
}

#[tokio::test]
async fn a_daemon_whose_database_is_moved_away_sends_nothing_that_is_not_in_it() {
    const JOBS: usize = 150;
    let world = world_of(JOBS).await;
    let folder = world.folder.path();
    let copy = tempfile::tempdir().expect("a folder");
    std::fs::copy(folder.join("test.db"), copy.path().join("test.db")).expect("copied");
    let exports = || world.simulator.ledger().exports;
    // Once nothing takes its place, and once another database does.
    for (sent, replaced) in [(15, false), (60, true)] {
        let child = start(&world, &["daemon", "-q"]);
        eventually("it is in the middle of sending", async || exports() > sent).await;
        rename(folder, "test.db", "aside.db");
        if replaced {
            let other = Queue::open(&copy.path().join("test.db")).await.expect("a database");
            for ending in ENDINGS {
                std::fs::copy(file(copy.path(), "test.db", ending), file(folder, "test.db", ending)).expect("copied");
            }
            other.close().await;
        }
        let said = error_of(child).await;
        assert!(said.contains("nothing more is sent") && said.contains("moved or replaced"), "{said}");
        assert!(exports() < JOBS, "it went on to the end");
        let known = attempts(&folder.join("aside.db")).await;
        for name in (0..JOBS).map(|n| format!("web-{n:03}")) {
            let calls = world.sent(&name).len();
            assert!(calls <= known.get(&name).copied().unwrap_or(0), "{name} was sent {calls} times");
        }
        if replaced {
            // What took its place is whole: the daemon has not taken its WAL away.
            for ending in ENDINGS {
                std::fs::remove_file(file(folder, "test.db", ending)).expect("it is there");
            }
        }
        for ending in ENDINGS {
            // The check above was the last to close it, and has taken the other two away.
            let _ = std::fs::rename(file(folder, "aside.db", ending), file(folder, "test.db", ending));
        }
    }
    let queue = Queue::open(&folder.join("test.db")).await.expect("a database");
    drain(&world).await;
    exported_once(&world, &queue, JOBS).await;
    queue.close().await;
}

#[tokio::test]
async fn a_daemon_at_rest_notices_which_of_its_files_is_gone() {
    for gone in ENDINGS {
        let world = world_of(1).await;
        let child = start(&world, &["daemon", "-q"]);
        eventually("the job has ended", async || world.queue.unfinished(None).await.expect("a count") == 0).await;
        std::fs::remove_file(file(world.folder.path(), "test.db", gone)).expect("removed");
        let said = error_of(child).await;
        assert!(said.contains(&format!("test.db{gone}\" was deleted, moved or replaced")), "{said}");
    }
}

#[tokio::test]
async fn a_batch_is_not_confirmed_in_a_file_that_is_gone() {
    let world = world_of(1).await;
    let queue = world.queue.clone();
    let name = snapferry::queue::LoadName::Derived(snapferry::domain::BatchName::parse("late").expect("a name"));
    let load = queue.begin_load(name, "x", &[], "a test", world.clock.now()).await.expect("a load");
    std::fs::remove_file(queue.path()).expect("removed");
    let error = load.seal(0, world.clock.now()).await.expect_err("it is gone");
    assert!(matches!(error, snapferry::queue::QueueError::Replaced { .. }), "{error}");
}

#[tokio::test]
async fn a_copy_with_its_wal_has_it_all_and_one_without_repeats_no_export() {
    const JOBS: usize = 60;
    let mut world = world_of(JOBS).await;
    let folder = world.folder.path().to_owned();
    let mut child = start(&world, &["daemon", "-q"]);
    eventually("it is in the middle of sending", async || world.simulator.ledger().exports > 20).await;
    // Killed, so that nothing has folded the WAL into the file; the first connection is still the world's.
    child.kill().expect("killed");
    child.wait().expect("gone");
    let known = attempts(&folder.join("test.db")).await;
    assert!(known.len() > 15);
    for (name, endings) in [("with.db", &ENDINGS[..2]), ("without.db", &ENDINGS[..1])] {
        for ending in endings {
            std::fs::copy(file(&folder, "test.db", ending), file(&folder, name, ending)).expect("copied");
        }
    }
    assert_eq!(attempts(&folder.join("with.db")).await, known);

    // Without the WAL the copy is what the file was at its last checkpoint. The rest is found in Lightsail's ledger.
    let path = folder.join("without.db");
    let whole: Vec<String> = {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
        let mut db = SqliteConnection::connect_with(&options).await.expect("a database");
        sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut db).await.expect("a check")
    };
    assert_eq!(whole, ["ok"]);
    let queue = Queue::open(&path).await.expect("a database");
    assert!(attempts(&path).await.len() < known.len(), "the WAL held something");
    let empty = queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs").is_empty();
    let old = std::mem::replace(&mut world.queue, queue);
    world.settings.database = snapferry::settings::DatabaseUrl::at(path);
    old.close().await;
    if empty {
        let names: Vec<String> = (0..JOBS).map(|n| format!("web-{n:03}")).collect();
        world.enqueue(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    world.drain().await;
    exported_once(&world, &world.queue, JOBS).await;
}

/// A real file system that takes no more bytes, under the real program: the limit of a file's size, which comes to the database as
/// a failed write.
#[tokio::test]
async fn the_program_on_a_file_system_that_takes_no_more_says_so_in_one_line() {
    let world = world_of(40).await;
    let length = std::fs::metadata(file(world.folder.path(), "test.db", "-wal")).expect("a WAL").len();
    let inner = command(&world, &["daemon", "-q"]);
    let mut shell = Command::new("sh");
    // In blocks of 512 bytes: room for a few transactions more.
    let limit = length / 512 + 200;
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"")]).arg(inner.get_program());
    shell.args(inner.get_args()).env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let child = shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a shell");
    let said = error_of(child).await;
    assert!(said.contains("fix the cause and start again, no work is lost") && said.contains("I/O error"), "{said}");
    drain(&world).await;
    exported_once(&world, &world.queue, 40).await;
}
