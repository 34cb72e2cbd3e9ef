//! The promises of `pace`, checked over a service of random delays and moods.

use super::*;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

/// A pace in use as hard as it can be: calls with given delays to arrival and answer, some throttled.
struct Trial {
    pace: Pace,
    now: Duration,
    out: Vec<(Duration, Ticket, bool)>,
    departures: Vec<Duration>,
    arrivals: Vec<Duration>,
}

impl Trial {
    fn new(pace: Pace, now: Duration) -> Self {
        Self { pace, now, out: vec![], departures: vec![], arrivals: vec![] }
    }

    /// Lets one call go, and whatever must come back before it.
    fn call(&mut self, delay: Duration, answer: Duration, throttled: bool, late: Duration) {
        loop {
            let wake = match self.pace.poll(self.now) {
                Decision::Go(ticket) => {
                    self.departures.push(self.now);
                    self.arrivals.push(self.now + delay.min(answer));
                    self.out.push((self.now + answer, ticket, throttled));
                    return;
                }
                Decision::At(at) => at + late,
                Decision::Full => Duration::MAX,
            };
            self.out.sort_by_key(|(at, ..)| *at);
            match self.out.first().copied() {
                Some((at, ticket, throttled)) if at <= wake => {
                    self.out.remove(0);
                    self.now = self.now.max(at);
                    if throttled {
                        self.pace.throttled(ticket, self.now);
                    } else {
                        self.pace.answered(ticket, self.now);
                    }
                }
                _ => self.now = wake,
            }
        }
    }

    /// No window may see more arrivals than `burst + rate * length`.
    fn check(&mut self, burst: u32, rate: f64) -> Result<(), TestCaseError> {
        self.arrivals.sort();
        for (first, from) in self.arrivals.iter().enumerate() {
            for (last, to) in self.arrivals.iter().enumerate().skip(first) {
                let (count, length) = (last - first + 1, to.saturating_sub(*from).as_secs_f64());
                #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
                let seen = count as f64;
                prop_assert!(
                    seen <= f64::from(burst) + rate * length + 1e-6,
                    "{count} in {length} s, {burst} + {rate}/s"
                );
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_window_sees_more_than_its_limit(
        ceiling in 0.5..60.0_f64,
        burst in 1..12_u32,
        learned in proptest::option::of(0.1..80.0_f64),
        calls in proptest::collection::vec((0..3000_u64, 0..3000_u64, 0..30_u32, 0..5_u64, 0..20_u64), 1..200),
    ) {
        let start = Duration::from_secs(7);
        let mut trial = Trial::new(Pace::new(ceiling, burst, learned, start), start);
        for (delay, answer, mood, late, pause) in calls {
            // One in twenty pauses is long enough for everything to come back.
            trial.now += if pause == 0 { MS * 4000 } else { Duration::ZERO };
            trial.call(MS * u32::try_from(delay).expect("small"), MS * u32::try_from(answer).expect("small"), mood == 0,
                MS * u32::try_from(late).expect("small"));
            prop_assert!(trial.pace.rate() <= ceiling);
        }
        trial.check(burst, ceiling)?;
    }
}

/// Departures per second over the last `of` calls with a steady service.
fn speed(trial: &Trial, of: usize) -> f64 {
    let from = trial.departures[trial.departures.len() - 1 - of];
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let calls = of as f64;
    calls / trial.departures[trial.departures.len() - 1].saturating_sub(from).as_secs_f64()
}

#[test]
fn timers_that_fire_late_cost_nothing() {
    let mut trial = Trial::new(Pace::new(20.0, 10, Some(20.0), Duration::ZERO), Duration::ZERO);
    for _ in 0..400 {
        trial.call(MS * 100, MS * 200, false, MS * 2);
    }
    assert!(speed(&trial, 300) > 19.9, "{}", speed(&trial, 300));
}

#[test]
fn a_start_is_worth_no_call() {
    for burst in [1, 2, 10] {
        let start = Duration::from_secs(100);
        let mut pace = Pace::new(4.0, burst, None, start);
        assert_eq!(pace.poll(start), Decision::At(start + MS * 250));
        assert_eq!(pace.poll(start + MS * 249), Decision::At(start + MS * 250));
        assert!(matches!(pace.poll(start + MS * 250), Decision::Go(_)));
    }
}

#[test]
fn a_lane_without_memory_doubles_to_its_ceiling() {
    let mut trial = Trial::new(Pace::new(35.0, 10, None, Duration::ZERO), Duration::ZERO);
    let mut rates = vec![trial.pace.rate()];
    assert_eq!(trial.pace.learned(), None);
    for _ in 0..200 {
        trial.call(MS, MS * 20, false, Duration::ZERO);
        if rates.last() != Some(&trial.pace.rate()) {
            rates.push(trial.pace.rate());
        }
    }
    assert_eq!(rates, [10.0, 20.0, 35.0]);
    assert!(trial.now < Duration::from_secs(8));
    assert_eq!(trial.pace.learned(), Some(35.0));
}

#[test]
fn memory_is_the_start_and_idleness_teaches_nothing() {
    let mut pace = Pace::new(20.0, 10, Some(3.0), Duration::ZERO);
    assert!((pace.rate() - 3.0).abs() < 1e-9);
    assert_eq!(pace.learned(), Some(3.0));
    assert!((Pace::new(2.0, 10, Some(3.0), Duration::ZERO).rate() - 2.0).abs() < 1e-9);
    // A call a minute is no trial of three a second.
    for minute in 1..10 {
        let now = Duration::from_secs(60 * minute);
        let Decision::Go(ticket) = pace.poll(now) else { panic!("refused") };
        pace.answered(ticket, now + MS);
        assert!((pace.rate() - 3.0).abs() < 1e-9);
    }
}

#[test]
fn throttles_of_one_moment_cut_once_and_hold_the_lane_off() {
    let mut pace = Pace::new(20.0, 10, Some(10.0), Duration::ZERO);
    let mut tickets = vec![];
    for n in 1..=5 {
        let Decision::Go(ticket) = pace.poll(MS * 100 * n) else { panic!("refused") };
        tickets.push(ticket);
    }
    let cut = MS * 600;
    pace.throttled(tickets.remove(0), cut);
    let after = pace.rate();
    assert!((7.0..9.0).contains(&after), "{after}");
    for ticket in tickets {
        pace.throttled(ticket, cut);
    }
    assert_eq!(pace.throttles(), 5);
    assert!((pace.rate() - after).abs() < 1e-9);
    // Quiet for a call and a half, and nothing is put by meanwhile.
    let Decision::At(quiet) = pace.poll(cut) else { panic!("not held off") };
    let Decision::At(next) = pace.poll(quiet) else { panic!("something was put by") };
    assert!((next.saturating_sub(cut).as_secs_f64() * after - 2.5).abs() < 1e-6, "{next:?}");
    let Decision::Go(ticket) = pace.poll(next) else { panic!("refused") };
    pace.throttled(ticket, next + MS);
    assert!(pace.rate() < after * 0.8, "{}", pace.rate());
}
