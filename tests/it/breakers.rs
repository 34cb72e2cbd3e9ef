//! What fails too often is stopped by its circuit breaker: one batch in one lane, and never another; what is tried meanwhile, what a person
//! does, and what is left of it after a restart. The real daemon against the simulator, one call at a time.

use super::acting::{Said, beside};
use super::stored::Stored;
use super::world::{World, eventually};
use lightsail_simulator::{Fault, FaultRule, Faults, Fleet, FleetEntry, SimulatorConfig};
use snapferry::domain::{BatchName, JobState, ProbeState};
use snapferry::queue::{BatchView, BreakerOpening};
use snapferry::settings::LaneSettings;
use std::time::Duration;

const HERE: &str = "eu-west-1";
const THERE: &str = "us-east-1";
const LONG: Duration = Duration::from_hours(1);

/// A world where the first call for each of `failing` fails for good; two failures in a row are too many.
async fn world(names: &[(&str, &str)], failing: &[&str], set: impl FnOnce(&mut LaneSettings)) -> World {
    let entry =
        |(region, name): &(&str, &str)| FleetEntry { region: Some((*region).to_owned()), ..FleetEntry::named(name) };
    let fails = || -> Fault { "NotFoundException".parse().expect("a fault") };
    let config = SimulatorConfig {
        fleet: Fleet::Listed(names.iter().map(entry).collect()),
        operation_time: "10ms..30ms".parse().expect("a spread"),
        faults: Faults {
            rules: failing.iter().map(|name| FaultRule::script(name, [fails()])).collect(),
            ..Faults::default()
        },
        ..SimulatorConfig::default()
    };
    let mut world = World::new(config).await;
    // One at a time, so that what is held back has not gone before.
    world.settings.every_lane.export.max_in_flight = 1;
    world.settings.every_lane.breaker.in_a_row = 2;
    set(&mut world.settings.every_lane);
    world
}

async fn trips(world: &World) -> Vec<BreakerOpening> {
    world.queue.breaker_openings(None).await.expect("breakers")
}

async fn batch(world: &World, name: &str) -> BatchView {
    world.queue.batch(&BatchName::parse(name).expect("a name")).await.expect("a read").expect("a batch")
}

async fn all_succeeded(world: &World, names: &[&str]) -> bool {
    for name in names {
        if world.state(name).await != JobState::Succeeded {
            return false;
        }
    }
    true
}

/// The program on the same database, with the lock of nobody.
async fn said(world: &World, line: &[&str]) -> String {
    says(world, line).await.done()
}

async fn says(world: &World, line: &[&str]) -> Said {
    beside(world.queue.path(), line).await
}

#[tokio::test]
async fn a_batch_that_fails_stops_and_tries_one_at_a_time_while_others_go_on() {
    let bad = ["a-0", "a-1", "a-2", "a-3", "a-4", "a-5"];
    let mut names: Vec<(&str, &str)> = bad.iter().map(|name| (HERE, *name)).collect();
    names.extend([(HERE, "b-0"), (HERE, "b-1"), (THERE, "c-0")]);
    // Longer than it takes to notice that the drain has ended: another try would go well.
    let waits = |settings: &mut LaneSettings| {
        (settings.breaker.wait, settings.breaker.wait_max) = (Duration::from_secs(2), Duration::from_mins(1));
    };
    let world = world(&names, &bad[..3], waits).await;
    world.enqueue(&bad).await;
    world.enqueue_in(&names[6..]).await;

    // The one that is tried fails: the drain leaves the rest to a person, and ends.
    world.drain().await;
    let open = trips(&world).await;
    assert_eq!(open.len(), 1, "{open:?}");
    assert_eq!(open[0].batch_name.as_ref().map(BatchName::as_str), Some("batch"));
    assert_eq!(open[0].cause.to_string(), "2 jobs in a row failed with NotFoundException");
    assert_eq!((open[0].in_vain, open[0].probe_state), (1, ProbeState::None));
    assert_eq!(open[0].wait, Duration::from_secs(4), "doubled");
    for name in &bad[..3] {
        assert_eq!(world.state(name).await, JobState::Failed, "{name}");
    }
    for name in &bad[3..] {
        let job = world.job(name).await;
        assert_eq!((job.state, job.attempts, job.used), (JobState::Queued, 0, 0), "{name} keeps its place");
        assert!(world.sent(name).is_empty(), "{name}");
    }
    assert!(all_succeeded(&world, &["b-0", "b-1", "c-0"]).await, "another batch, another lane");
    assert_eq!(world.queue.unfinished(None).await.expect("a count"), 0);
    let (held, first) = (world.job("a-4").await.id.to_string(), world.job("a-0").await.id.to_string());
    let why: serde_json::Value = serde_json::from_str(&said(&world, &["why", &held, "--json"]).await).expect("JSON");
    crate::json_schema::holds("why", &why);
    crate::documented(&why);
    assert!(why["causes"].to_string().contains("breaker_batch"), "{why}");
    assert!(why["ways"].to_string().contains("snapferry resume --batch batch"), "{why}");
    let status: serde_json::Value = serde_json::from_str(&said(&world, &["status", "--json"]).await).expect("JSON");
    crate::json_schema::holds("status", &status);
    crate::documented(&status);
    assert!(status["summary"].to_string().contains("batch batch is stopped by its circuit breaker"), "{status}");
    assert_eq!(status["batches"][0]["breakers"][0]["region"], HERE);
    assert_eq!(status["batches"][1]["breakers"], serde_json::json!([]));
    assert_eq!(status["needs"][1]["kind"], "breaker", "{status}");
    let alone = says(&world, &["resume", &held]).await;
    assert_eq!(alone.code, 1);
    assert!(alone.out.contains("stopped with its batch or lane"), "{}", alone.out);

    // Another daemon finds it open, tries the next one, which succeeds: all go on.
    world.drain().await;
    assert_eq!(trips(&world).await, []);
    assert!(all_succeeded(&world, &bad[3..]).await);
    assert_eq!(batch(&world, "batch").await.jobs.of(JobState::Failed), 3);
    let story = said(&world, &["why", &held]).await;
    assert!(!story.contains("breaker"), "{story}");
    // What is tried afresh is counted afresh: it failed twice in a row before.
    said(&world, &["retry", &first, "--yes"]).await;
    world.drain().await;
    assert_eq!((world.state("a-0").await, trips(&world).await), (JobState::Succeeded, vec![]));
}

#[tokio::test]
async fn a_person_lets_it_go_on_and_what_failed_before_is_forgotten() {
    let names = ["a-0", "a-1", "a-2", "a-3"];
    let of = names.map(|name| (HERE, name));
    let world = world(&of, &names[..3], |lane| (lane.breaker.wait, lane.breaker.wait_max) = (LONG, LONG)).await;
    world.enqueue(&names).await;
    let running = world.start();
    eventually("it stops", async || !trips(&world).await.is_empty()).await;
    assert_eq!(world.state("a-2").await, JobState::Queued);
    let preview = said(&world, &["resume", "--batch", "batch", "--yes"]).await;
    assert!(
        preview.contains("To resume: batch batch in lane default/eu-west-1, stopped by its circuit breaker since"),
        "{preview}"
    );
    eventually("all have ended", async || batch(&world, "batch").await.jobs.live() == 0).await;
    running.stop().await;
    assert_eq!((world.state("a-2").await, world.state("a-3").await), (JobState::Failed, JobState::Succeeded));
    assert_eq!(trips(&world).await, [], "the third failure was the first since");
    let met = world.queue.matching_openings(world.job("a-3").await.id).await.expect("breakers");
    assert_eq!(met.iter().map(|stop| stop.closed_by.as_str()).collect::<Vec<_>>(), ["carol"]);
}

#[tokio::test]
async fn a_lane_stops_where_several_batches_fail_and_no_other_lane_does() {
    let names = [(HERE, "a-0"), (HERE, "b-0"), (HERE, "c-0"), (HERE, "c-1"), (THERE, "d-0"), (THERE, "d-1")];
    let world = world(&names, &["a-0", "b-0"], |lane| (lane.breaker.wait, lane.breaker.wait_max) = (LONG, LONG)).await;
    for one in &names[..2] {
        world.enqueue_in(&[*one]).await;
    }
    world.enqueue_in(&names[2..]).await;
    let running = world.start();
    eventually("it stops", async || !trips(&world).await.is_empty()).await;
    eventually("the other lane goes on", async || all_succeeded(&world, &["d-0", "d-1"]).await).await;
    running.stop().await;
    let open = trips(&world).await;
    assert_eq!(open.iter().map(|opening| opening.batch).collect::<Vec<_>>(), [None], "no batch of it");
    assert_eq!((world.state("c-0").await, world.state("c-1").await), (JobState::Queued, JobState::Queued));
    let status: serde_json::Value = serde_json::from_str(&said(&world, &["status", "--json"]).await).expect("JSON");
    crate::json_schema::holds("status", &status);
    assert_eq!(status["lanes"][0]["bound_by"], serde_json::json!(["breaker"]));
    assert_eq!(status["lanes"][0]["breaker"]["code"], "NotFoundException");
    assert_eq!(status["lanes"][1]["breaker"], serde_json::Value::Null);

    // It is open after a restart, until a person says otherwise.
    let running = world.start();
    eventually("the lane is listed", async || world.queue.breaker_openings(None).await.is_ok()).await;
    assert_eq!(trips(&world).await, open);
    said(&world, &["resume", "--account", "default", "--region", HERE, "--yes"]).await;
    eventually("all go on", async || all_succeeded(&world, &["c-0", "c-1"]).await).await;
    running.stop().await;
}

#[tokio::test]
async fn half_of_fifty_stop_a_batch_and_forty_nine_do_not() {
    for (failed, stops) in [(25, true), (24, false)] {
        let stored = Stored::many(60).await;
        stored
            .sql(&format!(
                "UPDATE jobs SET state = 'exporting', attempt = 1, used = 1 WHERE id <= 50;
                 UPDATE jobs SET state = 'succeeded', destination_id = 'ami-1', finished_at = 1
                 WHERE id > {failed} AND id <= 50;
                 UPDATE jobs SET state = 'failed', error_code = 'C' || id, finished_at = 1 WHERE id <= {failed};
                 -- What was adopted, called off or failed before it was sent says nothing.
                 UPDATE jobs SET state = 'failed', error_code = 'SnapshotNotFound', finished_at = 1 WHERE id = 51;
                 UPDATE jobs SET state = 'succeeded', adopted = 1, destination_id = 'ami-1', finished_at = 1
                 WHERE id = 52;
                 UPDATE jobs SET state = 'cancelled', finished_at = 1 WHERE id = 53;"
            ))
            .await;
        let (_, batches) = stored.queue.failing(snapferry::domain::LaneId(1)).await.expect("outcomes");
        let (_, outcomes) = batches.first().expect("a batch");
        assert_eq!((outcomes.ended, outcomes.failed), (50, failed));
        let policy = LaneSettings::default().breaker;
        assert_eq!(policy.should_open(outcomes).is_some(), stops, "{failed} of 50");
    }
}

#[tokio::test]
async fn only_the_last_two_hundred_count() {
    let stored = Stored::many(301).await;
    stored
        .sql(
            "UPDATE jobs SET state = 'exporting', attempt = 1, used = 1 WHERE id <= 300;
             UPDATE jobs SET state = 'failed', error_code = 'Odd', finished_at = 1 WHERE id <= 150;
             UPDATE jobs SET state = 'succeeded', destination_id = 'ami-1', finished_at = 1 WHERE id BETWEEN 151 AND 300;",
        )
        .await;
    let (of_lane, batches) = stored.queue.failing(snapferry::domain::LaneId(1)).await.expect("outcomes");
    let (_, outcomes) = batches.first().expect("a batch");
    assert_eq!((outcomes.ended, outcomes.failed, &outcomes.row), (200, 50, &None));
    assert_eq!(&of_lane, outcomes);
}

#[tokio::test]
async fn a_breaker_that_is_switched_off_lets_go_what_it_held() {
    let names = ["a-0", "a-1", "a-2"];
    let of = names.map(|name| (HERE, name));
    let mut world = world(&of, &names[..2], |lane| (lane.breaker.wait, lane.breaker.wait_max) = (LONG, LONG)).await;
    world.enqueue(&names).await;
    let running = world.start();
    eventually("it stops", async || !trips(&world).await.is_empty()).await;
    running.stop().await;
    world.settings.every_lane.breaker.enabled = false;
    world.drain().await;
    assert_eq!((world.state("a-2").await, trips(&world).await), (JobState::Succeeded, vec![]));
}

#[tokio::test]
async fn a_success_trips_no_breaker_whatever_failed_before() {
    let names = ["a-0", "a-1", "a-2", "a-3", "a-4", "a-5", "a-6", "a-7"];
    let of = names.map(|name| (HERE, name));
    let world = world(&of, &names[..3], |lane| {
        (lane.breaker.in_a_row, lane.breaker.at_least) = (0, 6);
    })
    .await;
    world.enqueue(&names).await;
    // The sixth that ends makes three failures of six; it is a success.
    world.drain().await;
    assert!(all_succeeded(&world, &names[3..]).await);
    let met = world.queue.matching_openings(world.job("a-7").await.id).await.expect("breakers");
    assert_eq!((met, trips(&world).await), (vec![], vec![]));
}

#[tokio::test]
async fn a_retry_says_what_stays_stopped_and_lets_it_go_on_where_it_is_told_to() {
    let names = ["a-0", "a-1", "a-2", "a-3"];
    let of = names.map(|name| (HERE, name));
    let world = world(&of, &names[..2], |lane| (lane.breaker.wait, lane.breaker.wait_max) = (LONG, LONG)).await;
    world.enqueue(&names).await;
    let running = world.start();
    eventually("it stops", async || !trips(&world).await.is_empty()).await;
    running.stop().await;

    let text = said(&world, &["retry", "--state", "failed", "--yes"]).await;
    assert!(text.contains("Put back into the queue: 2 jobs."), "{text}");
    assert!(text.contains("Batch batch in lane default/eu-west-1 stays stopped"), "{text}");
    assert!(text.contains("`snapferry resume --batch batch`"), "{text}");
    assert_eq!(trips(&world).await.len(), 1);

    said(&world, &["pause", "--account", "default", "--region", HERE, "--yes"]).await;
    said(&world, &["cancel", "--name", "a-[01]", "--yes"]).await;
    let text = said(&world, &["retry", "--state", "cancelled", "--resume", "--yes"]).await;
    assert!(
        text.contains("To resume: batch batch in lane default/eu-west-1, stopped by its circuit breaker since"),
        "{text}"
    );
    assert!(text.contains("To resume: lane default/eu-west-1: 2 queued jobs, paused since"), "{text}");
    assert!(text.contains("Resumed."), "{text}");
    assert_eq!(trips(&world).await, []);
    world.drain().await;
    assert!(all_succeeded(&world, &names).await);
}

#[tokio::test]
async fn jobs_that_are_denied_trip_no_breaker() {
    let names = ["a-0", "a-1", "a-2", "a-3", "a-4"];
    let of = names.map(|name| (HERE, name));
    let world = world(&of, &[], |lane| (lane.breaker.at_least, lane.breaker.share) = (2, 0.1)).await;
    let denied = || "AccessDeniedException".parse().expect("a fault");
    let rules = names[..3].iter().map(|name| FaultRule::script(name, (0..9).map(|_| denied()))).collect();
    world.simulator.set_faults(Faults { rules, ..Faults::default() });
    world.enqueue(&names).await;
    world.drain().await;
    for name in &names[..3] {
        assert_eq!(world.state(name).await, JobState::Failed, "{name}");
    }
    assert!(all_succeeded(&world, &names[3..]).await);
    let met = world.queue.matching_openings(world.job("a-4").await.id).await.expect("breakers");
    assert_eq!((met, trips(&world).await), (vec![], vec![]));
}

#[tokio::test]
async fn a_probe_that_is_asked_to_wait_keeps_its_batch_no_longer() {
    let names = ["a-0", "a-1", "a-2", "a-3"];
    let of = names.map(|name| (HERE, name));
    let mut world = world(&of, &[], |_| {}).await;
    world.settings.every_lane.export.backoff_max = LONG;
    world.settings.every_lane.export.backoff_initial = LONG;
    let fault = |text: &str| -> Fault { text.parse().expect("a fault") };
    let rules = vec![
        FaultRule::script("a-0", [fault("NotFoundException")]),
        FaultRule::script("a-1", [fault("NotFoundException")]),
        FaultRule::script("a-2", [fault("InvalidInputException(Please try again later.)")]),
    ];
    world.simulator.set_faults(Faults { rules, ..Faults::default() });
    world.enqueue(&names).await;
    let running = world.start();
    eventually("the next one goes", async || world.state("a-3").await == JobState::Succeeded).await;
    eventually("it closes", async || trips(&world).await.is_empty()).await;
    running.stop().await;
    assert_eq!(world.state("a-2").await, JobState::Queued);
}
