//! What Lightsail answers is read: code, status and words decide what becomes of the job and of its lane, and the advice
//! names what the words name.

use super::crash::command;
use super::world::{World, eventually};
use snapferry::domain::JobState;
use snapferry::simulator::{Fault, FaultRule, Faults, Fleet, FleetEntry, SimulatorConfig};

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
        let blocked = async || world.queue.lane_records().await.expect("lanes")[0].block.is_some();
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
    assert_eq!(world.queue.lane_records().await.expect("lanes")[0].block, None);
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
