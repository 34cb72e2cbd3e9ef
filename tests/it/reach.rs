//! A database that is another user's, in another user's folder or on a disk that takes no writes: it is read all the same, and
//! where it cannot be, the true cause is named.

use super::crash::command;
use super::world::World;
use lightsail_simulator::SimulatorConfig;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};

/// Who runs the service; any user but root.
const SERVICE: u32 = 65534;

/// Whether this test can become another user.
#[expect(clippy::disallowed_methods, reason = "whether it runs in CI is no setting")]
fn is_root() -> bool {
    let root = rustix::process::geteuid().as_raw() == 0;
    if !root {
        assert!(std::env::var_os("CI").is_none(), "CI runs these tests as root");
        eprintln!("skipped: only root can become another user");
    }
    root
}

fn by(user: u32, world: &World, arguments: &[&str]) -> Output {
    let mut program = command(world, arguments);
    program.uid(user).gid(user).current_dir("/").env("HOME", "/").output().expect("the program")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn mode(path: &Path, mode: u32) {
    set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
}

/// A world whose database nobody has open, in a folder that everybody may read.
async fn at_rest(jobs: usize) -> World {
    let world = World::new(SimulatorConfig::default()).await;
    let names: Vec<String> = (0..jobs).map(|n| format!("web-{n}")).collect();
    world.enqueue(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.queue.clone().close().await;
    mode(world.folder.path(), 0o755);
    world
}

#[tokio::test]
async fn who_reads_sees_everything_while_short_commands_of_the_owner_come_and_go() {
    if !is_root() {
        return;
    }
    let world = at_rest(10).await;
    let over = AtomicBool::new(false);
    let json = |output: &Output| -> serde_json::Value {
        assert_eq!(output.status.code(), Some(0), "{}", said(output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    let count = |value: &serde_json::Value| value.as_array().map_or(0, Vec::len);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                for act in ["pause", "resume"] {
                    let acted = by(0, &world, &[act, "--all", "--yes"]);
                    assert_eq!(acted.status.code(), Some(0), "{}", said(&acted));
                }
            }
        });
        let readers = [SERVICE, 0].map(|user| {
            let (world, json, count) = (&world, &json, &count);
            scope.spawn(move || {
                for _ in 0..60 {
                    let status = json(&by(user, world, &["status", "--json"]));
                    assert_eq!(count(&status["batches"]), 1, "{status}");
                    assert_eq!(count(&json(&by(user, world, &["jobs", "--json"]))), 10);
                }
            })
        });
        let ended = readers.map(std::thread::ScopedJoinHandle::join);
        over.store(true, Ordering::Relaxed);
        assert!(ended.iter().all(Result::is_ok), "an answer was wrong");
    });
}

/// The error is one line on stderr with all of these parts in it.
#[track_caller]
fn fails(output: &Output, code: i32, parts: &[&str]) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(code), "{said}{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(said.lines().count(), 1, "{said}");
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in: {said}");
    }
}

#[track_caller]
fn chown(user: u32, path: &Path) {
    let status = std::process::Command::new("chown").arg("-R").arg(format!("{user}:{user}")).arg(path).status();
    assert!(status.expect("chown").success());
}

#[tokio::test]
async fn files_that_root_made_in_the_folder_of_the_service_are_all_named_in_one_chown() {
    if !is_root() {
        return;
    }
    let world = at_rest(1).await;
    let folder = world.folder.path();
    let file = |ending: &str| folder.join(format!("test.db{ending}"));
    std::os::unix::fs::chown(folder, Some(SERVICE), Some(SERVICE)).expect("chown");
    let way = format!("chown {SERVICE} {} {}`", file("").display(), file(".sent").display());
    for arguments in [&["pause", "--all", "--yes"][..], &["cancel", "1", "--yes"], &["daemon", "--drain"]] {
        fails(&by(SERVICE, &world, arguments), 1, &["cannot be written", "belong to user 0", &way]);
    }
    // What the way out says is enough.
    chown(SERVICE, &file(""));
    chown(SERVICE, &file(".sent"));
    let paused = by(SERVICE, &world, &["pause", "--all", "--yes"]);
    assert_eq!(paused.status.code(), Some(0), "{}", said(&paused));
}

#[tokio::test]
async fn a_counter_file_or_lock_of_roots_is_named_at_the_start_and_by_doctor() {
    if !is_root() {
        return;
    }
    let world = at_rest(1).await;
    let folder = world.folder.path();
    chown(SERVICE, folder);
    let (counter, lock) = (folder.join("test.db.sent"), folder.join("test.db.load.lock"));
    let doctor = || String::from_utf8(by(SERVICE, &world, &["doctor"]).stdout).expect("UTF-8");
    let before = doctor();
    assert!(!before.contains("chown"), "{before}");
    for (file, allowed) in [(&counter, 0o644), (&lock, 0o600)] {
        chown(0, file);
        mode(file, allowed);
        let said = doctor();
        assert!(said.contains(&format!("chown {SERVICE} {}", file.display())), "{said}");
        let started = by(SERVICE, &world, &["daemon", "--drain", "--max-wait", "1s"]);
        if file == &counter {
            fails(&started, 1, &["cannot be written", &format!("`chown {SERVICE} {}`", file.display())]);
            // Nothing is sent, so what only pauses has no need of it.
            let paused = by(SERVICE, &world, &["pause", "--all", "--yes"]);
            assert_eq!(paused.status.code(), Some(0), "{}", self::said(&paused));
        }
        chown(SERVICE, file);
    }
}

#[tokio::test]
async fn a_folder_that_one_may_not_enter_is_not_called_missing() {
    if !is_root() {
        return;
    }
    let world = at_rest(1).await;
    let private = world.folder.path().join("private");
    let own = private.join(".local/share/snapferry");
    std::fs::create_dir_all(&own).expect("folders");
    for folder in [&private, &own] {
        std::fs::copy(world.queue.path(), folder.join("snapferry.db")).expect("copied");
    }
    let settings = world.folder.path().join("settings.toml");
    std::fs::write(&settings, "").expect("a file");
    mode(&private, 0o700);
    let (settings, shown) = (settings.display().to_string(), private.display().to_string());
    for name in [private.join("snapferry.db"), private.join("none/snapferry.db")] {
        let database = format!("sqlite://{}", name.display());
        for command in [&["status"][..], &["pause", "--all", "--yes"]] {
            let output = by(SERVICE, &world, &[command, &["--database", &database]].concat());
            fails(&output, 1, &["may not enter the folder", &shown]);
        }
    }
    // By its usual place.
    for arguments in [&["status"][..], &["pause", "--all", "--yes"], &["daemon", "--drain"]] {
        let mut program = command(&world, &[arguments, &["--config", &settings]].concat());
        program.uid(SERVICE).gid(SERVICE).current_dir("/").env("HOME", &private).env_remove("SNAPFERRY_DATABASE");
        fails(&program.output().expect("the program"), 1, &["may not enter the folder", &shown]);
    }
}

/// A file system of its own, as long as this lives.
struct Disk(tempfile::TempDir);

impl Disk {
    fn mount(&self, arguments: &[&str]) -> bool {
        let mut mount = std::process::Command::new("mount");
        mount
            .args(arguments)
            .arg(self.0.path())
            .stderr(std::process::Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// Nothing where this machine lets nobody mount one.
    fn new() -> Option<Self> {
        let disk = Self(tempfile::tempdir().expect("a folder"));
        disk.mount(&["-t", "tmpfs", "-o", "size=16m", "nothing"]).then_some(disk)
    }

    /// What a command on a database there says once the disk takes no more writes.
    fn read_only(&self, world: &World, arguments: &[&str]) -> Output {
        let database = format!("sqlite://{}", self.0.path().join("test.db").display());
        assert!(self.mount(&["-o", "remount,ro"]));
        by(0, world, &[arguments, &["--database", &database]].concat())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_disk_that_is_mounted_read_only_is_called_so() {
    if !is_root() {
        return;
    }
    let Some(disk) = Disk::new() else { return };
    let world = at_rest(1).await;
    for ending in ["", ".sent"] {
        let name = format!("test.db{ending}");
        std::fs::copy(world.folder.path().join(&name), disk.0.path().join(&name)).expect("copied");
    }
    for arguments in [&["pause", "--all", "--yes"][..], &["daemon", "--drain"]] {
        fails(&disk.read_only(&world, arguments), 1, &["cannot be written", "its disk is mounted read-only"]);
    }
    let doctor = String::from_utf8(disk.read_only(&world, &["doctor"]).stdout).expect("UTF-8");
    assert!(doctor.contains("its disk is mounted read-only") && !doctor.contains("owner and mode"), "{doctor}");
}

#[tokio::test]
async fn a_copy_whose_log_cannot_be_read_where_it_is_says_where_it_can_be() {
    if !is_root() {
        return;
    }
    let Some(disk) = Disk::new() else { return };
    let world = World::new(SimulatorConfig::default()).await;
    world.enqueue(&["web-1"]).await;
    for ending in ["", "-wal"] {
        let name = format!("test.db{ending}");
        std::fs::copy(world.folder.path().join(&name), disk.0.path().join(&name)).expect("copied");
    }
    let way = format!("`cp {0} {0}-wal FOLDER`", disk.0.path().join("test.db").display());
    fails(&disk.read_only(&world, &["jobs"]), 1, &["cannot be read where it is", &way]);
    let copied = world.folder.path().join("copied");
    std::fs::create_dir(&copied).expect("a folder");
    for ending in ["", "-wal"] {
        let name = format!("test.db{ending}");
        std::fs::copy(disk.0.path().join(&name), copied.join(&name)).expect("copied");
    }
    let database = format!("sqlite://{}", copied.join("test.db").display());
    let read = by(0, &world, &["jobs", "--database", &database]);
    assert!(String::from_utf8_lossy(&read.stdout).contains("web-1"), "{}", said(&read));
}

#[tokio::test]
async fn what_acts_on_jobs_that_are_there_creates_no_database() {
    let world = World::new(SimulatorConfig::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let database = format!("sqlite://{}", folder.path().join("mistyped.db").display());
    for (arguments, code) in [
        (&["retry", "--state", "failed", "--yes"][..], 0),
        (&["cancel", "--state", "queued", "--yes"], 0),
        (&["cancel", "1", "--yes"], 2),
        (&["pause", "--all", "--yes"], 0),
        (&["resume", "--all", "--yes"], 0),
        (&["resolve", "1", "--send-again"], 2),
    ] {
        let output = command(&world, &[arguments, &["--database", &database]].concat()).output().expect("the program");
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains("there is no database") && said.contains("mistyped.db"), "{arguments:?}: {said}");
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_status_that_is_watched_shows_the_first_batch_that_comes() {
    let world = World::new(SimulatorConfig::default()).await;
    let database = world.folder.path().join("later.db");
    let mut watching = command(&world, &["status", "--watch", "--json"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut watching = watching
        .env("SNAPFERRY_DATABASE", format!("sqlite://{}", database.display()))
        .stdout(writer)
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the program");
    let mut views = std::io::BufRead::lines(std::io::BufReader::new(reader));
    let batches = |views: &mut std::io::Lines<std::io::BufReader<std::io::PipeReader>>| {
        let view: String = views.next().expect("it goes on").expect("a line");
        serde_json::from_str::<serde_json::Value>(&view).expect("JSON")["batches"].as_array().map_or(0, Vec::len)
    };
    assert_eq!(batches(&mut views), 0);
    std::fs::copy(at_rest(1).await.queue.path(), &database).expect("copied");
    let found = (0..5).any(|_| batches(&mut views) == 1);
    // A reader that goes away ends it.
    drop(views);
    assert_eq!(watching.wait().expect("an end").code(), Some(0));
    assert!(found, "it never looked again");
}

#[tokio::test]
async fn a_link_that_leads_nowhere_and_a_variable_that_is_empty_are_told() {
    let world = World::new(SimulatorConfig::default()).await;
    let link = world.folder.path().join("link.db");
    std::os::unix::fs::symlink("/none/ferry.db", &link).expect("a link");
    let database = format!("sqlite://{}", link.display());
    for arguments in [&["status"][..], &["daemon", "--drain"]] {
        let mut program = command(&world, &[arguments, &["--database", &database]].concat());
        let output = program.output().expect("the program");
        fails(&output, 1, &["link.db", "is a link to \"/none/ferry.db\", which does not exist"]);
    }
    let file = world.folder.path().join("fleet.csv");
    std::fs::write(&file, "name\nweb-1\n").expect("a file");
    let mut program = command(&world, &["enqueue", file.to_str().expect("a name"), "--dry-run"]);
    let told = said(&program.env("AWS_REGION", "").output().expect("the program"));
    assert!(told.contains("names no Region"), "{told}");
}
