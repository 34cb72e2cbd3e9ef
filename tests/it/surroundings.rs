//! The program and what is around it: a log that cannot be written or that nobody reads, a terminal that goes away.

use super::crash::command;
use super::world::{World, eventually};
use lightsail_simulator::{Fleet, FleetEntry, SimulatorConfig};
use sqlx::Connection as _;
use std::fs::File;
use std::io::{PipeReader, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

const NAMES: [&str; 8] = ["web-1", "web-2", "web-3", "web-4", "web-5", "web-6", "web-7", "web-8"];

async fn world() -> World {
    world_where_an_export_takes("20ms..100ms").await
}

async fn world_where_an_export_takes(time: &str) -> World {
    let config = SimulatorConfig {
        fleet: Fleet::Listed(NAMES.iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: time.parse().expect("a spread"),
        ..SimulatorConfig::default()
    };
    World::new(config).await
}

/// A pipe that takes no byte more, and the end that nobody reads.
fn clogged() -> (PipeReader, Stdio) {
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    writer.write_all(&vec![b'.'; 64 << 10]).expect("as much as it holds");
    (reader, writer.into())
}

/// A pipe whose reader has gone.
fn broken() -> Stdio {
    std::io::pipe().expect("a pipe").1.into()
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("/dev/full").into()
}

async fn end_of(child: &mut Child) -> ExitStatus {
    let ended = tokio::time::timeout(Duration::from_mins(1), async {
        loop {
            if let Some(status) = child.try_wait().expect("a status") {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let ended = ended.await;
    if ended.is_err() {
        child.kill().expect("killed");
    }
    ended.expect("it ends")
}

fn kill(signal: &str, child: &Child) {
    let killed = Command::new("kill").arg(signal).arg(child.id().to_string()).status().expect("kill");
    assert!(killed.success());
}

/// The same program, wherever the tests were started from: under nohup they would hand on that SIGHUP is ignored.
fn hearing_hup(program: &Command) -> Command {
    through(program, Command::new("env"), &["--default-signal=HUP"])
}

/// A program started by another one.
fn through(program: &Command, mut first: Command, arguments: &[&str]) -> Command {
    first.args(arguments).arg(program.get_program()).args(program.get_args());
    first.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    first
}

/// How many runs there were, and how many of them have not ended in order.
async fn runs(world: &World) -> (i64, i64) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(world.queue.path());
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.expect("a database");
    let runs = sqlx::query_as("SELECT count(*), count(*) - count(ended_at) FROM runs").fetch_one(&mut db).await;
    db.close().await.expect("closed");
    runs.expect("counts")
}

async fn exported(world: &World) {
    let all = async || NAMES.iter().all(|name| world.exports(name) == 1);
    eventually("all are exported", all).await;
}

#[tokio::test]
async fn a_daemon_goes_on_and_ends_in_order_though_nobody_can_read_its_log() {
    let (_nobody, clogged) = clogged();
    for (what, stderr) in [("full", full()), ("gone", broken()), ("clogged", clogged)] {
        let world = world().await;
        let mut command = command(&world, &["daemon", "-vv"]);
        let mut daemon =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn().expect("the program");
        world.enqueue(&NAMES).await;
        exported(&world).await;
        eventually("all have ended", async || world.queue.unfinished(None).await.expect("a count") == 0).await;
        kill("-TERM", &daemon);
        assert_eq!(end_of(&mut daemon).await.code(), Some(0), "{what}");
        assert_eq!(runs(&world).await, (1, 0), "{what}");
    }
}

#[tokio::test]
async fn run_exports_all_and_prints_its_report_though_its_progress_cannot_be_written() {
    let (_nobody, clogged) = clogged();
    for (what, stderr) in [("full", full()), ("gone", broken()), ("clogged", clogged)] {
        let world = world().await;
        let file = world.folder.path().join("fleet.csv");
        let rows: Vec<String> = NAMES.iter().map(|name| format!("{name},eu-west-1\n")).collect();
        std::fs::write(&file, format!("name,region\n{}", rows.concat())).expect("a file");
        let mut command = command(&world, &["run", file.to_str().expect("a name"), "--format", "csv"]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr).spawn();
        let mut child = child.expect("the program");
        assert_eq!(end_of(&mut child).await.code(), Some(0), "{what}");
        exported(&world).await;
        let report = child.wait_with_output().expect("an end").stdout;
        assert_eq!(String::from_utf8_lossy(&report).lines().count(), 1 + NAMES.len(), "{what}");
    }
}

#[tokio::test]
async fn a_terminal_that_goes_away_ends_daemon_and_run_in_order_unless_nohup_was_said() {
    let world = world().await;
    let mut program = hearing_hup(&command(&world, &["daemon", "-q"]));
    let mut daemon = program.stdin(Stdio::null()).spawn().expect("the program");
    eventually("it runs", async || runs(&world).await.0 == 1).await;
    kill("-HUP", &daemon);
    // Shell and system both send one; the second does not cut off the calls under way.
    let _ = Command::new("kill").arg("-HUP").arg(daemon.id().to_string()).stderr(Stdio::null()).status();
    assert_eq!(end_of(&mut daemon).await.code(), Some(0));
    assert_eq!(runs(&world).await, (1, 0));

    // What nohup does.
    let program = command(&world, &["daemon", "-q"]);
    let mut ignoring = through(&program, Command::new("sh"), &["-c", "trap '' HUP; exec \"$@\"", "sh"]);
    let mut daemon = ignoring.stdin(Stdio::null()).spawn().expect("the program");
    eventually("it runs", async || runs(&world).await.0 == 2).await;
    kill("-HUP", &daemon);
    world.enqueue(&NAMES).await;
    exported(&world).await;
    kill("-TERM", &daemon);
    assert_eq!(end_of(&mut daemon).await.code(), Some(0));
}

#[tokio::test]
async fn run_says_what_remains_when_its_terminal_goes_away() {
    let world = world_where_an_export_takes("1h").await;
    let file = world.folder.path().join("fleet.csv");
    std::fs::write(&file, "name,region\nweb-1,eu-west-1\n").expect("a file");
    let mut command = hearing_hup(&command(&world, &["run", file.to_str().expect("a name")]));
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = child.expect("the program");
    eventually("it runs", async || runs(&world).await.0 == 1).await;
    kill("-HUP", &child);
    assert_eq!(end_of(&mut child).await.code(), Some(130));
    let said = String::from_utf8(child.wait_with_output().expect("an end").stderr).expect("UTF-8");
    assert!(said.contains("interrupted, nothing is lost"), "{said}");
}

#[tokio::test]
async fn one_signal_ends_a_run_whose_report_nobody_reads() {
    for signal in ["-TERM", "-HUP"] {
        let world = world().await;
        let file = world.folder.path().join("fleet.csv");
        let rows: Vec<String> = NAMES.iter().map(|name| format!("{name},eu-west-1\n")).collect();
        std::fs::write(&file, format!("name,region\n{}", rows.concat())).expect("a file");
        let (_nobody, clogged) = clogged();
        let mut program = hearing_hup(&command(&world, &["run", file.to_str().expect("a name")]));
        let mut run = program.stdin(Stdio::null()).stdout(clogged).stderr(Stdio::null()).spawn().expect("the program");
        eventually("the run has ended", async || runs(&world).await == (1, 0)).await;
        // What is left to do is to print.
        tokio::time::sleep(Duration::from_millis(500)).await;
        kill(signal, &run);
        assert_eq!(end_of(&mut run).await.code(), Some(130), "{signal}");
        exported(&world).await;
    }
}

/// A file system of another program's, with nothing in it, as long as this lives.
struct Fuse {
    folder: tempfile::TempDir,
}

impl Fuse {
    /// Nothing where this machine lets nobody mount one.
    fn mount() -> Option<Self> {
        let device = File::options().read(true).write(true).open("/dev/fuse").ok()?;
        let folder = tempfile::tempdir().expect("a folder");
        let options = "fd=0,rootmode=40000,user_id=0,group_id=0";
        let mut mount = Command::new("mount");
        mount.args(["-i", "-t", "fuse", "-o", options, "nothing"]).arg(folder.path());
        let stdin = Stdio::from(device.try_clone().expect("the device"));
        let mounted = mount.stdin(stdin).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        mounted.then(|| {
            std::thread::spawn(move || answer(device));
            Self { folder }
        })
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

/// Answers what the kernel asks of a file system (linux/fuse.h) until it is unmounted: there is a folder.
fn answer(mut device: File) {
    use std::io::Read as _;
    const LOOKUP: u32 = 1;
    const FORGET: u32 = 2;
    const GETATTR: u32 = 3;
    const STATFS: u32 = 17;
    const INIT: u32 = 26;
    let mut request = vec![0; 1 << 20];
    while let Ok(read) = device.read(&mut request) {
        let number = |at: usize| u32::from_le_bytes(request[at..at + 4].try_into().expect("four bytes"));
        let (opcode, unique) = (number(4), request[8..16].to_vec());
        let (error, body): (i32, Vec<u8>) = match opcode {
            FORGET => continue,
            // Version 7.31, and nothing that is optional.
            INIT => (0, [7_u32, 31, 0, 0, 0, 4096, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0].map(u32::to_le_bytes).concat()),
            GETATTR => {
                let mut body = vec![0; 104];
                body[16] = 1;
                body[76..80].copy_from_slice(&0o40755_u32.to_le_bytes());
                body[80] = 2;
                (0, body)
            }
            STATFS => (0, vec![0; 80]),
            LOOKUP => (-2, Vec::new()),
            _ => (-38, Vec::new()),
        };
        assert!(read >= 40);
        let length = u32::try_from(16 + body.len()).expect("short");
        let reply = [length.to_le_bytes().to_vec(), error.to_le_bytes().to_vec(), unique, body].concat();
        let _ = device.write_all(&reply);
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
fn in_ci() -> bool {
    std::env::var_os("CI").is_some()
}

#[tokio::test]
async fn daemon_and_run_refuse_a_disk_that_other_hosts_may_use() {
    let Some(fuse) = Fuse::mount() else {
        assert!(!in_ci(), "CI needs the right to mount a FUSE file system");
        println!("SKIPPED: this machine lets nobody mount a FUSE file system");
        return;
    };
    let world = world().await;
    let database = format!("sqlite://{}", fuse.folder.path().join("ferry.db").display());
    for (arguments, refused) in [
        (&["daemon", "--drain"][..], true),
        (&["run", "-"], true),
        (&["daemon", "--drain", "--network-disk"], false),
        (&["run", "--network-disk", "-"], false),
    ] {
        let mut command = command(&world, arguments);
        let output = command.env("SNAPFERRY_DATABASE", &database).stdin(Stdio::null()).output().expect("the program");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        let names_the_way =
            ["network disk (FUSE)", "local disk", "--network-disk"].iter().all(|part| said.contains(part));
        assert_eq!((output.status.code() == Some(1), names_the_way), (true, refused), "{arguments:?}: {said}");
    }
}
