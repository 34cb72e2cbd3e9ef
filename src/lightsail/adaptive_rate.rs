//! Finds the rate that a service takes, which it does not tell: outcomes of calls in, the time of the next call out. Pure.
//!
//! Each throttle cuts the rate, and each success raises it a little more than the one before: the rate stays near the
//! limit for long and leaves it fast. About one call in fifty is throttled for that. A limit that has doubled is reached
//! some hundred calls later; where it has fallen, throttles follow one another and cut deeper. A slow lane needs fewer
//! calls for the same growth, because each of them takes longer.
//!
//! Without memory the rate grows fast until the first throttle (slow start).
//!
//! Only calls of a lane that uses its rate teach anything. A lane that its copy cap holds back sends in clumps, and what
//! the service's bucket bears of one raises the rate and never lowers it.

use std::time::Duration;

/// A lane without memory starts here: the order of what AWS control planes allow unasked.
const FIRST_RATE: f64 = 10.0;
/// Never slower than a call in ten seconds, or a lane would take minutes to see that it may go on.
const SLOWEST: f64 = 0.1;
/// Slow start: what each success adds, in calls a second. The rate doubles in two seconds.
const SLOW_START: f64 = 0.35;
/// The nth success since a throttle raises the rate by the `n / (GROWTH * sqrt(rate))`th part. This and the cuts were
/// found by the models of the tests.
const GROWTH: f64 = 3800.0;
/// What a throttle leaves of the rate.
const CUT: f64 = 0.86;
/// What it leaves if the limit is not known yet, or was far exceeded: fewer than `FEW` calls succeeded since the last one.
const DEEP_CUT: f64 = 0.7;
const FEW: u32 = 10;
/// How long no call leaves after a throttle, in intervals of the new rate, so that the service's bucket gathers something.
const COOL_DOWN: f64 = 1.5;
const LONGEST_COOL_DOWN: Duration = Duration::from_secs(10);
/// A lane that waits for longer than so many intervals does not use its rate.
const IN_USE: f64 = 2.0;

/// The rate of one kind of a lane's calls, and when the next one is due.
#[derive(Debug)]
pub(super) struct AdaptiveRate {
    ceiling: f64,
    rate: f64,
    slow_start: bool,
    /// Since the last throttle, of calls that left while the rate was in use.
    successes: u32,
    throttles: u64,
    next: Duration,
    last: Duration,
    in_use_since: Duration,
    cut_at: Duration,
}

/// The interval between calls at `rate`, rounded up so that the rate is never exceeded.
pub(super) fn interval(rate: f64) -> Duration {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive; a float saturates")]
    Duration::from_nanos((1e9 / rate).ceil() as u64)
}

impl AdaptiveRate {
    /// A rate below `ceiling` that begins at `now`, from what an earlier run has learned.
    pub(super) fn new(ceiling: f64, learned: Option<f64>, now: Duration) -> Self {
        let rate = learned.map_or(FIRST_RATE, |rate| rate.max(SLOWEST)).min(ceiling);
        Self {
            ceiling,
            rate,
            slow_start: learned.is_none(),
            successes: 0,
            throttles: 0,
            next: now + interval(rate),
            last: now,
            in_use_since: now,
            cut_at: now,
        }
    }

    /// Calls a second, at present.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// The rate worth remembering; none where there was neither memory nor a success.
    pub(super) fn learned(&self) -> Option<f64> {
        (!self.slow_start || self.successes > 0).then_some(self.rate)
    }

    /// Throttled calls so far.
    pub(super) fn throttles(&self) -> u64 {
        self.throttles
    }

    /// How long the next call has to wait.
    pub(super) fn wait(&self, now: Duration) -> Duration {
        self.next.saturating_sub(now)
    }

    /// No call leaves for an interval from `now` on.
    pub(super) fn pause(&mut self, now: Duration) {
        self.next = self.next.max(now + interval(self.rate));
    }

    /// A call leaves. One that leaves late lets the next one leave early, so that the rate is reached.
    pub(super) fn depart(&mut self, now: Duration) {
        if now.saturating_sub(self.last).as_secs_f64() * self.rate > IN_USE {
            self.in_use_since = now;
        }
        self.last = now;
        self.next = now.max(self.next + interval(self.rate));
    }

    /// A call that left at `sent_at` was not throttled.
    pub(super) fn succeed(&mut self, sent_at: Duration) {
        if sent_at <= self.cut_at.max(self.in_use_since) {
            return;
        }
        self.successes = self.successes.saturating_add(1);
        let raised = if self.slow_start {
            self.rate + SLOW_START
        } else {
            self.rate * (1.0 + f64::from(self.successes) / (GROWTH * self.rate.sqrt()))
        };
        self.rate = raised.min(self.ceiling);
    }

    /// A call that left at `sent_at` was throttled: the whole lane slows down, once for all that left before it knew.
    pub(super) fn throttle(&mut self, sent_at: Duration, now: Duration) {
        self.throttles += 1;
        if sent_at <= self.cut_at {
            return;
        }
        let left = if self.slow_start || self.successes < FEW { DEEP_CUT } else { CUT };
        self.rate = (self.rate * left).max(SLOWEST).min(self.ceiling);
        (self.slow_start, self.successes, self.cut_at) = (false, 0, now);
        let cool_down = Duration::from_secs_f64(COOL_DOWN / self.rate).min(LONGEST_COOL_DOWN);
        self.next = self.next.max(now + cool_down);
    }
}

#[cfg(test)]
#[path = "adaptive_rate_tests.rs"]
mod tests;
