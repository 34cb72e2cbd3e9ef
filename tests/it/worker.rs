//! Sending over a real store, with a Lightsail that denies some snapshots, or leaves it open what it took.

use super::tracker::{LANE, write};
use async_trait::async_trait;
use snapferry::clock::ManualClock;
use snapferry::domain::{JobId, JobState, OperationId, Region, SnapshotName, Timestamp};
use snapferry::lightsail::{
    Accepted, CallError, ErrorClass, ExportRecord, Lightsail, Operation, Page, PageToken, RateLimiter, RegionSlots,
    Snapshot, SnapshotKind,
};
use snapferry::queue::{Followed, Queue};
use snapferry::settings::LaneSettings;
use snapferry::worker::{Dispatcher, RateLimiters};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Denies by name, and everything until `lane_denied` calls were made; leaves the outcome of the first `ambiguous` calls
/// open, of which the first five are under way together.
#[derive(Default)]
struct Denying {
    denied: &'static [&'static str],
    lane_denied: usize,
    ambiguous: usize,
    calls: Mutex<Vec<String>>,
    together: tokio::sync::OnceCell<tokio::sync::Barrier>,
    /// Whether the lane was seen in an outage: nothing is accepted before, where there is to be one.
    outage: watch::Sender<bool>,
}

#[async_trait]
impl Lightsail for Denying {
    async fn export_snapshot(&self, name: &SnapshotName) -> Result<Accepted, CallError> {
        let made = {
            let mut calls = self.calls.lock().expect("not poisoned");
            calls.push(name.as_str().to_owned());
            calls.len()
        };
        if made <= self.ambiguous {
            if self.ambiguous >= 5 && made <= 5 {
                self.together.get_or_init(async || tokio::sync::Barrier::new(5)).await.wait().await;
            }
            return Err(CallError::new(ErrorClass::Ambiguous, "ServiceException", "who knows"));
        }
        if self.ambiguous >= 5 {
            self.outage.subscribe().wait_for(|seen| *seen).await.expect("an outage");
        }
        if self.denied.contains(&name.as_str()) || made <= self.lane_denied {
            return Err(CallError::new(ErrorClass::Denied, "AccessDeniedException", "no"));
        }
        Ok(Accepted { operations: Vec::new(), request_id: None })
    }

    async fn get_operation(&self, _: &OperationId) -> Result<Option<Operation>, CallError> {
        Ok(None)
    }

    async fn operations(&self, _: Option<&SnapshotName>, _: Option<PageToken>) -> Result<Page<Operation>, CallError> {
        Ok(Page::empty())
    }

    async fn export_records(&self, _: Option<PageToken>) -> Result<Page<ExportRecord>, CallError> {
        Ok(Page::empty())
    }

    async fn snapshots(&self, _: SnapshotKind, _: Option<PageToken>) -> Result<Page<Snapshot>, CallError> {
        Ok(Page::empty())
    }

    async fn snapshot(&self, _: &SnapshotName, _: SnapshotKind) -> Result<Option<Snapshot>, CallError> {
        Ok(None)
    }
}

/// Ten queued jobs of `web-0` to `web-9`, listed and cleared for run 1.
const TEN: &str = "INSERT INTO inventories (lane_id, batch_id, run_id) VALUES (1, 1, 1);
    WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 9)
    INSERT INTO jobs (lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
    SELECT 1, 1, n, 'web-' || n, 0, 'adopt', 'queued', 0 FROM n;
    INSERT INTO snapshots (lane_id, name, kind, state, weight, inventory)
    SELECT 1, snapshot_name, 'instance', 'available', 1, 1 FROM jobs;";

/// Sends for ten jobs for a quarter of an hour; what each is then, by its first letter, and the calls that were made.
async fn send(api: Denying) -> (String, usize) {
    let (followed, calls) = send_under(api, "").await;
    let states = followed.iter().map(|job| job.state.as_str().chars().next().expect("a letter")).collect();
    (states, calls)
}

/// The same, with more in the database.
async fn send_under(api: Denying, more: &'static str) -> (Vec<Followed>, usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("queue.db");
    let queue = Queue::open(&path).await.expect("opened");
    let run = queue.begin_run(Timestamp(0), "test").await.expect("a run");
    write(&path, LANE).await;
    write(&path, TEN).await;
    write(&path, more).await;
    let clock = Arc::new(ManualClock::new(Timestamp(0)));
    let api = Arc::new(api);
    let lane = queue.lane_records().await.expect("lanes").remove(0);
    let mut settings = LaneSettings::default();
    settings.export.backoff_max = Duration::from_secs(1);
    let limiter = || RateLimiter::new(20.0, 10, Some(20.0), clock.clone());
    let limiters = RateLimiters { exports: limiter(), reads: limiter() };
    let dispatcher =
        Dispatcher::new(queue.clone(), api.clone(), limiters, clock.clone(), run, lane, Arc::new(settings));
    let (stop, stopped) = watch::channel(false);
    let living = async {
        for _ in 0..450 {
            clock.advance(Duration::from_secs(2));
            let blocked = queue.lane_records().await.expect("lanes").remove(0).blocked.is_some();
            api.outage.send_if_modified(|seen| !*seen && std::mem::replace(seen, blocked) != blocked);
            tokio::time::sleep(Duration::from_millis(4)).await;
        }
        stop.send(true).expect("it is there");
    };
    let (outcome, ()) = tokio::join!(
        dispatcher.run(stopped, RegionSlots::of_exports().of(Region::parse("eu-west-1").expect("a Region"))),
        living
    );
    outcome.expect("no error");
    let jobs: Vec<JobId> = (1..=10).map(JobId).collect();
    let followed = queue.followed_jobs(&jobs).await.expect("read");
    let calls = api.calls.lock().expect("not poisoned").len();
    (followed, calls)
}

#[tokio::test]
async fn denied_snapshots_at_the_head_of_the_queue_do_not_block_the_rest() {
    let denied = &["web-0", "web-1", "web-2", "web-3", "web-4"];
    let (states, calls) = send(Denying { denied, ..Denying::default() }).await;
    // After three in a row nothing tells any more whose trouble it is: the last two wait for a person.
    assert_eq!(states, "fffqqeeeee");
    assert!(calls <= 60, "{calls} calls");
}

#[tokio::test]
async fn denials_of_the_whole_lane_fail_no_job() {
    let (states, _) = send(Denying { lane_denied: 7, ..Denying::default() }).await;
    assert_eq!(states, "eeeeeeeeee");
}

#[tokio::test]
async fn ambiguous_answers_that_come_together_are_an_outage_and_cost_no_job_an_attempt() {
    let api = Denying { ambiguous: 7, ..Denying::default() };
    let (jobs, calls) = send_under(api, "UPDATE lanes SET proven = 1").await;
    let unknown: Vec<u32> = jobs.iter().filter(|job| job.state == JobState::Unknown).map(|job| job.used).collect();
    assert_eq!(unknown, [0; 7]);
    assert_eq!((calls, jobs.iter().filter(|job| job.state == JobState::Exporting).count()), (10, 3));
}

#[tokio::test]
async fn a_few_ambiguous_answers_cost_their_jobs_an_attempt() {
    let (jobs, _) = send_under(Denying { ambiguous: 2, ..Denying::default() }, "").await;
    let unknown: Vec<u32> = jobs.iter().filter(|job| job.state == JobState::Unknown).map(|job| job.used).collect();
    assert_eq!(unknown, [1, 1]);
}

#[tokio::test]
async fn a_clock_set_back_puts_no_retry_off_and_a_wait_that_a_person_asked_for_stands() {
    // A month ahead: nothing waits that long to be tried again.
    let more = "UPDATE jobs SET due_at = 2592000000, attempt = id % 2, used = id % 2 WHERE id <= 2;
        INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome) VALUES (1, 1, 1, 0, 0, 'refused');";
    let (jobs, calls) = send_under(Denying::default(), more).await;
    let states: Vec<&str> = jobs.iter().take(3).map(|job| job.state.as_str()).collect();
    assert_eq!((states, calls), (vec!["exporting", "queued", "exporting"], 9));
}
