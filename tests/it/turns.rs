//! Sending turn by turn, by a clock of its own: what goes, what waits, and what the lane remembers.

use super::tracker::{LANE, write};
use async_trait::async_trait;
use futures_util::FutureExt as _;
use snapferry::clock::{Clock, ManualClock};
use snapferry::domain::{
    ErrorCode, Event, ExportRef, Failure, JobId, JobState, JobVersion, LaneId, LaneTrouble, OperationId, Region,
    SnapshotName, Timestamp,
};
use snapferry::lightsail::{
    Accepted, CallError, ErrorClass, ExportRecord, Lightsail, Operation, Page, PageToken, RateLimiter, RegionSlots,
    Snapshot, SnapshotKind,
};
use snapferry::queue::{Block, Queue, Transition};
use snapferry::settings::LaneSettings;
use snapferry::worker::{Dispatch, DispatchResult, Dispatcher, DispatcherState, NextAction, RateLimiters};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const PROBE: Duration = Duration::from_secs(30);

/// Answers what stands next in the script, and accepts where nothing does.
#[derive(Default)]
struct Scripted {
    answers: Mutex<VecDeque<ErrorClass>>,
    sent: Mutex<Vec<String>>,
    /// Whether it fails as no call does.
    panics: AtomicBool,
}

#[async_trait]
impl Lightsail for Scripted {
    async fn export_snapshot(&self, name: &SnapshotName) -> Result<Accepted, CallError> {
        assert!(!self.panics.load(Ordering::Relaxed), "a mistake in the program");
        self.sent.lock().expect("not poisoned").push(name.as_str().to_owned());
        match self.answers.lock().expect("not poisoned").pop_front() {
            Some(class) => Err(CallError::new(class, "Code", "words")),
            None => Ok(Accepted { operations: Vec::new(), request_id: None }),
        }
    }

    async fn get_operation(&self, _: &OperationId) -> Result<Option<Operation>, CallError> {
        panic!("the worker reads nothing")
    }

    async fn operations(&self, _: Option<&SnapshotName>, _: Option<PageToken>) -> Result<Page<Operation>, CallError> {
        panic!("the worker reads nothing")
    }

    async fn export_records(&self, _: Option<PageToken>) -> Result<Page<ExportRecord>, CallError> {
        panic!("the worker reads nothing")
    }

    async fn snapshots(&self, _: SnapshotKind, _: Option<PageToken>) -> Result<Page<Snapshot>, CallError> {
        panic!("the worker reads nothing")
    }

    async fn snapshot(&self, _: &SnapshotName, _: SnapshotKind) -> Result<Option<Snapshot>, CallError> {
        panic!("the worker reads nothing")
    }
}

/// Ten queued jobs of `web-0` to `web-9`, with the ids 1 to 10, listed and cleared for run 1.
const TEN: &str = "INSERT INTO inventories (lane_id, batch_id, run_id) VALUES (1, 1, 1);
    WITH RECURSIVE n(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 9)
    INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
    SELECT n + 1, 1, 1, n, 'web-' || n, 0, 'adopt', 'queued', 0 FROM n;
    INSERT INTO snapshots (lane_id, name, kind, state, weight, inventory)
    SELECT 1, snapshot_name, 'instance', 'available', 1, 1 FROM jobs;";

const PROVEN: &str = "UPDATE lanes SET proven = 1;";

struct Scene {
    _folder: tempfile::TempDir,
    path: PathBuf,
    queue: Queue,
    clock: Arc<ManualClock>,
    api: Arc<Scripted>,
    dispatcher: Dispatcher,
    state: DispatcherState,
}

impl Scene {
    async fn new(more: &'static str, max_in_flight: u32, rate: f64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("queue.db");
        let queue = Queue::open(&path).await.expect("opened");
        let run = queue.begin_run(Timestamp(0), "test").await.expect("a run");
        for statements in [LANE, TEN, more] {
            write(&path, statements).await;
        }
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        let api = Arc::new(Scripted::default());
        let lane = queue.lane_records().await.expect("lanes").remove(0);
        let mut settings = LaneSettings::default();
        settings.lane.probe = PROBE;
        settings.export.backoff_max = SECOND;
        settings.export.max_in_flight = max_in_flight;
        let limiter = || RateLimiter::new(rate, 10, Some(rate), clock.clone());
        let limiters = RateLimiters { exports: limiter(), reads: limiter() };
        let dispatcher =
            Dispatcher::new(queue.clone(), api.clone(), limiters, clock.clone(), run, lane, Arc::new(settings));
        Self { _folder: folder, path, queue, clock, api, dispatcher, state: DispatcherState::default() }
    }

    fn answers(&self, answers: impl IntoIterator<Item = ErrorClass>) {
        self.api.answers.lock().expect("not poisoned").extend(answers);
    }

    async fn turn(&mut self, under_way: usize) -> NextAction {
        self.dispatcher.run_once(&mut self.state, under_way).await.expect("a turn")
    }

    /// A job that is to go now.
    async fn dispatches(&mut self, under_way: usize) -> Dispatch {
        match self.turn(under_way).await {
            NextAction::Send(dispatch) => dispatch,
            action @ (NextAction::AwaitResponse | NextAction::Wait(_)) => panic!("{action:?}"),
        }
    }

    async fn waits(&mut self, under_way: usize) -> Duration {
        match self.turn(under_way).await {
            NextAction::Wait(span) => span,
            action @ (NextAction::AwaitResponse | NextAction::Send(_)) => panic!("{action:?}"),
        }
    }

    /// Sends it, and takes up the answer.
    async fn sends(&mut self, dispatch: Dispatch) {
        let result = self.answered(dispatch).await;
        self.dispatcher.on_response(result, &mut self.state).await.expect("handled");
    }

    async fn answered(&self, dispatch: Dispatch) -> DispatchResult {
        let permit = {
            let permit = self.dispatcher.permit();
            tokio::pin!(permit);
            loop {
                tokio::select! {
                    biased;
                    permit = &mut permit => break permit,
                    () = tokio::task::yield_now() => self.clock.advance(Duration::from_millis(10)),
                }
            }
        };
        self.dispatcher.send(dispatch, permit).await
    }

    /// Sends one job after the other; the names of those that went.
    async fn send(&mut self, count: usize) -> Vec<String> {
        let before = self.api.sent.lock().expect("not poisoned").len();
        for _ in 0..count {
            let dispatch = self.dispatches(0).await;
            self.sends(dispatch).await;
        }
        self.api.sent.lock().expect("not poisoned")[before..].to_vec()
    }

    async fn job(&self, id: i64) -> (String, u32) {
        let job = self.queue.followed_jobs(&[JobId(id)]).await.expect("read").remove(0);
        (job.state.to_string(), job.used)
    }

    async fn trouble(&self) -> Option<LaneTrouble> {
        self.queue.lane_records().await.expect("lanes").remove(0).blocked.map(|block| block.trouble)
    }

    async fn block(&self, trouble: LaneTrouble) {
        let block = Block { trouble, message: "words".to_owned(), since: self.clock.now() };
        self.queue.block(LaneId(1), block).await.expect("blocked");
    }
}

#[tokio::test]
async fn until_a_lane_has_exported_once_one_call_is_out_at_a_time() {
    let mut scene = Scene::new("", 20, 20.0).await;
    scene.answers([ErrorClass::Permanent]);
    for proven in [false, true] {
        let one = scene.dispatches(0).await;
        assert!(matches!(scene.turn(1).await, NextAction::AwaitResponse));
        scene.sends(one).await;
        assert_eq!(scene.queue.lane_records().await.expect("lanes")[0].proven, proven);
    }
    let _ = scene.dispatches(0).await;
    let _ = scene.dispatches(1).await;
    let _ = scene.dispatches(2).await;
}

#[tokio::test]
async fn no_more_goes_than_the_cap_has_room_for() {
    let mut scene = Scene::new(PROVEN, 3, 20.0).await;
    let _three = [scene.dispatches(0).await, scene.dispatches(1).await, scene.dispatches(2).await];
    assert!(!scene.waits(3).await.is_zero());
    // Those that are read ahead count from the moment that they are in hand.
    let mut scene = Scene::new(PROVEN, 3, 2.0).await;
    let _three = [scene.dispatches(0).await, scene.dispatches(1).await, scene.dispatches(2).await];
    assert!(!scene.waits(3).await.is_zero());
}

#[tokio::test]
async fn a_heavy_one_waits_for_room_and_goes_alone_where_the_cap_has_none() {
    const HEAVY: &str = "UPDATE lanes SET proven = 1; UPDATE snapshots SET weight = 5 WHERE name = 'web-1'";
    let mut scene = Scene::new(HEAVY, 3, 20.0).await;
    assert_eq!(scene.send(1).await, ["web-0"]);
    scene.waits(0).await;
    // What is lighter does not overtake it.
    assert_eq!(scene.api.sent.lock().expect("not poisoned").len(), 1);
    write(&scene.path, "UPDATE jobs SET state = 'cancelled', finished_at = 0, next_poll_at = NULL WHERE id = 1").await;
    assert_eq!(scene.send(1).await, ["web-1"]);
    scene.waits(0).await;
}

#[tokio::test]
async fn half_a_seconds_worth_is_read_ahead_and_what_is_more_urgent_comes_after_it() {
    let mut scene = Scene::new(PROVEN, 20, 10.0).await;
    let mut sent = scene.send(1).await;
    write(&scene.path, "UPDATE jobs SET priority = 9 WHERE id = 10").await;
    sent.extend(scene.send(5).await);
    assert_eq!(sent, ["web-0", "web-1", "web-2", "web-3", "web-4", "web-9"]);
}

#[tokio::test]
async fn a_lane_in_trouble_tries_one_job_in_a_probes_time() {
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    scene.block(LaneTrouble::Outage).await;
    scene.answers([ErrorClass::Ambiguous; 2]);
    scene.send(1).await;
    let rest = scene.waits(0).await;
    assert!(rest > 29 * SECOND && rest <= PROBE, "until the next probe: {rest:?}");
    scene.clock.advance(rest);
    let second = scene.dispatches(0).await;
    assert!(matches!(scene.turn(1).await, NextAction::AwaitResponse), "one at a time");
    scene.sends(second).await;
    scene.waits(0).await;
    assert_eq!((scene.job(1).await, scene.job(2).await), (("unknown".to_owned(), 0), ("unknown".to_owned(), 0)));
    scene.clock.advance(PROBE);
    scene.send(1).await;
    assert_eq!(scene.trouble().await, None);
    scene.dispatches(0).await;
}

#[tokio::test]
async fn jobs_take_turns_at_probing_a_lane_in_trouble() {
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    scene.answers([ErrorClass::SetupInProgress, ErrorClass::LaneDenied, ErrorClass::SetupInProgress]);
    for name in ["web-0", "web-1", "web-2", "web-3"] {
        assert_eq!(scene.send(1).await, [name]);
        scene.clock.advance(PROBE);
    }
    assert_eq!(scene.trouble().await, None);
}

#[tokio::test]
async fn an_acceptance_ends_no_trouble_that_came_while_it_was_out() {
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    scene.block(LaneTrouble::Outage).await;
    let probe = scene.dispatches(0).await;
    let accepted = scene.answered(probe).await;
    scene.block(LaneTrouble::Identity).await;
    scene.dispatcher.on_response(accepted, &mut scene.state).await.expect("handled");
    assert_eq!(scene.trouble().await, Some(LaneTrouble::Identity));
}

#[tokio::test]
async fn a_clock_set_back_keeps_no_lane_without_room() {
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    scene.clock.advance(Duration::from_hours(2));
    scene.answers([ErrorClass::CopyLimit]);
    scene.send(1).await;
    assert_eq!(scene.trouble().await, Some(LaneTrouble::CopyLimit));
    scene.clock.jump(Timestamp(1_000));
    scene.clock.advance(PROBE);
    scene.send(1).await;
    assert_eq!(scene.trouble().await, None);
}

/// Three copies of other clients, which Lightsail's records show in progress.
const OTHERS: &str = "UPDATE lanes SET proven = 1;
    INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, created_at, seen_at, unprocessed)
    VALUES (1, 'record', 'a', 'a', 'under_way', 0, 0, 0), (1, 'record', 'b', 'b', 'under_way', 0, 0, 0),
           (1, 'record', 'c', 'c', 'under_way', 0, 0, 0);";

#[tokio::test]
async fn the_lowered_cap_counts_what_is_taken_off_it() {
    let mut scene = Scene::new(OTHERS, 20, 20.0).await;
    scene.send(2).await;
    scene.answers([ErrorClass::CopyLimit]);
    scene.send(1).await;
    let lowered = scene.queue.lane_records().await.expect("lanes").remove(0).lowered;
    assert_eq!(lowered.map(|lowered| lowered.to), Some(5), "two of ours beside three of others");
}

#[tokio::test]
async fn a_lane_whose_trouble_ends_with_a_reading_or_that_is_paused_sends_nothing() {
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    scene.block(LaneTrouble::Credentials).await;
    scene.waits(0).await;
    scene.queue.end_trouble(LaneId(1), LaneTrouble::Credentials).await.expect("unblocked");
    scene.queue.pause(&[], &[LaneId(1)], Timestamp(0), "somebody").await.expect("paused");
    scene.waits(0).await;
    scene.queue.resume(&[], &[LaneId(1)], Timestamp(0), "somebody").await.expect("resumed");
    scene.dispatches(0).await;
}

#[tokio::test]
async fn in_a_denied_lane_another_job_probes_and_the_denied_ones_where_there_is_none() {
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    write(
        &scene.path,
        "UPDATE jobs SET denials = 1 WHERE id <= 8;
         UPDATE jobs SET state = 'cancelled', finished_at = 0 WHERE id = 10;",
    )
    .await;
    scene.block(LaneTrouble::Denied).await;
    scene.answers([ErrorClass::Denied; 2]);
    assert_eq!(scene.send(1).await, ["web-8"]);
    scene.clock.advance(PROBE);
    assert_eq!(scene.send(1).await, ["web-0"]);
    // So too in a trouble that came later: with nobody to probe, it would never be over.
    for trouble in [LaneTrouble::Outage, LaneTrouble::Setup] {
        let mut scene = Scene::new(PROVEN, 20, 20.0).await;
        write(&scene.path, "UPDATE jobs SET denials = 1").await;
        scene.block(trouble).await;
        assert_eq!(scene.send(1).await, ["web-0"], "{trouble}");
        assert_eq!(scene.trouble().await, None);
    }
}

#[tokio::test]
async fn who_is_denied_again_once_the_lane_exports_is_so_for_itself() {
    let mut scene = Scene::new(PROVEN, 20, 2.0).await;
    write(&scene.path, "UPDATE jobs SET denials = 1 WHERE id <= 9").await;
    scene.block(LaneTrouble::Denied).await;
    assert_eq!(scene.send(1).await, ["web-9"]);
    assert_eq!(scene.trouble().await, None);
    // What has denied them may not be gone everywhere in the same moment.
    assert!(!scene.waits(0).await.is_zero());
    scene.clock.advance(PROBE);
    scene.answers([ErrorClass::Denied]);
    assert_eq!(scene.send(2).await, ["web-0", "web-1"]);
    assert_eq!((scene.job(1).await, scene.job(2).await.0), (("failed".to_owned(), 0), "exporting".to_owned()));
    assert_eq!(scene.job(3).await.0, "queued");
}

#[tokio::test]
async fn a_denied_job_is_called_again_after_a_probes_time_and_fails_of_the_second_denial() {
    let mut scene = Scene::new(PROVEN, 20, 2.0).await;
    write(&scene.path, "UPDATE jobs SET state = 'cancelled', finished_at = 0 WHERE id > 3").await;
    scene.answers([ErrorClass::Denied; 2]);
    assert_eq!(scene.send(3).await, ["web-0", "web-1", "web-2"]);
    assert_eq!((scene.job(1).await, scene.job(2).await), (("queued".to_owned(), 0), ("queued".to_owned(), 0)));
    scene.waits(0).await;
    scene.clock.advance(PROBE);
    scene.answers([ErrorClass::Denied]);
    assert_eq!(scene.send(2).await, ["web-0", "web-1"]);
    assert_eq!((scene.job(1).await, scene.job(2).await.0), (("failed".to_owned(), 0), "exporting".to_owned()));
    let told = scene.queue.job(JobId(1)).await.expect("read").expect("a job").job.error_code;
    assert_eq!(told.as_ref().map(ErrorCode::as_str), Some("Code"));
}

#[tokio::test]
async fn a_second_denial_is_the_jobs_own_where_nobody_else_could_tell() {
    for others in [false, true] {
        let mut scene = Scene::new(PROVEN, 20, 20.0).await;
        write(&scene.path, if others { PUT_OFF } else { GONE }).await;
        // After a restart nothing is remembered of the lane; the jobs remember that they were denied.
        scene.answers([ErrorClass::Denied; 3]);
        assert_eq!(scene.send(2).await, ["web-0", "web-1"]);
        scene.state = DispatcherState::default();
        scene.clock.advance(PROBE);
        let one = scene.dispatches(0).await;
        assert!(matches!(scene.turn(1).await, NextAction::AwaitResponse), "in doubt one goes at a time");
        scene.sends(one).await;
        let (ended, waits) = (("failed".to_owned(), 0), ("queued".to_owned(), 0));
        assert_eq!(scene.job(1).await, if others { waits } else { ended }, "others: {others}");
        assert_eq!(scene.send(1).await, ["web-1"]);
        assert_eq!(scene.job(2).await.0, "exporting");
    }
}

const PUT_OFF: &str = "UPDATE jobs SET due_at = 4102444800000 WHERE id > 2";
const GONE: &str = "UPDATE jobs SET state = 'cancelled', finished_at = 0 WHERE id > 2";

#[tokio::test]
async fn while_nothing_tells_that_the_lane_exports_those_that_were_not_denied_go_first() {
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    write(&scene.path, "UPDATE jobs SET denials = 1 WHERE id <= 7").await;
    let mut sent = scene.send(3).await;
    assert_eq!(sent, ["web-7", "web-8", "web-9"]);
    scene.waits(0).await;
    scene.clock.advance(PROBE);
    scene.answers([ErrorClass::Denied; 7]);
    sent = scene.send(4).await;
    assert_eq!(sent.len(), 4, "each once");
    for id in 1..=3 {
        assert_eq!(scene.job(id).await.0, "failed", "{id}");
    }
    // The fourth in a row is no longer the jobs' own trouble: the policy may have been taken back.
    assert_eq!((scene.job(4).await, scene.trouble().await), (("queued".to_owned(), 0), Some(LaneTrouble::Denied)));
    scene.clock.advance(PROBE);
    assert_eq!(scene.send(1).await, ["web-4"], "denied only once so far");
    assert_eq!((scene.trouble().await, scene.job(4).await.0), (Some(LaneTrouble::Denied), "queued".to_owned()));
    scene.api.answers.lock().expect("not poisoned").clear();
    scene.clock.advance(PROBE);
    scene.send(1).await;
    assert_eq!(scene.trouble().await, None);
}

#[tokio::test]
async fn after_a_second_denial_a_job_that_was_never_denied_tells_whether_the_lane_exports() {
    let mut scene = Scene::new(PROVEN, 20, 2.0).await;
    write(&scene.path, "UPDATE jobs SET denials = 1 WHERE id <= 8; UPDATE jobs SET priority = 1 WHERE id = 9").await;
    assert_eq!(scene.send(1).await, ["web-8"]);
    write(&scene.path, "UPDATE jobs SET priority = 1 WHERE id <= 8").await;
    scene.clock.advance(PROBE);
    scene.answers([ErrorClass::Denied]);
    assert_eq!(scene.send(3).await, ["web-0", "web-9", "web-1"]);
    assert_eq!((scene.job(1).await.0, scene.job(2).await.0), ("failed".to_owned(), "exporting".to_owned()));
    // Its answer may be the one that counts for the next, so it is awaited.
    let denied_before = scene.dispatches(0).await;
    assert!(matches!(scene.turn(1).await, NextAction::AwaitResponse));
    scene.sends(denied_before).await;
}

#[tokio::test]
async fn a_weekend_without_the_daemon_is_no_wait_of_a_job_that_was_asked_to_wait() {
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    write(&scene.path, "UPDATE jobs SET state = 'cancelled', finished_at = 0 WHERE id > 1").await;
    scene.answers([ErrorClass::RetryLater; 2]);
    scene.send(1).await;
    scene.clock.advance(Duration::from_hours(60));
    scene.send(1).await;
    assert_eq!(scene.job(1).await, ("queued".to_owned(), 0));
}

#[tokio::test]
async fn a_job_that_is_told_to_try_again_later_is_called_ever_more_rarely_until_it_is_given_up() {
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    write(&scene.path, "UPDATE jobs SET state = 'cancelled', finished_at = 0 WHERE id > 1").await;
    scene.answers([ErrorClass::RetryLater; 1000]);
    let mut calls = 0;
    while scene.job(1).await.0 != "failed" {
        let wait = match scene.turn(0).await {
            NextAction::Send(dispatch) => {
                scene.sends(dispatch).await;
                calls += 1;
                continue;
            }
            NextAction::Wait(wait) => wait,
            action @ NextAction::AwaitResponse => panic!("{action:?}"),
        };
        assert!(wait <= Duration::from_hours(3), "{wait:?}");
        scene.clock.advance(wait);
    }
    // Every second for as long would be 86,400 calls.
    assert!(calls < 200, "{calls}");
    assert!((24..30).contains(&(scene.clock.elapsed().as_secs() / 3600)), "{:?}", scene.clock.elapsed());
}

#[tokio::test]
async fn a_job_that_tracking_gives_back_to_the_queue_wakes_the_lanes_worker() {
    const UNKNOWN: &str = "UPDATE jobs SET state = 'unknown', attempt = 1, used = 1 WHERE id = 1";
    const EXPORTING: &str = "UPDATE jobs SET state = 'exporting', attempt = 1, used = 1 WHERE id = 1";
    let failure = Failure::new("Code", "words");
    let (export, again) = (ExportRef::default(), Timestamp(9));
    for (state, sent, event) in [
        (JobState::Unknown, UNKNOWN, Event::ProvenAbsent(failure.clone(), again)),
        (JobState::Unknown, UNKNOWN, Event::FoundFailed(export, failure.clone(), Some(again))),
        (JobState::Exporting, EXPORTING, Event::OperationFailed(failure.clone(), Some(again))),
        (JobState::Exporting, EXPORTING, Event::OverLimit(failure.clone(), again)),
        (JobState::Exporting, EXPORTING, Event::RefusedForNow(failure.clone(), again)),
    ] {
        let scene = Scene::new(PROVEN, 20, 20.0).await;
        write(&scene.path, sent).await;
        let wakes = scene.queue.wakes(LaneId(1));
        let woken = || wakes.worker.notified().now_or_never().is_some();
        let name = event.kind();
        assert!(!woken(), "{name}");
        let version = JobVersion { state, attempt: 1, used: 1, max_attempts: 5 };
        let change = Transition::new(JobId(1), &version, event, Timestamp(5), "daemon").expect("legal");
        scene.queue.transition(change).await.expect("made");
        assert!(woken(), "{name}");
        assert_eq!(scene.job(1).await.0, "queued", "{name}");
    }
}

#[tokio::test]
async fn answers_that_come_late_do_not_make_an_outage_of_another_trouble() {
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    let mut out = Vec::new();
    for under_way in 0..6 {
        let dispatch = scene.dispatches(under_way).await;
        out.push(dispatch);
    }
    scene.answers([ErrorClass::Ambiguous; 6]);
    let mut results = Vec::new();
    for dispatch in out {
        results.push(scene.answered(dispatch).await);
    }
    scene.block(LaneTrouble::Identity).await;
    for result in results {
        scene.dispatcher.on_response(result, &mut scene.state).await.expect("handled");
    }
    let record = scene.queue.lane_records().await.expect("lanes").remove(0);
    assert_eq!(record.blocked.map(|block| block.trouble), Some(LaneTrouble::Identity));
}

#[tokio::test]
async fn a_rate_is_kept_where_it_has_changed_by_more_than_a_twentieth() {
    // So slow that each turn reads, and by memory, so that the rate is worth keeping from the start.
    let mut scene = Scene::new(PROVEN, 20, 2.0).await;
    scene.answers([ErrorClass::Throttled]);
    let mut kept: Vec<f64> = Vec::new();
    for _ in 0..11 {
        let dispatch = scene.dispatches(0).await;
        let now = scene.queue.lane_records().await.expect("lanes").remove(0).learned_rate.expect("a rate");
        if kept.last() != Some(&now) {
            kept.push(now);
        }
        scene.clock.advance(SECOND);
        scene.sends(dispatch).await;
    }
    assert!(kept[0] > 1.99 && kept[1] < 1.9, "{kept:?}");
    assert!(kept.len() < 11, "not every step is worth a write: {kept:?}");
    assert!(kept.windows(2).all(|two| (two[1] - two[0]).abs() > two[0] * 0.05), "{kept:?}");
}

#[tokio::test]
async fn what_is_to_be_tried_later_waits_at_least_half_of_the_longest_wait() {
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    scene.answers([ErrorClass::RetryLater; 10]);
    scene.send(10).await;
    for id in 1..=10 {
        let detail = scene.queue.job(JobId(id)).await.expect("read").expect("a job");
        let sent = detail.attempts[0].answered_at.expect("answered");
        let wait = detail.job.due_at.expect("it waits").since(sent);
        assert!(wait >= SECOND / 2 && wait <= SECOND, "{wait:?}");
    }
}

#[tokio::test]
async fn what_was_taken_before_the_lane_was_blocked_does_not_go() {
    for trouble in [LaneTrouble::Identity, LaneTrouble::Credentials, LaneTrouble::Unreachable, LaneTrouble::Outage] {
        let mut scene = Scene::new(PROVEN, 20, 20.0).await;
        let taken = scene.dispatches(0).await;
        scene.block(trouble).await;
        scene.sends(taken).await;
        assert_eq!(*scene.api.sent.lock().expect("not poisoned"), Vec::<String>::new(), "{trouble}");
        assert_eq!(scene.job(1).await, ("queued".to_owned(), 0), "{trouble}");
    }
    // Reads that fail keep nothing back.
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    let taken = scene.dispatches(0).await;
    scene.block(LaneTrouble::Reads).await;
    scene.sends(taken).await;
    assert_eq!(scene.job(1).await.0, "exporting");
    // A probe goes for the trouble that it was taken for, and for no other.
    let mut scene = Scene::new(PROVEN, 20, 20.0).await;
    scene.block(LaneTrouble::Outage).await;
    let probe = scene.dispatches(0).await;
    scene.block(LaneTrouble::Identity).await;
    scene.sends(probe).await;
    assert_eq!(scene.job(1).await, ("queued".to_owned(), 0));
    scene.queue.end_trouble(LaneId(1), LaneTrouble::Identity).await.expect("over");
    scene.block(LaneTrouble::Outage).await;
    scene.clock.advance(PROBE);
    assert_eq!(scene.send(1).await, ["web-1"], "another one's turn");
}

/// 4,990 more jobs of the first batch, and two more batches of the same priority: of five and of three.
const THREE_BATCHES: &str = "UPDATE lanes SET proven = 1;
    INSERT INTO batches (id, name, source, state, created_at, sealed_at)
    VALUES (2, 'five', '-', 'sealed', 0, 0), (3, 'three', '-', 'sealed', 0, 0);
    INSERT INTO inventories (lane_id, batch_id, run_id) VALUES (1, 2, 1), (1, 3, 1);
    WITH RECURSIVE n(n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM n WHERE n < 5007)
    INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
    SELECT n + 1, 1, 1 + (n >= 5000) + (n >= 5005), n,
           iif(n < 5000, 'web-', iif(n < 5005, 'five-', 'three-')) || n, 0, 'adopt', 'queued', 0 FROM n;
    INSERT INTO snapshots (lane_id, name, kind, state, weight, inventory)
    SELECT 1, snapshot_name, 'instance', 'available', 1, 1 FROM jobs WHERE id > 10;";

#[tokio::test]
async fn batches_of_one_priority_share_a_lane_however_much_is_read_ahead() {
    // So many are read ahead: one, two, ten.
    for rate in [1.0, 4.0, 20.0] {
        let mut scene = Scene::new(THREE_BATCHES, 50, rate).await;
        // The big one has had the lane for itself for a while.
        write(&scene.path, "UPDATE batches SET paused_at = 1 WHERE id > 1").await;
        assert_eq!(scene.send(3).await, ["web-0", "web-1", "web-2"]);
        write(&scene.path, "UPDATE batches SET paused_at = NULL; UPDATE jobs SET priority = 1 WHERE id = 5000").await;
        scene.state = DispatcherState::default();
        let sent = scene.send(14).await;
        assert_eq!(sent[0], "web-4999", "the priority comes first: {sent:?}");
        let of = |batch: &str| sent.iter().filter(|name| name.starts_with(batch)).cloned().collect::<Vec<_>>();
        assert_eq!(of("five"), ["five-5000", "five-5001", "five-5002", "five-5003", "five-5004"], "{sent:?}");
        assert_eq!(of("three"), ["three-5005", "three-5006", "three-5007"], "{sent:?}");
        assert_eq!(
            of("web-")[1..],
            ["web-3", "web-4", "web-5", "web-6", "web-7"],
            "in the order of its rows: {sent:?}"
        );
    }
}

#[tokio::test]
async fn a_panic_of_a_call_is_the_senders_own_end_and_no_failure_of_the_database() {
    let scene = Scene::new(PROVEN, 3, 20.0).await;
    scene.api.panics.store(true, Ordering::Relaxed);
    let (_go_on, stop) = tokio::sync::watch::channel(false);
    let working = tokio::spawn(
        scene.dispatcher.run(stop, RegionSlots::of_exports().of(Region::parse("eu-west-1").expect("a Region"))),
    );
    while !working.is_finished() {
        tokio::task::yield_now().await;
        scene.clock.advance(Duration::from_millis(10));
    }
    let panic = working.await.expect_err("no error of the store").into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a mistake in the program"));
}
