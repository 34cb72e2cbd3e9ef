//! The program as a process: its locks, its signals, and databases that it cannot use. Each error is one line that names
//! the thing and the way out.

use super::crash::{command, start, start_with};
use super::world::{World, eventually};
use lightsail_simulator::{Fleet, FleetEntry, SimulatorConfig};
use snapferry::domain::JobState;
use snapferry::queue::{Queue, QueueError};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

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
    // As each is number 1 in a container of its own, it tells more than that.
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    for part in [host.trim(), "since 20"] {
        assert!(says(&second).contains(part), "{}", says(&second));
    }
    // What is declared of a restore would not reach the daemon.
    let file = world.folder.path().join("some.csv");
    std::fs::write(&file, "snapshot_name\nweb\n").expect("a file");
    for option in ["--restored", "--no-takeover-wait"] {
        let run = start(&world, &["run", &file.display().to_string(), option]).wait_with_output().expect("an end");
        fails(&run, 2, &["a daemon is running", "stop it"]);
    }
    // The lock is on the database: it is in nobody's way that its file is gone, nor by which name the database is called.
    std::fs::remove_file(&lock).expect("removed");
    let other = world.folder.path().join("other.db");
    std::fs::hard_link(world.folder.path().join("test.db"), &other).expect("a link");
    let by_the_other = [("SNAPFERRY_DATABASE", format!("sqlite://{}", other.display()))];
    for name in [&[][..], &by_the_other] {
        let third = start_with(&world, &["daemon"], name).wait_with_output().expect("an end");
        fails(&third, 1, &["another Snapferry"]);
    }
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

    let copy = home.path().join("copy.db").display().to_string();
    let make_one = ["backup", &copy, "--database", &at("ours.db")];
    let ours = snapferry(home.path(), &make_one);
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
        let copies = tempfile::tempdir().expect("a folder");
        let children: Vec<_> = (0..6)
            .map(|number| {
                Command::new(env!("CARGO_BIN_EXE_snapferry"))
                    .args(["backup", "--database", &database])
                    .arg(copies.path().join(number.to_string()))
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

#[tokio::test]
async fn lock_files_that_root_left_lock_nobody_out_and_where_they_do_the_file_is_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new(SimulatorConfig::default()).await;
    let folder = world.folder.path();
    world.enqueue(&["web-1"]).await;
    world.queue.clone().close().await;
    std::fs::write(folder.join("fleet.csv"), "name,region\nweb-2,eu-west-1\n").expect("a file");
    let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(folder).status();
    if !owned.is_ok_and(|status| status.success()) {
        // Only root can try this.
        return;
    }
    let by_the_service = |arguments: &[&str]| {
        let mut program = command(&world, arguments);
        program.uid(65534).gid(65534).current_dir(folder).output().expect("the program")
    };
    let left_by_root = |mode: u32| {
        for ending in ["daemon", "load", "migrate"] {
            let lock = folder.join(format!("test.db.{ending}.lock"));
            let _ = std::fs::remove_file(&lock);
            std::fs::write(&lock, "snapferry daemon, pid 1\n").expect("a file");
            std::fs::set_permissions(&lock, std::fs::Permissions::from_mode(mode)).expect("a mode");
        }
    };
    left_by_root(0o644);
    let enqueued = by_the_service(&["enqueue", "fleet.csv"]);
    assert_eq!(enqueued.status.code(), Some(0), "{}", says(&enqueued));
    let signed = std::fs::read_to_string(folder.join("test.db.load.lock")).expect("the lock file");
    assert!(!signed.contains("snapferry daemon, pid 1\n"), "another holder's words stay: {signed}");
    let drained = by_the_service(&["daemon", "--drain", "--max-wait", "1s"]);
    assert!(matches!(drained.status.code(), Some(0 | 3)), "{}", says(&drained));
    left_by_root(0o600);
    let drained = by_the_service(&["daemon", "--drain", "--max-wait", "1s"]);
    assert!(matches!(drained.status.code(), Some(0 | 3)), "{}", says(&drained));
    let enqueued = by_the_service(&["enqueue", "fleet.csv"]);
    fails(&enqueued, 1, &[&format!("chown 65534 {}", folder.join("test.db.load.lock").display())]);
}

/// What is in a folder, to the byte and to the nanosecond.
fn state_of(folder: &Path) -> Vec<(std::ffi::OsString, std::time::SystemTime, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            let entry = entry.expect("a file");
            let written = entry.metadata().expect("a file").modified().expect("a time");
            (entry.file_name(), written, std::fs::read(entry.path()).expect("bytes"))
        })
        .collect();
    files.sort();
    files
}

const READING: [&[&str]; 8] = [
    &["status"],
    &["status", "--json"],
    &["report"],
    &["jobs"],
    &["jobs", "--json"],
    &["failures"],
    &["show", "1"],
    &["why", "1"],
];

#[tokio::test]
async fn what_only_reads_works_on_another_users_database_and_creates_and_writes_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::new(SimulatorConfig::default()).await;
    let folder = world.folder.path().to_owned();
    world.enqueue(&["web-1"]).await;
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    let by = |user: u32, arguments: &[&str]| {
        let mut program = command(&world, arguments);
        program.uid(user).gid(user).env("HOME", "/").output().expect("the program")
    };
    if rustix::process::geteuid().as_raw() != 0 {
        return;
    }
    let all_read = |when: &str, users: &[u32]| {
        for (user, arguments) in users.iter().flat_map(|user| READING.map(|arguments| (*user, arguments))) {
            let output = by(user, arguments);
            assert_eq!(output.status.code(), Some(0), "{when}, {user}, {arguments:?}: {}", says(&output));
            assert!(!output.stdout.is_empty() || arguments == ["failures"], "{when}, {user}, {arguments:?}");
        }
    };
    // While somebody has it open, what was written a moment ago is seen.
    all_read("in use", &[65534]);
    world.enqueue(&["web-2"]).await;
    let seen = by(65534, &["jobs", "--json"]);
    assert!(String::from_utf8_lossy(&seen.stdout).contains("web-2"), "{}", says(&seen));
    // At rest, as an orderly end leaves it: its owner's commands put nothing beside it either.
    world.queue.clone().close().await;
    let before = state_of(&folder);
    all_read("at rest", &[65534, 0]);
    assert_eq!(state_of(&folder), before);
}

#[test]
fn what_only_reads_works_on_a_disk_that_takes_no_writes() {
    let home = tempfile::tempdir().expect("a folder");
    let mount = |arguments: &[&str]| {
        let status =
            Command::new("mount").args(arguments).arg(home.path()).stderr(std::process::Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=4m", "nothing"]) {
        return;
    }
    let database = format!("sqlite://{}", home.path().join("ferry.db").display());
    std::fs::write(home.path().join("fleet.csv"), "name,region\nweb-1,eu-west-1\n").expect("a file");
    let csv = home.path().join("fleet.csv").display().to_string();
    let enqueued = snapferry(home.path(), &["enqueue", &csv, "--database", &database]);
    let read_only = mount(&["-o", "remount,ro"]);
    let outputs = READING.map(|arguments| snapferry(home.path(), &[arguments, &["--database", &database]].concat()));
    let written = snapferry(home.path(), &["cancel", "--state", "queued", "--yes", "--database", &database]);
    let _ = Command::new("umount").arg("-l").arg(home.path()).status();
    assert!(enqueued.status.success() && read_only, "{}", says(&enqueued));
    for (arguments, output) in READING.iter().zip(outputs) {
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", says(&output));
    }
    assert_ne!(written.status.code(), Some(0));
}

#[test]
fn a_database_that_is_not_there_reads_as_an_empty_one() {
    let home = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite://{}", home.path().join("nope.db").display());
    for arguments in &READING[..6] {
        let output = snapferry(home.path(), &[arguments, &["--database", &database][..]].concat());
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", says(&output));
        assert!(
            says(&output).contains("there is no database") && says(&output).contains("nope.db"),
            "{}",
            says(&output)
        );
    }
    // Without a name it is in the user's own folder, which is not there either.
    let output = snapferry(home.path(), &["status"]);
    assert_eq!(output.status.code(), Some(0), "{}", says(&output));
    assert!(says(&output).contains("there is no database"), "{}", says(&output));
    assert_eq!(std::fs::read_dir(home.path()).expect("a folder").count(), 0);
}

/// What `doctor` advises about the database.
fn advice(home: &Path, database: &str) -> String {
    let output = snapferry(home, &["doctor", "--json", "--database", database]);
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let sections = found["sections"].as_array().expect("sections");
    let of = |section: &&serde_json::Value| section.to_string().contains("ferry.db");
    sections.iter().find(of).map_or_else(String::new, ToString::to_string)
}

#[tokio::test]
async fn the_true_cause_is_said_where_a_database_cannot_be_opened_and_nothing_is_given_up() {
    let home = tempfile::tempdir().expect("a folder");
    let full = tempfile::tempdir().expect("a folder");
    let locked = home.path().join("ferry.db");
    let url = |path: &Path| format!("sqlite://{}", path.display());
    std::fs::write(home.path().join("fleet.csv"), "name,region\nweb-1,eu-west-1\n").expect("a file");
    let csv = home.path().join("fleet.csv").display().to_string();
    let enqueue = |path: &Path| snapferry(home.path(), &["enqueue", &csv, "--database", &url(path)]);
    assert!(enqueue(&locked).status.success());

    // Another program has it to itself, with something in its log.
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&locked).pragma("locking_mode", "EXCLUSIVE");
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.expect("a connection");
    sqlx::query("UPDATE lanes SET learned_rate = 3").execute(&mut other).await.expect("written");
    let status = snapferry(home.path(), &["status", "--database", &url(&locked)]);
    fails(&status, 1, &["ferry.db", "another program keeps the database locked"]);
    let advised = advice(home.path(), &url(&locked));
    assert!(advised.contains("end the program") && !advised.contains("begin with a new"), "{advised}");
    drop(other);

    // A disk that takes no byte more.
    let mut mount = Command::new("mount");
    let mounted = mount.args(["-t", "tmpfs", "-o", "size=2m", "nothing"]).arg(full.path()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        return;
    }
    let path = full.path().join("ferry.db");
    let made = enqueue(&path);
    let mut ballast = std::fs::File::create(full.path().join("ballast")).expect("a file");
    while std::io::Write::write_all(&mut ballast, &[0; 4096]).is_ok() {}
    let enqueued = enqueue(&path);
    let status = snapferry(home.path(), &["status", "--database", &url(&path)]);
    let advised = advice(home.path(), &url(&path));
    let _ = Command::new("umount").arg("-l").arg(full.path()).status();
    assert!(made.status.success(), "{}", says(&made));
    fails(&enqueued, 1, &["is full", "Make room"]);
    assert_eq!(status.status.code(), Some(0), "{}", says(&status));
    assert!(advised.contains("free some space") && !advised.contains("begin with a new"), "{advised}");
}

#[tokio::test]
async fn what_others_set_in_the_environment_stops_nothing_and_a_slip_of_the_pen_does() {
    let home = tempfile::tempdir().expect("a folder");
    let by = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_snapferry"));
        program.args(arguments).env_clear().env("HOME", home.path()).envs(variables.iter().copied());
        program.output().expect("the program")
    };
    let links = [
        ("SNAPFERRY_PORT", "tcp://10.0.0.1:80"),
        ("SNAPFERRY_SERVICE_HOST", "10.0.0.1"),
        ("SNAPFERRY_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("SNAPFERRY_ENV_SNAPFERRY_EXPORT__RATE", "5"),
    ];
    let status = by(&links, &["status", "--json"]);
    assert_eq!(status.status.code(), Some(0), "{}", says(&status));
    assert!(!says(&status).contains("SNAPFERRY_PORT"), "{}", says(&status));
    let doctor = by(&links, &["doctor"]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("SNAPFERRY_PORT_80_TCP_ADDR"));
    let daemon = by(&links, &["daemon", "--drain"]);
    assert_eq!(daemon.status.code(), Some(0), "{}", says(&daemon));
    assert!(says(&daemon).contains("SNAPFERRY_SERVICE_HOST"), "{}", says(&daemon));
    for slip in ["SNAPFERRY_EXPROT__RATE", "SNAPFERRY_DATABSE"] {
        fails(&by(&[(slip, "5")], &["status"]), 2, &[slip, "did you mean"]);
    }

    // A Region that no row needs need not be one of Lightsail's.
    std::fs::write(home.path().join("named.csv"), "name,region\nweb-1,eu-west-1\n").expect("a file");
    std::fs::write(home.path().join("unnamed.csv"), "name\nweb-2\n").expect("a file");
    let file = |name: &str| home.path().join(name).display().to_string();
    let elsewhere = [("AWS_REGION", "sa-east-1")];
    for arguments in [&["enqueue", &file("named.csv")][..], &["enqueue", "--region", "us-east-1", &file("unnamed.csv")]]
    {
        let output = by(&elsewhere, arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", says(&output));
    }
    let needed = by(&elsewhere, &["enqueue", &file("unnamed.csv")]);
    assert_eq!(needed.status.code(), Some(2), "{}", says(&needed));
    for part in ["sa-east-1", "--region"] {
        assert!(says(&needed).contains(part), "{part}: {}", says(&needed));
    }
}

/// Another program that writes for as long as it is there.
async fn holder(world: &World) -> sqlx::SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(world.queue.path());
    let mut holder = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.expect("a connection");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut holder).await.expect("begun");
    holder
}

fn of(names: &[&str]) -> SimulatorConfig {
    let fleet = names.iter().map(|name| FleetEntry::named(name)).collect();
    let operation_time = "20ms".parse().expect("a spread");
    SimulatorConfig { fleet: Fleet::Listed(fleet), operation_time, ..SimulatorConfig::default() }
}

#[tokio::test]
async fn a_daemon_waits_for_whoever_writes_for_as_long_as_it_takes_and_people_do_not() {
    let world = World::new(of(&["web-1"])).await;
    let by_people = Queue::open(world.queue.path()).await.expect("a database");
    let short = Some(Duration::from_millis(50));
    world.queue.wait_for_turns(short);
    by_people.wait_for_turns(short);
    world.enqueue(&["web-1"]).await;
    let mut holder = holder(&world).await;
    let daemon = world.start();
    // Its first write is that of its run.
    tokio::time::sleep(Duration::from_millis(500)).await;
    // It began to wait before these did, and waits longer than each of them.
    for _ in 0..5 {
        let said = by_people.begin_run(world.clock.now(), "a test").await.expect_err("it is busy");
        assert!(matches!(said, QueueError::Busy), "{said}");
    }
    assert_eq!(world.state("web-1").await, JobState::Queued);
    sqlx::query("ROLLBACK").execute(&mut holder).await.expect("let go");
    eventually("an export", || async { world.state("web-1").await == JobState::Succeeded }).await;
    daemon.stop().await;
}

#[tokio::test]
async fn a_daemon_says_that_another_program_keeps_it_waiting_and_ends_in_order_meanwhile() {
    use std::io::BufRead as _;
    let world = World::new(of(&["web-1"])).await;
    world.enqueue(&["web-1"]).await;
    let mut holding = holder(&world).await;
    let mut child = start(&world, &["daemon"]);
    let lines = std::io::BufReader::new(child.stderr.take().expect("stderr")).lines();
    let (tell, told) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        lines.map_while(Result::ok).for_each(|line| drop(tell.send(line)));
    });
    let next = async |part: &str| loop {
        match told.try_recv() {
            Ok(line) if line.contains(part) => return line,
            Ok(_) => {}
            Err(std::sync::mpsc::TryRecvError::Empty) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => panic!("{part}: {error}"),
        }
    };
    let said = next("another program holds the database's write lock").await;
    assert!(said.contains("WARN") && said.contains("nothing is sent"), "{said}");
    sqlx::query("ROLLBACK").execute(&mut holding).await.expect("let go");
    let said = next("write lock is free again").await;
    assert!(said.contains("INFO"), "{said}");
    eventually("an export", || async { world.state("web-1").await == JobState::Succeeded }).await;

    sqlx::query("BEGIN IMMEDIATE").execute(&mut holding).await.expect("begun");
    let killed = Command::new("kill").arg("-TERM").arg(child.id().to_string()).status().expect("kill");
    assert!(killed.success());
    next("the daemon has stopped").await;
    assert_eq!(child.wait().expect("an end").code(), Some(0));
    reader.join().expect("read");
}
