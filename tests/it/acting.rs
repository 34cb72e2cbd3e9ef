//! What people ask of many jobs at once, and of one: each command's effect, who stands in the history, and what it
//! leaves alone. The program runs in a pipe, beside the queue that the test reads.

use super::stored::Stored;
use super::world::{World, eventually};
use lightsail_simulator::{Fleet, FleetEntry, SimulatorConfig};
use snapferry::clock::{Clock as _, ManualClock, SystemClock};
use snapferry::domain::{Act, BatchId, ErrorCode, Hold, JobId, JobState, LaneId, RunId, Timestamp};
use snapferry::queue::{DatabaseLock, Held, Queue, QueueError, Selector, Transition};
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// What the program said in a pipe.
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    notes: String,
}

impl Said {
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert_eq!((self.code, self.notes.as_str()), (0, ""), "{}", self.out);
        self.out
    }

    #[track_caller]
    fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.notes);
        self.notes
    }
}

/// The program on a database that nothing in this process is at work on.
#[track_caller]
pub(crate) fn snapferry(database: &Path, line: &[&str]) -> Said {
    let daemon = DatabaseLock::holder(database, Held::Daemon).expect("the lock file");
    assert_ne!(
        daemon.as_deref(),
        Some(super::world::DAEMON),
        "it stands still as long as the thread waits: see `beside`"
    );
    run(database, line)
}

/// The program beside what this process does meanwhile. It waits on a thread of its own: on this one a write that has begun
/// would not end before the program does, and the program waits for that write.
pub(crate) async fn beside(database: &Path, line: &[&str]) -> Said {
    let (database, line) = (database.to_owned(), line.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    tokio::task::spawn_blocking(move || run(&database, &line)).await.expect("no panic")
}

fn run<W: AsRef<OsStr>>(database: &Path, line: &[W]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_snapferry"))
        .args(line)
        .env_clear()
        .env("HOME", database.parent().expect("a folder"))
        .env("USER", "carol")
        .env("SNAPFERRY_DATABASE", format!("sqlite://{}", database.display()))
        .output()
        .expect("the program");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Said { code: output.status.code().expect("a code"), out: text(output.stdout), notes: text(output.stderr) }
}

impl Stored {
    fn says(&self, line: &[&str]) -> Said {
        snapferry(self.queue.path(), line)
    }

    async fn stands(&self, job: i64) -> (JobState, Option<Hold>) {
        let job = self.queue.job(JobId(job)).await.expect("a read").expect("a job").job;
        (job.state, job.hold)
    }

    async fn is_paused(&self, job: i64) -> bool {
        self.queue.job(JobId(job)).await.expect("a read").expect("a job").job.paused_at.is_some()
    }

    /// The last change of a job: from, to, event, actor.
    async fn last_step(&self, job: i64) -> (JobState, JobState, String, String) {
        let detail = self.queue.job(JobId(job)).await.expect("a read").expect("a job");
        let step = detail.transitions.last().expect("a step").clone();
        (step.from, step.to, step.event, step.actor)
    }

    /// A run of the daemon with everything listed: what can be claimed now.
    async fn claimable(&self, lane: i64) -> Vec<i64> {
        let jobs = self.queue.claimable(LaneId(lane), RunId(1), 1000).await.expect("a read");
        jobs.into_iter().map(|job| job.job.0).collect()
    }
}

/// Three jobs that may be sent, in a batch that a run has listed.
async fn three() -> Stored {
    let stored = Stored::many(3).await;
    stored
        .sql(
            "INSERT INTO runs (id, began_at, pid, version) VALUES (1, 0, 1, '0');
             INSERT INTO inventories VALUES (1, 1, 1);
             INSERT INTO snapshots (lane_id, name, kind, state, weight, inventory)
             SELECT 1, snapshot_name, 'disk', 'available', 1, 1 FROM jobs;",
        )
        .await;
    stored
}

#[tokio::test]
async fn a_cancelled_job_is_not_sent_and_the_history_says_who_did_it() {
    let stored = three().await;
    assert_eq!(stored.claimable(1).await, [1, 2, 3]);
    insta::assert_snapshot!(stored.says(&["cancel", "--name", "snap-[12]", "--yes"]).done(), @"
    To cancel: 2 queued.
    JOB  SNAPSHOT  LANE               STATE   RESULT
      1  snap-1    default/eu-west-1  queued
      2  snap-2    default/eu-west-1  queued
    Cancelled 2 jobs.
    ");
    assert_eq!(stored.claimable(1).await, [3]);
    assert_eq!(
        stored.last_step(1).await,
        (JobState::Queued, JobState::Cancelled, "cancel".to_owned(), "carol".to_owned())
    );
    // Asked again it is done already, by number too.
    insta::assert_snapshot!(stored.says(&["cancel", "1", "2", "--yes"]).done(), @"
    Nothing to cancel.
    Left alone: 2 jobs.
      2 cancelled already (jobs 1, 2)
    ");
    assert_eq!(stored.queue.unfinished(None).await.expect("a count"), 1);
}

#[tokio::test]
async fn what_cannot_be_cancelled_is_said_with_the_reason() {
    let stored = Stored::story().await;
    let said = stored.says(&["cancel", "--batch", "fleet", "--yes"]).done();
    insta::assert_snapshot!(said, @"
    To cancel: 2 queued.
    JOB  SNAPSHOT                       LANE               STATE   RESULT
      4  db-primary-nightly-2026-11-22  default/eu-west-1  queued  ServiceException: try again
      7  cache-1                        prod/us-east-1     queued
    Left alone: 5 jobs.
      2 succeeded (jobs 1, 2)
      1 failed (job 3)
      1 in flight: an export cannot be cancelled at Lightsail; it continues and is tracked to the end (job 5)
      1 in review: decide with snapferry resolve JOB (job 6)
    Cancelled 2 jobs.
    ");
    // Who names a job wants that one done.
    let said = stored.says(&["cancel", "5", "--yes"]);
    assert_eq!(said.code, 1, "{}", said.out);
    assert!(said.out.contains("it continues and is tracked to the end"), "{}", said.out);
}

#[tokio::test]
async fn in_a_pipe_nothing_is_done_without_yes() {
    let stored = Stored::story().await;
    for line in [
        ["retry", "--state", "failed"],
        ["cancel", "--state", "queued"],
        ["pause", "--batch", "fleet"],
        ["pause", "--region", "us-east-1"],
        ["pause", "--name", "web-*"],
        ["resume", "--batch", "second wave"],
    ] {
        let said = stored.says(&line);
        if line[2] == "web-*" {
            // There is nothing to ask about.
            assert!(said.done().starts_with("Nothing to pause."));
            continue;
        }
        assert!(said.out.contains("To "), "{line:?}: {}", said.out);
        let notes = said.fails(2);
        assert!(notes.contains("--yes") && notes.contains("nothing was changed"), "{line:?}: {notes}");
    }
    assert_eq!(stored.stands(3).await.0, JobState::Failed);
    assert_eq!(stored.stands(4).await, (JobState::Queued, None));
    assert!(stored.queue.batches().await.expect("a read")[0].paused.is_none());
    assert!(stored.queue.batches().await.expect("a read")[1].paused.is_some());
}

#[tokio::test]
async fn without_a_selection_nothing_is_meant() {
    let stored = Stored::story().await;
    for command in ["retry", "cancel", "pause", "resume"] {
        let notes = stored.says(&[command, "--yes"]).fails(2);
        assert!(notes.contains(&format!("nothing selected to {command}")), "{notes}");
    }
    assert!(stored.says(&["pause", "--all", "--batch", "fleet"]).fails(2).contains("--all cannot be combined"));
    assert!(stored.says(&["cancel", "99", "--yes"]).fails(2).contains("there is no job 99"));
    assert!(stored.says(&["pause", "--account", "nobody", "--yes"]).fails(2).contains("prod/us-east-1"));
}

#[tokio::test]
async fn what_failed_goes_back_to_the_queue_afresh_and_waits_for_the_ledger() {
    let stored = Stored::story().await;
    let said = stored.says(&["retry", "--state", "failed,cancelled", "--yes"]).done();
    assert!(said.contains("To retry: 1 failed, 1 cancelled."), "{said}");
    assert!(said.contains("Put back into the queue: 2 jobs. They are sent after the next inventory"), "{said}");
    assert_eq!(stored.stands(3).await, (JobState::Queued, Some(Hold::Inventory)));
    assert_eq!(stored.last_step(3).await.3, "carol");
    let job = stored.queue.job(JobId(3)).await.expect("a read").expect("a job").job;
    assert_eq!((job.used, job.error_code, job.finished_at), (0, None, None));
    // Asked again: they are queued already.
    assert!(stored.says(&["retry", "3", "9", "--yes"]).done().contains("2 queued already (jobs 3, 9)"));
    assert_eq!(stored.says(&["retry", "5", "--yes"]).fails(1), "");
}

#[tokio::test]
async fn only_one_job_of_a_snapshot_is_tried_again() {
    let stored = Stored::empty().await;
    stored
        .sql(
            "INSERT INTO lanes (id, account, region) VALUES (1, 'default', 'eu-west-1');
             INSERT INTO batches (id, name, source, state, created_at) VALUES (1, 'a', '-', 'sealed', 0);
             INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, attempt,
                               destination_id, error_code, queued_at, finished_at)
             VALUES (1, 1, 1, 1, 'live-1', 0, 'adopt', 'failed', 0, NULL, 'E', 0, 1),
                    (2, 1, 1, 2, 'live-1', 0, 'adopt', 'queued', 0, NULL, NULL, 0, NULL),
                    (3, 1, 1, 3, 'twice-1', 0, 'adopt', 'failed', 0, NULL, 'E', 0, 1),
                    (4, 1, 1, 4, 'twice-1', 0, 'adopt', 'cancelled', 0, NULL, NULL, 0, 1),
                    (5, 1, 1, 5, 'done-1', 0, 'adopt', 'succeeded', 1, 'ami-1', NULL, 0, 1),
                    (8, 1, 1, 8, 'free-1', 0, 'adopt', 'failed', 0, NULL, 'E', 0, 1);
             INSERT INTO job_counts SELECT 1, 1, state, count(*), count(*) FROM jobs GROUP BY state;",
        )
        .await;
    insta::assert_snapshot!(stored.says(&["retry", "--state", "failed,cancelled", "--yes"]).done(), @"
    To retry: 1 failed, 1 cancelled.
    JOB  SNAPSHOT  LANE               STATE      RESULT
      4  twice-1   default/eu-west-1  cancelled
      8  free-1    default/eu-west-1  failed     E
    Left alone: 2 jobs.
      1 left to another job of the snapshot, which is live (job 1 for job 2)
      1 left to a later job of the snapshot, which is retried (job 3 for job 4)
    Put back into the queue: 2 jobs. They are sent after the next inventory of their lane.
    ");
    assert_eq!(stored.says(&["retry", "1", "--yes"]).code, 1);
}

#[tokio::test]
async fn a_job_that_may_not_become_live_takes_nobody_down_with_it() {
    let stored = Stored::empty().await;
    stored
        .sql(
            "INSERT INTO lanes (id, account, region) VALUES (1, 'default', 'eu-west-1');
             INSERT INTO batches (id, name, source, state, created_at) VALUES (1, 'a', '-', 'sealed', 0);
             INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, error_code,
                               queued_at, finished_at)
             VALUES (1, 1, 1, 1, 'web-1', 0, 'adopt', 'failed', 'E', 0, 1),
                    (2, 1, 1, 2, 'web-1', 0, 'adopt', 'failed', 'E', 0, 1),
                    (3, 1, 1, 3, 'web-3', 0, 'adopt', 'failed', 'E', 0, 1);
             INSERT INTO job_counts VALUES (1, 1, 'failed', 3, 3);",
        )
        .await;
    let retry = |id: i64| {
        let standing = snapferry::domain::JobVersion { state: JobState::Failed, attempt: 0, used: 0, max_attempts: 5 };
        Transition::new(JobId(id), &standing, Act::Retry.event(), Timestamp(5), "carol").expect("a change")
    };
    // Past the plan, straight at the writer, in one group.
    let verdicts = stored.queue.transition_all(vec![retry(1), retry(2), retry(3), retry(3)]).await;
    assert!(
        matches!(verdicts.as_slice(), [Ok(()), Err(QueueError::Rival), Ok(()), Err(QueueError::Stale { .. })]),
        "{verdicts:?}"
    );
    let states = [stored.stands(1).await.0, stored.stands(2).await.0, stored.stands(3).await.0];
    assert_eq!(states, [JobState::Queued, JobState::Failed, JobState::Queued]);
    assert_eq!(stored.last_step(3).await.2, "retry");
    assert!(stored.queue.job(JobId(2)).await.expect("a read").expect("a job").transitions.is_empty());
    let counts = &stored.queue.batches().await.expect("a read")[0].jobs;
    assert_eq!((counts.of(JobState::Queued), counts.of(JobState::Failed)), (2, 1));
}

#[tokio::test]
async fn a_change_whose_history_is_forbidden_is_undone_alone() {
    let stored = Stored::empty().await;
    stored
        .sql(
            "INSERT INTO lanes (id, account, region) VALUES (1, 'default', 'eu-west-1');
             INSERT INTO batches (id, name, source, state, created_at) VALUES (1, 'a', '-', 'sealed', 0);
             INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, error_code,
                               queued_at, finished_at)
             VALUES (1, 1, 1, 1, 'web-1', 0, 'adopt', 'failed', 'E', 0, 1),
                    (2, 1, 1, 2, 'web-2', 0, 'adopt', 'failed', 'E', 0, 1);
             INSERT INTO job_counts VALUES (1, 1, 'failed', 2, 2);
             INSERT INTO transitions VALUES (1, 1, 0, 'queued', 'failed', 'not_exportable', 0, 'E', NULL, 'daemon');",
        )
        .await;
    let retry = |id: i64| {
        let standing = snapferry::domain::JobVersion { state: JobState::Failed, attempt: 0, used: 0, max_attempts: 5 };
        Transition::new(JobId(id), &standing, Act::Retry.event(), Timestamp(5), "carol").expect("a change")
    };
    let verdicts = stored.queue.transition_all(vec![retry(1), retry(2)]).await;
    assert!(matches!(verdicts.as_slice(), [Err(QueueError::Forbidden(_)), Ok(())]), "{verdicts:?}");
    let states = [stored.stands(1).await.0, stored.stands(2).await.0];
    assert_eq!(states, [JobState::Failed, JobState::Queued]);
}

#[tokio::test]
async fn what_has_moved_on_since_the_plan_is_left_alone_and_counted() {
    let stored = three().await;
    let plan = stored.queue.plan_act(Act::Cancel, &Selector::default()).await.expect("a plan");
    stored.says(&["cancel", "2", "--yes"]).done();
    let acted = stored.queue.act(&plan, Timestamp(9), "dave").await.expect("done");
    assert_eq!((acted.done, acted.moved_on, acted.rivals), (2, 1, 0));
    assert_eq!((stored.last_step(2).await.3, stored.last_step(3).await.3), ("carol".to_owned(), "dave".to_owned()));
}

#[tokio::test]
async fn a_paused_job_waits_for_a_person_and_goes_on_through_a_listing() {
    let stored = three().await;
    stored.sql("UPDATE jobs SET due_at = 9999999999999, error_code = 'E' WHERE id = 2").await;
    let said = stored.says(&["pause", "1", "2", "--yes"]).done();
    assert!(
        said.contains("Paused 2 jobs. Pausing holds back new exports only; exports in progress continue."),
        "{said}"
    );
    assert_eq!(stored.claimable(1).await, [3]);
    assert_eq!(stored.queue.unfinished(None).await.expect("a count"), 1);
    assert_eq!(stored.queue.unfinished(Some(BatchId(1))).await.expect("a count"), 1);
    assert_eq!(stored.last_step(1).await, (JobState::Queued, JobState::Queued, "pause".to_owned(), "carol".to_owned()));
    // What it waits for and the trouble that it shows stay.
    let job = stored.queue.job(JobId(2)).await.expect("a read").expect("a job").job;
    assert_eq!((job.due_at, job.error_code.is_some()), (Some(Timestamp(9_999_999_999_999)), true));
    assert!(stored.says(&["pause", "1", "--yes"]).done().contains("1 paused already (job 1)"));
    // No inventory lets it go.
    stored.queue.hold_for_inventory(LaneId(1), &[], &[JobId(1)]).await.expect("a write");
    assert!(stored.is_paused(1).await);
    assert_eq!(stored.claimable(1).await, [3]);

    let said = stored.says(&["resume", "1", "2", "3", "--yes"]).done();
    assert!(said.contains("1 not paused (job 3)") && said.contains("Resumed 2 jobs."), "{said}");
    assert_eq!(stored.stands(1).await, (JobState::Queued, Some(Hold::Inventory)));
    assert!(!stored.is_paused(1).await);
    assert_eq!(stored.last_step(1).await.2, "resume");
    assert_eq!(stored.queue.unfinished(None).await.expect("a count"), 3);
    let counts = &stored.queue.batches().await.expect("a read")[0].jobs;
    assert_eq!(counts.of(JobState::Queued), 3);
}

#[tokio::test]
async fn a_pause_takes_no_other_hold_away() {
    let stored = three().await;
    stored
        .sql(
            "UPDATE jobs SET hold = 'inventory' WHERE id = 1;
             UPDATE jobs SET due_at = 4102444800000, error_code = 'AccessDeniedException', attempt = 1 WHERE id = 2;",
        )
        .await;
    stored.says(&["pause", "1", "2", "3", "--yes"]).done();
    for (job, hold) in [(1, Some(Hold::Inventory)), (2, None), (3, None)] {
        assert_eq!(stored.stands(job).await, (JobState::Queued, hold));
        assert!(stored.is_paused(job).await);
    }
    // An inventory that finds the snapshot still pending, and answers that tell nothing, leave it so.
    stored.says(&["resume", "1", "2", "3", "--yes"]).done();
    for (job, hold) in [(1, Hold::Inventory), (2, Hold::Inventory), (3, Hold::Inventory)] {
        assert_eq!(stored.stands(job).await, (JobState::Queued, Some(hold)));
    }
    assert_eq!(stored.claimable(1).await, Vec::<i64>::new());
    // What goes on beneath a pause is not lost either.
    stored.says(&["pause", "1", "2", "--yes"]).done();
    assert!(stored.is_paused(2).await);
    // A cancelled one is not paused any more.
    stored.says(&["cancel", "2", "--yes"]).done();
    assert!(!stored.is_paused(2).await);
}

#[tokio::test]
async fn whoever_is_paused_tells_nothing_of_a_denial() {
    let stored = three().await;
    let told = async || !stored.queue.no_probe_left(LaneId(1)).await.expect("a read");
    assert!(told().await);
    stored.sql("UPDATE jobs SET denials = 1, error_code = 'AccessDeniedException', attempt = 1 WHERE id = 1").await;
    assert!(told().await);
    stored.says(&["pause", "2", "--yes"]).done();
    assert!(told().await, "the third may tell");
    stored.says(&["pause", "3", "--yes"]).done();
    assert!(!told().await);
    stored.says(&["resume", "2", "--yes"]).done();
    assert!(told().await);
}

#[tokio::test]
async fn a_command_beside_a_write_that_has_begun_has_its_turn_after_it() {
    let stored = three().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(stored.queue.path());
    let mut writing = <sqlx::SqliteConnection as sqlx::Connection>::connect_with(&options).await.expect("a connection");
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut writing).await.expect("begun");
    let end = async { sqlx::raw_sql("COMMIT").execute(&mut writing).await.expect("committed") };
    let (said, _) = tokio::join!(beside(stored.queue.path(), &["pause", "1", "--yes"]), end);
    said.done();
    assert!(stored.is_paused(1).await);
}

#[tokio::test]
#[should_panic(expected = "see `beside`")]
async fn nobody_holds_up_a_daemon_of_the_same_process_by_waiting_for_a_command() {
    let world = World::new(SimulatorConfig::default()).await;
    let _daemon = world.start();
    snapferry(world.queue.path(), &["status"]);
}

#[tokio::test]
async fn a_paused_job_whose_snapshot_is_pending_is_not_sent_too_early_after_its_resumption() {
    let mut pending = FleetEntry::named("slow");
    pending.state = lightsail_simulator::StartState::Pending;
    let config = SimulatorConfig {
        fleet: Fleet::Listed(vec![pending]),
        pending_time: Duration::from_hours(1),
        ..SimulatorConfig::default()
    };
    // Lightsail's time passes only when it is told to.
    let theirs = Arc::new(ManualClock::new(SystemClock::new().now()));
    let mut world = World::by_clock(config, theirs.clone()).await;
    world.clock = Arc::new(SystemClock::new());
    world.enqueue(&["slow"]).await;
    let path = world.queue.path().to_owned();
    let daemon = world.start();
    eventually("it waits", async || world.job("slow").await.hold == Some(Hold::Inventory)).await;
    beside(&path, &["pause", "--name", "slow", "--yes"]).await.done();
    beside(&path, &["resume", "--name", "slow", "--yes"]).await.done();
    let inventories = || world.simulator.calls().iter().filter(|call| call.operation == "GetInstanceSnapshots").count();
    let before = inventories();
    eventually("it is listed again", async || inventories() >= before + 2).await;
    eventually("it is exported", async || {
        theirs.advance(Duration::from_hours(1));
        world.state("slow").await == JobState::Succeeded
    })
    .await;
    daemon.stop().await;
    // Lightsail refuses what is pending, and each refusal is a call.
    assert_eq!(world.sent("slow").len(), 1);
}

#[tokio::test]
async fn a_pause_holds_from_its_commit_on_whatever_was_claimed_before() {
    let stored = three().await;
    let claimed = stored.queue.claimable(LaneId(1), RunId(1), 10).await.expect("a read");
    let send = async |place: usize| {
        let job = &claimed[place];
        let intent =
            Transition::new(job.job, &job.version(5), snapferry::domain::Event::Intend, Timestamp(9), "daemon");
        stored.queue.transition(intent.expect("a change").intending(RunId(1), 1, None)).await
    };
    stored.says(&["pause", "1", "--yes"]).done();
    assert!(matches!(send(0).await, Err(QueueError::Stale { .. })));
    stored.says(&["pause", "--batch", "many", "--yes"]).done();
    assert!(matches!(send(1).await, Err(QueueError::Stale { .. })));
    stored.says(&["resume", "--batch", "many", "--yes"]).done();
    stored.says(&["pause", "--region", "eu-west-1", "--yes"]).done();
    assert!(matches!(send(1).await, Err(QueueError::Stale { .. })));
    stored.says(&["resume", "--region", "eu-west-1", "--yes"]).done();
    send(1).await.expect("sent");
}

#[tokio::test]
async fn a_whole_batch_is_paused_and_resumed() {
    let stored = three().await;
    insta::assert_snapshot!(stored.says(&["pause", "--batch", "many", "--yes"]).done(), @"
    To pause: batch many: 3 queued jobs.
    Pausing holds back new exports only; exports in progress continue and are tracked to the end.
    Paused.
    ");
    let batch = stored.queue.batches().await.expect("a read").remove(0);
    assert_eq!(batch.paused.and_then(|pause| pause.by).as_deref(), Some("carol"));
    assert_eq!(stored.claimable(1).await, Vec::<i64>::new());
    assert_eq!(stored.queue.unfinished(None).await.expect("a count"), 0);
    assert!(stored.says(&["pause", "--batch", "many", "--yes"]).done().contains("Batch many is already paused since"));
    // One of its jobs alone cannot be resumed, and it says what can.
    let said = stored.says(&["resume", "2", "--yes"]);
    assert_eq!(said.code, 1);
    assert!(said.out.contains("paused with the whole batch: snapferry resume --batch"), "{}", said.out);
    let said = stored.says(&["resume", "--batch", "many", "--yes"]).done();
    assert!(said.ends_with("Resumed.\n"), "{said}");
    assert_eq!(stored.claimable(1).await, [1, 2, 3]);
    assert_eq!(stored.says(&["resume", "--batch", "many", "--yes"]).done(), "Batch many is not paused.\n");
    let pauses = stored.queue.matching_pauses(JobId(1)).await.expect("a read");
    assert_eq!(pauses.len(), 1);
    assert_eq!((pauses[0].of_batch, pauses[0].paused_by.as_str()), (true, "carol"));
    assert_eq!(pauses[0].resumed_by.as_deref(), Some("carol"));
}

/// A job that is not paused itself: what stands still is named, and how that goes on; of what does not, that it does not.
#[tokio::test]
async fn one_job_alone_is_resumed_only_where_it_is_paused_itself() {
    const TRIP: &str =
        "INSERT INTO breaker_openings (lane_id, batch_id, opened_at, failed, ended, code, waits_from, wait)
        VALUES (1, 1, 1795457100000, 25, 50, NULL, 1795457100000, 600000)";
    let stored = three().await;
    let left = async |why: &str| {
        let said = stored.says(&["resume", "2", "--yes"]);
        assert!(said.out.contains(&format!("1 {why}")), "{why}: {}", said.out);
    };
    left("not paused").await;
    stored.says(&["pause", "--account", "default", "--yes"]).done();
    left("paused with the whole lane: snapferry resume --account ACCOUNT --region REGION").await;
    stored.says(&["resume", "--account", "default", "--yes"]).done();
    stored.sql(TRIP).await;
    left("stopped with its batch or lane: snapferry resume --batch BATCH").await;
    // A batch stops in one lane, and others go on.
    stored
        .sql("INSERT INTO lanes (id, account, region) VALUES (9, 'other', 'eu-west-1'); UPDATE breaker_openings SET lane_id = 9")
        .await;
    left("not paused").await;
    stored.sql("UPDATE breaker_openings SET lane_id = 1, batch_id = NULL").await;
    left("stopped with its batch or lane").await;
}

#[tokio::test]
async fn lanes_are_paused_by_account_or_region_and_everything_is_resumed_at_once() {
    let stored = Stored::story().await;
    insta::assert_snapshot!(
        stored.says(&["pause", "--account", "prod", "--yes"]).done(), @"
    To pause: lane prod/us-east-1: 1 queued job.
    Pausing holds back new exports only; exports in progress continue and are tracked to the end.
    Lane prod/us-west-2 is already paused since 2026-11-23 18:01:00 UTC by alice.
    Paused.
    ");
    stored.says(&["pause", "4", "--yes"]).done();
    let said = stored.says(&["resume", "--batch", "fleet", "--yes"]).done();
    assert_eq!(
        said,
        "Batch fleet is not paused.\n\
         1 job stays paused individually; use --state queued to resume those instead, or resume --all.\n\
         Lane prod/us-east-1 stays paused; `snapferry resume --account prod --region us-east-1` resumes it.\n"
    );
    let said = stored.says(&["resume", "--all", "--yes"]).done();
    for part in ["batch second wave", "lane prod/us-east-1", "lane prod/us-west-2", "Resumed 1 job."] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(stored.queue.lanes(None).await.expect("a read").iter().all(|lane| lane.paused.is_none()));
    assert!(stored.queue.batches().await.expect("a read").iter().all(|batch| batch.paused.is_none()));
    assert_eq!(stored.stands(4).await, (JobState::Queued, Some(Hold::Inventory)));
    assert_eq!(stored.says(&["resume", "--all", "--yes"]).done(), "Nothing is paused.\n");
    assert!(stored.says(&["pause", "--all", "--yes"]).done().contains("To pause: lane default/eu-west-1"));
}

#[tokio::test]
async fn what_is_meant_is_said_where_nothing_fits_and_what_stays_stopped_where_a_lane_goes_on() {
    let stored = Stored::story().await;
    let wrong = stored.says(&["pause", "--account", "pord", "--yes"]).fails(2);
    assert!(wrong.contains("; did you mean \"prod\"?"), "{wrong}");
    let near = stored.says(&["retry", "--error", "SnapshotNotFond", "--yes"]).done();
    assert!(near.contains("\"SnapshotNotFond\"; did you mean \"SnapshotNotFound\"?"), "{near}");
    let none = stored.says(&["retry", "--error", "Zebra", "--yes"]).done();
    assert!(none.contains("\"Zebra\"; snapferry failures lists the codes"), "{none}");
    let opening = "INSERT INTO breaker_openings (lane_id, batch_id, opened_at, failed, ended, code, waits_from, wait)
                VALUES (1, 1, 1795457100000, 25, 50, NULL, 1795457100000, 600000)";
    stored.sql(opening).await;
    let said = stored.says(&["resume", "--account", "default", "--yes"]).done();
    let stays = "Batch fleet in lane default/eu-west-1 stays stopped by its circuit breaker (25 of the last 50 jobs failed); `snapferry resume --batch fleet` resumes it.";
    assert!(said.contains(stays), "{said}");
    // The other way round: the batch goes on, and lanes of it do not.
    stored.sql("UPDATE breaker_openings SET batch_id = NULL").await;
    stored.says(&["pause", "--account", "prod", "--yes"]).done();
    let said = stored.says(&["resume", "--batch", "fleet", "--yes"]).done();
    for stays in [
        "Lane default/eu-west-1 stays stopped by its circuit breaker (25 of the last 50 jobs failed); `snapferry resume --account default --region eu-west-1` resumes it.",
        "Lane prod/us-east-1 stays paused; `snapferry resume --account prod --region us-east-1` resumes it.",
    ] {
        assert!(said.contains(stays), "{said}");
    }
}

#[tokio::test]
async fn a_running_daemon_heeds_what_others_write() {
    let fleet = ["web-1", "web-2"].map(FleetEntry::named).to_vec();
    let world = World::new(SimulatorConfig { fleet: Fleet::Listed(fleet), ..SimulatorConfig::default() }).await;
    world.enqueue(&["web-1", "web-2"]).await;
    let path = world.queue.path().to_owned();
    snapferry(&path, &["pause", "--name", "web-1", "--yes"]).done();
    let daemon = world.start();
    eventually("the other one is sent", async || world.state("web-2").await == JobState::Succeeded).await;
    assert_eq!(world.sent("web-1").len(), 0);
    beside(&path, &["resume", "--name", "web-1", "--yes"]).await.done();
    eventually("it is sent too", async || world.state("web-1").await == JobState::Succeeded).await;
    daemon.stop().await;
    assert_eq!((world.exports("web-1"), world.exports("web-2")), (1, 1));
    // A drain with nothing but paused jobs left ends.
    world.enqueue(&["web-3"]).await;
    snapferry(&path, &["pause", "--region", "eu-west-1", "--yes"]).done();
    world.drain().await;
    assert_eq!(world.state("web-3").await, JobState::Queued);
}

/// Job 6 of the story, with what the ledger has of its name.
async fn in_review() -> Stored {
    let stored = Stored::story().await;
    stored
        .sql(
            "INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, record_name, destination_service,
                                 destination_id, created_at, seen_at, job_id, attempt, unprocessed)
             VALUES (1, 'record', 'arn:r1', 'db-3', 'succeeded', 'rec-1', 'Aws::EC2::Snapshot', 'snap-1',
                     1795456818000, 0, NULL, NULL, 0),
                    (1, 'record', 'arn:r2', 'db-3', 'under_way', 'rec-2', NULL, NULL, 1795456819000, 0, NULL, NULL, 0),
                    (1, 'record', 'arn:r3', 'db-3', 'succeeded', 'rec-3', 'Aws::EC2::Snapshot', 'snap-3',
                     1795456820000, 0, 5, 1, 0),
                    (1, 'operation', 'op-7', 'db-3', 'under_way', NULL, NULL, NULL, 1795456818000, 0, NULL, NULL, 0);",
        )
        .await;
    stored
}

#[tokio::test]
async fn a_review_shows_the_evidence_and_the_decisions() {
    let stored = in_review().await;
    insta::assert_snapshot!(stored.says(&["resolve", "6"]).done(), @"
    Job 6 needs a decision: db-3 in default/eu-west-1
      TooManyCandidates: two exports for one attempt

    ATTEMPTS
    2026-11-23T18:00:17.000Z  1: no answer yet
        OutcomeUnknown: connection reset
        2 absence checks, the first 2026-11-23T18:01:40.000Z, the last 2026-11-23T18:03:20.000Z

    LIGHTSAIL'S RECORDS
    record rec-1
        began 2026-11-23T18:00:18Z, succeeded, made snap-1, not claimed by any job
    record rec-2
        began 2026-11-23T18:00:19Z, under_way when last seen, not claimed by any job
    record rec-3
        began 2026-11-23T18:00:20Z, succeeded, made snap-3, of job 5, attempt 1
    operation op-7
        began 2026-11-23T18:00:18Z, under_way when last seen, not claimed by any job

    DECIDE
    snapferry resolve 6 --adopt rec-1
        It was exported as snap-1.
    snapferry resolve 6 --send-again
        Export again. All operations and records seen by then are ignored permanently. If this job made one of them, there will be two exports.
    snapferry resolve 6 --fail
        Mark it as failed.
    ");
    let said = stored.says(&["resolve", "5"]).done();
    assert!(said.starts_with("Job 5 is exporting and needs no decision"), "{said}");
    assert!(stored.says(&["resolve", "5", "--fail"]).fails(1).contains("only a job in needs_review"));
    assert!(stored.says(&["resolve", "6", "--fail", "--send-again"]).fails(2).contains("--fail"));
    assert!(stored.says(&["resolve", "77"]).fails(2).contains("there is no job 77"));
}

#[tokio::test]
async fn a_record_that_is_named_is_taken_for_the_export() {
    let stored = in_review().await;
    assert!(stored.says(&["resolve", "6", "--adopt", "rec-9"]).fails(2).contains("it has rec-1, rec-2, rec-3"));
    assert!(
        stored.says(&["resolve", "6", "--adopt", "rec-2"]).fails(2).contains("no destination yet (it is under_way)")
    );
    assert!(stored.says(&["resolve", "6", "--adopt", "arn:r3"]).fails(2).contains("belongs to job 5"));
    assert_eq!(stored.stands(6).await.0, JobState::NeedsReview);
    assert_eq!(
        stored.says(&["resolve", "6", "--adopt", "arn:r1"]).done(),
        "Job 6 succeeded as arn:r1. It was exported more than once; also not finished (record rec-2).\n"
    );
    let job = stored.queue.job(JobId(6)).await.expect("a read").expect("a job");
    assert_eq!((job.job.state, job.job.destination_id.as_deref()), (JobState::Succeeded, Some("snap-1")));
    assert_eq!(job.job.record_name.as_deref(), Some("rec-1"));
    assert_eq!(job.job.error_code.as_ref().map(ErrorCode::as_str), Some(ErrorCode::DUPLICATE_EXPORT));
    assert_eq!(job.attempts[0].outcome, Some(snapferry::queue::AttemptOutcome::Found));
    let evidence = stored.queue.evidence(JobId(6)).await.expect("a read").expect("a job");
    assert_eq!(evidence.entries[0].owner, Some((JobId(6), 1)));
    assert_eq!(
        stored.last_step(6).await,
        (JobState::NeedsReview, JobState::Succeeded, "adopt_record".to_owned(), "carol".to_owned())
    );
}

#[tokio::test]
async fn a_review_ends_in_failed_or_in_the_queue() {
    let stored = in_review().await;
    stored.says(&["resolve", "6", "--fail"]).done();
    let job = stored.queue.job(JobId(6)).await.expect("a read").expect("a job").job;
    assert_eq!(job.state, JobState::Failed);
    assert_eq!(
        job.error_message.as_deref(),
        Some("marked failed by carol; before that: TooManyCandidates: two exports for one attempt")
    );
    let other = in_review().await;
    insta::assert_snapshot!(other.says(&["resolve", "6", "--send-again"]).done(), @"Job 6 is queued again, and is sent after the next inventory of its lane. Ignored from now on: rec-1, rec-2, rec-3, op-7.");
    assert_eq!(other.stands(6).await, (JobState::Queued, Some(Hold::Inventory)));
    assert_eq!(other.last_step(6).await.2, "send_again");
}

/// A world whose one job waits for a person: its call was lost without effect, and somebody else began two exports.
async fn rejected_by_a_person() -> World {
    let lost = lightsail_simulator::Fault {
        effect: lightsail_simulator::Effect::Withheld,
        answer: lightsail_simulator::FaultyAnswer::Closed,
        ..lightsail_simulator::Fault::default()
    };
    let rule = lightsail_simulator::FaultRule::script("web-1", [lost]);
    let config = SimulatorConfig {
        fleet: Fleet::Listed(vec![FleetEntry::named("web-1")]),
        operation_time: "10ms..30ms".parse().expect("a spread"),
        faults: lightsail_simulator::Faults { rules: vec![rule], ..lightsail_simulator::Faults::default() },
        ..SimulatorConfig::default()
    };
    let mut world = World::new(config).await;
    // Long enough that only the ledger can tell.
    world.settings.every_lane.reconcile.settle = std::time::Duration::from_hours(1);
    world.enqueue(&["web-1"]).await;
    let daemon = world.start();
    eventually("nobody can say", async || world.state("web-1").await == JobState::Unknown).await;
    daemon.stop().await;
    by_somebody_else(&world);
    by_somebody_else(&world);
    world.drain().await;
    assert_eq!(world.state("web-1").await, JobState::NeedsReview);
    world
}

fn by_somebody_else(world: &World) {
    let export = lightsail_simulator::ByHand {
        account: None,
        region: super::world::REGION.to_owned(),
        name: "web-1".to_owned(),
    };
    world.simulator.export_by_hand(&export).expect("an export");
}

#[tokio::test]
async fn what_a_person_has_sent_again_is_sent_and_takes_nothing_that_was_rejected() {
    let world = rejected_by_a_person().await;
    let rejected: Vec<String> =
        world.simulator.ledger().lanes.values().next().expect("a lane").snapshots["web-1"].destination_ids.clone();
    assert_eq!(rejected.len(), 2);
    let daemon = world.start();
    beside(world.queue.path(), &["resolve", "1", "--send-again"]).await.done();
    eventually("it is exported", async || world.state("web-1").await == JobState::Succeeded).await;
    daemon.stop().await;
    let job = world.job("web-1").await;
    assert_eq!((job.adopted, job.attempts, world.sent("web-1").len()), (false, 2, 2));
    assert_eq!(world.exports("web-1"), 3);
    assert!(!rejected.contains(&job.destination_id.expect("an id")));
}

#[tokio::test]
async fn what_a_person_has_sent_again_adopts_no_export_that_another_hand_begins_later() {
    let world = rejected_by_a_person().await;
    let path = world.queue.path().to_owned();
    snapferry(&path, &["pause", "--region", super::world::REGION, "--yes"]).done();
    let daemon = world.start();
    beside(&path, &["resolve", "1", "--send-again"]).await.done();
    by_somebody_else(&world);
    let seen = async || {
        let evidence = world.queue.evidence(JobId(1)).await.expect("a read").expect("a job");
        let records = evidence.entries.iter().filter(|entry| entry.sighting.destination.is_some());
        records.count() == 3
    };
    eventually("the third is seen", seen).await;
    let acted_upon = async || {
        world.queue.unprocessed_changes(LaneId(1), 10).await.expect("a read").is_empty()
            && world.job("web-1").await.hold.is_none()
    };
    eventually("it is acted upon", acted_upon).await;
    assert_eq!(world.state("web-1").await, JobState::Queued);
    beside(&path, &["resume", "--region", super::world::REGION, "--yes"]).await.done();
    eventually("it is exported", async || world.state("web-1").await == JobState::Succeeded).await;
    daemon.stop().await;
    let job = world.job("web-1").await;
    assert_eq!((job.adopted, world.sent("web-1").len(), world.exports("web-1")), (false, 2, 4));
}

#[tokio::test]
async fn a_lost_answer_after_send_again_is_settled_without_what_was_rejected() {
    let mut world = rejected_by_a_person().await;
    // Where its record was seen before its operation, it may be another client's until this is over.
    world.settings.every_lane.reconcile.settle = std::time::Duration::from_secs(1);
    // Taken, and the answer lost: the one new entry is its own, the two rejected ones are no candidates.
    let lost = lightsail_simulator::Fault {
        answer: lightsail_simulator::FaultyAnswer::Closed,
        ..lightsail_simulator::Fault::default()
    };
    let rule = lightsail_simulator::FaultRule::script("web-1", [lost]);
    world
        .simulator
        .set_faults(lightsail_simulator::Faults { rules: vec![rule], ..lightsail_simulator::Faults::default() });
    snapferry(world.queue.path(), &["resolve", "1", "--send-again"]).done();
    world.drain().await;
    let job = world.job("web-1").await;
    assert_eq!((job.state, job.attempts, job.adopted), (JobState::Succeeded, 2, false), "{:?}", job.error_message);
    assert_eq!((world.sent("web-1").len(), world.exports("web-1")), (2, 3));
}

#[tokio::test]
async fn a_pause_that_is_over_is_told_where_it_held_something_up() {
    let stored = Stored::story().await;
    stored
        .sql(
            "INSERT INTO pauses (batch_id, paused_at, paused_by, resumed_at, resumed_by)
             VALUES (1, 1795456900000, 'ann', 1795456960000, 'bob'), (1, 1795457000000, 'cid', 1795457000999, 'cid')",
        )
        .await;
    let said = stored.says(&["why", "7"]).done();
    assert!(said.contains("Its batch was paused for 1 min by ann, resumed by bob"), "{said}");
    assert!(!said.contains("cid"), "{said}");
}

#[tokio::test]
async fn why_names_what_binds_and_the_way_out() {
    let stored = in_review().await;
    for (job, parts) in [
        ("1", vec!["exported as ami-0123456789abcdef0"]),
        ("2", vec!["may have been deleted since"]),
        ("3", vec!["SnapshotNotFound", "snapferry retry 3"]),
        ("4", vec!["no daemon is running", "snapferry daemon", "ServiceException"]),
        ("5", vec!["operation op-5", "cannot be cancelled"]),
        ("6", vec!["a person has to decide", "snapferry resolve 6"]),
        ("8", vec!["batch second wave is paused by bob", "snapferry resume --batch 'second wave'"]),
        ("9", vec!["cancelled by alice", "snapferry retry 9"]),
    ] {
        let said = stored.says(&["why", job]).done();
        for part in parts {
            assert!(said.to_lowercase().contains(&part.to_lowercase()), "{part:?} is not in: {said}");
        }
        let json = stored.says(&["why", job, "--json"]).done();
        let value: serde_json::Value = serde_json::from_str(&json).expect("an object");
        super::documented(&value);
        super::json_schema::holds("why", &value);
        assert_eq!(value["id"].to_string(), job);
        assert!(value["causes"][0]["text"].is_string(), "{json}");
    }
    assert!(stored.says(&["why", "77"]).fails(2).contains("there is no job 77"));
}

/// Two throttles of the lane within the hour, one before that, and a refusal that is none.
const THROTTLED: &str = "UPDATE lanes SET proven = 1, learned_rate = 0.5;
    INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome, http_status, error_code, answered_at)
    VALUES (1, 8, 1, 0, 0, 'refused', 400, 'ThrottlingException', (unixepoch('now') - 90) * 1000),
           (1, 9, 1, 0, 0, 'refused', 400, 'ThrottlingException', (unixepoch('now') - 60) * 1000),
           (2, 9, 1, 0, 0, 'refused', 400, 'ThrottlingException', 1795450000000),
           (3, 9, 1, 0, 0, 'refused', 400, 'InvalidInputException', (unixepoch('now') - 30) * 1000)";

const ATTEMPT: &str = "INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome, error_code, \
                       error_message, absence_checks, first_check_at, last_check_at) \
                       VALUES (2, 1, 1, 1795456817000, 0, 'ambiguous', 'Cut', 'lost', 2, 1795456900000, 1795457000000);";

/// What `why 2` says with these rows, as words and as JSON.
async fn why_says(sql: &str, kind: &str, part: &str) {
    let stored = three().await;
    let _daemon = DatabaseLock::take(stored.queue.path(), Held::Daemon, "a test").expect("the lock");
    let sql = sql.replace("UPDATE jobs SET", "UPDATE jobs SET step = step,");
    stored.sql(&format!("{sql} {}", if sql.contains("UPDATE jobs SET step") { "WHERE id = 2" } else { "" })).await;
    let text = stored.says(&["why", "2"]).done();
    assert!(text.to_lowercase().contains(part), "{part:?} is not in: {text}");
    assert!(text.starts_with("Job 2 (snap-2): "), "{text}");
    let json = stored.says(&["why", "2", "--json"]).done();
    let value: serde_json::Value = serde_json::from_str(&json).expect("an object");
    super::json_schema::holds("why", &value);
    let kinds: Vec<&str> =
        value["causes"].as_array().expect("causes").iter().filter_map(|cause| cause["kind"].as_str()).collect();
    assert!(kinds.contains(&kind), "{kind} is not in {kinds:?} after {sql}");
}

#[tokio::test]
async fn why_tells_of_an_export_that_has_ended_and_may_be_anothers() {
    const FOUND: &str = "UPDATE attempts SET outcome = 'found', first_check_at = NULL, last_check_at = NULL, absence_checks = 0; \
                         UPDATE jobs SET state = 'exporting', attempt = 1, next_poll_at = 4102444800000";
    const ACCEPTED: &str = "UPDATE attempts SET outcome = 'accepted', first_check_at = NULL, last_check_at = NULL, absence_checks = 0; \
                            UPDATE jobs SET state = 'exporting', attempt = 1, next_poll_at = 4102444800000";
    const RECORD: &str = "INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, record_name, \
                          destination_service, destination_id, seen_at, job_id, attempt, unprocessed) \
                          VALUES (1, 'record', 'arn-1', 'snap-2', 'succeeded', 'record-1', 'Aws::EC2::Image', 'ami-1', \
                          1795456818000, 2, 1, 0);";
    for (sql, kind, part) in [
        (
            format!("{ATTEMPT} {RECORD} {FOUND}"),
            "reconciling",
            "has made ami-1 from it, but its call got no answer: until the reconciliation window of 10 min is over",
        ),
        (
            format!(
                "{ATTEMPT} {RECORD} UPDATE ledger SET status = 'failed', destination_id = NULL, destination_service = NULL; {FOUND}"
            ),
            "reconciling",
            "has failed to export it, but its call got no answer",
        ),
        (
            format!(
                "{ATTEMPT} {RECORD} UPDATE ledger SET status = 'under_way', destination_id = NULL, destination_service = NULL; {FOUND}"
            ),
            "under_way",
            "lightsail exports it",
        ),
        (
            format!("{ATTEMPT} {RECORD} UPDATE lanes SET longest_delay = 600000; {FOUND}"),
            "reconciling",
            "until the reconciliation window of 30 min is over",
        ),
        (format!("{ATTEMPT} {RECORD} {ACCEPTED}"), "under_way", "lightsail exports it"),
    ] {
        why_says(&sql, kind, part).await;
    }
}

#[tokio::test]
async fn why_knows_every_reason() {
    let blocked = |code: &str| {
        format!("UPDATE lanes SET blocked_at = 1795456801000, blocked_code = '{code}', blocked_message = 'said'")
    };
    let cases: Vec<(String, &str, &str)> = vec![
        ("UPDATE lanes SET proven = 1, learned_rate = 0.5".into(), "learned_rate", "learned rate of 0.5/s"),
        (
            THROTTLED.into(),
            "learned_rate",
            "learned rate of 0.5/s after 2 throttles within the hour; the ceiling is 20.0/s (since 2026-",
        ),
        ("UPDATE lanes SET proven = 1".into(), "ahead", "1 job of its lane is sent before it"),
        ("UPDATE lanes SET proven = 0".into(), "first_export", "the very first export"),
        (
            "UPDATE lanes SET proven = 1; UPDATE job_counts SET state = 'exporting', weight = 20".into(),
            "cap",
            "20 of 20 ebs copies",
        ),
        (
            "UPDATE lanes SET proven = 1, lowered_cap = 7, lowered_at = unixepoch('now') * 1000, \
             lowered_code = 'ResourceLimitExceeded'"
                .into(),
            "lowered_cap",
            "is lowered to 7 of 20",
        ),
        (blocked("credentials"), "blocked", "is blocked: said"),
        (blocked("outage"), "blocked", "the lane tries again every 30 s and recovers automatically"),
        (blocked("reads"), "blocked", "it is read again within 5 min and recovers automatically"),
        (blocked("copy_limit"), "blocked", "one job at a time is tried"),
        (blocked("quota"), "blocked", "then resume the lane"),
        ("UPDATE jobs SET paused_at = 1795456801000".into(), "paused", "snapferry resume 2"),
        ("UPDATE batches SET paused_at = 1795456801000, paused_by = 'bob'".into(), "paused_batch", "paused by bob"),
        ("UPDATE lanes SET paused_at = 1795456801000, paused_by = 'bob'".into(), "paused_lane", "paused by bob"),
        ("UPDATE jobs SET due_at = 4102444800000".into(), "not_before", "not before 2100-01-01"),
        (
            format!("{ATTEMPT} UPDATE jobs SET attempt = 1, used = 1, due_at = 4102444800000"),
            "backoff",
            "attempt 1 failed (cut: lost)",
        ),
        ("DELETE FROM inventories".into(), "unlisted", "needs an inventory since the daemon's start"),
        (
            "UPDATE snapshots SET state = 'pending'; UPDATE jobs SET hold = 'inventory'".into(),
            "pending",
            "still pending in the last inventory",
        ),
        ("UPDATE jobs SET hold = 'inventory'".into(), "inventory", "needs an inventory"),
        ("UPDATE batches SET state = 'loading'".into(), "loading", "still being loaded"),
        (format!("{ATTEMPT} UPDATE jobs SET state = 'submitting', attempt = 1"), "calling", "may take up to 30 s"),
        (
            format!("{ATTEMPT} UPDATE jobs SET state = 'unknown', attempt = 1, next_poll_at = 4102444800000"),
            "absence_checks",
            "2 of 3 absence checks",
        ),
        (
            format!("{ATTEMPT} UPDATE jobs SET state = 'unknown', attempt = 1, next_poll_at = 4102444800000"),
            "absence_checks",
            "3 checks over 10 min that do not show it prove it absent, not before 2100-01-01 00:00:00 utc",
        ),
        (
            format!(
                "{ATTEMPT} UPDATE attempts SET absence_checks = 3, last_check_at = first_check_at + 600000; \
                 UPDATE jobs SET state = 'unknown', attempt = 1, next_poll_at = 4102444800000"
            ),
            "absence_checks",
            "the next check that does not show it proves it absent",
        ),
        (
            format!("{ATTEMPT} UPDATE jobs SET state = 'unknown', attempt = 1, next_poll_at = 4102444800000"),
            "next_poll",
            "its state is read again in",
        ),
        (
            "UPDATE jobs SET state = 'exporting', operation_id = 'op-1', next_poll_at = 4102444800000".into(),
            "next_poll",
            "its state is read again in",
        ),
        (
            "UPDATE jobs SET state = 'needs_review', error_code = 'Odd', error_message = 'two'".into(),
            "review",
            "snapferry resolve 2",
        ),
        ("UPDATE jobs SET state = 'failed', finished_at = 1, error_code = 'Odd'".into(), "failed", "snapferry retry 2"),
        ("UPDATE jobs SET state = 'cancelled', finished_at = 1".into(), "cancelled", "snapferry retry 2"),
        (
            "UPDATE jobs SET state = 'succeeded', finished_at = 1, destination_id = 'ami-1'".into(),
            "succeeded",
            "exported as ami-1",
        ),
    ];
    for (sql, kind, part) in cases {
        why_says(&sql, kind, part).await;
    }
}

#[tokio::test]
async fn why_counts_the_jobs_ahead() {
    let stored = three().await;
    stored.sql("UPDATE jobs SET priority = 5 WHERE id = 3; UPDATE lanes SET learned_rate = 0.5, proven = 1").await;
    let ahead = async |job: i64| stored.queue.waiting(JobId(job)).await.expect("a read").expect("a job").ahead.jobs;
    assert_eq!([ahead(1).await, ahead(2).await, ahead(3).await], [1, 2, 0]);
    stored.says(&["pause", "1", "--yes"]).done();
    assert_eq!(ahead(2).await, 1);
}

#[tokio::test]
async fn a_backup_is_a_whole_database_of_its_own() {
    let stored = Stored::many(2500).await;
    let copy = stored.path("copy.db");
    let to = copy.to_str().expect("UTF-8");
    // Somebody writes meanwhile, and is not held up.
    let queue = stored.queue.clone();
    let (go, mut stop) = tokio::sync::oneshot::channel::<()>();
    let writing = tokio::spawn(async move {
        let mut writes = 0_u32;
        while stop.try_recv().is_err() {
            queue.learn_rate(LaneId(1), f64::from(writes % 7) + 1.0).await.expect("a write");
            writes += 1;
        }
        writes
    });
    let said = beside(stored.queue.path(), &["backup", to]).await;
    go.send(()).expect("a writer");
    assert!(writing.await.expect("no panic") > 0);
    assert!(said.done().contains("2,500 jobs"));

    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt};
        let mode = |path: &Path| std::fs::metadata(path).expect("a file").mode() & 0o777;
        assert_eq!(mode(&copy), mode(stored.queue.path()));
        // Who may not read the database may not read its copy.
        let secret = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(stored.queue.path(), secret).expect("permissions");
        let private = stored.path("private.db");
        stored.says(&["backup", private.to_str().expect("UTF-8")]).done();
        assert_eq!(mode(&private), 0o600);
    }
    let opened = Queue::open(&copy).await.expect("a database");
    let counts = |batches: Vec<snapferry::queue::BatchView>| batches[0].jobs.clone();
    assert_eq!(counts(opened.batches().await.expect("a read")), counts(stored.queue.batches().await.expect("a read")));
    assert_eq!(opened.count_jobs(&Selector::default()).await.expect("a read"), 2500);
    // It is written to as the first one is: with a log that readers do not mind.
    opened.learn_rate(LaneId(1), 2.0).await.expect("a write");
    assert!(stored.path("copy.db-wal").exists());

    assert!(stored.says(&["backup", "--force", to]).fails(2).contains("in use as a database"));
    opened.close().await;
    assert!(stored.says(&["backup", to]).fails(2).contains("--force"));
    let before = std::fs::read(&copy).expect("bytes");
    assert_eq!(stored.says(&["backup", to]).code, 2);
    assert_eq!(std::fs::read(&copy).expect("bytes"), before);
    stored.says(&["backup", "--force", to]).done();
    let itself = stored.queue.path().to_str().expect("UTF-8").to_owned();
    assert!(stored.says(&["backup", "--force", &itself]).fails(2).contains("the database itself"));
    // Nor is anything that is kept beside it written over, whatever writes.
    for beside in ["", "-wal", "-shm", ".daemon.lock", ".load.lock"] {
        let own = format!("{itself}{beside}");
        assert!(stored.says(&["backup", "--force", &own]).fails(2).contains("belongs to it"), "{beside}");
        for line in [["report", "--format", "csv", "-o", &own], ["run", "no-such.csv", "--rehearse", "-o", &own]] {
            assert!(stored.says(&line).fails(2).contains("belongs to it"), "{line:?}");
        }
    }
    assert_eq!(stored.says(&["jobs"]).code, 0);
    assert!(stored.says(&["backup", &format!("{to}/no/such/x.db")]).fails(2).contains("does not exist"));
    let left: Vec<_> = std::fs::read_dir(stored.folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| name.contains("part"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}
