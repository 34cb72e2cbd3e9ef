//! What an inventory finds before anything is sent: what is missing, broken or not ready, what has been exported already,
//! and whose account it is.

use super::world::{REGION, World, eventually};
use lightsail_simulator::{
    ByHand, FaultRule, Faults, Fleet, FleetEntry, SimulatorConfig, SnapshotChange, Spread, StartState,
};
use snapferry::domain::{JobState, LaneTrouble};
use std::time::Duration;

fn fleet(entries: Vec<FleetEntry>) -> SimulatorConfig {
    SimulatorConfig {
        fleet: Fleet::Listed(entries),
        operation_time: "10ms..60ms".parse().expect("a spread"),
        ..SimulatorConfig::default()
    }
}

fn named(names: &[&str]) -> Vec<FleetEntry> {
    names.iter().map(|name| FleetEntry::named(name)).collect()
}

fn by_hand(name: &str) -> ByHand {
    ByHand { account: None, region: REGION.to_owned(), name: name.to_owned() }
}

#[tokio::test]
async fn a_name_that_does_not_exist_fails_with_a_near_miss() {
    let world = World::new(fleet(named(&["web-1", "database"]))).await;
    world.enqueue(&["web-1", "databsae", "nothing-like-it"]).await;
    world.drain().await;
    assert_eq!(world.state("web-1").await, JobState::Succeeded);
    let missing = world.job("databsae").await;
    assert_eq!(missing.state, JobState::Failed);
    assert_eq!(missing.error_code.expect("a code").as_str(), "SnapshotNotFound");
    assert!(missing.error_message.expect("words").contains("did you mean \"database\"?"));
    let unlike = world.job("nothing-like-it").await;
    assert!(!unlike.error_message.expect("words").contains("did you mean"));
    assert!(world.sent("databsae").is_empty() && world.sent("nothing-like-it").is_empty());
}

#[tokio::test]
async fn no_older_snapshot_is_offered_and_the_hint_about_automatic_ones_is_there() {
    let world = World::new(fleet(named(&["WordPress-1-1700000000", "WordPress-1-1690000000", "data-auto-1"]))).await;
    let names = ["WordPress-1-1700086400", "WordPres-1-1700000000", "WordPress-1", "zebra", "date-auto-1"];
    world.enqueue(&names).await;
    world.drain().await;
    let hint = " (automatic snapshots must be copied first)";
    for (name, end) in names.into_iter().zip([
        format!("Region{hint}"),
        format!("did you mean \"WordPress-1-1700000000\"?{hint}"),
        "did you mean \"WordPress-1-1700000000\"?".to_owned(),
        format!("Region{hint}"),
        format!("did you mean \"data-auto-1\"?{hint}"),
    ]) {
        let said = world.job(name).await.error_message.expect("words");
        assert!(said.ends_with(&end), "{name}: {said}");
    }
}

#[tokio::test]
async fn a_near_miss_is_found_among_thousands_of_names() {
    let mut names: Vec<String> = (0..1200).map(|number| format!("bulk-{number:04}")).collect();
    names.extend(["web-northern-lights".to_owned(), "zz-last".to_owned()]);
    let entries = names.iter().map(|name| FleetEntry::named(name)).collect();
    let world = World::new(fleet(entries)).await;
    world.enqueue(&["web-northren-lights"]).await;
    world.drain().await;
    let missing = world.job("web-northren-lights").await.error_message.expect("words");
    assert!(missing.contains("did you mean \"web-northern-lights\"?"), "{missing}");
}

#[tokio::test]
async fn a_broken_snapshot_fails_and_a_pending_one_waits() {
    let mut entries = named(&["good", "broken", "slow"]);
    entries[1].state = StartState::Error;
    entries[2].state = StartState::Pending;
    let config = SimulatorConfig { pending_time: Duration::from_millis(300), ..fleet(entries) };
    let world = World::new(config).await;
    world.enqueue(&["good", "broken", "slow"]).await;
    world.drain().await;
    assert_eq!(world.state("good").await, JobState::Succeeded);
    let broken = world.job("broken").await;
    assert_eq!((broken.state, broken.error_code.expect("a code").as_str()), (JobState::Failed, "SnapshotInError"));
    assert_eq!(world.state("slow").await, JobState::Succeeded);
    assert!(world.sent("broken").is_empty());
    assert_eq!(world.sent("slow").len(), 1);
}

#[tokio::test]
async fn after_the_loss_of_the_database_every_export_is_adopted_and_none_made() {
    let names = ["web-1", "web-2", "web-3"];
    let world = World::new(fleet(named(&names))).await;
    world.enqueue(&names).await;
    world.drain().await;
    let mut ids = Vec::new();
    for name in names {
        ids.push(world.job(name).await.destination_id.expect("an id"));
    }
    let world = world.with_an_empty_database().await;
    world.enqueue(&names).await;
    world.drain().await;
    for (name, id) in names.into_iter().zip(ids) {
        let job = world.job(name).await;
        assert_eq!((job.state, job.adopted, job.attempts), (JobState::Succeeded, true, 0));
        assert_eq!(job.destination_id, Some(id));
        assert_eq!(world.sent(name).len(), 1);
    }
}

#[tokio::test]
async fn an_export_begun_by_hand_is_adopted_while_it_is_still_under_way() {
    let config = SimulatorConfig {
        operation_time: Spread::exactly(Duration::from_millis(400)),
        ..fleet(named(&["web-1", "web-2"]))
    };
    let world = World::new(config).await;
    world.simulator.export_by_hand(&by_hand("web-1")).expect("an export");
    world.enqueue(&["web-1", "web-2"]).await;
    world.drain().await;
    let adopted = world.job("web-1").await;
    assert_eq!((adopted.state, adopted.adopted), (JobState::Succeeded, true));
    assert!(world.sent("web-1").is_empty());
    assert_eq!(world.sent("web-2").len(), 1);
}

#[tokio::test]
async fn an_export_begun_by_hand_of_a_queued_snapshot_is_adopted_at_the_next_reading() {
    let names = ["first", "second", "third"];
    let config =
        SimulatorConfig { operation_time: Spread::exactly(Duration::from_millis(1500)), ..fleet(named(&names)) };
    let mut world = World::new(config).await;
    world.settings.every_lane.export.max_in_flight = 1;
    world.enqueue(&names).await;
    let daemon = world.start();
    eventually("the first is in flight", async || world.state("first").await == JobState::Exporting).await;
    world.simulator.export_by_hand(&by_hand("third")).expect("an export");
    eventually("the third is adopted", async || world.job("third").await.adopted).await;
    eventually("all is done", async || world.queue.unfinished(None).await.expect("a count") == 0).await;
    daemon.stop().await;
    assert!(world.sent("third").is_empty());
    assert_eq!(world.state("third").await, JobState::Succeeded);
    assert_eq!((world.exports("first"), world.exports("second")), (1, 1));
}

#[tokio::test]
async fn an_export_of_another_snapshot_of_that_name_is_not_adopted() {
    let world = World::new(fleet(named(&["web-1"]))).await;
    world.simulator.export_by_hand(&by_hand("web-1")).expect("an export");
    let again = FleetEntry { region: Some(REGION.to_owned()), ..FleetEntry::named("web-1") };
    world.simulator.change_snapshot(SnapshotChange::Replace(again)).expect("replaced");
    world.enqueue(&["web-1"]).await;
    world.drain().await;
    let job = world.job("web-1").await;
    assert_eq!((job.state, job.adopted, job.attempts), (JobState::Succeeded, false, 1));
    assert_eq!(world.sent("web-1").len(), 1);
}

#[tokio::test]
async fn another_accounts_credentials_at_a_restart_send_nothing_and_name_both_numbers() {
    let mut world = World::new(fleet(named(&["web-1", "web-2"]))).await;
    world.enqueue(&["web-1"]).await;
    world.drain().await;
    world.access_key = "AKIASIM999988887777".to_owned();
    world.enqueue(&["web-2"]).await;
    let daemon = world.start();
    let block = async || world.queue.lane_records().await.expect("lanes")[0].blocked.clone();
    eventually("the lane is blocked", async || block().await.is_some()).await;
    let blocked = block().await.expect("a block");
    assert_eq!(blocked.trouble, LaneTrouble::Identity);
    assert!(blocked.message.contains("123456789012") && blocked.message.contains("999988887777"), "{blocked:?}");
    daemon.stop().await;
    assert_eq!(world.state("web-2").await, JobState::Queued);
    assert!(world.sent("web-2").is_empty());
    // The right ones again: it recovers automatically.
    world.access_key = "AKIASIM123456789012".to_owned();
    world.drain().await;
    assert_eq!(world.state("web-2").await, JobState::Succeeded);
}

#[tokio::test]
async fn expired_credentials_block_one_lane_until_they_work_again() {
    let names = ["web-1", "web-2", "web-3"];
    let world = World::new(fleet(named(&names))).await;
    let expired = FaultRule {
        applies_to: lightsail_simulator::AppliesTo::All,
        ..FaultRule::sometimes(
            "ExpiredTokenException".parse().expect("a fault"),
            lightsail_simulator::Probability::ALWAYS,
        )
    };
    world.simulator.set_faults(Faults { rules: vec![expired], ..Faults::default() });
    world.enqueue(&names).await;
    let daemon = world.start();
    let block = async || world.queue.lane_records().await.expect("lanes")[0].blocked.clone();
    eventually("the lane is blocked", async || block().await.is_some()).await;
    assert_eq!(block().await.expect("a block").trouble, LaneTrouble::Credentials);
    world.simulator.set_faults(Faults::default());
    eventually("all is done", async || world.queue.unfinished(None).await.expect("a count") == 0).await;
    daemon.stop().await;
    for name in names {
        let job = world.job(name).await;
        assert_eq!((job.state, job.used), (JobState::Succeeded, 1), "{name}");
        assert_eq!(world.exports(name), 1);
    }
    assert_eq!(block().await, None);
}

#[tokio::test]
async fn one_denied_snapshot_fails_alone_and_many_in_a_row_block_the_lane() {
    let names: Vec<String> = (0..12).map(|n| format!("web-{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::new(fleet(named(&names))).await;
    let denied = |name: Option<&str>| FaultRule {
        name: name.map(str::to_owned),
        ..FaultRule::sometimes(
            "AccessDeniedException".parse().expect("a fault"),
            lightsail_simulator::Probability::ALWAYS,
        )
    };
    // One snapshot's tags forbid it.
    world.simulator.set_faults(Faults { rules: vec![denied(Some("web-01"))], ..Faults::default() });
    world.enqueue(&names[..4]).await;
    world.drain().await;
    assert_eq!(world.state("web-01").await, JobState::Failed);
    for name in ["web-00", "web-02", "web-03"] {
        assert_eq!(world.state(name).await, JobState::Succeeded);
    }
    // Now everything is denied: the lane's trouble, and no job's.
    world.simulator.set_faults(Faults { rules: vec![denied(None)], ..Faults::default() });
    world.enqueue(&names[4..]).await;
    let daemon = world.start();
    let trouble =
        async || world.queue.lane_records().await.expect("lanes")[0].blocked.clone().map(|block| block.trouble);
    eventually("the lane is blocked", async || trouble().await == Some(LaneTrouble::Denied)).await;
    world.simulator.set_faults(Faults::default());
    eventually("all is done", async || world.queue.unfinished(None).await.expect("a count") == 0).await;
    daemon.stop().await;
    for name in &names[4..] {
        let job = world.job(name).await;
        assert_eq!((job.state, job.used), (JobState::Succeeded, 1), "{name}");
    }
}

#[tokio::test]
async fn an_outage_uses_up_no_attempts() {
    let names: Vec<String> = (0..30).map(|n| format!("web-{n:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let world = World::new(fleet(named(&names))).await;
    let outage = FaultRule::sometimes("outage".parse().expect("a fault"), lightsail_simulator::Probability::ALWAYS);
    world.simulator.set_faults(Faults { rules: vec![outage], ..Faults::default() });
    world.enqueue(&names).await;
    let daemon = world.start();
    let trouble =
        async || world.queue.lane_records().await.expect("lanes")[0].blocked.clone().map(|block| block.trouble);
    eventually("an outage", async || trouble().await == Some(LaneTrouble::Outage)).await;
    let during = world.simulator.calls().iter().filter(|call| call.operation == "ExportSnapshot").count();
    assert!(during < 15, "{during} calls went out before the outage was known");
    world.simulator.set_faults(Faults::default());
    eventually("all is done", async || world.queue.unfinished(None).await.expect("a count") == 0).await;
    daemon.stop().await;
    for name in names {
        let job = world.job(name).await;
        assert_eq!((job.state, job.used), (JobState::Succeeded, 1), "{name}");
        assert_eq!(world.exports(name), 1, "{name}");
    }
}

#[tokio::test]
async fn the_same_rows_again_in_the_same_database_are_adopted_and_not_exported_again() {
    let names = ["web-1", "web-2"];
    let world = World::new(fleet(named(&names))).await;
    world.enqueue(&names).await;
    world.drain().await;
    let first = world.job("web-1").await;
    for _ in 0..2 {
        world.enqueue(&names).await;
        world.drain().await;
        let again = world.job("web-1").await;
        assert_ne!(again.id, first.id);
        assert_eq!((again.state, again.adopted, again.attempts), (JobState::Succeeded, true, 0));
        assert_eq!(again.destination_id, first.destination_id);
    }
    assert_eq!((world.sent("web-1").len(), world.sent("web-2").len()), (1, 1));
}

#[tokio::test]
async fn a_job_that_was_denied_once_gets_another_call() {
    let names = ["web-1", "web-2", "web-3", "web-4"];
    // Right after a policy is attached the answers flap.
    let flaps = |name: &&str| FaultRule::script(name, ["AccessDeniedException".parse().expect("a fault")]);
    for denied in [&names[..1], &names[1..3], &names[..]] {
        let world = World::new(fleet(named(&names))).await;
        world.simulator.set_faults(Faults { rules: denied.iter().map(flaps).collect(), ..Faults::default() });
        world.enqueue(&names).await;
        world.drain().await;
        for name in names {
            let job = world.job(name).await;
            let calls = 1 + usize::from(denied.contains(&name));
            assert_eq!((job.state, job.used), (JobState::Succeeded, 1), "{name} of {denied:?}");
            assert_eq!((world.sent(name).len(), world.exports(name)), (calls, 1), "{name} of {denied:?}");
        }
    }
}

#[tokio::test]
async fn a_denial_of_before_a_restart_fails_no_job_once_the_policy_is_mended() {
    let names = ["web-1", "web-2", "web-3"];
    let mut world = World::new(fleet(named(&names))).await;
    world.settings.every_lane.lane.probe = std::time::Duration::from_secs(2);
    let denied = FaultRule::script("web-1", (0..99).map(|_| "AccessDeniedException".parse().expect("a fault")));
    world.simulator.set_faults(Faults { rules: vec![denied], ..Faults::default() });
    world.enqueue(&names[..1]).await;
    let daemon = world.start();
    eventually("it is denied", async || world.job("web-1").await.error_code.is_some()).await;
    daemon.stop().await;
    assert_eq!(world.state("web-1").await, JobState::Queued);
    world.simulator.set_faults(Faults::default());
    world.enqueue(&names[1..]).await;
    world.drain().await;
    for name in names {
        assert_eq!((world.state(name).await, world.exports(name)), (JobState::Succeeded, 1), "{name}");
    }
}
