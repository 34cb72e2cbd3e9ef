//! What Lightsail answers is read: code, status and words decide what becomes of the job and of its lane, and the advice
//! names what the words name.

use super::crash::command;
use super::world::{World, eventually};
use lightsail_simulator::{
    CopyCap, ErrorAnswer, Fault, FaultRule, Faults, Fleet, FleetEntry, OperationFailure, SimulatorConfig,
};
use snapferry::domain::{JobState, LaneTrouble};
use sqlx::{Connection, SqliteConnection};
use std::time::Duration;

/// What EC2 says where an account may make five copies at a time; the code is Lightsail's for anything.
const NO_ROOM: &str = "Too many snapshot copies in progress. The limit is 5 for this destination region";

/// The snapshots of which the copies are too many.
const MANY: [&str; 24] = [
    "web-1", "web-2", "web-3", "web-4", "web-5", "web-6", "web-7", "web-8", "web-9", "web-10", "web-11", "web-12",
    "web-13", "web-14", "web-15", "web-16", "web-17", "web-18", "web-19", "web-20", "web-21", "web-22", "web-23",
    "web-24",
];

fn fleet(names: &[&str]) -> SimulatorConfig {
    SimulatorConfig {
        fleet: Fleet::Listed(names.iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: "10ms..30ms".parse().expect("a spread"),
        ..SimulatorConfig::default()
    }
}

fn fault(text: &str) -> Fault {
    text.parse().expect("a fault")
}

fn rules(rules: impl IntoIterator<Item = FaultRule>) -> Faults {
    Faults { rules: rules.into_iter().collect(), ..Faults::default() }
}

/// What the program says, started by a person beside the daemon.
async fn said(world: &World, arguments: &[&str]) -> String {
    let mut command = command(world, arguments);
    command
        .env("SNAPFERRY_EXPORT__MAX_IN_FLIGHT", world.settings.every_lane.export.max_in_flight.min(1000).to_string());
    let ended = tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("the program");
    String::from_utf8(ended.stdout).expect("UTF-8").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn what_blocks_a_lane_is_named_with_the_way_out_that_the_message_names() {
    for (answer, part) in [
        (
            "AccessDeniedException(User: arn:aws:iam::123456789012:user/x is not authorized to perform: \
             iam:CreateServiceLinkedRole on resource: arn:aws:iam::123456789012:role/x)",
            "allow iam:CreateServiceLinkedRole for these credentials and iam:PutRolePolicy",
        ),
        ("AccessDeniedException(User is not authorized to perform: kms:CreateGrant)", "allow kms:CreateGrant"),
        ("AccessDeniedException(Your account is currently blocked.)", "contact AWS Support"),
        ("InvalidInputException(Your AWS account has been suspended.)", "contact AWS Support"),
        ("UnauthorizedException:403(Not authorized to perform: ec2:CopySnapshot)", "allow ec2:CopySnapshot"),
        ("InvalidSignatureException(The request signature does not match.)", "the credentials do not work"),
        ("OptInRequired:403(You are not subscribed to this service.)", "the Region is not enabled"),
    ] {
        let again = FaultRule { fault: Some(fault(answer)), ..FaultRule::default() };
        let world = World::new(SimulatorConfig { faults: rules([again]), ..fleet(&["web-1", "web-2"]) }).await;
        world.enqueue(&["web-1", "web-2"]).await;
        let daemon = world.start();
        let blocked = async || world.queue.lane_records().await.expect("lanes")[0].blocked.is_some();
        eventually("the lane is blocked", blocked).await;
        // What a reading ends may be over for a moment.
        eventually(part, async || said(&world, &["status"]).await.contains(part)).await;
        daemon.stop().await;
        for name in ["web-1", "web-2"] {
            let job = world.job(name).await;
            assert_eq!((job.state, job.used), (JobState::Queued, 0), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_refusal_that_no_list_knows_is_reconciled_ends_within_the_attempts_and_blocks_no_lane() {
    let odd = FaultRule::script("odd", vec![fault("NeverSeenException:409(No words for it.)"); 20]);
    let world = World::new(SimulatorConfig { faults: rules([odd]), ..fleet(&["odd", "web-1", "web-2"]) }).await;
    world.enqueue(&["odd", "web-1", "web-2"]).await;
    world.drain().await;
    let job = world.job("odd").await;
    assert_eq!((job.state, job.used, job.attempts), (JobState::Failed, 5, 5), "{:?}", job.error_message);
    assert_eq!(world.sent("odd").len(), 5);
    for name in ["web-1", "web-2"] {
        assert_eq!((world.state(name).await, world.exports(name)), (JobState::Succeeded, 1), "{name}");
    }
    assert_eq!(world.queue.lane_records().await.expect("lanes")[0].blocked, None);
}

#[tokio::test]
async fn a_failed_export_says_what_has_to_be_allowed() {
    let denied = "AccessDeniedException(User is not authorized to perform: lightsail:ExportSnapshot on resource: x)";
    let world = World::new(SimulatorConfig {
        faults: rules([FaultRule::script("web-1", vec![fault(denied); 9])]),
        ..fleet(&["web-1", "web-2"])
    })
    .await;
    world.enqueue(&["web-1", "web-2"]).await;
    world.drain().await;
    let text = said(&world, &["failures"]).await;
    assert!(text.contains("allow lightsail:ExportSnapshot for these credentials"), "{text}");
}

/// A lane in which other clients hold all the copies that EC2 allows.
async fn full(others: Faults, failure: Option<OperationFailure>) -> World {
    let error = ErrorAnswer { message: NO_ROOM.to_owned(), ..ErrorAnswer::named("InvalidInputException") };
    let copies = Some(CopyCap { max: 5, error, failure });
    let mut world = World::new(SimulatorConfig { copies, faults: others, ..fleet(&MANY) }).await;
    world.settings.every_lane.export.max_in_flight = 5;
    world.enqueue(&MANY).await;
    world
}

async fn trouble(world: &World) -> Option<LaneTrouble> {
    world.queue.lane_records().await.expect("lanes")[0].blocked.as_ref().map(|block| block.trouble)
}

/// When the calls of `ExportSnapshot` came that were refused.
fn refused(world: &World) -> Vec<u64> {
    let calls = world.simulator.calls();
    calls
        .iter()
        .filter(|call| call.operation == "ExportSnapshot" && call.answer != "ok")
        .map(|call| call.at_ms)
        .collect()
}

async fn all_succeed(world: &World) {
    eventually("all is done", async || world.queue.unfinished(None).await.expect("a count") == 0).await;
    for name in MANY {
        let job = world.job(name).await;
        assert_eq!((job.state, job.used), (JobState::Succeeded, 1), "{name}: {:?}", job.error_message);
    }
}

#[tokio::test]
async fn while_others_hold_ec2s_copies_one_job_tries_ever_less_often_and_then_all_are_exported() {
    let world = full(Faults { other_copies: 5, ..Faults::default() }, None).await;
    let daemon = world.start();
    eventually("some tries", async || refused(&world).len() >= 4).await;
    assert_eq!(trouble(&world).await, Some(LaneTrouble::CopyLimit));
    let text = said(&world, &["status"]).await;
    assert!(text.contains("waiting for room in EC2") && text.contains(NO_ROOM), "{text}");
    assert!(text.contains("nothing needs you"), "{text}");
    // What is in the way takes up to an hour; the probes go on meanwhile, and the hour counts from the first refusal.
    let url = format!("sqlite://{}", world.queue.path().display());
    let mut connection = SqliteConnection::connect(&url).await.expect("a connection");
    let earlier = sqlx::query("UPDATE lanes SET blocked_at = blocked_at - 3600000").execute(&mut connection).await;
    assert_eq!(earlier.expect("written").rows_affected(), 1);
    let tries = refused(&world).len();
    eventually("another try", async || refused(&world).len() > tries).await;
    let text = said(&world, &["status"]).await;
    assert!(text.contains("is blocked (copy_limit)") && !text.contains("nothing needs you"), "{text}");
    world.simulator.set_faults(Faults::default());
    all_succeed(&world).await;
    daemon.stop().await;
    // Each waits twice as long as the one before, from `lane.probe` on.
    let tries = refused(&world);
    for (place, pair) in tries.windows(2).take(4).enumerate() {
        let least = world.settings.every_lane.lane.probe * (1 << place);
        assert!(Duration::from_millis(pair[1] - pair[0]) >= least, "{tries:?}");
    }
    assert_eq!(world.simulator.ledger().duplicates, 0);
}

#[tokio::test]
async fn a_lane_without_room_in_ec2_is_warned_of_once_however_often_it_is_probed() {
    let failure = OperationFailure { code: "InvalidInputException".to_owned(), details: NO_ROOM.to_owned() };
    for failure in [None, Some(failure)] {
        let world = full(Faults { other_copies: 5, ..Faults::default() }, failure.clone()).await;
        let mut command = command(&world, &["daemon", "--drain", "--max-wait", "3s"]);
        let ended =
            tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("the program");
        let log = String::from_utf8(ended.stderr).expect("UTF-8");
        assert!(refused(&world).len() >= 3 || failure.is_some(), "{log}");
        let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN") && line.contains("copies")).collect();
        assert_eq!(warnings.len(), 1, "{log}");
    }
}

#[tokio::test]
async fn exports_that_fail_for_ec2s_copies_wait_in_the_same_way() {
    let failure = OperationFailure { code: "InvalidInputException".to_owned(), details: NO_ROOM.to_owned() };
    let world = full(Faults { other_copies: 5, ..Faults::default() }, Some(failure)).await;
    let daemon = world.start();
    let failed = || -> usize {
        world.simulator.ledger().lanes.values().flat_map(|lane| lane.snapshots.values()).map(|one| one.failures).sum()
    };
    eventually("the lane waits", async || trouble(&world).await == Some(LaneTrouble::CopyLimit)).await;
    let since = async || world.queue.lane_records().await.expect("lanes")[0].blocked.as_ref().map(|block| block.since);
    let (first, few) = (since().await.expect("a block"), failed());
    // The lane takes every probe, and all of them fail: that is one trouble, of which a person hears after an hour.
    eventually("some more fail", async || failed() >= few + 5).await;
    eventually("it waits still", async || since().await == Some(first)).await;
    world.simulator.set_faults(Faults::default());
    all_succeed(&world).await;
    daemon.stop().await;
    assert_eq!(world.simulator.ledger().duplicates, 0);
}

#[tokio::test]
async fn exports_of_other_clients_that_lightsail_shows_count_under_the_cap() {
    let world = full(Faults { other_exports: 5, ..Faults::default() }, None).await;
    let daemon = world.start();
    eventually("status tells", async || {
        said(&world, &["status"]).await.contains("5 of 5 EBS copies in progress (5 of other clients)")
    })
    .await;
    assert!(said(&world, &["why", "1"]).await.contains("(5 of other clients)"));
    world.simulator.set_faults(Faults { other_exports: 3, ..Faults::default() });
    all_succeed(&world).await;
    daemon.stop().await;
    assert_eq!(refused(&world).len(), 0);
}

#[tokio::test]
async fn a_quota_that_does_not_pass_by_itself_holds_the_lane_for_a_person() {
    let quota = "InvalidInputException(Maximum number of snapshots (100000) reached)";
    let always = FaultRule { fault: Some(fault(quota)), ..FaultRule::default() };
    let world = World::new(SimulatorConfig { faults: rules([always]), ..fleet(&["web-1", "web-2", "web-3"]) }).await;
    world.enqueue(&["web-1", "web-2", "web-3"]).await;
    let run = async |arguments: &[&str]| {
        let mut command = command(&world, arguments);
        tokio::task::spawn_blocking(move || command.output()).await.expect("no panic").expect("the program")
    };
    let ended = run(&["daemon", "--drain", "--max-wait", "1m"]).await;
    let log = String::from_utf8(ended.stderr).expect("UTF-8");
    assert_eq!(ended.status.code(), Some(3), "{log}");
    assert!(log.contains("Maximum number of snapshots (100000) reached") && log.contains("snapferry resume"), "{log}");
    assert_eq!(refused(&world).len(), 1);
    let text = said(&world, &["status"]).await;
    assert!(
        text.contains("is held: a quota of this account is used up") && text.contains("snapferry resume"),
        "{text}"
    );
    // Nothing has changed: it is held again.
    run(&["resume", "--account", "default", "--region", "eu-west-1", "--yes"]).await;
    assert_eq!(run(&["daemon", "--drain", "--max-wait", "1m"]).await.status.code(), Some(3));
    assert_eq!(refused(&world).len(), 2);
    world.simulator.set_faults(Faults::default());
    run(&["resume", "--account", "default", "--region", "eu-west-1", "--yes"]).await;
    assert_eq!(run(&["daemon", "--drain", "--max-wait", "1m"]).await.status.code(), Some(0));
    for name in ["web-1", "web-2", "web-3"] {
        let job = world.job(name).await;
        assert_eq!((job.state, job.used), (JobState::Succeeded, 1), "{name}");
    }
}

#[tokio::test]
async fn a_job_that_has_to_wait_for_something_else_waits_for_as_long_as_an_export_may_take() {
    let busy = "InvalidInputException(Please wait for it to complete before trying again.)";
    let later = "InvalidInputException(Please try again later.)";
    let script = FaultRule::script("busy", vec![fault(busy); 12]);
    let never = FaultRule::script("never", vec![fault(later); 10_000]);
    let config = SimulatorConfig { faults: rules([script, never]), ..fleet(&["busy", "never"]) };
    let mut world = World::new(config).await;
    world.settings.every_lane.poll.give_up = Duration::from_secs(3);
    world.enqueue(&["busy", "never"]).await;
    world.drain().await;
    let job = world.job("busy").await;
    assert_eq!((job.state, job.used, job.attempts), (JobState::Succeeded, 1, 13), "{:?}", job.error_message);
    let job = world.job("never").await;
    assert_eq!((job.state, world.exports("never")), (JobState::Failed, 0));
    assert!(world.sent("never").len() > 12, "{}", world.sent("never").len());
}

/// What an operation says when it fails is bounded by time too, and uses no attempt.
#[tokio::test]
async fn an_operation_that_fails_because_something_else_has_to_end_first_is_retried_for_as_long() {
    let busy = "operation-fails:InvalidInputException(Please wait for it to complete before trying again.)";
    let later = "operation-fails:InvalidInputException(Please try again later.)";
    let script = FaultRule::script("busy", vec![fault(busy); 8]);
    let never = FaultRule::script("never", vec![fault(later); 10_000]);
    let config = SimulatorConfig { faults: rules([script, never]), ..fleet(&["busy", "never"]) };
    let mut world = World::new(config).await;
    world.settings.every_lane.poll.give_up = Duration::from_secs(5);
    world.enqueue(&["busy", "never"]).await;
    world.drain().await;
    let job = world.job("busy").await;
    assert_eq!((job.state, job.used, job.attempts), (JobState::Succeeded, 1, 9), "{:?}", job.error_message);
    let job = world.job("never").await;
    assert_eq!(job.state, JobState::Failed);
    assert!(job.attempts > 8, "{}", job.attempts);
}

#[tokio::test]
async fn a_wrong_clock_is_called_that() {
    let faults = Faults { clock_ahead_seconds: Some(600), ..Faults::default() };
    let world = World::new(SimulatorConfig { faults, ..fleet(&["web-1"]) }).await;
    world.enqueue(&["web-1"]).await;
    let daemon = world.start();
    eventually("the lane is blocked", async || trouble(&world).await == Some(LaneTrouble::Clock)).await;
    let text = said(&world, &["status"]).await;
    assert!(text.contains("this machine's clock is") && text.contains("behind AWS's"), "{text}");
    assert!(!text.contains("credentials do not work") && !text.contains("waiting for credentials"), "{text}");
    world.simulator.set_faults(Faults { clock_ahead_seconds: Some(-120), ..Faults::default() });
    eventually("it is exported", async || world.state("web-1").await == JobState::Succeeded).await;
    daemon.stop().await;
}
