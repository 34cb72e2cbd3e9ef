//! Kill -9, again and again, while Lightsail misbehaves: every job is accounted for, and each snapshot is exported once.

use super::world::World;
use lightsail_simulator::{AppliesTo, FaultRule, Faults, Fleet, FleetEntry, Probability, SimulatorConfig};
use snapferry::domain::JobState;
use snapferry::queue::Selector;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Starts the program on a world's database, as a user would; the settings come through the environment.
pub(crate) fn start(world: &World, arguments: &[&str]) -> Child {
    start_with(world, arguments, &[])
}

/// The same, with settings besides.
pub(crate) fn start_with(world: &World, arguments: &[&str], settings: &[(&str, String)]) -> Child {
    command(world, arguments)
        .envs(settings.iter().map(|(name, value)| (*name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program")
}

/// The program with its environment, not started yet.
pub(crate) fn command(world: &World, arguments: &[&str]) -> Command {
    let lane = &world.settings.every_lane;
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapferry"));
    command.args(arguments).env_clear();
    for (name, value) in [
        ("AWS_ENDPOINT_URL_LIGHTSAIL", world.simulator.endpoint()),
        ("AWS_ACCESS_KEY_ID", world.access_key.clone()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("HOME", world.folder.path().display().to_string()),
        ("SNAPFERRY_DATABASE", format!("sqlite://{}", world.settings.database.path().display())),
        ("SNAPFERRY_EXPORT__RATE", lane.export.rate.to_string()),
        ("SNAPFERRY_EXPORT__BURST", lane.export.burst.to_string()),
        ("SNAPFERRY_EXPORT__MAX_IN_FLIGHT", "1000".to_owned()),
        ("SNAPFERRY_EXPORT__ATTEMPT_TIMEOUT", humantime::format_duration(lane.export.attempt_timeout).to_string()),
        ("SNAPFERRY_EXPORT__BACKOFF_INITIAL", "5ms".to_owned()),
        ("SNAPFERRY_EXPORT__BACKOFF_MAX", "20ms".to_owned()),
        ("SNAPFERRY_EXPORT__MAX_ATTEMPTS", "20".to_owned()),
        ("SNAPFERRY_READ__RATE", lane.read.rate.to_string()),
        ("SNAPFERRY_READ__BURST", lane.read.burst.to_string()),
        ("SNAPFERRY_POLL__MIN", "30ms".to_owned()),
        ("SNAPFERRY_POLL__MAX", "100ms".to_owned()),
        ("SNAPFERRY_RECONCILE__SETTLE", "1s".to_owned()),
        ("SNAPFERRY_LANE__PROBE", "100ms".to_owned()),
    ] {
        command.env(name, value);
    }
    command
}

/// Lightsail at its worst, as far as its promises allow: late lists, and answers that say nothing.
fn faults() -> Faults {
    let sometimes = |fault: &str, share: f64| FaultRule {
        applies_to: AppliesTo::Exports,
        ..FaultRule::sometimes(fault.parse().expect("a fault"), Probability::new(share).expect("a share"))
    };
    Faults {
        rules: vec![
            sometimes("lost", 0.04),
            sometimes("lost-before", 0.04),
            sometimes("ServiceException+effect", 0.04),
            sometimes("ServiceException", 0.04),
            sometimes("truncated", 0.04),
        ],
        late_lists: Duration::from_millis(250),
        ..Faults::default()
    }
}

#[tokio::test]
async fn killed_again_and_again_every_snapshot_is_exported_once() {
    const JOBS: usize = 120;
    let names: Vec<String> = (0..JOBS).map(|n| format!("web-{n:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let config = SimulatorConfig {
        fleet: Fleet::Listed(names.iter().map(|name| FleetEntry::named(name)).collect()),
        operation_time: "50ms..400ms".parse().expect("a spread"),
        faults: faults(),
        ..SimulatorConfig::default()
    };
    let mut world = World::new(config).await;
    let lane = &mut world.settings.every_lane;
    (lane.export.rate, lane.export.burst) = (150.0, 20);
    (lane.read.rate, lane.read.burst) = (500.0, 50);
    world.enqueue(&names).await;
    let mut moments = fastrand::Rng::with_seed(2);
    let mut kills = 0;
    while world.queue.unfinished(None).await.expect("a count") > 0 {
        let mut child = start(&world, &["daemon", "--drain", "-q"]);
        // Wherever that is: what must hold holds at every point.
        let lives = if kills < 12 { Duration::from_millis(moments.u64(80..600)) } else { Duration::from_mins(1) };
        let ended = tokio::time::timeout(lives, async {
            loop {
                if let Some(status) = child.try_wait().expect("a status") {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        if let Ok(status) = ended {
            assert!(status.success(), "{status}, {:?}", child.wait_with_output());
        } else {
            child.kill().expect("killed");
            child.wait().expect("gone");
            kills += 1;
            assert!(kills < 14, "the last one had all the time it needs");
        }
    }
    assert!(kills > 3, "{kills} kills are no test");
    let jobs = world.queue.jobs_page(&Selector::default(), None, 1000).await.expect("jobs");
    assert_eq!(jobs.len(), JOBS);
    let ledger = world.simulator.ledger();
    for job in &jobs {
        let name = job.snapshot_name.as_str();
        assert_eq!(job.state, JobState::Succeeded, "{name}: {:?} {:?}", job.error_code, job.error_message);
        assert_eq!(world.exports(name), 1, "{name}");
        let real = ledger.lanes.values().flat_map(|lane| &lane.snapshots[name].destination_ids).next().expect("an id");
        assert_eq!(job.destination_id.as_ref(), Some(real), "{name}");
    }
}
