//! What a round reads and asks, and when the next one looks again.

use super::*;

/// How often a page is requested before the reading fails.
const REQUESTS: usize = 4;

/// Five jobs in that state, each with one attempt, of `web-1` to `web-5`, and with the operations `op-1` to `op-5`.
const FIVE: &str = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5)
    INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at,
        attempt, used, next_poll_at, operation_id)
    SELECT n, 1, 1, n, 'web-' || n, 0, 'adopt', 'exporting', 1800000000000, 1, 1, 0, 'op-' || n FROM n;
    INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome)
    SELECT id, 1, 1, 1799999940000, 0, 'accepted' FROM jobs;
    INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, seen_at, job_id, attempt, unprocessed)
    SELECT 1, 'operation', operation_id, snapshot_name, 'under_way', 0, id, 1, 0 FROM jobs;";

const NAMES: [&str; 5] = ["web-1", "web-2", "web-3", "web-4", "web-5"];
const OPERATIONS: [&str; 5] = ["op-1", "op-2", "op-3", "op-4", "op-5"];

async fn five(state: &'static str, poisoned: &[&'static str]) -> Scene {
    let told = Told {
        snapshots: NAMES.to_vec(),
        operations: (1..=5)
            .map(|n| operation(&format!("op-{n}"), &format!("web-{n}"), EntryStatus::UnderWay))
            .collect(),
        poisoned: poisoned.iter().copied().collect(),
        ..Told::default()
    };
    let scene = Scene::new(FIVE, told).await;
    write(&scene.path, state).await;
    scene
}

const UNKNOWN: &str =
    "UPDATE jobs SET state = 'unknown', operation_id = NULL; UPDATE attempts SET outcome = 'ambiguous';
    DELETE FROM ledger;";

fn read(scene: &Scene, of: &[&str]) -> usize {
    scene.fake.told(|told| told.read.iter().filter(|name| of.contains(&name.as_str())).count())
}

#[tokio::test]
async fn each_operation_under_way_is_asked_for_once_in_a_round() {
    let mut scene = five("", &[]).await;
    scene.round().await;
    assert_eq!(read(&scene, &OPERATIONS), 5);
    let next = scene.queue.next_poll(LaneId(1), JobState::Exporting).await.expect("read").expect("one is due");
    assert!(next > scene.clock.now(), "{next:?}");
    // One whose record is in sight is told of by that.
    scene.fake.told(|told| told.records = vec![record("record-1", "web-1", None)]);
    scene.clock.advance(MINUTE);
    scene.round().await;
    assert_eq!(read(&scene, &OPERATIONS), 9);
}

/// The records go on telling what they tell; what they cannot tell is told by nothing, so that a person has to know.
#[tokio::test]
async fn operations_that_cannot_be_read_are_told_until_they_can() {
    for (poison, rounds) in [(ErrorClass::Denied, 1), (ErrorClass::Ambiguous, 3)] {
        let mut scene = five("", &OPERATIONS).await;
        scene.fake.told(|told| told.poison = Some(poison));
        let block = async |scene: &Scene| scene.queue.lane_records().await.expect("lanes").remove(0).blocked;
        for _ in 0..rounds {
            assert_eq!(block(&scene).await, None, "{poison:?}");
            scene.round().await;
            scene.clock.advance(5 * MINUTE);
        }
        let told = block(&scene).await.expect("a block");
        assert_eq!(told.trouble, snapferry::domain::LaneTrouble::Reads);
        assert!(told.message.contains("GetOperation: InvalidInputException"), "{}", told.message);
        scene.fake.told(|told| told.records = vec![record("record-1", "web-1", Some("ami-1"))]);
        scene.live(20 * MINUTE).await;
        assert_eq!(scene.state(1).await, "succeeded");
        scene.fake.told(|told| told.poisoned.clear());
        scene.live(10 * MINUTE).await;
        assert_eq!(block(&scene).await, None, "{poison:?}");
    }
}

/// What falls due soon after a reading waits for the next one, and nobody asks for it a hundred times a second meanwhile.
#[tokio::test]
async fn what_is_due_before_the_lane_may_be_read_again_is_waited_for_once() {
    let mut scene = five("", &[]).await;
    scene.round().await;
    write(&scene.path, "UPDATE jobs SET next_poll_at = 0").await;
    let pause = scene.tracker.run_once(&mut scene.state_of_tracker).await.expect("a round");
    assert_eq!((pause, read(&scene, &OPERATIONS)), (Duration::from_secs(5), 5));
    // Shortly before its time, no longer than until then.
    scene.clock.advance(Duration::from_millis(4_900));
    let pause = scene.tracker.run_once(&mut scene.state_of_tracker).await.expect("a round");
    assert_eq!(pause, Duration::from_millis(100));
}

/// So many seconds after the begin, the nth export has ended.
async fn see_the_end_of(scene: &mut Scene, nth: usize, seconds: u64) {
    scene.clock.advance(Duration::from_secs(seconds).saturating_sub(scene.clock.elapsed()));
    scene.fake.told(|told| {
        told.operations[nth - 1].status = EntryStatus::Succeeded;
        told.records.push(record(&format!("record-{nth}"), NAMES[nth - 1], Some("ami-1")));
    });
    scene.round().await;
    assert_eq!(scene.state(i64::try_from(nth).expect("small")).await, "succeeded");
}

/// Where the cap holds the next ones back, an end is worth a reading of its own; where they are sent anyway, it is not.
#[tokio::test]
async fn ends_that_make_room_for_others_are_looked_for_sooner() {
    const ONE_MORE: &str =
        "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
        VALUES (6, 1, 1, 6, 'web-6', 0, 'adopt', 'queued', 0);";
    const FULL: &str = "UPDATE lanes SET lowered_cap = 3, lowered_at = 1800000400000, lowered_code = 'Limit';
        UPDATE jobs SET next_poll_at = 0 WHERE state = 'exporting';";
    const ROOM: &str = "UPDATE lanes SET lowered_cap = 4, lowered_at = 1800000400000, lowered_code = 'Limit';
        UPDATE jobs SET next_poll_at = 0 WHERE state = 'exporting';";
    // One copy would fit, and the next export takes two.
    const TOO_LITTLE: &str = "UPDATE lanes SET lowered_cap = 4, lowered_at = 1800000400000, lowered_code = 'Limit';
        UPDATE snapshots SET weight = 2 WHERE name = 'web-6';
        UPDATE jobs SET next_poll_at = 0 WHERE state = 'exporting';";
    for (cap, expected) in [(FULL, 1), (ROOM, 0), (TOO_LITTLE, 1)] {
        let mut scene = five("", &[]).await;
        scene.fake.told(|told| told.snapshots.push("web-6"));
        write(&scene.path, ONE_MORE).await;
        see_the_end_of(&mut scene, 1, 300).await;
        see_the_end_of(&mut scene, 2, 400).await;
        write(&scene.path, cap).await;
        readings(&scene);
        scene.clock.advance(Duration::from_secs(10));
        scene.round().await;
        assert_eq!(readings(&scene), expected, "{cap}");
    }
}

/// Both have made something, and their answers were lost: only time tells whose it is, and no reading tells it sooner.
#[tokio::test]
async fn what_the_settle_window_alone_decides_is_not_looked_for_meanwhile() {
    let mut scene = Scene::new(TWO_EXPORTING, both()).await;
    write(&scene.path, "UPDATE attempts SET outcome = 'found'").await;
    scene.fake.told(|told| {
        told.records = vec![record("record-1", "web-1", Some("ami-1")), record("record-2", "web-2", Some("ami-2"))];
        told.operations = ["web-1", "web-2"]
            .iter()
            .zip(["op-1", "op-2"])
            .map(|(name, id)| operation(id, name, EntryStatus::Succeeded))
            .collect();
    });
    scene.live(MINUTE).await;
    let next = scene.queue.next_poll(LaneId(1), JobState::Exporting).await.expect("read");
    assert_eq!(next, Some(Timestamp(NOW).after(10 * MINUTE)));
    readings(&scene);
    scene.live(9 * MINUTE).await;
    assert_eq!(scene.state(1).await, "exporting");
    // One in the longest poll, as in any lane that has something to do.
    assert_eq!(readings(&scene), 9);
    scene.live(MINUTE).await;
    assert_eq!((scene.state(1).await.as_str(), scene.state(2).await.as_str()), ("succeeded", "succeeded"));
}

#[tokio::test]
async fn after_three_readings_in_a_row_that_failed_the_rest_of_a_round_waits() {
    let mut scene = five("", &OPERATIONS).await;
    scene.round().await;
    assert_eq!(read(&scene, &OPERATIONS), 3);
    let mut scene = five(UNKNOWN, &NAMES).await;
    scene.round().await;
    // The list of all operations is read once for the five of them.
    assert_eq!((read(&scene, &NAMES), scene.fake.told(|told| told.operation_lists)), (3, 1));
    // One that does well between them ends the row.
    let mut scene = five("", &["op-1", "op-2", "op-4", "op-5"]).await;
    scene.round().await;
    assert_eq!(read(&scene, &OPERATIONS), 5);
    let mut scene = five(UNKNOWN, &["web-1", "web-2", "web-4", "web-5"]).await;
    scene.round().await;
    assert_eq!(read(&scene, &NAMES), 5);
}

#[tokio::test]
async fn an_unknown_attempt_is_looked_for_as_soon_as_its_call_can_be_over() {
    // It was meant 28 seconds ago, and a call may take 30.
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    write(&scene.path, "UPDATE attempts SET intended_at = 1799999972000; UPDATE jobs SET next_poll_at = 0").await;
    scene.round().await;
    let next = scene.queue.next_poll(LaneId(1), JobState::Unknown).await.expect("read");
    assert_eq!(next, Some(Timestamp(NOW).after(Duration::from_secs(2))));
    let looks =
        async |scene: &Scene| scene.queue.job(JobId(1)).await.expect("read").expect("a job").attempts[0].absence_checks;
    assert_eq!(looks(&scene).await, 0);
    scene.clock.advance(Duration::from_secs(5));
    scene.round().await;
    assert_eq!(looks(&scene).await, 1);
    // From then on the looks are spread over the reconciliation window.
    let next = scene.queue.next_poll(LaneId(1), JobState::Unknown).await.expect("read");
    assert_eq!(next, Some(Timestamp(NOW).after(Duration::from_secs(5) + 5 * MINUTE)));
}

#[tokio::test]
async fn looks_keep_their_distance_whatever_is_done_to_the_clock() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    scene.round().await;
    for _ in 0..3 {
        scene.clock.jump(scene.clock.now().after(60 * MINUTE));
        scene.live(MINUTE).await;
    }
    let looks = scene.queue.job(JobId(1)).await.expect("read").expect("a job").attempts[0].absence_checks;
    assert_eq!(looks, 1);
}

#[tokio::test]
async fn an_operation_that_goes_on_past_every_patience_is_for_a_person() {
    let mut scene = five("", &[]).await;
    scene.live(118 * MINUTE).await;
    assert_eq!(scene.state(1).await, "exporting");
    scene.live(4 * MINUTE).await;
    assert_eq!(scene.state(1).await, "needs_review");
}

#[tokio::test]
async fn of_a_snapshots_operations_those_that_export_it_are_taken_up() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    let other = Operation {
        kind: "CreateInstanceFromSnapshot".to_owned(),
        ..operation("op-2", "web-2", EntryStatus::UnderWay)
    };
    scene.fake.told(|told| told.operations = vec![operation("op-1", "web-1", EntryStatus::UnderWay), other]);
    scene.round().await;
    assert_eq!((scene.state(1).await.as_str(), scene.state(2).await.as_str()), ("exporting", "unknown"));
}

/// What was asked for by a name need not say it again: dropped, it would count as proof that the call had no effect.
#[tokio::test]
async fn an_operation_that_does_not_name_its_snapshot_is_of_the_one_that_was_asked_for() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    let other =
        Operation { kind: "DeleteInstanceSnapshot".to_owned(), ..operation("op-2", "web-2", EntryStatus::UnderWay) };
    scene.fake.told(|told| {
        told.nameless = true;
        told.operations = vec![operation("op-1", "web-1", EntryStatus::UnderWay), other];
    });
    scene.round().await;
    assert_eq!((scene.state(1).await.as_str(), scene.state(2).await.as_str()), ("exporting", "unknown"));
}

async fn failure_of(scene: &Scene, job: i64) -> String {
    let job = scene.queue.job(JobId(job)).await.expect("read").expect("a job").job;
    format!("{}: {}", job.error_code.expect("a code"), job.error_message.expect("words"))
}

#[tokio::test]
async fn a_name_that_is_missing_is_told_with_one_that_is_near() {
    let mut scene = Scene::new(TWO_QUEUED, Told { snapshots: vec!["wbe-1", "web-1-of-another-kind"], ..both() }).await;
    write(&scene.path, "UPDATE jobs SET snapshot_name = 'mail-server' WHERE id = 2").await;
    scene.round().await;
    let (near, far) = (failure_of(&scene, 1).await, failure_of(&scene, 2).await);
    assert!(near.ends_with("did you mean \"wbe-1\"?"), "{near}");
    assert!(far.starts_with("SnapshotNotFound: no snapshot of that name") && !far.contains("did you mean"), "{far}");
    let mut scene = Scene::new(TWO_QUEUED, Told::default()).await;
    scene.round().await;
    assert!(failure_of(&scene, 1).await.contains("has no snapshot in this Region"));
}

#[tokio::test]
async fn a_lane_that_shows_nothing_of_its_account_any_more_fails_no_job() {
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    scene.round().await;
    write(&scene.path, "UPDATE jobs SET hold = 'inventory'").await;
    scene.fake.told(|told| told.snapshots.clear());
    scene.live(MINUTE).await;
    let trouble = async |scene: &Scene| {
        let lane = scene.queue.lane_records().await.expect("lanes").remove(0);
        lane.blocked.map(|block| block.trouble.to_string())
    };
    assert_eq!((trouble(&scene).await.as_deref(), scene.state(1).await.as_str()), (Some("identity"), "queued"));
    // A record says whose it is: the snapshots are gone indeed.
    let number = AccountNumber::parse("123456789012").expect("a number");
    let shown = ExportRecord { account: Some(number), ..record("record-1", "web-9", None) };
    scene.fake.told(|told| told.records = vec![shown]);
    scene.live(2 * MINUTE).await;
    assert_eq!((trouble(&scene).await, scene.state(1).await.as_str()), (None, "failed"));
}

#[tokio::test]
async fn an_operation_that_a_listing_shows_stands_for_a_queued_job() {
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    scene.fake.told(|told| told.operations = vec![operation("op-1", "web-1", EntryStatus::UnderWay)]);
    scene.round().await;
    assert_eq!((scene.state(1).await.as_str(), scene.claimable(9).await), ("exporting", vec![2]));
}

#[tokio::test]
async fn a_name_that_cannot_be_read_is_read_again_after_a_pause() {
    let poisoned = HashSet::from(["web-1", "web-2"]);
    let told = Told { poisoned, unlisted: Some(ErrorClass::Ambiguous), ..both() };
    let mut scene = Scene::new(TWO_UNKNOWN, told).await;
    // The call can be over from this moment on.
    write(&scene.path, "UPDATE attempts SET intended_at = 1799999970000").await;
    scene.round().await;
    let next = scene.queue.next_poll(LaneId(1), JobState::Unknown).await.expect("read");
    assert_eq!(next, Some(Timestamp(NOW).after(Duration::from_secs(5))));
}

/// As many queued jobs of `web-0` and so on.
async fn missing(many: usize) -> Scene {
    let jobs = format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {many})
         INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
         SELECT n, 1, 1, n, 'web-' || n, 0, 'adopt', 'queued', 0 FROM n;"
    );
    let told = Told { snapshots: vec!["other"], ..Told::default() };
    let mut scene = Scene::new(Box::leak(jobs.into_boxed_str()), told).await;
    scene.round().await;
    scene
}

#[tokio::test]
async fn as_many_as_may_be_asked_for_by_name_need_no_second_reading() {
    let scene = missing(50).await;
    let (inventories, asked) = scene.fake.told(|told| (told.inventories, told.asked.len()));
    assert_eq!((inventories, asked, scene.state(50).await.as_str()), (1, 100, "failed"));
    let scene = missing(51).await;
    let (inventories, asked) = scene.fake.told(|told| (told.inventories, told.asked.len()));
    assert_eq!((inventories, asked, scene.state(51).await.as_str()), (2, 100, "failed"));
}

fn readings(scene: &Scene) -> usize {
    scene.fake.told(|told| std::mem::take(&mut told.readings))
}

#[tokio::test]
async fn a_lane_that_has_anything_to_do_is_read_once_in_the_longest_poll() {
    for (state, more) in [
        ("queued", "paused_at = 0"),
        ("submitting", "hold = NULL"),
        ("exporting", "next_poll_at = 1800000100000"),
        ("unknown", "next_poll_at = 1800000100000"),
    ] {
        let jobs: &'static str =
            Box::leak(format!("UPDATE jobs SET state = '{state}', queued_at = {NOW}, {more}").into_boxed_str());
        let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
        write(&scene.path, jobs).await;
        scene.round().await;
        readings(&scene);
        scene.clock.advance(Duration::from_secs(50));
        let pause = scene.tracker.run_once(&mut scene.state_of_tracker).await.expect("a round");
        assert!(readings(&scene) == 0 && pause <= Duration::from_secs(10), "{state}: {pause:?}");
        scene.clock.advance(Duration::from_secs(10));
        scene.round().await;
        assert_eq!(readings(&scene), 1, "{state}");
    }
}

#[tokio::test]
async fn a_lane_that_has_nothing_to_do_is_read_only_where_somebody_waits_for_it() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    write(&scene.path, "UPDATE jobs SET state = 'cancelled', finished_at = 0, next_poll_at = NULL").await;
    scene.live(30 * MINUTE).await;
    assert_eq!(readings(&scene), 0);
    let pause = scene.tracker.run_once(&mut scene.state_of_tracker).await.expect("a round");
    assert!(pause > Duration::from_secs(1), "{pause:?}");
    write(&scene.path, "UPDATE jobs SET state = 'needs_review', finished_at = NULL WHERE id = 1").await;
    scene.live(10 * MINUTE).await;
    assert!((9..=11).contains(&readings(&scene)));
    // What was taken for absent may come into sight yet: once in a reconciliation window.
    let mut scene = Scene::new(TWO_NOT_TAKEN, both()).await;
    scene.live(60 * MINUTE).await;
    assert!((5..=7).contains(&readings(&scene)));
}

#[tokio::test]
async fn a_blocked_lane_is_tried_again_by_itself_and_no_more_often_than_it_is_to_be() {
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    let blocked = async |scene: &Scene| scene.queue.lane_records().await.expect("lanes").remove(0).blocked.is_some();
    scene.fake.told(|told| told.fails = Some(ErrorClass::Credentials));
    scene.live(3 * MINUTE).await;
    assert!(blocked(&scene).await);
    let tried = scene.fake.told(|told| std::mem::take(&mut told.inventories));
    assert!((5..=7).contains(&tried), "{tried}");
    scene.fake.told(|told| told.fails = None);
    scene.live(MINUTE).await;
    assert!(!blocked(&scene).await);
    assert_eq!(scene.claimable(9).await, [1, 2]);
    // A passing trouble blocks nothing, and is tried again after a moment.
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    scene.fake.told(|told| told.fails = Some(ErrorClass::Ambiguous));
    scene.round().await;
    scene.round().await;
    assert_eq!((blocked(&scene).await, scene.fake.told(|told| told.inventories)), (false, REQUESTS));
    scene.clock.advance(Duration::from_secs(5));
    scene.round().await;
    assert_eq!(scene.fake.told(|told| told.inventories), 2 * REQUESTS);
}

/// An hour of errors takes some twenty tries, not thousands; the third in a row makes it the lane's trouble, and it ends by
/// itself.
#[tokio::test]
async fn an_hour_in_which_nothing_can_be_read_takes_a_few_tries() {
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    scene.fake.told(|told| told.fails = Some(ErrorClass::Ambiguous));
    let trouble = async |scene: &Scene| {
        let lane = scene.queue.lane_records().await.expect("lanes").remove(0);
        lane.blocked.map(|block| (block.trouble.to_string(), block.since))
    };
    for _ in 0..2 {
        scene.round().await;
        assert_eq!(trouble(&scene).await, None);
        scene.clock.advance(Duration::from_secs(10));
    }
    scene.round().await;
    let told = trouble(&scene).await;
    assert_eq!(told, Some(("reads".to_owned(), Timestamp(NOW))));
    scene.live(60 * MINUTE).await;
    assert_eq!(trouble(&scene).await, told);
    let tried = scene.fake.told(|told| std::mem::take(&mut told.inventories)) / REQUESTS;
    assert!((12..=24).contains(&tried), "{tried}");
    scene.fake.told(|told| told.fails = None);
    scene.live(5 * MINUTE).await;
    assert_eq!(trouble(&scene).await, None);
    assert_eq!(scene.claimable(9).await, [1, 2]);
}

/// Another trouble of the lane keeps its place, and its end.
#[tokio::test]
async fn reads_that_fail_take_no_other_troubles_place() {
    let mut scene = Scene::new(TWO_QUEUED, both()).await;
    write(&scene.path, "UPDATE lanes SET blocked_code = 'outage', blocked_at = 1, blocked_message = 'words'").await;
    scene.fake.told(|told| told.fails = Some(ErrorClass::Ambiguous));
    scene.live(5 * MINUTE).await;
    scene.fake.told(|told| told.fails = None);
    scene.live(5 * MINUTE).await;
    let block = scene.queue.lane_records().await.expect("lanes").remove(0).blocked.expect("still blocked");
    assert_eq!((block.trouble.to_string().as_str(), block.since), ("outage", Timestamp(1)));
}

/// Forty seconds without a daemon cost no second window, and no look more than the one at its end: what the runs before have
/// seen counts, and the last check comes when the rest of the time has passed.
#[tokio::test]
async fn a_restart_costs_no_absence_check_and_no_time() {
    for restarts in [1, 3] {
        let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
        for _ in 0..restarts {
            scene.live(8 * MINUTE / restarts).await;
            scene.clock.advance(Duration::from_secs(40));
            scene.restart().await;
        }
        scene.live((10 * MINUTE + Duration::from_secs(30)).saturating_sub(scene.clock.elapsed())).await;
        assert_eq!((scene.state(1).await.as_str(), scene.state(2).await.as_str()), ("queued", "queued"), "{restarts}");
    }
}

/// A check that came early, after a restart, moves the last one to the end of the window and not one gap beyond.
#[tokio::test]
async fn after_an_early_check_the_next_one_comes_when_the_rest_has_passed() {
    let mut scene = Scene::new(TWO_UNKNOWN, both()).await;
    scene.live(6 * MINUTE).await;
    write(&scene.path, "UPDATE jobs SET next_poll_at = 0").await;
    scene.restart().await;
    scene.round().await;
    let looks = scene.queue.job(JobId(1)).await.expect("read").expect("a job").attempts[0].absence_checks;
    assert_eq!(looks, 3);
    let next = scene.queue.next_poll(LaneId(1), JobState::Unknown).await.expect("read").expect("a look");
    let window_over = Timestamp(NOW).after(10 * MINUTE);
    assert!(next <= window_over.after(Duration::from_secs(1)), "{next:?}");
    scene.live(4 * MINUTE + Duration::from_secs(20)).await;
    assert_eq!(scene.state(1).await, "queued");
}
