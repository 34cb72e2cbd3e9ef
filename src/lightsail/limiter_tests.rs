//! The promises of the whole limiter, governor and semaphore included, over a service of random delays and moods.

use super::*;
use crate::clock::{Clock, ManualClock, Sleep};
use crate::domain::Timestamp;
use futures_util::FutureExt as _;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

/// A clock by hand that tells until when somebody sleeps.
struct WatchedClock {
    hands: ManualClock,
    wake: Mutex<Duration>,
}

impl WatchedClock {
    fn new(elapsed: Duration) -> Arc<Self> {
        let hands = ManualClock::new(Timestamp(0));
        hands.advance(elapsed);
        Arc::new(Self { hands, wake: Mutex::new(Duration::MAX) })
    }

    fn set(&self, elapsed: Duration) {
        self.hands.advance(elapsed.saturating_sub(self.elapsed()));
    }

    /// Since the last call of this.
    fn wake(&self) -> Duration {
        std::mem::replace(&mut *self.wake.lock().expect("not poisoned"), Duration::MAX)
    }
}

impl Clock for WatchedClock {
    fn now(&self) -> Timestamp {
        self.hands.now()
    }

    fn elapsed(&self) -> Duration {
        self.hands.elapsed()
    }

    fn sleep(&self, span: Duration) -> Sleep {
        *self.wake.lock().expect("not poisoned") = self.elapsed() + span;
        self.hands.sleep(span)
    }
}

fn answer(throttled: bool) -> Result<(), CallError> {
    if throttled { Err(CallError::new(ErrorClass::Throttled, "Throttling", "Rate exceeded")) } else { Ok(()) }
}

/// A limiter in use as hard as it can be: calls with given delays to arrival and answer, some throttled.
struct Trial {
    limiter: RateLimiter,
    clock: Arc<WatchedClock>,
    out: Vec<(Duration, Permit, bool)>,
    departures: Vec<Duration>,
    arrivals: Vec<Duration>,
}

impl Trial {
    fn new(ceiling: f64, burst: u32, learned: Option<f64>) -> Self {
        let clock = WatchedClock::new(7000 * MS);
        let limiter = RateLimiter::new(ceiling, burst, learned, clock.clone());
        Self { limiter, clock, out: vec![], departures: vec![], arrivals: vec![] }
    }

    /// Lets one call go, and whatever must come back before it.
    fn call(&mut self, delay: Duration, takes: Duration, throttled: bool, late: Duration) {
        let limiter = self.limiter.clone();
        let mut waiting = Box::pin(limiter.acquire());
        let mut wake = Duration::MAX;
        let permit = loop {
            if let Some(permit) = waiting.as_mut().now_or_never() {
                break permit;
            }
            wake = Some(self.clock.wake()).filter(|wake| *wake < Duration::MAX).map_or(wake, |wake| wake + late);
            self.out.sort_by_key(|(at, ..)| *at);
            match self.out.first() {
                Some((at, ..)) if *at <= wake => {
                    let (at, permit, throttled) = self.out.remove(0);
                    self.clock.set(at);
                    permit.answered(&answer(throttled));
                }
                _ => self.clock.set(wake),
            }
        };
        let now = self.clock.elapsed();
        self.departures.push(now);
        self.arrivals.push(now + delay.min(takes));
        self.out.push((now + takes, permit, throttled));
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
        calls in proptest::collection::vec((0..3000_u32, 0..3000_u32, 0..30_u32, 0..5_u32, 0..20_u32), 1..200),
    ) {
        let mut trial = Trial::new(ceiling, burst, learned);
        for (delay, takes, mood, late, pause) in calls {
            // One in twenty pauses is long enough for everything to come back.
            trial.clock.hands.advance(if pause == 0 { MS * 4000 } else { Duration::ZERO });
            trial.call(MS * delay, MS * takes, mood == 0, MS * late);
            prop_assert!(trial.limiter.rate() <= ceiling);
        }
        trial.check(burst, ceiling)?;
    }
}

#[test]
fn timers_that_fire_late_cost_nothing() {
    let mut trial = Trial::new(20.0, 10, Some(20.0));
    for _ in 0..400 {
        trial.call(MS * 100, MS * 200, false, MS * 2);
    }
    let speed = 300.0 / trial.departures[399].saturating_sub(trial.departures[99]).as_secs_f64();
    assert!(speed > 19.9, "{speed}");
}

fn limiter(rate: f64, burst: u32) -> (RateLimiter, Arc<WatchedClock>) {
    let clock = WatchedClock::new(100_000 * MS);
    (RateLimiter::new(rate, burst, None, clock.clone()), clock)
}

#[test]
fn a_start_is_worth_no_call() {
    for burst in [1, 2, 10] {
        let (limiter, clock) = limiter(4.0, burst);
        assert!(limiter.parts.ceiling.check().is_err(), "governor's bucket starts empty");
        let mut first = Box::pin(limiter.acquire());
        for wait in [0, 249] {
            clock.hands.advance(MS * wait);
            assert!(first.as_mut().now_or_never().is_none());
        }
        clock.hands.advance(MS);
        first.now_or_never().expect("a call").answered(&answer(false));
        assert!(limiter.acquire().now_or_never().is_none());
    }
}

#[test]
fn without_a_burst_the_next_call_leaves_an_interval_after_the_answer() {
    let (limiter, clock) = limiter(4.0, 1);
    clock.hands.advance(MS * 250);
    let out = limiter.acquire().now_or_never().expect("a call");
    clock.hands.advance(MS * 1000);
    assert!(limiter.acquire().now_or_never().is_none(), "one is out");
    drop(out);
    clock.hands.advance(MS * 249);
    assert!(limiter.acquire().now_or_never().is_none());
    clock.hands.advance(MS);
    assert!(limiter.acquire().now_or_never().is_some());
}

#[test]
fn whoever_stops_waiting_takes_nothing_and_blocks_nobody() {
    let (limiter, clock) = limiter(10.0, 10);
    let mut gone = Box::pin(limiter.acquire());
    assert!(gone.as_mut().now_or_never().is_none());
    clock.hands.advance(MS * 100);
    assert!(limiter.acquire().now_or_never().is_none(), "somebody is waiting");
    drop(gone);
    assert!(limiter.acquire().now_or_never().is_some());
}

#[test]
fn calls_that_are_out_hold_back_the_next_until_one_is_back() {
    let (limiter, clock) = limiter(10.0, 3);
    clock.hands.advance(MS * 1000);
    let out = limiter.acquire().now_or_never().expect("a call");
    clock.hands.advance(MS * 1000);
    let mut next = Box::pin(limiter.acquire());
    assert!(next.as_mut().now_or_never().is_none());
    drop(out);
    assert!(next.now_or_never().is_some(), "a permit that is dropped is back as well");
}

#[test]
fn a_throttle_slows_whoever_is_waiting() {
    let (limiter, clock) = limiter(10.0, 10);
    clock.hands.advance(MS * 100);
    let out = limiter.acquire().now_or_never().expect("a call");
    let mut next = Box::pin(limiter.acquire());
    assert!(next.as_mut().now_or_never().is_none());
    out.answered(&answer(true));
    assert!((limiter.rate() - 7.0).abs() < 1e-9, "{limiter:?}");
    let cool_down = Duration::from_secs_f64(1.5 / limiter.rate());
    clock.hands.advance(cool_down.saturating_sub(MS));
    assert!(next.as_mut().now_or_never().is_none());
    clock.hands.advance(MS);
    next.now_or_never().expect("a call").answered(&answer(false));
    assert_eq!(limiter.throttles(), 1);
}
