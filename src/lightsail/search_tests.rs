//! How close the search comes to what a service takes, over schedules of limits: a bucket in memory, a clock by hand.

use super::super::pace::{Decision, Pace, Ticket};
use super::*;

/// A service that takes so many calls a second from each time on, and has a bucket.
struct Bucket {
    schedule: Vec<(f64, f64)>,
    burst: f64,
    left: f64,
    at: f64,
}

impl Bucket {
    fn new(schedule: &[(f64, f64)], burst: f64) -> Self {
        Self { schedule: schedule.to_vec(), burst, left: burst, at: 0.0 }
    }

    /// What it has at `now`.
    fn fill(&mut self, now: f64) {
        let bounds: Vec<f64> = self.schedule.iter().map(|(from, _)| *from).filter(|from| *from > self.at).collect();
        for until in bounds.into_iter().filter(|from| *from < now).chain([now]) {
            let rate = self.schedule.iter().rfind(|(from, _)| *from <= self.at).map_or(0.0, |(_, rate)| *rate);
            self.left = (self.left + (until - self.at) * rate).min(self.burst);
            self.at = until;
        }
    }

    fn take(&mut self, now: f64) -> bool {
        self.fill(now);
        let taken = self.left >= 1.0 - 1e-9;
        self.left -= f64::from(u8::from(taken));
        taken
    }

    /// When the last of `calls` could be taken at the earliest.
    fn ideal(&mut self, calls: u32) -> f64 {
        (0..calls).fold(0.0, |now, _| {
            let mut now = now;
            while !self.take(now) {
                now += 0.001;
            }
            now
        })
    }
}

/// How a search went: against the ideal, and the share of its calls that were throttled.
#[derive(Debug, Clone, Copy)]
struct Went {
    against_ideal: f64,
    throttled: f64,
}

/// Lets `calls` be taken by a service, as fast as the pace allows; an answer takes `latency`, half more or half less.
fn search(schedule: &[(f64, f64)], burst: f64, latency: f64, calls: u32) -> Went {
    let mut service = Bucket::new(schedule, burst);
    let mut pace = Pace::new(200.0, 10, None, Duration::ZERO);
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut now, mut out): (f64, Vec<(f64, Ticket, bool)>) = (0.0, Vec::new());
    let (mut taken, mut throttled) = (0, 0);
    while taken < calls {
        let clock = Duration::from_secs_f64(now);
        out.sort_by(|one, other| one.0.total_cmp(&other.0));
        if let Some((_, ticket, refused)) = out.first().copied().filter(|(at, ..)| *at <= now) {
            out.remove(0);
            if refused {
                pace.throttled(ticket, clock);
                throttled += 1;
            } else {
                pace.answered(ticket, clock);
                taken += 1;
            }
            continue;
        }
        let wake = match pace.poll(clock) {
            Decision::Go(ticket) => {
                out.push((now + latency * (0.5 + rng.f64()), ticket, !service.take(now)));
                continue;
            }
            Decision::At(at) => at.as_secs_f64() + 0.001 * rng.f64(),
            Decision::Full => f64::INFINITY,
        };
        now = out.iter().map(|(at, ..)| *at).fold(wake, f64::min).max(now);
    }
    let ideal = Bucket::new(schedule, burst).ideal(calls);
    Went { against_ideal: now / ideal, throttled: f64::from(throttled) / f64::from(calls + throttled) }
}

fn holds(what: &str, went: Went, against_ideal: f64, throttled: f64) {
    println!("{what}: {went:?}");
    assert!(went.against_ideal <= against_ideal && went.throttled <= throttled, "{what}: {went:?}");
}

#[test]
fn a_limit_that_stays_is_used_up() {
    for rate in [2.0, 5.0, 20.0] {
        for burst in [3.0, 10.0, 50.0] {
            let what = format!("{rate}/s, {burst} at once");
            holds(&what, search(&[(0.0, rate)], burst, 0.005, 2000), 1.02, 0.03);
        }
    }
}

#[test]
fn a_limit_that_halves_and_doubles_is_followed() {
    let schedules: [&[(f64, f64)]; 4] = [
        &[(0.0, 20.0), (30.0, 10.0), (60.0, 20.0)],
        &[(0.0, 20.0), (30.0, 40.0), (50.0, 20.0)],
        &[(0.0, 10.0), (40.0, 20.0)],
        &[(0.0, 20.0), (50.0, 10.0)],
    ];
    for schedule in schedules {
        for burst in [5.0, 10.0, 50.0] {
            for latency in [0.005, 0.1] {
                let what = format!("{schedule:?}, {burst} at once, {latency} s");
                holds(&what, search(schedule, burst, latency, 2000), 1.10, 0.03);
            }
        }
    }
}

#[test]
fn a_limit_that_is_almost_nothing_for_a_while_stops_no_lane() {
    holds(
        "a call a second for half a minute",
        search(&[(0.0, 20.0), (30.0, 1.0), (60.0, 20.0)], 10.0, 0.1, 2000),
        1.5,
        0.03,
    );
}

#[test]
fn a_service_that_allows_no_burst_costs_a_part_of_its_rate_and_no_collapse() {
    holds("20/s, one at once", search(&[(0.0, 20.0)], 1.0, 0.005, 2000), 1.25, 0.03);
}

/// Three hundred times `clump` calls, as fast as the pace allows, and then a pause; what the lane has learned in the end, and the
/// share of its calls that were throttled.
fn in_clumps(remembered: f64, rate: f64, burst: f64, clump: u32, pause: f64) -> (f64, f64) {
    let mut service = Bucket::new(&[(0.0, rate)], burst);
    let mut pace = Pace::new(200.0, 10, Some(remembered), Duration::ZERO);
    let (mut now, mut throttled) = (0.0, 0);
    for _ in 0..300 {
        let mut left = clump;
        while left > 0 {
            match pace.poll(Duration::from_secs_f64(now)) {
                Decision::Go(ticket) if service.take(now) => {
                    pace.answered(ticket, Duration::from_secs_f64(now + 0.005));
                    left -= 1;
                }
                Decision::Go(ticket) => {
                    pace.throttled(ticket, Duration::from_secs_f64(now + 0.005));
                    throttled += 1;
                }
                Decision::At(at) => now = at.as_secs_f64().max(now + 0.001),
                Decision::Full => now += 0.005,
            }
        }
        now += pause;
    }
    (pace.learned().expect("heard"), f64::from(throttled) / f64::from(300 * clump + throttled))
}

/// Where the cap on copies holds a lane back, its calls come in clumps: as many as copies have ended, then none for a while. A
/// throttle at the end of a clump that went faster and faster says nothing against what was borne before.
#[test]
fn a_lane_that_sends_in_clumps_keeps_what_it_has_learned_and_unlearns_what_was_wrong() {
    for (rate, burst) in [(2.0, 5.0), (10.0, 5.0), (20.0, 10.0)] {
        for (clump, pause) in [(7, 20.0), (12, 30.0), (30, 60.0)] {
            let (learned, throttled) = in_clumps(rate, rate, burst, clump, pause);
            let what = format!("{rate}/s, {burst} at once, {clump} calls every {pause} s");
            assert!(learned > 0.7 * rate && throttled <= 0.03, "{what}: {learned}, {throttled}");
        }
    }
    for (remembered, rate) in [(20.0, 2.0), (20.0, 5.0), (0.5, 5.0)] {
        let (learned, throttled) = in_clumps(remembered, rate, 5.0, 30, 60.0);
        assert!(learned < 1.5 * rate && throttled <= 0.03, "{remembered} for {rate}: {learned}, {throttled}");
    }
}

#[test]
fn the_calls_between_two_throttles_are_the_rate() {
    let mut search = Search::new(200.0, Some(40.0), Duration::ZERO);
    let call = |number: u32| Departure { at: Duration::from_millis(25) * number, number: u64::from(number) };
    search.throttled(call(100), call(100).at);
    assert!((30.0..40.0).contains(&search.rate()));
    // A hundred calls later, and 4 s.
    let second = Departure { at: call(100).at + Duration::from_secs(4), number: 201 };
    search.throttled(second, second.at);
    assert!((search.learned().expect("heard") - 25.0).abs() < 1e-9);
}

#[test]
fn what_is_remembered_is_the_estimate_and_not_the_rate_of_the_moment() {
    let mut search = Search::new(200.0, Some(20.0), Duration::ZERO);
    for call in 1..150_u32 {
        search.taken(Duration::from_millis(50) * call, true, Duration::from_millis(50) * call);
    }
    assert!(search.rate() > 25.0);
    assert!((search.learned().expect("heard") - 20.0).abs() < 1e-9);
}
