//! How fast a lane may call, as a pure decision: elapsed time in, permission out. Waiting is `limiter`'s.
//!
//! The limit is meant to hold where calls **arrive**. A call arrives somewhere between its departure and its answer,
//! so pacing departures is not enough: held up on the way, a stretch of them can arrive together. So two things are
//! kept, with `rate` the greatest rate of the window and `burst` the quota's:
//! 1. departures go through governor's GCRA with a tolerance of `slack` calls: at most `1 + slack + rate * W` of
//!    them leave in any window of length `W`;
//! 2. at most `most_out` calls are out, departed and unanswered, at any time.
//!
//! *Proof.* What arrives in a window left before it or in it. What left before it and arrives in it was out when
//! it opened: at most `most_out` calls. What left in it: at most `1 + slack + rate * W`. With
//! `most_out + 1 + slack = burst` no window of length `W` sees more than `burst + rate * W` arrivals, however long each
//! was on the way. With a burst of 1 there is no room for a call that is out: the next one leaves `1/rate` after the
//! answer, so arrivals are at least `1/rate` apart. ∎
//!
//! The slack of one call lets a timer that fired late be made up for, so that the rate is reached and not just
//! approached. A start, and each change of the rate, spends it: the next call leaves `1/rate` after the last one (after
//! the start, if there was none), so that neither a restart nor a change is worth a call.
//!
//! The rate itself is found from below. Without memory it starts at the least of the ceiling and 10/s and doubles with
//! each second of use until the ceiling or the first throttle. A throttle cuts it at once and holds the lane off for a
//! moment; throttles of calls that left before the cut tell nothing new. Afterwards it climbs by a few percent a second,
//! slower near the rate at which it was throttled last.

use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A lane without memory starts here: the order of what AWS control planes allow unasked.
const FIRST_RATE: f64 = 10.0;
/// Never slower than a call in ten seconds, or a lane would take minutes to see that it may go on.
const SLOWEST: f64 = 0.1;
/// What a throttle leaves of the rate.
const CUT: f64 = 0.7;
/// How long a throttle keeps the lane quiet: AWS refills its buckets by the second.
const HOLD_OFF: Duration = Duration::from_secs(1);
/// The rate grows at most this often.
const STEP: Duration = Duration::from_secs(1);
/// What a step adds, far from and near the rate of the last throttle.
const FAR_STEP: f64 = 0.05;
const NEAR_STEP: f64 = 0.01;

/// What [`Pace::poll`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The call may leave now.
    Go(Ticket),
    /// Ask again at this time.
    At(Duration),
    /// Ask again after an answer.
    Full,
}

/// Proof of a departure; to be handed back with the answer.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct Ticket {
    departed: Duration,
}

/// A lane's pace for one kind of call.
#[derive(Debug)]
pub struct Pace {
    ceiling: f64,
    rate: f64,
    slack: u32,
    most_out: u32,
    alone: bool,
    out: u32,
    hand: Hand,
    governor: Limiter,
    last_departure: Duration,
    not_before: Duration,
    growth: Growth,
    cut_at: Option<Duration>,
    throttled_rate: Option<f64>,
    throttles: u64,
}

#[derive(Debug)]
struct Growth {
    doubling: bool,
    since: Duration,
    answers: u32,
    learned: bool,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Hand, NoOpMiddleware<Nanos>>;

/// Governor's clock: shows what it was last set to.
#[derive(Debug, Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn set(&self, at: Duration) {
        self.0.store(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl governor::clock::Clock for Hand {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

impl Pace {
    /// A pace under `ceiling` calls a second and `burst`, that begins at `now`; `learned` is what an earlier run found.
    /// A ceiling beyond what makes sense counts as the nearest that does.
    #[must_use]
    pub fn new(ceiling: f64, burst: u32, learned: Option<f64>, now: Duration) -> Self {
        let ceiling = if ceiling.is_nan() { SLOWEST } else { ceiling.clamp(0.001, 1_000_000.0) };
        let learned = learned.filter(|rate| rate.is_finite() && *rate > 0.0);
        let rate = learned.unwrap_or(FIRST_RATE).max(SLOWEST).min(ceiling);
        let slack = u32::from(burst >= 3);
        let hand = Hand::default();
        Self {
            ceiling,
            rate,
            slack,
            most_out: burst.saturating_sub(1 + slack).max(1),
            alone: burst <= 1,
            out: 0,
            governor: spent(rate, slack, &hand, now),
            hand,
            last_departure: now,
            not_before: Duration::ZERO,
            growth: Growth { doubling: learned.is_none(), since: now, answers: 0, learned: learned.is_some() },
            cut_at: None,
            throttled_rate: None,
            throttles: 0,
        }
    }

    /// May a call leave at `now`?
    pub fn poll(&mut self, now: Duration) -> Decision {
        if self.out >= self.most_out {
            return Decision::Full;
        }
        if now < self.not_before {
            return Decision::At(self.not_before);
        }
        self.hand.set(now);
        match self.governor.check() {
            Ok(()) => {
                self.out += 1;
                self.last_departure = now;
                Decision::Go(Ticket { departed: now })
            }
            Err(until) => Decision::At(now + until.wait_time_from(self.hand.now()).max(Duration::from_nanos(1))),
        }
    }

    /// A call came back otherwise than throttled.
    pub fn answered(&mut self, _ticket: Ticket, now: Duration) {
        self.back(now);
        self.growth.learned = true;
        self.growth.answers = self.growth.answers.saturating_add(1);
        let passed = now.saturating_sub(self.growth.since);
        if passed < STEP {
            return;
        }
        // Half of what the rate allows is use enough to have tried it.
        let tried = f64::from(self.growth.answers) >= (self.rate * passed.as_secs_f64() / 2.0).max(1.0);
        if tried && self.rate < self.ceiling {
            self.change_rate((self.rate + self.step()).min(self.ceiling), now);
        } else {
            self.growth.since = now;
            self.growth.answers = 0;
        }
    }

    /// A call was throttled: the whole lane slows down.
    pub fn throttled(&mut self, ticket: Ticket, now: Duration) {
        self.back(now);
        self.throttles += 1;
        self.growth.learned = true;
        self.growth.doubling = false;
        if self.cut_at.is_some_and(|cut| ticket.departed <= cut) {
            return;
        }
        self.cut_at = Some(now);
        self.throttled_rate = Some(self.rate);
        self.change_rate((self.rate * CUT).max(SLOWEST).min(self.ceiling), now);
        self.not_before = self.not_before.max(now + HOLD_OFF);
    }

    /// A permission was given back, and nobody knows whether the call left.
    pub fn given_up(&mut self, _ticket: Ticket, now: Duration) {
        self.back(now);
    }

    /// The present rate, calls a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// The rate worth remembering for the next start; none before the first answer.
    #[must_use]
    pub fn learned(&self) -> Option<f64> {
        self.growth.learned.then_some(self.rate)
    }

    /// Throttled calls so far.
    #[must_use]
    pub fn throttles(&self) -> u64 {
        self.throttles
    }

    fn back(&mut self, now: Duration) {
        self.out = self.out.saturating_sub(1);
        if self.alone {
            self.not_before = self.not_before.max(now + Duration::from_secs_f64(1.0 / self.rate));
        }
    }

    fn step(&self) -> f64 {
        if self.growth.doubling {
            return self.rate;
        }
        match self.throttled_rate {
            Some(limit) if (0.9..1.1).contains(&(self.rate / limit)) => limit * NEAR_STEP,
            Some(limit) => self.rate.max(limit) * FAR_STEP,
            None => self.rate.max(FIRST_RATE) * FAR_STEP,
        }
    }

    fn change_rate(&mut self, rate: f64, now: Duration) {
        self.rate = rate;
        self.growth.since = now;
        self.growth.answers = 0;
        self.governor = spent(rate, self.slack, &self.hand, self.last_departure);
    }
}

/// A limiter whose whole quota was spent at `at`: it lets the next call go `1/rate` later.
fn spent(rate: f64, slack: u32, hand: &Hand, at: Duration) -> Limiter {
    let burst = NonZeroU32::MIN.saturating_add(slack);
    let spacing = Duration::from_secs_f64(1.0 / rate).max(Duration::from_nanos(1));
    let quota = Quota::with_period(spacing).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(burst);
    hand.set(at);
    let governor = RateLimiter::direct_with_clock(quota, hand.clone());
    for _ in 0..burst.get() {
        let _ = governor.check();
    }
    governor
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
