//! Bringing rows in: what is counted, what is refused, and that a batch is there whole or not at all.

use super::world::World;
use lightsail_simulator::SimulatorConfig;
use snapferry::domain::{
    AccountLabel, Act, BatchName, Event, Existing, JobId, JobState, JobVersion, Lane, Region, SnapshotName, Timestamp,
};
use snapferry::queue::{LoadName, NewRow, Queue, Selector, Transition};
use sqlx::Connection;
use std::path::Path;
use std::process::{Command, Output};

/// A folder with a database in it and the program run there.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn put(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), text).expect("a file");
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_snapferry"))
            .args(arguments)
            .args(["--database", "sqlite://desk.db"])
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .output()
            .expect("the program")
    }

    async fn queue(&self) -> Queue {
        Queue::open(&self.path().join("desk.db")).await.expect("a database")
    }

    async fn jobs(&self) -> Vec<String> {
        let queue = self.queue().await;
        let jobs = queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs");
        queue.close().await;
        jobs.iter().map(|job| format!("{} {}", job.lane.region, job.snapshot_name)).collect()
    }

    /// The counters, and the same counted over all jobs.
    async fn job_counts(&self) -> (i64, i64) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.path().join("desk.db"));
        let mut db = sqlx::SqliteConnection::connect_with(&options).await.expect("a database");
        let kept =
            sqlx::query_scalar("SELECT coalesce(sum(jobs), 0) FROM job_counts").fetch_one(&mut db).await.expect("kept");
        let counted = sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&mut db).await.expect("counted");
        db.close().await.expect("closed");
        (kept, counted)
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn files_of_every_make_come_in_alike() {
    let files: [(&str, &[u8]); 6] = [
        ("header.csv", b"snapshot_name,region\nweb-1,eu-west-1\nweb-2,eu-west-1\n"),
        ("bom-crlf.csv", b"\xef\xbb\xbfname,region\r\nweb-1,eu-west-1\r\nweb-2,eu-west-1\r\n"),
        (
            "quoted.csv",
            b"\"note\",\"sourceSnapshotName\",\"region\"\n\"a, \"\"b\"\"\nc\",\"web-1\",eu-west-1\nd,web-2,eu-west-1",
        ),
        ("order.csv", b"region,ticket,snapshot_name\neu-west-1,1,web-1\n\neu-west-1,2,web-2\n"),
        ("list.csv", b"web-1\nweb-2\n"),
        ("list-bom.csv", b"\xef\xbb\xbfweb-1\r\nweb-2"),
    ];
    for (name, bytes) in files {
        let desk = Desk::new();
        desk.put(name, bytes);
        let output = desk.run(&["enqueue", name, "--region", "eu-west-1"]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", err(&output));
        assert!(
            out(&output).contains("2 rows: 2 new, 0 already live, 0 repeated, 0 rejected"),
            "{name}: {}",
            out(&output)
        );
        assert_eq!(desk.jobs().await, ["eu-west-1 web-1", "eu-west-1 web-2"], "{name}");
        assert_eq!(desk.job_counts().await, (2, 2), "{name}");
    }
}

#[tokio::test]
async fn one_bad_row_keeps_the_whole_file_out_and_is_named() {
    let desk = Desk::new();
    desk.put("bad.csv", "snapshot_name,region,priority\nweb-1,eu-west-1,0\nweb-2,us-east-1a,0\n-x,eu-west-1,0\nweb-3,eu-west-1,high\nweb-4\n");
    let output = desk.run(&["enqueue", "bad.csv"]);
    assert_eq!(output.status.code(), Some(2));
    let said = err(&output);
    for part in
        ["line 3, column region", "us-east-1", "line 4, column snapshot_name", "line 5, column priority", "line 6"]
    {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert!(said.contains("nothing was enqueued") && said.contains("--skip-invalid"), "{said}");
    assert!(desk.jobs().await.is_empty());
    assert_eq!(desk.job_counts().await, (0, 0));
}

#[tokio::test]
async fn with_skip_invalid_the_good_come_in_and_the_bad_are_kept_beside() {
    let desk = Desk::new();
    desk.put("bad.csv", "snapshot_name,region\nweb-1,eu-west-1\nweb-2,mars\n");
    let output = desk.run(&["enqueue", "bad.csv", "--skip-invalid"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("2 rows: 1 new, 0 already live, 0 repeated, 1 rejected"), "{}", out(&output));
    assert_eq!(desk.jobs().await, ["eu-west-1 web-1"]);
    let kept = std::fs::read_to_string(desk.path().join("bad.csv.rejected.csv")).expect("the bad ones");
    assert!(kept.contains("web-2") && kept.contains("mars") && kept.contains('3'), "{kept}");
}

#[tokio::test]
async fn rejected_rows_that_a_person_has_corrected_stay_as_they_are() {
    let desk = Desk::new();
    desk.put("bad.csv", "snapshot_name,region\nweb-1,eu-west-1\nweb-2,mars\n");
    let read = |name: &str| std::fs::read_to_string(desk.path().join(name));
    let run = || {
        let output = desk.run(&["enqueue", "bad.csv", "--skip-invalid"]);
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        err(&output)
    };
    assert!(run().contains("the rejected rows are in bad.csv.rejected.csv,"));
    let first = read("bad.csv.rejected.csv").expect("the bad ones");
    // The same again is no other file.
    assert!(run().contains("the rejected rows are in bad.csv.rejected.csv,"));
    assert_eq!(
        (read("bad.csv.rejected.csv").ok(), read("bad.csv.rejected-2.csv").is_err()),
        (Some(first.clone()), true)
    );

    let corrected = first.replace("mars", "eu-west-2");
    desk.put("bad.csv.rejected.csv", &corrected);
    assert!(run().contains("the rejected rows are in bad.csv.rejected-2.csv,"));
    assert!(run().contains("the rejected rows are in bad.csv.rejected-2.csv,"));
    std::fs::create_dir(desk.path().join("bad.csv.rejected-3.csv")).expect("a folder");
    desk.put("bad.csv.rejected-2.csv", "half done");
    assert!(run().contains("the rejected rows are in bad.csv.rejected-4.csv,"));
    let found =
        ["bad.csv.rejected.csv", "bad.csv.rejected-2.csv", "bad.csv.rejected-4.csv"].map(|name| read(name).ok());
    assert_eq!(found, [Some(corrected), Some("half done".to_owned()), Some(first)]);
    let left = std::fs::read_dir(desk.path())
        .expect("the folder")
        .filter(|one| one.as_ref().is_ok_and(|one| one.file_name().to_string_lossy().starts_with(".snapferry-")));
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn rows_point_to_jobs_that_are_live_and_add_none() {
    let desk = Desk::new();
    desk.put("one.csv", "name,region\nweb-1,eu-west-1\nweb-2,eu-west-1\nweb-1,eu-west-1\n");
    let first = desk.run(&["enqueue", "one.csv", "--batch", "first"]);
    assert!(out(&first).contains("3 rows: 2 new, 0 already live, 1 repeated"), "{}", out(&first));
    let again = desk.run(&["enqueue", "one.csv", "--batch", "second"]);
    assert_eq!(again.status.code(), Some(0));
    assert!(out(&again).contains("3 rows: 0 new, 3 already live"), "{}", out(&again));
    desk.put("two.csv", "name,region\nweb-2,eu-west-1\nweb-3,eu-west-1\nweb-1,us-east-1\n");
    let other = desk.run(&["enqueue", "two.csv", "--batch", "third"]);
    assert!(out(&other).contains("3 rows: 2 new, 1 already live"), "{}", out(&other));
    assert_eq!(desk.job_counts().await, (4, 4));
    // Rows of the CSV are rows of the report, always.
    let report = desk.run(&["report", "--batch", "second", "--format", "csv"]);
    assert_eq!(out(&report).lines().count(), 4, "{}", out(&report));
    let taken = desk.run(&["enqueue", "two.csv", "--batch", "third"]);
    assert_eq!(taken.status.code(), Some(2));
    assert!(err(&taken).contains("third") && err(&taken).contains("--batch"), "{}", err(&taken));
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_writes_nothing() {
    let desk = Desk::new();
    desk.put("one.csv", "web-1\nweb-2\nweb-1\n");
    let output = desk.run(&["enqueue", "one.csv", "--region", "eu-west-1", "--dry-run"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("2 new, 0 already live, 1 repeated"), "{}", out(&output));
    assert!(desk.jobs().await.is_empty());
}

#[test]
fn files_that_are_no_list_of_snapshots_are_named_with_the_way_out() {
    let desk = Desk::new();
    let files: [(&str, &[u8]); 6] = [
        ("empty.csv", b""),
        ("blank.csv", b"\n\n"),
        ("utf16.csv", b"\xff\xfen\0a\0m\0e\0"),
        ("excel.xlsx", b"PK\x03\x04rest"),
        ("twice.csv", b"name,region,name\nweb-1,eu-west-1,x\n"),
        ("unnamed.csv", b"region,ticket\neu-west-1,1\n"),
    ];
    for (name, bytes) in files {
        desk.put(name, bytes);
        let output = desk.run(&["enqueue", name, "--region", "eu-west-1"]);
        let said = err(&output);
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        assert_eq!(said.lines().count(), 1, "{name}: {said}");
        assert!(said.contains(name) && !said.contains("panic"), "{name}: {said}");
    }
    let missing = desk.run(&["enqueue", "no-such.csv"]);
    assert!(err(&missing).contains("no-such.csv"), "{}", err(&missing));
    assert_ne!(missing.status.code(), Some(0));
}

#[tokio::test]
async fn a_killed_load_leaves_nothing_and_its_jobs_are_never_claimed() {
    let world = World::new(SimulatorConfig::default()).await;
    let lane = Lane { account: AccountLabel::unnamed(), region: Region::parse("eu-west-1").expect("a Region") };
    let row = |line: u64| NewRow {
        line,
        lane: lane.clone(),
        snapshot: SnapshotName::parse(&format!("snap-{line:05}")).expect("a name"),
        priority: 0,
        not_before: None,
        existing: Existing::Adopt,
        carried: Vec::new(),
    };
    let name = |text: &str| LoadName::Given(BatchName::parse(text).expect("a name"));
    let mut killed =
        world.queue.begin_load(name("killed"), "x", &[], "a test", world.clock.now()).await.expect("a load");
    killed.add((1..=50).map(row).collect()).await.expect("added");
    // Not sealed: a daemon that runs meanwhile takes nothing of it.
    world.drain().await;
    assert!(world.simulator.calls().is_empty());
    // As after kill -9: the process's lock is gone, its rows are not.
    drop(killed);
    let mut load = world.queue.begin_load(name("next"), "y", &[], "a test", world.clock.now()).await.expect("a load");
    load.add((40..=60).map(row).collect()).await.expect("added");
    let batch = load.seal(0, world.clock.now()).await.expect("sealed");
    assert_eq!((batch.new, batch.live), (21, 0));
    assert_eq!(world.queue.batch_names().await.expect("names").len(), 1);
    let jobs = world.queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs");
    assert_eq!(jobs.len(), 21);
    assert!(jobs.iter().all(|job| job.state == JobState::Queued));
}

#[tokio::test]
async fn a_running_daemon_takes_up_new_rows_and_not_before_is_kept() {
    let world = World::new(SimulatorConfig::default()).await;
    let daemon = world.start();
    world.enqueue(&["snap-00001"]).await;
    super::world::eventually("it is sent", async || !world.sent("snap-00001").is_empty()).await;
    let far = world.clock.now().after(std::time::Duration::from_hours(1));
    let name = LoadName::Given(BatchName::parse("later").expect("a name"));
    let mut load = world.queue.begin_load(name, "x", &[], "a test", world.clock.now()).await.expect("a load");
    let lane = Lane { account: AccountLabel::unnamed(), region: Region::parse("eu-west-1").expect("a Region") };
    let row = |line: u64, not_before| NewRow {
        line,
        lane: lane.clone(),
        snapshot: SnapshotName::parse(&format!("snap-{line:05}")).expect("a name"),
        priority: 0,
        not_before,
        existing: Existing::Adopt,
        carried: Vec::new(),
    };
    load.add(vec![row(2, Some(far)), row(3, None)]).await.expect("added");
    load.seal(0, world.clock.now()).await.expect("sealed");
    super::world::eventually("the other is sent", async || !world.sent("snap-00003").is_empty()).await;
    daemon.stop().await;
    assert!(world.sent("snap-00002").is_empty());
    assert_eq!(world.job("snap-00002").await.due_at, Some(far));
}

#[tokio::test]
async fn a_job_that_is_still_loading_is_nobodys_to_touch() {
    let world = World::new(SimulatorConfig::default()).await;
    let name = |name: &str| LoadName::Given(BatchName::parse(name).expect("a name"));
    let row = |snapshot: &str| NewRow {
        line: 1,
        lane: Lane { account: AccountLabel::unnamed(), region: Region::parse("us-east-1").expect("a Region") },
        snapshot: SnapshotName::parse(snapshot).expect("a name"),
        priority: 0,
        not_before: None,
        existing: Existing::Adopt,
        carried: Vec::new(),
    };
    let now = world.clock.now();
    let mut load = world.queue.begin_load(name("killed"), "x", &[], "a test", now).await.expect("a load");
    load.add(vec![row("web-1")]).await.expect("added");
    drop(load);
    let everything = Selector::default();
    for act in [Act::Cancel, Act::Pause] {
        let plan = world.queue.plan_act(act, &everything).await.expect("a plan");
        assert_eq!((plan.len(), plan.left_alone()), (0, 0), "{act:?}");
    }
    assert_eq!(world.queue.jobs_page(&everything, None, 10).await.expect("jobs"), []);
}

#[tokio::test]
async fn whatever_people_did_to_a_load_that_died_the_next_takes_it_away() {
    let desk = Desk::new();
    desk.put("fleet.csv", "snapshot_name\nweb-1\n");
    let queue = desk.queue().await;
    let name = LoadName::Given(BatchName::parse("fleet").expect("a name"));
    let now = Timestamp(1_800_000_000_000);
    let mut load = queue.begin_load(name, "x", &[], "a test", now).await.expect("a load");
    let row = NewRow {
        line: 1,
        lane: Lane { account: AccountLabel::unnamed(), region: Region::parse("us-east-1").expect("a Region") },
        snapshot: SnapshotName::parse("web-1").expect("a name"),
        priority: 0,
        not_before: None,
        existing: Existing::Adopt,
        carried: Vec::new(),
    };
    load.add(vec![row]).await.expect("added");
    drop(load);
    let batch = queue.batches().await.expect("batches")[0].id;
    queue.pause(&[batch], &[], now, "ada").await.expect("paused");
    // As those could who selected it before its end.
    let standing = JobVersion { state: JobState::Queued, attempt: 0, used: 0, max_attempts: 5 };
    let cancel = Transition::new(JobId(1), &standing, Event::Cancel, now, "ada").expect("a change");
    queue.transition(cancel).await.expect("cancelled");
    queue.close().await;

    let enqueued = desk.run(&["enqueue", "fleet.csv", "--region", "us-east-1"]);
    assert!(enqueued.status.success(), "{}", String::from_utf8_lossy(&enqueued.stderr));
    assert_eq!(desk.jobs().await, ["us-east-1 web-1"]);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(desk.path().join("desk.db"));
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.expect("a database");
    let left = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut db).await.expect("checked");
    assert_eq!(left.len(), 0, "rows of what is gone");
}

#[tokio::test]
async fn names_that_look_like_something_else_and_rows_with_their_own_priority_share_a_chunk() {
    let desk = Desk::new();
    desk.put("fleet.csv", "snapshot_name,priority\n12,\n1e3,5\n12,\nnull,\ntrue,7\n0x1F,\n1e3,\n");
    let enqueued = desk.run(&["enqueue", "fleet.csv", "--region", "us-east-1", "--batch", "odd"]);
    assert!(enqueued.status.success(), "{}", String::from_utf8_lossy(&enqueued.stderr));
    let said = String::from_utf8_lossy(&enqueued.stdout).into_owned();
    assert!(said.starts_with("batch odd: 7 rows: 5 new, 0 already live, 2 repeated, 0 rejected"), "{said}");
    let queue = desk.queue().await;
    let jobs = queue.jobs_page(&Selector::default(), None, 10).await.expect("jobs");
    let mut jobs: Vec<_> = jobs.iter().map(|job| (job.line, job.snapshot_name.to_string(), job.priority)).collect();
    jobs.sort_unstable();
    let odd = |line: u64, name: &str, priority: i64| (line, name.to_owned(), priority);
    assert_eq!(jobs, [odd(2, "12", 0), odd(3, "1e3", 5), odd(5, "null", 0), odd(6, "true", 7), odd(7, "0x1F", 0)]);
}

/// A file, where it is refused the column and what it says, and what `--copy-column` is given to have it taken.
const ELSEWHERE: [(&str, &str, &str); 14] = [
    ("name,dc\nweb-1,us-east-1\nweb-2,eu-west-1\n", "dc", "line 3"),
    ("name,zone\nweb-1,eu-west-1a\n", "zone", "line 2"),
    ("name,place\nweb-1,Ireland (eu-west-1)\n", "place", "line 2"),
    ("name,place\nweb-1,sa-east-1\n", "place", "line 2"),
    ("name,arn\nweb-1,arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/x\n", "arn", "line 2"),
    ("name,home_region\nweb-1,Ireland\n", "home_region", "line 2"),
    ("name,Regoin\nweb-1,eu-west-1\n", "Regoin", "line 2"),
    ("snapshot_name,region,AWS Region\nweb-1,,eu-west-1\n", "AWS Region", "line 2"),
    ("name,region,owner\nweb-1,us-east-1,100000000002\n", "owner", "line 2"),
    ("name,region,owner\nweb-1,us-east-1,1000-0000-0002\n", "owner", "line 2"),
    ("name,region,team\nweb-1,us-east-1,lab\n", "team", "line 2"),
    ("name,region,AWS Profile\nweb-1,us-east-1,b\n", "AWS Profile", "line 2"),
    ("name,region,account,Account ID\nweb-1,us-east-1,,100000000002\n", "Account ID", "line 2"),
    ("name,region,customerAccount\nweb-1,us-east-1,x\n", "customerAccount", "line 2"),
];

#[tokio::test]
async fn a_copied_column_that_names_another_lane_keeps_the_whole_file_out_until_it_is_renamed_or_declared() {
    let desk = Desk::new();
    desk.put("settings.toml", "[accounts.default]\nprofile = 'a'\n[accounts.lab]\nprofile = 'b'\n");
    let run =
        |arguments: &[&str]| desk.run(&[arguments, &["--region", "us-east-1", "--config", "settings.toml"]].concat());
    for (text, column, line) in ELSEWHERE {
        desk.put("fleet.csv", text);
        for how in [
            &["enqueue", "fleet.csv"][..],
            &["enqueue", "fleet.csv", "--skip-invalid"],
            &["enqueue", "fleet.csv", "--dry-run"],
            &["plan", "fleet.csv"],
            &["run", "fleet.csv", "--skip-invalid"],
            &["run", "fleet.csv", "--rehearse"],
        ] {
            let output = run(how);
            let said = err(&output);
            assert_eq!(output.status.code(), Some(2), "{how:?} {text}: {said}");
            let named = format!("fleet.csv: {line}: column {column:?} has ");
            let way = format!("--copy-column {column:?}");
            assert!(said.contains(&named) && said.contains("Rename the column to ") && said.contains(&way), "{said}");
            assert!(out(&output).is_empty(), "{how:?} {text}");
        }
        assert!(desk.jobs().await.is_empty() && !desk.path().join("fleet.csv.rejected.csv").exists(), "{text}");
        let dry = run(&["enqueue", "fleet.csv", "--dry-run", "--copy-column", &column.to_uppercase()]);
        assert_eq!(dry.status.code(), Some(0), "{text}: {}", err(&dry));
    }
    desk.put("fleet.csv", ELSEWHERE[0].0);
    let taken = run(&["enqueue", "fleet.csv", "--copy-column", "dc", "--batch", "declared"]);
    assert_eq!(taken.status.code(), Some(0), "{}", err(&taken));
    assert_eq!(desk.jobs().await, ["us-east-1 web-1", "us-east-1 web-2"]);
    // The report has the column again, and is a valid input by itself: its rows name their Region.
    let report = out(&desk.run(&["report", "--batch", "declared", "--format", "csv"]));
    assert!(report.starts_with("batch,") && report.contains(",dc\n"), "{report}");
    desk.put("report.csv", report);
    let again = run(&["enqueue", "report.csv"]);
    assert!(out(&again).contains("2 rows: 0 new, 2 already live"), "{}{}", out(&again), err(&again));
    for (name, part) in
        [("dd", "there is no column \"dd\"; the file has name, dc"), ("Region", "is a column of the report")]
    {
        let wrong = run(&["enqueue", "fleet.csv", "--copy-column", name]);
        assert!(wrong.status.code() == Some(2) && err(&wrong).contains(part), "{}", err(&wrong));
    }
}

#[tokio::test]
async fn usual_names_are_taken_for_what_they_mean_and_the_exact_one_wins() {
    for (text, jobs) in [
        ("name,aws_region\nweb-1,eu-west-1\n", "eu-west-1 web-1"),
        ("Snapshot Name;AWS Region\n", ""),
        ("Snapshot Name,AWS Region,Note\nweb-1,eu-west-1,x\n", "eu-west-1 web-1"),
        ("SnapshotName\nweb-1\n", "us-east-1 web-1"),
        ("Name,SnapshotName,Region\nweb,web-1,eu-west-1\n", "eu-west-1 web-1"),
        ("name,sourceSnapshotName,region-name\nweb,web-1,eu-west-1\n", "eu-west-1 web-1"),
        ("diskSnapshotName,location.regionName\nweb-1,eu-west-1\n", "eu-west-1 web-1"),
        ("aws_region,snapshot_name,region\nus-west-2,web-1,eu-west-1\n", "eu-west-1 web-1"),
        ("snapshot,Account Id,account,location\nweb-1,100000000002,default,Dublin\n", "us-east-1 web-1"),
        ("name,dc\nweb-1,us-east-1b\n", "us-east-1 web-1"),
        ("name,state,destination_id,reason,amount\nweb-1,eu-west-1,123456789012,eu-test-1,5\n", "us-east-1 web-1"),
    ] {
        let desk = Desk::new();
        desk.put("fleet.csv", text);
        let output = desk.run(&["enqueue", "fleet.csv", "--region", "us-east-1"]);
        assert_eq!(desk.jobs().await.join("\n"), jobs, "{text}: {}", err(&output));
    }
    let desk = Desk::new();
    for text in
        ["name,snapshot\nweb,web-1\n", "SnapshotName,sourceSnapshotName\nweb-1,web-2\n", "name,awsRegion,regionName\n"]
    {
        desk.put("fleet.csv", text);
        let output = desk.run(&["enqueue", "fleet.csv", "--region", "us-east-1"]);
        let said = err(&output);
        assert!(
            output.status.code() == Some(2) && said.contains("may mean the same") && said.contains("--copy-column"),
            "{said}"
        );
    }
    desk.put("fleet.csv", "name,snapshot\nweb,web-1\n");
    let output = desk.run(&["enqueue", "fleet.csv", "--region", "us-east-1", "--copy-column", "name"]);
    assert_eq!(desk.jobs().await, ["us-east-1 web-1"], "{}", err(&output));
}
