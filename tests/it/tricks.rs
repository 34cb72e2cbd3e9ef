//! The tricks that Lightsail's ledger can play, each through the simulator, the real client and the daemon: what is
//! exported is counted in the simulator's own ledger. What needs hours of time stands in `tracker`.

use super::world::{REGION, World, eventually};
use lightsail_simulator::{
    ByHand, FaultRule, Faults, Fleet, FleetEntry, ListOrder, Probability, SimulatorConfig, SnapshotChange, Spread,
};
use snapferry::clock::{Clock, Sleep, SystemClock};
use snapferry::domain::{
    AccountLabel, BatchName, Existing, JobState, Lane, LaneTrouble, Region, SnapshotName, Timestamp,
};
use snapferry::queue::{JobView, LoadName, NewRow, Queue};
use snapferry::settings::DatabaseUrl;
use sqlx::{Connection, SqliteConnection};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

fn fleet(names: &[&str]) -> SimulatorConfig {
    SimulatorConfig {
        fleet: Fleet::Listed(names.iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: "10ms..60ms".parse().expect("a spread"),
        ..SimulatorConfig::default()
    }
}

fn answers(name: &str, faults: &[&str]) -> FaultRule {
    FaultRule::script(name, faults.iter().map(|fault| fault.parse().expect("a fault")))
}

fn often(fault: &str, share: f64) -> FaultRule {
    FaultRule::sometimes(fault.parse().expect("a fault"), Probability::new(share).expect("a share"))
}

fn by_hand(world: &World, name: &str) {
    let export = ByHand { account: None, region: REGION.to_owned(), name: name.to_owned() };
    world.simulator.export_by_hand(&export).expect("an export");
}

/// What the exports of a name became, in the order in which they began.
fn made(world: &World, name: &str) -> Vec<String> {
    let ledger = world.simulator.ledger();
    ledger
        .lanes
        .values()
        .filter_map(|lane| lane.snapshots.get(name))
        .flat_map(|one| one.destination_ids.clone())
        .collect()
}

/// What the report says of a job, beside its state.
fn told(job: &JobView) -> (Option<&str>, &str) {
    (
        job.error_code.as_ref().map(snapferry::domain::ErrorCode::as_str),
        job.error_message.as_deref().unwrap_or_default(),
    )
}

async fn over(world: &World) -> bool {
    world.queue.unfinished(None).await.expect("a count") == 0
}

#[tokio::test]
async fn lists_later_than_the_settle_window_may_make_a_duplicate_and_the_report_names_both() {
    let faults =
        Faults { rules: vec![answers("web-1", &["lost"])], late_lists: Duration::from_secs(2), ..Faults::default() };
    let world = World::new(SimulatorConfig { faults, ..fleet(&["web-1"]) }).await;
    world.enqueue(&["web-1"]).await;
    let daemon = world.start();
    eventually("both are told", async || told(&world.job("web-1").await).0 == Some("DuplicateExport")).await;
    eventually("and what they became", async || !told(&world.job("web-1").await).1.contains("not finished")).await;
    daemon.stop().await;
    let job = world.job("web-1").await;
    assert_eq!((job.state, world.sent("web-1").len()), (JobState::Succeeded, 2));
    let (mut made, own) = (made(&world, "web-1"), job.destination_id.clone().expect("an id"));
    assert_eq!(made.len(), 2);
    made.retain(|id| *id != own);
    assert_eq!(made.len(), 1, "its own is one of them");
    assert!(told(&job).1.contains(&made[0]), "{job:?}");
    // What was seen once is known from then on.
    let lane = world.queue.lane_records().await.expect("lanes").remove(0);
    assert!(lane.delay.longest >= Duration::from_millis(300), "{lane:?}");
}

#[tokio::test]
async fn an_export_that_shows_after_its_job_has_failed_is_named_and_a_retry_would_take_it_over() {
    let faults =
        Faults { rules: vec![answers("web-1", &["lost"])], late_lists: Duration::from_secs(2), ..Faults::default() };
    let mut world = World::new(SimulatorConfig { faults, ..fleet(&["web-1"]) }).await;
    world.settings.every_lane.export.max_attempts = 1;
    world.enqueue(&["web-1"]).await;
    let daemon = world.start();
    eventually("it has failed", async || world.state("web-1").await == JobState::Failed).await;
    assert_eq!(told(&world.job("web-1").await).0, Some("NotTaken"));
    eventually("it is told", async || told(&world.job("web-1").await).0 == Some("LateExport")).await;
    eventually("and what it became", async || !told(&world.job("web-1").await).1.contains("not finished")).await;
    let job = world.job("web-1").await;
    assert_eq!(job.state, JobState::Failed, "what has ended stays so");
    assert!(told(&job).1.contains(&made(&world, "web-1")[0]), "{job:?}");
    world.enqueue(&["web-1"]).await;
    eventually("it is taken over", async || world.state("web-1").await == JobState::Succeeded).await;
    daemon.stop().await;
    assert_eq!((world.sent("web-1").len(), world.exports("web-1")), (1, 1));
}

#[tokio::test]
async fn entries_that_slip_between_pages_while_exports_go_on_lose_and_repeat_nothing() {
    let names: Vec<String> = (0..40).map(|n| format!("web-{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for order in [ListOrder::NewestFirst, ListOrder::OldestFirst, ListOrder::Slipping] {
        let faults = Faults {
            rules: vec![often("lost", 0.2), often("lost-before", 0.1)],
            late_lists: Duration::from_millis(40),
            ..Faults::default()
        };
        let page_size = NonZeroUsize::MIN.saturating_add(1);
        let mut world = World::new(SimulatorConfig { order, page_size, faults, ..fleet(&names) }).await;
        world.settings.every_lane.export.max_in_flight = 6;
        world.settings.every_lane.export.max_attempts = 20;
        world.settings.every_lane.reconcile.settle = Duration::from_secs(1);
        world.enqueue(&names).await;
        world.drain().await;
        for name in &names {
            let job = world.job(name).await;
            assert_eq!((job.state, world.exports(name)), (JobState::Succeeded, 1), "{order:?} {name} {job:?}");
            assert_eq!(job.destination_id, made(&world, name).pop(), "{name}");
        }
    }
}

#[tokio::test]
async fn a_snapshot_deleted_and_created_again_under_its_name_is_another_one() {
    let slow = SimulatorConfig { operation_time: Spread::exactly(Duration::from_secs(1)), ..fleet(&["done", "begun"]) };
    let world = World::new(slow).await;
    by_hand(&world, "done");
    eventually("it is done", async || !made(&world, "done").is_empty()).await;
    by_hand(&world, "begun");
    for name in ["done", "begun"] {
        let again = FleetEntry { region: Some(REGION.to_owned()), ..FleetEntry::named(name) };
        world.simulator.change_snapshot(SnapshotChange::Replace(again)).expect("replaced");
    }
    world.enqueue(&["done", "begun"]).await;
    world.drain().await;
    for name in ["done", "begun"] {
        let job = world.job(name).await;
        assert_eq!((job.state, job.adopted, job.attempts), (JobState::Succeeded, false, 1), "{name}");
        assert_eq!(world.sent(name).len(), 1, "{name}");
        assert_eq!(job.destination_id, made(&world, name).pop(), "{name}");
    }
}

#[tokio::test]
async fn a_quick_retry_after_a_failed_operation_does_not_take_the_old_failure_for_its_own() {
    for second in ["ok", "lost", "ServiceException+effect"] {
        let faults = Faults {
            rules: vec![answers("web-1", &["operation-fails:InternalError", second])],
            late_lists: Duration::from_millis(50),
            ..Faults::default()
        };
        // The failed record shows its end only after the next attempt has been sent.
        let config = SimulatorConfig { faults, record_lag: Duration::from_millis(250), ..fleet(&["web-1"]) };
        let world = World::new(config).await;
        world.enqueue(&["web-1"]).await;
        world.drain().await;
        let job = world.job("web-1").await;
        assert_eq!((job.state, job.attempts, job.used), (JobState::Succeeded, 2, 2), "{second}: {job:?}");
        assert_eq!((world.sent("web-1").len(), world.exports("web-1")), (2, 2), "{second}");
        assert_eq!(job.destination_id, made(&world, "web-1").pop(), "{second}");
    }
}

#[tokio::test]
async fn an_export_begun_by_the_console_before_ours_is_adopted_and_one_during_or_after_changes_no_result() {
    let names = ["before", "during", "after"];
    let config = SimulatorConfig { operation_time: Spread::exactly(Duration::from_millis(1500)), ..fleet(&names) };
    let world = World::new(config).await;
    by_hand(&world, "before");
    world.enqueue(&names).await;
    let daemon = world.start();
    eventually("ours is under way", async || world.state("during").await == JobState::Exporting).await;
    by_hand(&world, "during");
    eventually("all is done", async || over(&world).await).await;
    by_hand(&world, "after");
    eventually("that too", async || made(&world, "after").len() == 2).await;
    world.enqueue(&["before"]).await;
    eventually("all is done", async || over(&world).await).await;
    daemon.stop().await;
    let before = world.job("before").await;
    assert_eq!((before.state, before.adopted, world.sent("before").len()), (JobState::Succeeded, true, 0));
    for name in ["during", "after"] {
        let job = world.job(name).await;
        assert_eq!((job.state, job.adopted, world.sent(name).len()), (JobState::Succeeded, false, 1), "{name}");
        assert_eq!(job.destination_id.as_ref(), made(&world, name).first(), "{name}");
    }
    // Begun in the same minute, so nothing tells for sure which is whose: the report names both. One that was begun after the
    // end is told once it is seen.
    let other = made(&world, "during").pop().expect("another");
    let during = world.job("during").await;
    assert_eq!(told(&during).0, Some("DuplicateExport"));
    assert!(told(&during).1.contains(&other), "{during:?}");
    let after = world.job("after").await;
    assert!(told(&after).0.is_none_or(|code| code == "DuplicateExport"), "{after:?}");
}

/// Nobody but a person can say which of the two is whose, and nothing is sent meanwhile.
#[tokio::test]
async fn an_export_begun_by_the_console_while_ours_is_unknown_is_put_before_a_person() {
    // Nothing shows in the lists until both have begun.
    let faults =
        Faults { rules: vec![answers("web-1", &["lost"])], late_lists: Duration::from_hours(1), ..Faults::default() };
    let world = World::new(SimulatorConfig { faults, ..fleet(&["web-1"]) }).await;
    world.enqueue(&["web-1"]).await;
    let daemon = world.start();
    eventually("its answer is lost", async || world.state("web-1").await == JobState::Unknown).await;
    by_hand(&world, "web-1");
    world.simulator.set_faults(Faults::default());
    eventually("a person is asked", async || world.state("web-1").await == JobState::NeedsReview).await;
    let job = world.job("web-1").await;
    assert_eq!((told(&job).0, world.sent("web-1").len()), (Some("TooManyCandidates"), 1), "{job:?}");
    eventually("what they became is among the evidence", async || {
        let evidence = format!("{:?}", world.queue.evidence(job.id).await.expect("readable"));
        let became = made(&world, "web-1");
        became.len() == 2 && became.iter().all(|destination| evidence.contains(destination))
    })
    .await;
    daemon.stop().await;
}

#[tokio::test]
async fn two_labels_for_one_account_block_one_of_them_and_export_nothing_twice() {
    let world = World::new(fleet(&["web-1", "web-2"])).await;
    world.enqueue(&["web-1", "web-2"]).await;
    enqueue_as(&world, "twin", &["web-1", "web-2"]).await;
    let daemon = world.start();
    let lanes = async || world.queue.lane_records().await.expect("lanes");
    let blocked = async || lanes().await.into_iter().filter_map(|lane| lane.blocked).collect::<Vec<_>>();
    eventually("one is blocked", async || !blocked().await.is_empty()).await;
    let done = async || world.queue.unfinished(None).await.expect("a count") == 2;
    eventually("the other is done", async || done().await).await;
    daemon.stop().await;
    let blocked = blocked().await;
    assert_eq!((blocked.len(), blocked[0].trouble), (1, LaneTrouble::Identity));
    for label in ["\"default\"", "\"twin\"", "123456789012"] {
        assert!(blocked[0].message.contains(label), "{blocked:?}");
    }
    assert_eq!((world.exports("web-1"), world.exports("web-2")), (1, 1));
}

async fn enqueue_as(world: &World, label: &str, names: &[&str]) {
    let name = LoadName::Derived(BatchName::parse("more").expect("a name"));
    let mut load = world.queue.begin_load(name, "a test", &[], "a test", world.clock.now()).await.expect("a load");
    let account = AccountLabel::parse(label).expect("a label");
    let rows = names.iter().zip(1..).map(|(name, line)| NewRow {
        line,
        lane: Lane { account: account.clone(), region: Region::parse(REGION).expect("a Region") },
        snapshot: SnapshotName::parse(name).expect("a name"),
        priority: 0,
        not_before: None,
        existing: Existing::Adopt,
        carried: Vec::new(),
    });
    load.add(rows.collect()).await.expect("added");
    load.seal(0, world.clock.now()).await.expect("sealed");
}

#[tokio::test]
async fn a_database_restored_from_yesterdays_backup_exports_nothing_again() {
    let names = ["first", "second", "third", "fourth"];
    // Nothing shows in the lists until the backup has been made.
    let faults =
        Faults { rules: vec![answers("second", &["lost"])], late_lists: Duration::from_hours(1), ..Faults::default() };
    let config =
        SimulatorConfig { operation_time: Spread::exactly(Duration::from_millis(300)), faults, ..fleet(&names) };
    let mut world = World::new(config).await;
    world.settings.every_lane.export.max_in_flight = 2;
    let settle = std::mem::replace(&mut world.settings.every_lane.reconcile.settle, Duration::from_hours(1));
    world.enqueue(&names).await;
    let daemon = world.start();
    // One is under way, one unknown, two are still queued.
    eventually("the second was sent", async || world.state("second").await == JobState::Unknown).await;
    let backup = world.folder.path().join("yesterday.db");
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", world.settings.database.path().display()))
        .await
        .expect("a connection");
    let into = backup.display().to_string();
    sqlx::query("VACUUM INTO ?1").bind(into).execute(&mut connection).await.expect("a backup");
    connection.close().await.expect("closed");
    daemon.stop().await;
    world.simulator.set_faults(Faults::default());
    world.settings.every_lane.reconcile.settle = settle;
    world.drain().await;
    world.queue.clone().close().await;
    world.queue = Queue::open(&backup).await.expect("the backup");
    world.settings.database = DatabaseUrl::at(backup);
    assert_eq!(world.state("fourth").await, JobState::Queued, "yesterday it was");
    world.drain().await;
    for name in names {
        let job = world.job(name).await;
        assert_eq!((job.state, world.sent(name).len()), (JobState::Succeeded, 1), "{name}: {job:?}");
        assert_eq!(job.destination_id, made(&world, name).pop(), "{name}");
    }
}

/// The machine's clock, whose time of day somebody sets.
struct Set {
    clock: SystemClock,
    ahead_ms: AtomicI64,
}

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp(self.clock.now().0 + self.ahead_ms.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn sleep(&self, span: Duration) -> Sleep {
        self.clock.sleep(span)
    }
}

#[tokio::test]
async fn a_clock_set_back_or_on_an_hour_holds_nothing_up_and_repeats_nothing() {
    const HOUR: i64 = 3_600_000;
    let names: Vec<String> = (0..12).map(|n| format!("web-{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for ahead_ms in [-HOUR, HOUR] {
        let rules = vec![
            answers("web-03", &["lost"]),
            answers("web-04", &["lost-before"]),
            answers("web-05", &["operation-fails:InternalError"]),
            answers("web-06", &["ThrottlingException"]),
        ];
        let listed_after = |late_lists| Faults { rules: rules.clone(), late_lists, ..Faults::default() };
        // Nothing shows in the lists until the clock is set.
        let faults = listed_after(Duration::from_hours(1));
        let operation_time = Spread::exactly(Duration::from_millis(150));
        let mut world = World::new(SimulatorConfig { faults, operation_time, ..fleet(&names) }).await;
        let clock = Arc::new(Set { clock: SystemClock::new(), ahead_ms: AtomicI64::new(0) });
        world.clock = clock.clone();
        world.settings.every_lane.export.max_in_flight = 4;
        world.enqueue(&names).await;
        let daemon = world.start();
        eventually("the fourth was sent", async || world.state("web-03").await == JobState::Unknown).await;
        clock.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        world.simulator.set_faults(listed_after(Duration::from_millis(100)));
        eventually("all is done", async || over(&world).await).await;
        daemon.stop().await;
        for name in &names {
            let job = world.job(name).await;
            let exports = if *name == "web-05" { 2 } else { 1 };
            assert_eq!((job.state, world.exports(name)), (JobState::Succeeded, exports), "{ahead_ms} {name}: {job:?}");
        }
    }
}
