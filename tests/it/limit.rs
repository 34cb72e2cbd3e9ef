//! Promise 6, from the simulator's own log: in no window of any run do the calls of a lane, polls included, go beyond
//! its burst and its rate. Every [`World`] holds its log to that when it ends.

use super::crash::start;
use super::world::{World, eventually};
use lightsail_simulator::{Call, Fleet, FleetEntry, SimulatorConfig};
use snapferry::settings::LaneSettings;
use std::collections::BTreeMap;
use std::time::Duration;

/// What the log rounds away of a call's time, in seconds: it is kept in milliseconds.
const ROUNDED: f64 = 0.001;

/// What one kind of a lane's calls is held to: calls a second, and calls at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) rate: f64,
    pub(crate) burst: u32,
}

/// The limits of a lane's exports and of its reads.
pub(crate) fn limits_of(settings: &LaneSettings) -> [Limit; 2] {
    [
        Limit { rate: settings.export.rate, burst: settings.export.burst },
        Limit { rate: settings.read.rate, burst: settings.read.burst },
    ]
}

/// Holds a log to the limits of its exports and its reads, which each lane has of its own; says what broke them.
pub(crate) fn check(calls: &[Call], [exports, reads]: [Limit; 2]) -> Result<(), String> {
    let mut kinds = BTreeMap::<_, Vec<u64>>::new();
    for call in calls {
        let export = call.operation == "ExportSnapshot";
        kinds.entry((&call.account, &call.region, export)).or_default().push(call.at_ms);
    }
    for ((account, region, export), times) in kinds {
        let (what, limit) = if export { ("exports", exports) } else { ("reads", reads) };
        check_windows(times, limit).map_err(|broken| format!("the {what} of {account}/{region}: {broken}"))?;
    }
    Ok(())
}

/// Of all windows that end with a call, the fullest against its allowance is the one that a bucket is emptied by: it
/// drains at the rate, and a window begins anew where it runs dry. So one pass looks at every window there is.
pub(crate) fn check_windows(mut times: Vec<u64>, limit: Limit) -> Result<(), String> {
    times.sort_unstable();
    let allowed = f64::from(limit.burst) + limit.rate * ROUNDED + 1e-6;
    let (mut level, mut last, mut began, mut held) = (0.0_f64, 0, 0, 0_u64);
    for at in times {
        level -= limit.rate * Duration::from_millis(at - last).as_secs_f64();
        if level <= 0.0 {
            (level, began, held) = (0.0, at, 0);
        }
        level += 1.0;
        held += 1;
        last = at;
        if level > allowed {
            let (window, Limit { rate, burst }) = (at - began, limit);
            return Err(format!("{held} calls from {began} ms on in {window} ms, at a burst of {burst} and {rate}/s"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn call(at_ms: u64, region: &str, operation: &str) -> Call {
        Call {
            at_ms,
            account: "123456789012".to_owned(),
            region: region.to_owned(),
            operation: operation.to_owned(),
            name: None,
            answer: "ok".to_owned(),
            effect: false,
            request_id: String::new(),
        }
    }

    const TEN: Limit = Limit { rate: 10.0, burst: 3 };
    const NONE: Limit = Limit { rate: 0.001, burst: 1 };

    #[test]
    fn a_log_that_keeps_the_limit_passes_and_one_call_more_does_not() {
        // Three at once, then one each tenth of a second: the limit to the letter.
        let kept: Vec<Call> = (0..3)
            .chain((1..50).map(|n| n * 100))
            .map(|at| at / 100 * 100)
            .collect::<Vec<_>>()
            .into_iter()
            .map(|at| call(at, "eu-west-1", "ExportSnapshot"))
            .collect();
        assert_eq!(check(&kept, [TEN, NONE]), Ok(()));
        for at in [0, 2450, 4900] {
            let mut broken = kept.clone();
            broken.push(call(at, "eu-west-1", "ExportSnapshot"));
            let said = check(&broken, [TEN, NONE]).expect_err("one call too many");
            assert!(said.contains("the exports of 123456789012/eu-west-1"), "{said}");
        }
    }

    #[test]
    fn each_lane_and_each_kind_has_a_limit_of_its_own() {
        let of = |region, operation| (0..3).map(move |_| call(7, region, operation));
        let lanes = ["eu-west-1", "us-east-1", "ap-south-1"];
        let mut log: Vec<Call> = lanes.into_iter().flat_map(|region| of(region, "ExportSnapshot")).collect();
        log.extend(lanes.into_iter().flat_map(|region| of(region, "GetOperations")));
        assert_eq!(check(&log, [TEN, TEN]), Ok(()));
        // All reads share one limit, whichever they are.
        log.push(call(8, "us-east-1", "GetInstanceSnapshots"));
        let said = check(&log, [TEN, TEN]).expect_err("one read too many");
        assert!(said.contains("the reads of 123456789012/us-east-1"), "{said}");
    }

    proptest! {
        /// The one pass finds what counting every window finds.
        #[test]
        fn one_pass_is_every_window(mut times in prop::collection::vec(0_u64..3000, 1..60), burst in 1_u32..6) {
            let limit = Limit { rate: 7.0, burst };
            times.sort_unstable();
            let every = (0..times.len()).all(|from| {
                (from..times.len()).all(|to| {
                    let window = Duration::from_millis(times[to] - times[from]).as_secs_f64() + ROUNDED;
                    let calls = u32::try_from(to - from + 1).expect("few");
                    f64::from(calls) <= f64::from(burst) + limit.rate * window + 1e-6
                })
            });
            prop_assert_eq!(check_windows(times, limit).is_ok(), every);
        }
    }
}

/// Lanes, each with as many snapshots of its own.
fn fleet(regions: &[&str], jobs: usize) -> Vec<(String, String)> {
    regions.iter().flat_map(|region| (0..jobs).map(|n| ((*region).to_owned(), format!("web-{n:03}")))).collect()
}

async fn world_of(fleet: &[(String, String)], limit: Limit) -> World {
    let entry =
        |(region, name): &(String, String)| FleetEntry { region: Some(region.clone()), ..FleetEntry::named(name) };
    let config = SimulatorConfig {
        fleet: Fleet::Listed(fleet.iter().map(entry).collect()),
        operation_time: "50ms..400ms".parse().expect("a spread"),
        ..SimulatorConfig::default()
    };
    let mut world = World::new(config).await;
    let lane = &mut world.settings.every_lane;
    (lane.export.rate, lane.export.burst) = (limit.rate, limit.burst);
    (lane.read.rate, lane.read.burst) = (limit.rate, limit.burst);
    let rows: Vec<(&str, &str)> = fleet.iter().map(|(region, name)| (region.as_str(), name.as_str())).collect();
    world.enqueue_in(&rows).await;
    world
}

#[tokio::test]
async fn a_crash_loop_spends_no_burst_for_each_start() {
    // A start that spent its burst of 6 each time would send 12 calls a second and more.
    let limit = Limit { rate: 6.0, burst: 6 };
    let world = world_of(&fleet(&["eu-west-1"], 200), limit).await;
    let mut moments = fastrand::Rng::with_seed(6);
    let exports = || world.simulator.calls().iter().filter(|call| call.operation == "ExportSnapshot").count();
    let mut kills = 0;
    // Long enough that the calls of many lives stand in one log, whatever a life gets done on a busy machine.
    while kills < 15 || exports() < 12 {
        let before = world.simulator.calls().len();
        let mut child = start(&world, &["daemon", "-q"]);
        eventually("the daemon has asked for something", async || world.simulator.calls().len() > before).await;
        tokio::time::sleep(Duration::from_millis(moments.u64(0..700))).await;
        child.kill().expect("killed");
        child.wait().expect("gone");
        kills += 1;
        assert!(kills < 200, "{} exports in {kills} lives", exports());
    }
    assert_eq!(check(&world.simulator.calls(), limits_of(&world.settings.every_lane)), Ok(()));
}

#[tokio::test]
async fn several_lanes_at_once_keep_their_limits_each() {
    let limit = Limit { rate: 40.0, burst: 5 };
    let regions = ["eu-west-1", "us-east-1", "ap-south-1", "eu-north-1"];
    let world = world_of(&fleet(&regions, 40), limit).await;
    // Twice, so that a restart is in the log as well.
    let running = world.start();
    eventually("half is sent", async || world.simulator.ledger().exports > 80).await;
    running.stop().await;
    world.drain().await;
    let calls = world.simulator.calls();
    for region in regions {
        let of = |export| {
            calls.iter().filter(move |call| call.region == region && (call.operation == "ExportSnapshot") == export)
        };
        assert_eq!(of(true).count(), 40, "{region}");
        assert!(of(false).count() > 5, "{region}: polls are calls as well");
    }
    assert_eq!(check(&calls, limits_of(&world.settings.every_lane)), Ok(()));
}
