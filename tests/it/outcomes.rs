//! Every line of lightsail.md's error table through the real client over a socket: where the job ends, how many attempts
//! that used, and what reached the wire.

use super::world::World;
use lightsail_simulator::{
    CopyCap, Effect, ErrorAnswer, Fault, FaultRule, Faults, FaultyAnswer, Fleet, FleetEntry, SimulatorConfig,
};
use snapferry::domain::JobState;

const NAME: &str = "web-1";

/// What becomes of a job whose first call meets a fault; the second would be answered well.
struct Case {
    fault: Fault,
    ends: JobState,
    /// Calls that reached the wire.
    calls: usize,
    /// Exports that began.
    exports: usize,
    /// Attempts that count.
    used: u32,
}

fn case(fault: &str, ends: JobState, calls: usize, exports: usize, used: u32) -> Case {
    Case { fault: fault.parse().expect("a fault"), ends, calls, exports, used }
}

async fn check(what: &str, case: Case) {
    let rule = FaultRule::script(NAME, [case.fault]);
    let config = SimulatorConfig {
        fleet: Fleet::Listed(vec![FleetEntry::named(NAME)]),
        operation_time: "10ms..30ms".parse().expect("a spread"),
        faults: Faults { rules: vec![rule], ..Faults::default() },
        ..SimulatorConfig::default()
    };
    let world = World::new(config).await;
    world.enqueue(&[NAME]).await;
    world.drain().await;
    let job = world.job(NAME).await;
    assert_eq!(job.state, case.ends, "{what}: {:?} {:?}", job.error_code, job.error_message);
    assert_eq!(world.sent(NAME).len(), case.calls, "{what}: calls on the wire");
    assert_eq!(world.exports(NAME), case.exports, "{what}: exports");
    assert_eq!(job.attempts as usize, case.calls, "{what}: calls on record");
    assert_eq!(job.used, case.used, "{what}: attempts used");
    if case.ends == JobState::Succeeded {
        let destinations: Vec<String> = world
            .simulator
            .ledger()
            .lanes
            .values()
            .flat_map(|lane| lane.snapshots[NAME].destination_ids.clone())
            .collect();
        assert!(destinations.contains(&job.destination_id.expect("an id")), "{what}: the right id");
    }
}

async fn check_all(cases: &[(&str, JobState, usize, usize, u32)]) {
    for (fault, ends, calls, exports, used) in cases {
        check(fault, case(fault, *ends, *calls, *exports, *used)).await;
    }
}

#[tokio::test]
async fn ambiguous_answers_with_an_effect_are_found_and_never_sent_again() {
    check_all(&[
        ("ServiceException+effect", JobState::Succeeded, 1, 1, 1),
        ("RequestTimeout+effect", JobState::Succeeded, 1, 1, 1),
        ("PriorRequestNotComplete+effect", JobState::Succeeded, 1, 1, 1),
        ("NeverSeenException+effect", JobState::Succeeded, 1, 1, 1),
        ("OperationFailureException+effect", JobState::Succeeded, 1, 1, 1),
        ("lost", JobState::Succeeded, 1, 1, 1),
        ("truncated", JobState::Succeeded, 1, 1, 1),
        ("garbled", JobState::Succeeded, 1, 1, 1),
        ("html", JobState::Succeeded, 1, 1, 1),
        ("html-503", JobState::Succeeded, 1, 1, 1),
        ("slow:1s", JobState::Succeeded, 1, 1, 1),
    ])
    .await;
}

#[tokio::test]
async fn ambiguous_answers_without_an_effect_are_sent_again_once_that_is_proven() {
    check_all(&[
        ("ServiceException", JobState::Succeeded, 2, 1, 2),
        ("RequestTimeoutException:408", JobState::Succeeded, 2, 1, 2),
        ("TransactionInProgressException", JobState::Succeeded, 2, 1, 2),
        ("NeverSeenException", JobState::Succeeded, 2, 1, 2),
        ("OperationFailureException", JobState::Succeeded, 2, 1, 2),
        ("lost-before", JobState::Succeeded, 2, 1, 2),
        ("outage", JobState::Succeeded, 2, 1, 2),
    ])
    .await;
}

#[tokio::test]
async fn throttles_and_the_lanes_trouble_use_no_attempt() {
    check_all(&[
        ("ThrottlingException", JobState::Succeeded, 2, 1, 1),
        ("Throttling", JobState::Succeeded, 2, 1, 1),
        ("RequestLimitExceeded", JobState::Succeeded, 2, 1, 1),
        ("EC2ThrottledException", JobState::Succeeded, 2, 1, 1),
        ("ProvisionedThroughputExceededException", JobState::Succeeded, 2, 1, 1),
        ("TooManyRequestsException", JobState::Succeeded, 2, 1, 1),
        ("SlowDown:429", JobState::Succeeded, 2, 1, 1),
        ("AccessDeniedException", JobState::Succeeded, 2, 1, 1),
        ("UnauthenticatedException", JobState::Succeeded, 2, 1, 1),
        ("ExpiredTokenException", JobState::Succeeded, 2, 1, 1),
        ("UnrecognizedClientException:403", JobState::Succeeded, 2, 1, 1),
        ("InvalidClientTokenId:403", JobState::Succeeded, 2, 1, 1),
        ("InvalidSignatureException:403", JobState::Succeeded, 2, 1, 1),
        ("AccountSetupInProgressException", JobState::Succeeded, 2, 1, 1),
        ("RegionSetupInProgressException", JobState::Succeeded, 2, 1, 1),
    ])
    .await;
}

#[tokio::test]
async fn refusals_for_good_end_the_job_at_once() {
    check_all(&[
        ("InvalidInputException", JobState::Failed, 1, 0, 1),
        ("NotFoundException", JobState::Failed, 1, 0, 1),
    ])
    .await;
}

#[tokio::test]
async fn an_invalid_input_that_asks_for_patience_gets_it() {
    for message in ["Please try again in a few minutes.", "Please wait for it to complete before trying again."] {
        let answer = ErrorAnswer { message: message.to_owned(), ..ErrorAnswer::named("InvalidInputException") };
        let fault = Fault { effect: Effect::Withheld, answer: FaultyAnswer::Error(answer), ..Fault::default() };
        check(message, Case { fault, ends: JobState::Succeeded, calls: 2, exports: 1, used: 1 }).await;
    }
}

#[tokio::test]
async fn an_operation_that_failed_is_tried_again_unless_its_code_is_permanent() {
    check_all(&[
        ("operation-fails:InternalError", JobState::Succeeded, 2, 2, 2),
        ("operation-fails:UnsupportedOperation", JobState::Failed, 1, 1, 1),
    ])
    .await;
}

#[tokio::test]
async fn an_operation_that_failed_for_a_passing_cause_or_the_lanes_uses_no_attempt() {
    check_all(&[
        ("operation-fails:Odd(Please wait for it to complete before trying again.)", JobState::Succeeded, 2, 2, 1),
        ("operation-fails:RequestLimitExceeded", JobState::Succeeded, 2, 2, 1),
        ("operation-fails:EC2ThrottledException", JobState::Succeeded, 2, 2, 1),
        ("operation-fails:UnauthorizedOperation(not allowed: kms:CreateGrant)", JobState::Succeeded, 2, 2, 1),
        ("operation-fails:Blocked(This account is currently blocked.)", JobState::Succeeded, 2, 2, 1),
        ("operation-fails:OptInRequired(You are not subscribed to this service.)", JobState::Succeeded, 2, 2, 1),
    ])
    .await;
}

#[tokio::test]
async fn a_limit_of_ec2s_uses_no_attempt() {
    check_all(&[
        ("operation-fails:ResourceLimitExceeded", JobState::Succeeded, 2, 2, 1),
        ("operation-fails:TooManySnapshotCopies", JobState::Succeeded, 2, 2, 1),
        ("ConcurrentSnapshotLimitExceeded", JobState::Succeeded, 2, 1, 1),
    ])
    .await;
}

#[tokio::test]
async fn where_ec2_has_too_many_copies_fewer_are_under_way_for_a_while() {
    let names: Vec<String> = (0..30).map(|n| format!("web-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fleet = Fleet::Listed(names.iter().map(|name| FleetEntry::named(name)).collect());
    let refused = CopyCap { max: 12, error: ErrorAnswer::named("ResourceLimitExceeded"), failure: None };
    let config = SimulatorConfig {
        fleet,
        operation_time: "1s..2s".parse().expect("a spread"),
        copies: Some(refused),
        ..SimulatorConfig::default()
    };
    let mut world = World::new(config).await;
    world.settings.every_lane.export.max_in_flight = 20;
    world.enqueue(&names).await;
    world.drain().await;
    for name in names {
        let job = world.job(name).await;
        assert_eq!((job.state, job.used, world.exports(name)), (JobState::Succeeded, 1, 1), "{name}");
    }
    let lane = world.queue.lane_records().await.expect("lanes").remove(0);
    let lowered = lane.lowered.expect("a lowered cap");
    assert!(lowered.to < 20, "{lowered:?}");
    assert_eq!(lowered.code.as_str(), "ResourceLimitExceeded");
}

#[tokio::test]
async fn a_limit_of_ec2s_uses_no_attempt_however_often_it_comes() {
    let rule = FaultRule::script(NAME, vec!["operation-fails:ResourceLimitExceeded".parse().expect("a fault"); 8]);
    let config = SimulatorConfig {
        fleet: Fleet::Listed(vec![FleetEntry::named(NAME)]),
        operation_time: "1ms".parse().expect("a spread"),
        faults: Faults { rules: vec![rule], ..Faults::default() },
        ..SimulatorConfig::default()
    };
    let mut world = World::new(config).await;
    world.settings.every_lane.export.max_in_flight = 4;
    world.enqueue(&[NAME]).await;
    world.drain().await;
    let job = world.job(NAME).await;
    assert_eq!((job.state, job.used, job.attempts), (JobState::Succeeded, 1, 9));
}
