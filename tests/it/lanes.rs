//! Many lanes in one daemon: what is idle costs nothing, and what is done in one lane wakes no other.

use super::world::{World, eventually};
use lightsail_simulator::SimulatorConfig;
use snapferry::clock::{Clock, ManualClock, Sleep};
use snapferry::domain::Timestamp;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const REGIONS: [&str; 12] = [
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
];

/// How often the daemon itself looks, once for all lanes.
const PULSE: Duration = Duration::from_millis(500);

/// A clock by hand that counts: each turn of a lane's worker or tracker ends in a sleep of its own.
struct Counting {
    clock: ManualClock,
    turns: Mutex<Vec<Duration>>,
    pulses: AtomicUsize,
}

impl Counting {
    fn new(now: Timestamp) -> Self {
        Self { clock: ManualClock::new(now), turns: Mutex::default(), pulses: AtomicUsize::new(0) }
    }

    fn turns(&self) -> usize {
        self.turns.lock().expect("not poisoned").len()
    }

    /// Lets an hour pass, until the daemon has looked again.
    async fn pulse(&self) {
        let before = self.pulses.load(Ordering::Relaxed);
        self.clock.advance(Duration::from_hours(1));
        eventually("the daemon looks", || ready(self.pulses.load(Ordering::Relaxed) > before)).await;
    }
}

impl Clock for Counting {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    fn sleep(&self, span: Duration) -> Sleep {
        if span == PULSE {
            self.pulses.fetch_add(1, Ordering::Relaxed);
        } else {
            self.turns.lock().expect("not poisoned").push(span);
        }
        self.clock.sleep(span)
    }
}

#[tokio::test]
async fn an_idle_lane_takes_no_turn_and_a_commit_in_one_lane_wakes_only_that_one() {
    let quick = SimulatorConfig { operation_time: "0s".parse().expect("a span"), ..SimulatorConfig::default() };
    let mut world = World::new(quick).await;
    world.enqueue_in(&REGIONS.map(|region| (region, "snap-00001"))).await;
    world.drain().await;
    // So much later that no lane watches any more what becomes of exports that have ended.
    let clock = Arc::new(Counting::new(world.clock.now().after(Duration::from_hours(1000))));
    world.clock = clock.clone();
    let daemon = world.start();
    // A worker and a tracker in each.
    let start = 2 * REGIONS.len();
    eventually("every lane sleeps", || ready(clock.turns() >= start)).await;
    for _ in 0..20 {
        clock.pulse().await;
    }
    assert_eq!(clock.turns(), start, "after twenty hours with nothing to do: {:?}", clock.turns);

    let lane = world.queue.lane_records().await.expect("lanes").remove(0).id;
    world.queue.pause(&[], &[lane], clock.now(), "anna").await.expect("paused");
    for _ in 0..3 {
        clock.pulse().await;
    }
    let woken = clock.turns() - start;
    // By the commit, and by the word that it left for the daemon.
    assert!((2..=4).contains(&woken), "{woken}");
    daemon.stop().await;
}
