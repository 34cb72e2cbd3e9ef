//! The store asked directly: what each question is answered, beside what whole runs show of it.

use super::tracker::{LANE, write};
use snapferry::domain::{
    AccountLabel, AccountNumber, Act, BatchId, BatchName, Destination, EntryStatus, Event, Existing, ExportRef,
    Failure, JobId, JobState, JobVersion, Lane, LaneId, LaneTrouble, OperationId, Region, RunId, SnapshotName,
    Timestamp,
};
use snapferry::queue::{
    AccountMatch, Block, Ending, EntryKey, LoadName, NewRow, Observation, OpenError, Peek, Queue, QueueError, Selector,
    Transition,
};
use sqlx::{Connection, SqliteConnection};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

struct Desk {
    _folder: tempfile::TempDir,
    path: PathBuf,
    queue: Queue,
}

impl Desk {
    /// A lane and a sealed batch, and what these statements add.
    async fn new(statements: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("queue.db");
        let queue = Queue::open(&path).await.expect("opened");
        write(&path, LANE).await;
        write(&path, statements).await;
        Self { _folder: folder, path, queue }
    }

    async fn connection(&self) -> SqliteConnection {
        connection(&self.path).await
    }
}

async fn connection(path: &Path) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path).create_if_missing(true);
    SqliteConnection::connect_with(&options).await.expect("a connection")
}

const ONE_QUEUED: &str =
    "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at, attempt, used)
    VALUES (1, 1, 1, 1, 'web-1', 0, 'adopt', 'queued', 0, 1, 1);
    INSERT INTO runs (began_at, pid, version) VALUES (0, 1, 'test');
    INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome) VALUES (1, 1, 1, 0, 1, 'refused');";

#[tokio::test]
async fn a_long_page_of_the_ledger_is_written_to_its_last_row() {
    let stored = crate::stored::Stored::many(1).await;
    let name = SnapshotName::parse("snap-1").expect("a name");
    let operation = |number: u32| Observation {
        key: EntryKey::Operation(OperationId::new(format!("op-{number}"))),
        snapshot: name.clone(),
        snapshot_arn: None,
        status: EntryStatus::UnderWay,
        record_name: None,
        destination: None,
        failure: None,
        created_at: None,
    };
    // More than two parts, and the last of them not full.
    let page: Vec<Observation> = (0..601).map(operation).collect();
    assert_eq!(stored.queue.record_observations(LaneId(1), &page, Timestamp(1)).await.expect("seen"), 601);
    let entries = stored.queue.entries(LaneId(1), std::slice::from_ref(&name)).await.expect("read");
    assert_eq!(
        entries.iter().map(|one| one.sighting.key.clone()).collect::<Vec<_>>(),
        page.iter().map(|one| one.key.clone()).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn an_entry_keeps_its_first_owner() {
    let desk = Desk::new(ONE_QUEUED).await;
    write(
        &desk.path,
        "INSERT INTO ledger (id, lane_id, kind, key, snapshot_name, status, seen_at, unprocessed)
         VALUES (7, 1, 'operation', 'op-7', 'web-1', 'under_way', 0, 0)",
    )
    .await;
    let name = SnapshotName::parse("web-1").expect("a name");
    for attempt in [1, 2] {
        desk.queue.own_entries(JobId(1), attempt, 7).await.expect("owned");
        // Two jobs of a name ask for it twice, and it is one entry.
        let entries = desk.queue.entries(LaneId(1), &[name.clone(), name.clone()]).await.expect("read");
        assert_eq!(entries.iter().map(|entry| entry.owner).collect::<Vec<_>>(), [Some((JobId(1), 1))]);
    }
}

/// Jobs 1 to 6 of one lane, in a state that has one attempt behind it.
fn six(state: &str) -> String {
    let rows = |row: fn(i64, &str) -> String| (1..=6).map(|id| row(id, state)).collect::<Vec<_>>().join(", ");
    format!(
        "INSERT INTO runs (began_at, pid, version) VALUES (0, 1, 'test');
         INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at, attempt, used)
         VALUES {};
         INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome) VALUES {};",
        rows(|id, state| format!("({id}, 1, 1, {id}, 'web-{id}', 0, 'adopt', '{state}', 0, 1, 1)")),
        rows(|id, state| {
            format!("({id}, 1, 1, 0, 0, '{}')", if state == "submitting" { "pending" } else { "accepted" })
        }),
    )
}

#[tokio::test]
async fn what_ends_together_ends_each_as_it_did() {
    let desk = Desk::new("").await;
    write(&desk.path, six("exporting").leak()).await;
    let standing = JobVersion { state: JobState::Exporting, attempt: 1, used: 1, max_attempts: 5 };
    let ended = |id: i64| {
        let destination = Destination { service: "Aws::EC2::Image".to_owned(), id: format!("ami-{id}") };
        let event = match id {
            1 | 4 | 5 => Event::Finished(ExportRef { destination: Some(destination), ..ExportRef::default() }),
            _ => Event::OperationFailed(Failure::new("Boom", format!("of {id}")), None),
        };
        Transition::new(JobId(id), &standing, event, Timestamp(9), "test").expect("possible")
    };
    for verdict in desk.queue.transition_all((1..=6).map(ended).collect()).await {
        verdict.expect("written");
    }
    let jobs = desk.queue.followed_jobs(&(1..=6).map(JobId).collect::<Vec<_>>()).await.expect("read");
    let ends: Vec<_> = jobs.iter().map(|job| (job.state, job.destination_id.clone(), job.error_code.clone())).collect();
    let succeeded = |id: i64| (JobState::Succeeded, Some(format!("ami-{id}")), None);
    let failed = || (JobState::Failed, None, Some("Boom".to_owned()));
    assert_eq!(ends, [succeeded(1), failed(), failed(), succeeded(4), succeeded(5), failed()]);
}

#[tokio::test]
async fn what_ends_together_is_written_to_the_history_with_who_ended_it() {
    let desk = Desk::new("").await;
    write(&desk.path, six("exporting").leak()).await;
    let standing = JobVersion { state: JobState::Exporting, attempt: 1, used: 1, max_attempts: 5 };
    let who = |id: i64| if id % 3 == 0 { "ann" } else { "daemon" };
    let failed = |id: i64| {
        let event = Event::OperationFailed(Failure::new("Boom", "it went wrong"), None);
        Transition::new(JobId(id), &standing, event, Timestamp(9), who(id)).expect("possible")
    };
    for verdict in desk.queue.transition_all((1..=6).map(failed).collect()).await {
        verdict.expect("written");
    }
    for id in 1..=6 {
        let history = desk.queue.job(JobId(id)).await.expect("read").expect("a job").transitions;
        assert_eq!(history.last().expect("its end").actor, who(id), "job {id}");
    }
}

#[tokio::test]
async fn a_start_says_how_many_calls_the_run_before_had_under_way() {
    let desk = Desk::new("").await;
    write(&desk.path, six("submitting").leak()).await;
    assert_eq!(desk.queue.recover(Timestamp(9)).await.expect("recovered"), 6);
    assert_eq!(desk.queue.recover(Timestamp(9)).await.expect("recovered"), 0);
}

/// What a breaker let go tells something only by an export of its own.
#[tokio::test]
async fn a_probe_that_adopted_or_was_never_sent_tells_nothing() {
    use snapferry::domain::ProbeState::{Failed, Silent, Succeeded};
    let desk = Desk::new(
        "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at, finished_at,
            attempt, used, adopted, destination_id, error_code)
         VALUES (1, 1, 1, 1, 'web-1', 0, 'adopt', 'succeeded', 0, 1, 1, 1, 0, 'ami-1', 'Busy');
         INSERT INTO breaker_openings (lane_id, opened_at, failed, ended, waits_from, wait, probe) VALUES (1, 0, 1, 1, 0, 1000, 1);",
    )
    .await;
    for (change, standing) in [
        ("", Succeeded),
        ("UPDATE jobs SET adopted = 1", Silent),
        ("UPDATE jobs SET adopted = 0, attempt = 0, used = 0", Silent),
        ("UPDATE jobs SET state = 'failed', attempt = 1, used = 1", Failed),
        ("UPDATE jobs SET attempt = 0, used = 0", Silent),
        ("UPDATE jobs SET state = 'cancelled', attempt = 1, used = 1", Silent),
    ] {
        write(&desk.path, change).await;
        let openings = desk.queue.breaker_openings(Some(LaneId(1))).await.expect("read");
        assert_eq!(openings[0].probe_state, standing, "{change}");
    }
}

#[tokio::test]
async fn jobs_ahead_are_counted_up_to_a_bound_that_is_said() {
    let desk = Desk::new(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 100002)
         INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
         SELECT n, 1, 1, n, 'web-' || n, 0, 'adopt', 'queued', 0 FROM n;",
    )
    .await;
    let ahead = async |job| {
        let ahead = desk.queue.waiting(JobId(job)).await.expect("read").expect("it waits").ahead;
        (ahead.jobs, ahead.and_more)
    };
    assert_eq!(ahead(3).await, (2, false));
    assert_eq!(ahead(100_001).await, (100_000, false));
    assert_eq!(ahead(100_002).await, (100_000, true));
}

#[tokio::test]
async fn of_another_batch_so_many_are_ahead_as_have_had_a_turn_before() {
    let desk = Desk::new(
        "INSERT INTO batches (id, name, source, state, created_at, sealed_at)
         VALUES (2, 'five', '-', 'sealed', 0, 0), (3, 'two', '-', 'sealed', 0, 0);
         WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 507)
         INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
         SELECT n, 1, 1 + (n > 500) + (n > 505), n, 'web-' || n, n = 500, 'adopt', 'queued', 0 FROM n;",
    )
    .await;
    let ahead = async |job| desk.queue.waiting(JobId(job)).await.expect("read").expect("it waits").ahead.jobs;
    // One of a higher priority, its own batch's, and of each other one as many as that has.
    assert_eq!([ahead(501).await, ahead(502).await, ahead(505).await], [1, 1 + 3, 1 + 4 + 4 + 2]);
    assert_eq!([ahead(500).await, ahead(1).await, ahead(499).await], [0, 1, 1 + 498 + 5 + 2]);
}

#[tokio::test]
async fn a_label_that_exports_nothing_keeps_no_other_from_its_account() {
    let stored = crate::stored::Stored::many(1).await;
    stored.sql("INSERT INTO lanes (id, account, region) VALUES (2, 'wrong', 'eu-west-1')").await;
    let number = || AccountNumber::parse("123456789012").expect("a number");
    let identify = async |lane| stored.queue.identify(LaneId(lane), number()).await.expect("an answer");
    // The wrong credentials for a while, and nothing was sent.
    assert_eq!(identify(2).await, AccountMatch::Same);
    assert_eq!(identify(1).await, AccountMatch::Same);
    // What the first one has to do could be exported twice.
    assert!(matches!(identify(2).await, AccountMatch::Shared { .. }));
    stored.sql("UPDATE jobs SET state = 'cancelled', finished_at = 1795456900000").await;
    assert_eq!(identify(2).await, AccountMatch::Same);
    stored.queue.prove_account(LaneId(1)).await.expect("proven");
    assert!(matches!(identify(2).await, AccountMatch::Shared { .. }));
}

/// Whatever people do, in this process or another, names the lanes in which something may be to be done, and no other.
#[tokio::test]
async fn what_people_do_in_any_process_names_its_lanes_and_what_the_daemon_does_names_none() {
    let desk = Desk::new(ONE_QUEUED).await;
    write(&desk.path, "INSERT INTO lanes (id, account, region) VALUES (2, 'default', 'us-east-1')").await;
    let other = Queue::open(&desk.path).await.expect("opened");
    let woken = async || desk.queue.take_wake_ups().await.expect("read");
    let (lane, of_one) = (LaneId(1), Selector { jobs: vec![JobId(1)], ..Selector::default() });
    desk.queue.record_inventory(lane, RunId(1), Vec::new()).await.expect("inventory-recorded");
    desk.queue
        .block(lane, Block { trouble: LaneTrouble::Outage, message: "x".into(), since: Timestamp(1) })
        .await
        .expect("blocked");
    assert_eq!(woken().await, []);
    for queue in [&other, &desk.queue] {
        for act in [Act::Pause, Act::Resume, Act::Cancel, Act::Retry] {
            let plan = queue.plan_act(act, &of_one).await.expect("a plan");
            assert_eq!(queue.act(&plan, Timestamp(2), "ada").await.expect("done").done, 1, "{act:?}");
            assert_eq!((woken().await, woken().await), (vec![lane], vec![]), "{act:?}");
        }
        queue.pause(&[BatchId(1)], &[], Timestamp(3), "ada").await.expect("paused");
        assert_eq!(woken().await, [lane]);
        queue.pause(&[], &[LaneId(2)], Timestamp(3), "ada").await.expect("paused");
        assert_eq!(woken().await, [LaneId(2)]);
        queue.resume(&[BatchId(1)], &[LaneId(2)], Timestamp(3), "ada").await.expect("resumed");
        assert_eq!(woken().await, [lane, LaneId(2)]);
        let name = LoadName::Derived(BatchName::parse("more").expect("a name"));
        let mut load = queue.begin_load(name, "a test", &[], "a test", Timestamp(4)).await.expect("a load");
        load.add(vec![row(2)]).await.expect("added");
        assert_eq!(woken().await, [], "nothing of it is there yet");
        load.seal(0, Timestamp(4)).await.expect("sealed");
        assert_eq!(woken().await, [lane]);
    }
}

#[tokio::test]
async fn a_write_waits_for_another_process_that_writes() {
    let desk = Desk::new("").await;
    let mut other = desk.connection().await;
    sqlx::raw_sql("BEGIN IMMEDIATE; UPDATE lanes SET proven = 1").execute(&mut other).await.expect("begun");
    let name = LoadName::Given(BatchName::parse("two").expect("a name"));
    let waits = async |write: &mut (dyn Future<Output = bool> + Unpin)| {
        tokio::time::timeout(Duration::from_millis(30), write).await.is_err()
    };
    let mut run = Box::pin(async { desk.queue.begin_run(Timestamp(0), "test").await.is_ok() });
    let mut load = Box::pin(async { desk.queue.begin_load(name, "x", &[], "a test", Timestamp(0)).await.is_ok() });
    assert!(waits(&mut run).await && waits(&mut load).await);
    sqlx::raw_sql("COMMIT").execute(&mut other).await.expect("committed");
    assert!(run.await && load.await);
}

#[tokio::test]
async fn what_waits_together_is_made_durable_together() {
    let desk = Desk::new("").await;
    let wal = || std::fs::metadata(desk.path.with_extension("db-wal")).expect("a WAL").len();
    let note = |rate: i32| desk.queue.learn_rate(LaneId(1), f64::from(rate));
    note(1).await.expect("written");
    let begun = wal();
    futures_util::future::try_join_all((1..=50).map(note)).await.expect("written");
    let together = wal() - begun;
    for rate in 1..=50 {
        note(rate).await.expect("written");
    }
    let one_by_one = wal() - begun - together;
    assert!(together * 10 < one_by_one, "{together} and {one_by_one} bytes");
}

#[tokio::test]
async fn a_run_that_did_not_end_in_order_is_told_to_the_next() {
    let desk = Desk::new("").await;
    let begin = async || desk.queue.begin_run(Timestamp(0), "test").await.expect("a run");
    let crashed = async |run| desk.queue.crashed_run(run).await.expect("read");
    let first = begin().await;
    assert_eq!(crashed(first).await, None);
    let second = begin().await;
    assert_eq!(crashed(second).await, Some(first));
    desk.queue.end_run(second, Timestamp(1)).await.expect("ended");
    assert_eq!(crashed(begin().await).await, None);
}

#[tokio::test]
async fn an_ending_stands_until_something_of_its_batch_changes() {
    let desk = Desk::new("").await;
    let ending = desk.queue.next_ending(None).await.expect("read").expect("one");
    assert_eq!((ending.batch, ending.name.as_str()), (BatchId(1), "one"));
    let stands = async |ending: &Ending| desk.queue.still_ended(ending).await.expect("read");
    assert!(stands(&ending).await);
    desk.queue.note_bundled(&ending, Timestamp(1)).await.expect("noted");
    assert_eq!(desk.queue.next_ending(None).await.expect("read"), None);
    write(&desk.path, "UPDATE batches SET amended = amended + 1").await;
    assert!(!stands(&ending).await);
    assert!(!stands(&Ending { batch: BatchId(2), ..ending }).await, "there is no such batch");
}

#[tokio::test]
async fn a_wait_is_over_at_its_moment_and_not_before() {
    let desk = Desk::new(ONE_QUEUED).await;
    write(&desk.path, "UPDATE jobs SET due_at = 1000").await;
    let (never, lane) = (Timestamp(1_000_000), LaneId(1));
    assert_eq!(desk.queue.next_due(lane).await.expect("read"), Some(Timestamp(1000)));
    assert_eq!(desk.queue.release_due(lane, Timestamp(999), never).await.expect("released"), Some(Timestamp(1000)));
    assert_eq!(desk.queue.next_due(lane).await.expect("read"), Some(Timestamp(1000)));
    assert_eq!(desk.queue.release_due(lane, Timestamp(1000), never).await.expect("released"), Some(Timestamp(1000)));
    assert_eq!(desk.queue.next_due(lane).await.expect("read"), None);
    // One that was put off further than any wait is let go, where it was tried before.
    write(&desk.path, "UPDATE jobs SET due_at = 1000001").await;
    let later = desk.queue.release_due(lane, Timestamp(0), Timestamp(1_000_001)).await.expect("released");
    assert_eq!(later, Some(Timestamp(1_000_001)));
    assert_eq!(desk.queue.release_due(lane, Timestamp(0), never).await.expect("released"), Some(Timestamp(0)));
    assert_eq!(desk.queue.next_due(lane).await.expect("read"), None);
}

#[tokio::test]
async fn many_whose_wait_is_over_are_let_go_in_steps_that_follow_at_once() {
    let desk = Desk::new(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500)
         INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at, due_at)
         SELECT n, 1, 1, n, 'web-' || n, 0, 'adopt', 'queued', 0, iif(n < 2500, 2500 - n, 9000) FROM n;",
    )
    .await;
    let (lane, now, never) = (LaneId(1), Timestamp(5000), Timestamp(1_000_000));
    let mut connection = desk.connection().await;
    for (left, longest) in [(1500, 1001), (500, 2001), (1, 9000)] {
        assert_eq!(desk.queue.release_due(lane, now, never).await.expect("released"), Some(now), "at once");
        let waiting: (u32, i64) = sqlx::query_as("SELECT count(*), min(due_at) FROM jobs WHERE due_at IS NOT NULL")
            .fetch_one(&mut connection)
            .await
            .expect("read");
        assert_eq!(waiting, (left, longest), "those that waited longest first");
    }
    assert_eq!(desk.queue.release_due(lane, now, never).await.expect("released"), Some(Timestamp(9000)));
}

#[tokio::test]
async fn a_block_is_new_where_it_says_something_new() {
    let desk = Desk::new(ONE_QUEUED).await;
    let blocks = async |trouble, message: &str, at| {
        let block = Block { trouble, message: message.to_owned(), since: Timestamp(at) };
        desk.queue.block(LaneId(1), block).await.expect("blocked")
    };
    assert!(blocks(LaneTrouble::Outage, "one", 1).await);
    assert!(!blocks(LaneTrouble::Outage, "one", 2).await);
    assert!(blocks(LaneTrouble::Outage, "other", 3).await);
    let block = desk.queue.lane_records().await.expect("lanes").remove(0).blocked.expect("a block");
    assert_eq!((block.message.as_str(), block.since), ("other", Timestamp(1)), "the first moment of it stays");
    assert!(blocks(LaneTrouble::Denied, "other", 4).await);
    let block = desk.queue.lane_records().await.expect("lanes").remove(0).blocked.expect("a block");
    assert_eq!((block.trouble, block.since), (LaneTrouble::Denied, Timestamp(4)));
}

fn row(line: u64) -> NewRow {
    NewRow {
        line,
        lane: Lane { account: AccountLabel::unnamed(), region: Region::parse("eu-west-1").expect("a Region") },
        snapshot: SnapshotName::parse(&format!("web-{line}")).expect("a name"),
        priority: 0,
        not_before: None,
        existing: Existing::Adopt,
        carried: Vec::new(),
    }
}

#[tokio::test]
async fn lines_that_are_out_of_order_or_come_twice_are_no_load() {
    let desk = Desk::new("").await;
    for (chunks, fits) in [
        (vec![vec![2, 3], vec![4]], true),
        (vec![vec![2], vec![1]], false),
        (vec![vec![2], vec![2]], false),
        (vec![vec![3, 2]], false),
    ] {
        let name = LoadName::Derived(BatchName::parse("two").expect("a name"));
        let mut load = desk.queue.begin_load(name, "x", &[], "a test", Timestamp(0)).await.expect("a load");
        let mut added = Ok(());
        for chunk in &chunks {
            added = load.add(chunk.iter().copied().map(row).collect()).await;
        }
        assert_eq!(added.is_ok(), fits, "{chunks:?}: {added:?}");
        if let Err(error) = added {
            assert!(matches!(error, QueueError::Corrupt("a line out of order", _)), "{error}");
        }
    }
}

#[tokio::test]
async fn a_review_is_open_until_its_records_say_what_became_of_the_snapshot() {
    let desk = Desk::new(ONE_QUEUED).await;
    let open = async || desk.queue.review_is_open(LaneId(1)).await.expect("read");
    assert!(!open().await, "nothing to review");
    write(&desk.path, "UPDATE jobs SET state = 'needs_review'").await;
    assert!(open().await, "no record");
    write(
        &desk.path,
        "INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, destination_id, seen_at, unprocessed)
         VALUES (1, 'record', 'one', 'web-1', 'succeeded', 'ami-1', 0, 0);",
    )
    .await;
    assert!(!open().await);
    write(
        &desk.path,
        "INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, seen_at, unprocessed)
         VALUES (1, 'record', 'two', 'web-1', 'under_way', 0, 0);",
    )
    .await;
    assert!(open().await, "another is under way");
}

#[tokio::test]
async fn what_a_snapshot_became_besides_is_what_came_since_the_first_attempt_and_belongs_to_no_other_job() {
    let desk = Desk::new(ONE_QUEUED).await;
    // The baseline of the first attempt is the first entry.
    write(
        &desk.path,
        "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at, finished_at,
             destination_id)
         VALUES (2, 1, 1, 2, 'web-1', 0, 'adopt', 'succeeded', 0, 0, 'ami-4');
         INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, record_name, destination_id, seen_at, unprocessed, job_id, attempt)
         VALUES (1, 'record', 'arn-1', 'web-1', 'succeeded', 'known-before', 'ami-1', 0, 0, NULL, NULL),
                (1, 'record', 'arn-2', 'web-1', 'succeeded', 'wanted', 'ami-2', 0, 0, NULL, NULL),
                (1, 'record', 'arn-3', 'web-1', 'failed', 'failed', NULL, 0, 0, NULL, NULL),
                (1, 'record', 'arn-4', 'web-1', 'succeeded', 'of-another-job', 'ami-4', 0, 0, 2, 1),
                (1, 'operation', 'op-5', 'web-1', 'succeeded', NULL, NULL, 0, 0, NULL, NULL);
         UPDATE ledger SET destination_service = 'Aws::EC2::Image' WHERE destination_id IS NOT NULL;",
    )
    .await;
    let besides = async |wanted| {
        let evidence = desk.queue.evidence(JobId(1)).await.expect("read").expect("a job");
        evidence.other_exports(wanted).map(|failure| failure.message)
    };
    assert_eq!((besides("wanted").await, besides("arn-2").await), (None, None));
    write(
        &desk.path,
        "INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, record_name, seen_at, unprocessed, job_id, attempt)
         VALUES (1, 'record', 'arn-6', 'web-1', 'under_way', 'our-own', 0, 0, 1, 1);",
    )
    .await;
    assert_eq!(besides("wanted").await.as_deref(), Some("exported more than once; also not finished (record our-own)"));
    assert_eq!(besides("our-own").await.as_deref(), Some("exported more than once; also ami-2 (record wanted)"));
}

#[tokio::test]
async fn a_file_that_is_no_database_of_ours_is_not_looked_into() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("other.db");
    std::fs::File::create(&path).expect("an empty file");
    assert!(Peek::open(&path).await.expect("no error").is_none());
    // A database of nobody, without a table yet.
    sqlx::raw_sql("PRAGMA user_version = 1").execute(&mut connection(&path).await).await.expect("written");
    assert!(Peek::open(&path).await.expect("no error").is_none());
    sqlx::raw_sql("CREATE TABLE t (n)").execute(&mut connection(&path).await).await.expect("written");
    assert!(matches!(Peek::open(&path).await, Err(OpenError::NotADatabase { .. })));
}

#[cfg(unix)]
#[tokio::test]
async fn a_place_where_no_file_can_be_made_is_said_to_be_that() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("queue.db");
    std::os::unix::fs::symlink(folder.path().join("nowhere/queue.db"), &link).expect("a link");
    let error = Queue::open(&link).await.expect_err("there is no such folder");
    assert!(matches!(&error, OpenError::DeadLink(path, _) if *path == link), "{error:?}");
    let error = Peek::open(folder.path()).await.expect_err("a folder");
    assert!(matches!(error, OpenError::IsFolder { .. }), "{error:?}");
}

#[tokio::test]
async fn a_database_is_looked_at_where_there_is_one_that_this_version_knows() {
    assert!(Peek::open(Path::new("there-is-no-such-file.db")).await.expect("no error").is_none());
    let desk = Desk::new("").await;
    assert!(Peek::open(&desk.path).await.expect("readable").is_some());
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
        VALUES (29990101000000, 'later', 1, x'', 0)";
    write(&desk.path, newer).await;
    let error = Peek::open(&desk.path).await.expect_err("a newer one");
    assert!(matches!(error, OpenError::Newer(_, 29_990_101_000_000)), "{error:?}");

    let desk = Desk::new("").await;
    write(&desk.path, "UPDATE _sqlx_migrations SET version = version - 20261130000000 + 20261123000000").await;
    let looked_at = Peek::open(&desk.path).await.expect_err("an early one");
    let opened = Queue::open(&desk.path).await.expect_err("an early one");
    for error in [looked_at, opened] {
        assert!(matches!(error, OpenError::PreRelease { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn the_files_that_are_open_are_missed_where_they_are_gone() {
    let desk = Desk::new("").await;
    desk.queue.in_place().expect("in place");
    std::fs::rename(&desk.path, desk.path.with_extension("moved")).expect("moved");
    assert!(matches!(desk.queue.in_place(), Err(QueueError::Replaced(file)) if file == desk.path));
    std::fs::write(&desk.path, "another").expect("written");
    assert!(matches!(desk.queue.in_place(), Err(QueueError::Replaced { .. })), "another file of that name");
}

const TWELVE_FAILED: &str = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 12)
    INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at, finished_at,
        error_code)
    SELECT n, 1, 1, n, 'web-' || n, 0, 'adopt', 'failed', 0, 0, 'Boom' FROM n;";

#[tokio::test]
async fn a_plan_counts_all_that_it_leaves_alone_and_shows_the_first_ten() {
    let desk = Desk::new(TWELVE_FAILED).await;
    let plan = desk.queue.plan_act(Act::Cancel, &Selector::default()).await.expect("a plan");
    let left: Vec<_> = plan.left.values().map(|ones| (ones.count, ones.first.len())).collect();
    assert_eq!((plan.is_empty(), plan.left_alone(), left), (true, 12, vec![(12, 10)]));
}

#[tokio::test]
async fn what_has_got_a_rival_or_has_moved_on_since_the_plan_is_left_alone_and_counted() {
    let desk = Desk::new(TWELVE_FAILED).await;
    let plan = desk.queue.plan_act(Act::Retry, &Selector::default()).await.expect("a plan");
    assert_eq!((plan.is_empty(), plan.len()), (false, 12));
    write(
        &desk.path,
        "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
         SELECT id + 20, 1, 1, id + 20, snapshot_name, 0, 'adopt', 'queued', 0 FROM jobs WHERE id <= 2;
         UPDATE jobs SET state = 'cancelled' WHERE id IN (3, 4, 5);",
    )
    .await;
    let acted = desk.queue.act(&plan, Timestamp(1), "somebody").await.expect("done");
    assert_eq!((acted.done, acted.rivals, acted.moved_on), (7, 2, 3));
}

#[test]
fn a_selection_is_of_everything_only_where_it_leaves_nothing_out() {
    assert!(Selector::default().is_everything());
    assert!(!Selector::paused().is_everything());
    let web = Selector { name_globs: vec!["web-*".to_owned()], ..Selector::default() };
    assert!(!web.is_everything());
    let paused = Selector::paused();
    assert_eq!((paused.states.as_slice(), paused.only_paused), (&[JobState::Queued][..], true));
}

#[tokio::test]
async fn what_a_load_leaves_is_taken_away_and_what_was_abandoned_leaves_nothing() {
    let desk = Desk::new("").await;
    let load = async || {
        let name = LoadName::Given(BatchName::parse("two").expect("a name"));
        let mut load = desk.queue.begin_load(name, "x", &[], "a test", Timestamp(0)).await.expect("a load");
        load.add(vec![row(1), row(2)]).await.expect("added");
        load
    };
    let left = async || desk.queue.drop_killed_loads("a test").await.expect("looked");
    assert_eq!(left().await, 0);
    drop(load().await);
    assert_eq!((left().await, left().await), (1, 0));
    load().await.abandon().await.expect("abandoned");
    assert_eq!(left().await, 0);
    let under_way = load().await;
    assert_eq!(left().await, 0, "it is under way");
    under_way.seal(0, Timestamp(0)).await.expect("sealed");
    assert_eq!(left().await, 0);
    assert_eq!(desk.queue.jobs_page(&Selector::default(), None, 10).await.expect("jobs").len(), 2);
}

#[tokio::test]
async fn a_moment_that_has_come_is_nothing_to_wait_for() {
    let desk = Desk::new("").await;
    let name = LoadName::Given(BatchName::parse("two").expect("a name"));
    let mut load = desk.queue.begin_load(name, "x", &[], "a test", Timestamp(1000)).await.expect("a load");
    let rows = (1..).zip([999, 1000, 1001]).map(|(line, at)| NewRow { not_before: Some(Timestamp(at)), ..row(line) });
    load.add(rows.collect()).await.expect("added");
    load.seal(0, Timestamp(1000)).await.expect("sealed");
    let jobs = desk.queue.jobs_page(&Selector::default(), None, 10).await.expect("jobs");
    let due: Vec<_> = jobs.into_iter().map(|job| job.due_at).collect();
    assert_eq!(due, [None, None, Some(Timestamp(1001))]);
}

#[tokio::test]
async fn a_name_that_is_taken_gets_a_number_and_stays_a_name() {
    let desk = Desk::new("").await;
    let long = "a".repeat(200);
    let load = async |name| desk.queue.begin_load(name, "x", &[], "a test", Timestamp(0)).await;
    for expected in [long.clone(), format!("{}-2", "a".repeat(198)), format!("{}-3", "a".repeat(198))] {
        let name = LoadName::Derived(BatchName::parse(&long).expect("a name"));
        let batch = load(name).await.expect("a load").seal(0, Timestamp(0)).await.expect("sealed");
        assert_eq!(batch.name.as_str(), expected);
    }
    let name = LoadName::Given(BatchName::parse(&long).expect("a name"));
    assert!(matches!(load(name).await, Err(QueueError::Taken(_))));
}

#[tokio::test]
async fn what_went_wrong_is_told_apart() {
    let desk = Desk::new("").await;
    let error = desk.queue.learn_rate(LaneId(1), 0.0).await.expect_err("no rate");
    assert!(matches!(error, QueueError::Forbidden(_)), "{error:?}");
    let queue = desk.queue.clone();
    desk.queue.close().await;
    let error = queue.lane_records().await.expect_err("closed");
    assert!(matches!(error, QueueError::Closed), "{error:?}");
    let error = queue.learn_rate(LaneId(1), 1.0).await.expect_err("closed");
    assert!(matches!(error, QueueError::Closed), "{error:?}");
}
