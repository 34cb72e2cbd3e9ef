//! What cannot be read, time and again: a condition of its lane that everybody can see, tried again ever more rarely, and
//! over by itself. The real daemon against the simulator.

use super::acting::beside;
use super::world::{REGION, World, eventually};
use lightsail_simulator::{ByHand, FaultRule, Faults, Fleet, FleetEntry, ListOrder, SimulatorConfig, Spread};
use snapferry::domain::{JobState, LaneTrouble};
use snapferry::queue::Block;
use std::num::NonZeroUsize;
use std::time::Duration;

async fn world(names: &[&str], takes: Duration) -> World {
    World::new(SimulatorConfig {
        fleet: Fleet::Listed(names.iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: Spread::exactly(takes),
        ..SimulatorConfig::default()
    })
    .await
}

/// From now on every call of these operations gets this answer.
fn fails(world: &World, operations: &[&str], fault: &str) {
    let rule = |operation: &&str| FaultRule {
        operation: Some((*operation).to_owned()),
        fault: Some(fault.parse().expect("a fault")),
        ..FaultRule::default()
    };
    world.simulator.set_faults(Faults { rules: operations.iter().map(rule).collect(), ..Faults::default() });
}

async fn block(world: &World) -> Option<Block> {
    world.queue.lane_records().await.expect("lanes").remove(0).blocked
}

async fn cannot_be_read(world: &World) -> bool {
    block(world).await.is_some_and(|block| block.trouble == LaneTrouble::Reads)
}

fn calls(world: &World, operation: &str) -> usize {
    world.simulator.calls().iter().filter(|call| call.operation == operation).count()
}

async fn said(world: &World, line: &[&str]) -> String {
    beside(world.queue.path(), line).await.done()
}

#[tokio::test]
async fn an_inventory_that_keeps_failing_is_told_and_what_is_under_way_is_followed_meanwhile() {
    for fault in ["ServiceException", "ThrottlingException", "SomethingNewException:400"] {
        let world = world(&["web-1", "web-2"], Duration::from_millis(700)).await;
        world.enqueue(&["web-1"]).await;
        let daemon = world.start();
        eventually("it is under way", async || world.state("web-1").await == JobState::Exporting).await;
        fails(&world, &["GetDiskSnapshots"], fault);
        let before = calls(&world, "GetDiskSnapshots");
        world.enqueue(&["web-2"]).await;
        eventually("it is told", async || cannot_be_read(&world).await).await;
        let message = block(&world).await.expect("a block").message;
        let code = fault.split(':').next().expect("a code");
        assert!(message.starts_with(&format!("GetDiskSnapshots: {code}: ")), "{message}");
        let status = said(&world, &["status"]).await;
        assert!(
            status.contains("reads keep failing") && status.contains(&format!("GetDiskSnapshots: {code}")),
            "{status}"
        );
        assert!(status.contains("cannot be read") && status.contains("waiting for the first inventory"), "{status}");
        let json: serde_json::Value = serde_json::from_str(&said(&world, &["status", "--json"]).await).expect("JSON");
        crate::json_schema::holds("status", &json);
        assert_eq!(json["lanes"][0]["bound_by"], serde_json::json!(["blocked", "unlisted"]), "{json}");
        let why = said(&world, &["why", &world.job("web-2").await.id.to_string()]).await;
        assert!(why.contains("cannot be read: GetDiskSnapshots") && why.contains("needs an inventory since"), "{why}");
        eventually("what is under way ends", async || world.state("web-1").await == JobState::Succeeded).await;
        assert_eq!((world.state("web-2").await, world.sent("web-2").len()), (JobState::Queued, 0));
        // Without waits that double it would be read some thirty times a second. What may pass at once is requested four times.
        let tries = (calls(&world, "GetDiskSnapshots") - before) / if code.starts_with("Something") { 1 } else { 4 };
        assert!((3..=8).contains(&tries), "{fault}: {tries}");
        world.simulator.set_faults(Faults::default());
        eventually("all is well", async || world.state("web-2").await == JobState::Succeeded).await;
        eventually("and nothing else is told", async || block(&world).await.is_none()).await;
        daemon.stop().await;
    }
}

/// A policy that denies one of the reads lasts: it is told at once, and not over because another read is allowed.
#[tokio::test]
async fn a_denied_read_is_told_until_it_is_allowed() {
    let world = world(&["web-1"], Duration::from_millis(50)).await;
    fails(&world, &["GetOperations"], "AccessDeniedException");
    world.enqueue(&["web-1"]).await;
    let daemon = world.start();
    eventually("it is told", async || cannot_be_read(&world).await).await;
    let since = block(&world).await.expect("a block");
    assert!(
        since.message.contains("allow lightsail:Get*") && since.message.contains("GetOperations: Access"),
        "{since:?}"
    );
    let before = calls(&world, "GetOperations");
    eventually("it is tried again", async || calls(&world, "GetOperations") > before + 2).await;
    assert_eq!(block(&world).await.map(|block| block.since), Some(since.since), "the same trouble all the while");
    world.simulator.set_faults(Faults::default());
    eventually("all is well", async || world.state("web-1").await == JobState::Succeeded).await;
    daemon.stop().await;
    assert_eq!(block(&world).await, None);
}

/// Neither its operations nor those of the lane can be had: no absence check counts, and everybody can see why.
#[tokio::test]
async fn absence_checks_that_cannot_be_made_are_told() {
    let world = world(&["web-1"], Duration::from_millis(50)).await;
    world.enqueue(&["web-1"]).await;
    let lost = FaultRule::script("web-1", ["lost-before".parse().expect("a fault")]);
    world.simulator.set_faults(Faults { rules: vec![lost], ..Faults::default() });
    let daemon = world.start();
    eventually("nobody knows", async || world.state("web-1").await == JobState::Unknown).await;
    fails(&world, &["GetOperationsForResource", "GetOperations"], "InternalFailure:500");
    eventually("it is told", async || cannot_be_read(&world).await).await;
    let checks =
        world.queue.job(world.job("web-1").await.id).await.expect("read").expect("a job").attempts[0].absence_checks;
    let before = calls(&world, "GetOperations");
    eventually("it is tried again", async || calls(&world, "GetOperations") > before).await;
    let now =
        world.queue.job(world.job("web-1").await.id).await.expect("read").expect("a job").attempts[0].absence_checks;
    assert_eq!(checks, now, "no check was complete");
    world.simulator.set_faults(Faults::default());
    eventually("it is sent again", async || world.state("web-1").await == JobState::Succeeded).await;
    eventually("nothing is told any more", async || block(&world).await.is_none()).await;
    daemon.stop().await;
    assert_eq!((world.sent("web-1").len(), world.exports("web-1")), (2, 1));
}

/// A list that is cut off at its 200th operation does not show ours: where its own operations cannot be had, that is no proof
/// that there are none, in whatever order the list comes.
#[tokio::test]
async fn a_capped_list_of_operations_proves_nothing_absent() {
    for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
        let listed = NonZeroUsize::new(200);
        let world = World::new(SimulatorConfig {
            fleet: Fleet::Listed(vec![FleetEntry::named("web-1"), FleetEntry::named("other")]),
            operation_time: Spread::exactly(Duration::from_millis(50)),
            operations_listed: listed,
            order,
            ..SimulatorConfig::default()
        })
        .await;
        for _ in 0..230 {
            let export = ByHand { account: None, region: REGION.to_owned(), name: "other".to_owned() };
            world.simulator.export_by_hand(&export).expect("an export");
        }
        world.enqueue(&["web-1"]).await;
        let script = FaultRule::script("web-1", ["lost-before".parse().expect("a fault")]);
        let denied = FaultRule {
            operation: Some("GetOperationsForResource".to_owned()),
            fault: Some("InternalFailure:500".parse().expect("a fault")),
            ..FaultRule::default()
        };
        world.simulator.set_faults(Faults { rules: vec![script, denied], ..Faults::default() });
        let daemon = world.start();
        eventually("it is told", async || cannot_be_read(&world).await).await;
        let message = block(&world).await.expect("a block").message;
        assert_eq!(message, "GetOperations: it ends after 200 operations");
        let job = world.queue.job(world.job("web-1").await.id).await.expect("read").expect("a job");
        assert_eq!((job.job.state, job.attempts[0].absence_checks), (JobState::Unknown, 0), "{order:?}");
        world.simulator.set_faults(Faults::default());
        eventually("its own operations tell", async || world.state("web-1").await == JobState::Succeeded).await;
        daemon.stop().await;
    }
}

/// Neither its own operations nor a list that ends before them tell of an attempt whose response was lost: a record of its export
/// does, and where none comes, a person is asked in the end.
#[tokio::test]
async fn what_a_capped_list_cannot_tell_ends_by_a_record_or_with_a_person() {
    let mut world = World::new(SimulatorConfig {
        fleet: Fleet::Listed(["web-1", "web-2", "other"].iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: Spread::exactly(Duration::from_millis(50)),
        operations_listed: NonZeroUsize::new(200),
        ..SimulatorConfig::default()
    })
    .await;
    world.settings.every_lane.poll.give_up = Duration::from_secs(4);
    for _ in 0..230 {
        let export = ByHand { account: None, region: REGION.to_owned(), name: "other".to_owned() };
        world.simulator.export_by_hand(&export).expect("an export");
    }
    world.enqueue(&["web-1", "web-2"]).await;
    let denied = FaultRule {
        operation: Some("GetOperationsForResource".to_owned()),
        fault: Some("InternalFailure:500".parse().expect("a fault")),
        ..FaultRule::default()
    };
    let lost = |name, fault: &str| FaultRule::script(name, [fault.parse().expect("a fault")]);
    let rules = vec![lost("web-1", "lost-before"), lost("web-2", "lost"), denied];
    world.simulator.set_faults(Faults { rules, ..Faults::default() });
    let daemon = world.start();
    eventually("its record tells", async || world.state("web-2").await == JobState::Succeeded).await;
    eventually("it is told", async || cannot_be_read(&world).await).await;
    assert_eq!(world.state("web-1").await, JobState::Unknown);
    eventually("a person is asked", async || world.state("web-1").await == JobState::NeedsReview).await;
    daemon.stop().await;
    let message = world.job("web-1").await.error_message.expect("a message");
    assert!(message.contains("Lightsail lists too few operations to rule it out"), "{message}");
    assert_eq!((world.sent("web-1").len(), world.exports("web-2")), (1, 1));
}
