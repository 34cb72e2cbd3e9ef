//! How close the rate comes to what a service takes, over schedules of limits: a bucket in memory, a clock by hand.

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

/// How it went: against the ideal, and the share of the calls that were throttled.
#[derive(Debug, Clone, Copy)]
struct Went {
    against_ideal: f64,
    throttled: f64,
}

/// Lets `calls` be taken by a service, as fast as the rate allows, eight at a time; an answer takes `latency`, half more
/// or half less.
fn send(schedule: &[(f64, f64)], burst: f64, latency: f64, calls: u32) -> Went {
    let mut service = Bucket::new(schedule, burst);
    let mut rate = AdaptiveRate::new(200.0, None, Duration::ZERO);
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut now, mut out): (f64, Vec<(f64, Duration, bool)>) = (0.0, Vec::new());
    let mut taken = 0;
    while taken < calls {
        let clock = Duration::from_secs_f64(now);
        out.sort_by(|one, other| one.0.total_cmp(&other.0));
        if let Some((_, sent_at, throttled)) = out.first().copied().filter(|(at, ..)| *at <= now) {
            out.remove(0);
            if throttled {
                rate.throttle(sent_at, clock);
            } else {
                rate.succeed(sent_at);
                taken += 1;
            }
            continue;
        }
        let wait = rate.wait(clock);
        if out.len() < 8 && wait.is_zero() {
            rate.depart(clock);
            out.push((now + latency * (0.5 + rng.f64()), clock, !service.take(now)));
            continue;
        }
        let wake = if out.len() < 8 { now + wait.as_secs_f64() + 0.001 * rng.f64() } else { f64::INFINITY };
        now = out.iter().map(|(at, ..)| *at).fold(wake, f64::min).max(now);
    }
    let ideal = Bucket::new(schedule, burst).ideal(calls);
    let throttled = f64::from(u32::try_from(rate.throttles()).expect("few"));
    Went { against_ideal: now / ideal, throttled: throttled / (f64::from(calls) + throttled) }
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
            holds(&what, send(&[(0.0, rate)], burst, 0.005, 2000), 1.02, 0.03);
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
                holds(&what, send(schedule, burst, latency, 2000), 1.10, 0.03);
            }
        }
    }
}

#[test]
fn a_limit_that_is_almost_nothing_for_a_while_stops_no_lane() {
    holds(
        "a call a second for half a minute",
        send(&[(0.0, 20.0), (30.0, 1.0), (60.0, 20.0)], 10.0, 0.1, 2000),
        1.5,
        0.03,
    );
}

#[test]
fn a_service_that_allows_no_burst_costs_a_part_of_its_rate_and_no_collapse() {
    holds("20/s, one at once", send(&[(0.0, 20.0)], 1.0, 0.005, 2000), 1.25, 0.03);
}

/// Three hundred times `clump` calls, as fast as the rate allows, and then a pause; what the lane has learned in the end,
/// and the share of its calls that were throttled.
fn in_clumps(remembered: f64, limit: f64, burst: f64, clump: u32, pause: f64) -> (f64, f64) {
    let mut service = Bucket::new(&[(0.0, limit)], burst);
    let mut rate = AdaptiveRate::new(200.0, Some(remembered), Duration::ZERO);
    let (mut now, mut throttled) = (0.0, 0);
    for _ in 0..300 {
        let mut left = clump;
        while left > 0 {
            let clock = Duration::from_secs_f64(now);
            let wait = rate.wait(clock);
            if !wait.is_zero() {
                now += wait.as_secs_f64().max(0.001);
                continue;
            }
            rate.depart(clock);
            if service.take(now) {
                rate.succeed(clock);
                left -= 1;
            } else {
                rate.throttle(clock, clock + Duration::from_millis(5));
                throttled += 1;
            }
        }
        now += pause;
    }
    (rate.learned().expect("learned"), f64::from(throttled) / f64::from(300 * clump + throttled))
}

/// Where the cap on copies holds a lane back, its calls come in clumps: as many as copies have ended, then none for a while.
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

fn is(rate: f64, expected: f64) {
    assert!((rate - expected).abs() < 1e-9, "{rate}");
}

#[test]
fn slow_start_ends_at_the_ceiling() {
    let mut rate = AdaptiveRate::new(35.0, None, Duration::ZERO);
    assert_eq!((rate.rate(), rate.learned()), (10.0, None));
    let mut now = Duration::ZERO;
    while rate.rate() < 35.0 {
        now += rate.wait(now);
        rate.depart(now);
        rate.succeed(now);
    }
    assert!(now < Duration::from_secs(5), "{now:?}");
    assert_eq!(rate.learned(), Some(35.0));
}

#[test]
fn memory_is_the_start_and_idleness_teaches_nothing() {
    let mut rate = AdaptiveRate::new(20.0, Some(3.0), Duration::ZERO);
    assert_eq!((rate.rate(), rate.learned()), (3.0, Some(3.0)));
    is(AdaptiveRate::new(2.0, Some(3.0), Duration::ZERO).rate(), 2.0);
    // A call a minute is no trial of three a second.
    for minute in 1..10 {
        let now = Duration::from_mins(minute);
        rate.depart(now);
        rate.succeed(now);
        is(rate.rate(), 3.0);
    }
}

#[test]
fn throttles_of_one_moment_cut_once_and_hold_the_lane_off() {
    let mut rate = AdaptiveRate::new(20.0, Some(10.0), Duration::ZERO);
    let sent: Vec<Duration> = (1..=5).map(|n| Duration::from_millis(100) * n).collect();
    for at in &sent {
        rate.depart(*at);
    }
    let cut = Duration::from_millis(600);
    for at in &sent {
        rate.throttle(*at, cut);
    }
    assert_eq!(rate.throttles(), 5);
    is(rate.rate(), 7.0);
    // Calls from before the throttle raise nothing.
    rate.succeed(sent[4]);
    is(rate.rate(), 7.0);
    // The cool-down, and nothing is put by meanwhile.
    let next = cut + rate.wait(cut);
    assert!((next.saturating_sub(cut).as_secs_f64() * 7.0 - 1.5).abs() < 1e-6, "{next:?}");
    rate.depart(next);
    assert_eq!(rate.wait(next), interval(7.0));
    rate.throttle(next, next + Duration::from_millis(1));
    is(rate.rate(), 4.9);
}
