//! How fast a lane may call, as a pure decision: elapsed time in, permission out. Waiting is `limiter`'s.
//!
//! The limit is meant to hold where calls **arrive**. A call arrives somewhere between its departure and its answer,
//! so pacing departures is not enough: held up on the way, a stretch of them can arrive together. So two things are
//! kept, with `rate` the greatest rate of the window and `burst` the quota's:
//! 1. departures take from a bucket of `1 + slack` calls that is filled at `rate`: at most `1 + slack + rate * W` of them
//!    leave in any window of length `W`;
//! 2. at most `most_out` calls are out, departed and unanswered, at any time.
//!
//! *Proof.* What arrives in a window left before it or in it. What left before it and arrives in it was out when
//! it opened: at most `most_out` calls. What left in it: at most `1 + slack + rate * W`. With
//! `most_out + 1 + slack = burst` no window of length `W` sees more than `burst + rate * W` arrivals, however long each
//! was on the way. With a burst of 1 there is no room for a call that is out: the next one leaves `1/rate` after the
//! answer, so arrivals are at least `1/rate` apart. ∎
//!
//! The slack of one call lets a timer that fired late be made up for, so that the rate is reached and not just
//! approached. It is a bucket that holds `1 + slack` calls and is filled at the rate of the moment, which is never above
//! the ceiling: so however the rate moves, the ceiling is kept. A start finds it empty, so that a restart is worth no
//! call: the next one leaves `1/rate` after it.
//!
//! The rate itself is found by [`Search`](super::search::Search), which hears of every answer.

use super::search::{Departure, Search};
use std::time::Duration;

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
    departure: Departure,
    /// Whether the lane was using its rate then.
    in_use: bool,
}

/// A lane's pace for one kind of call.
#[derive(Debug)]
pub struct Pace {
    search: Search,
    slack: u32,
    most_out: u32,
    alone: bool,
    out: u32,
    /// What is in the bucket, and when that was so.
    left: f64,
    filled: Duration,
    last_departure: Duration,
    departures: u64,
    not_before: Duration,
    throttles: u64,
}

/// What rounding may hide of a call: filling in many small steps loses a little, and times have no more than nanoseconds.
fn rounded(rate: f64) -> f64 {
    1e-9 * rate.max(1.0)
}

impl Pace {
    /// A pace under `ceiling` calls a second and `burst`, that begins at `now`; `learned` is what an earlier run found.
    /// A ceiling beyond what makes sense counts as the nearest that does.
    #[must_use]
    pub fn new(ceiling: f64, burst: u32, learned: Option<f64>, now: Duration) -> Self {
        let ceiling = if ceiling.is_nan() { 0.001 } else { ceiling.clamp(0.001, 1_000_000.0) };
        let learned = learned.filter(|rate| rate.is_finite() && *rate > 0.0);
        let slack = u32::from(burst >= 3);
        Self {
            search: Search::new(ceiling, learned, now),
            slack,
            most_out: burst.saturating_sub(1 + slack).max(1),
            alone: burst <= 1,
            out: 0,
            left: 0.0,
            filled: now,
            last_departure: now,
            departures: 0,
            not_before: Duration::ZERO,
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
        self.fill(now);
        let missing = 1.0 - self.left;
        if missing > rounded(self.search.rate()) {
            let wait = Duration::from_secs_f64(missing / self.search.rate()).max(Duration::from_nanos(1));
            return Decision::At(self.filled + wait);
        }
        self.left -= 1.0;
        self.out += 1;
        let in_use = self.search.departs(now.saturating_sub(self.last_departure));
        self.last_departure = now;
        self.departures += 1;
        Decision::Go(Ticket { departure: Departure { at: now, number: self.departures }, in_use })
    }

    /// A call came back otherwise than throttled.
    pub fn answered(&mut self, ticket: Ticket, now: Duration) {
        self.fill(now);
        self.search.taken(ticket.departure.at, ticket.in_use, now);
        self.back(now);
    }

    /// A call was throttled: the whole lane slows down.
    pub fn throttled(&mut self, ticket: Ticket, now: Duration) {
        self.fill(now);
        self.throttles += 1;
        if let Some(quiet) = self.search.throttled(ticket.departure, now) {
            // Nothing is put by meanwhile: the first call after it is alone.
            self.not_before = self.not_before.max(now + quiet);
            (self.left, self.filled) = (0.0, self.not_before);
        }
        self.back(now);
    }

    /// A permission was given back, and nobody knows whether the call left.
    pub fn given_up(&mut self, _ticket: Ticket, now: Duration) {
        self.back(now);
    }

    /// The present rate, calls a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.search.rate()
    }

    /// The rate worth remembering for the next start; none before the first answer.
    #[must_use]
    pub fn learned(&self) -> Option<f64> {
        self.search.learned()
    }

    /// Throttled calls so far.
    #[must_use]
    pub fn throttles(&self) -> u64 {
        self.throttles
    }

    fn back(&mut self, now: Duration) {
        self.out = self.out.saturating_sub(1);
        if self.alone {
            self.not_before = self.not_before.max(now + Duration::from_secs_f64(1.0 / self.search.rate()));
        }
    }

    /// Fills the bucket for the time that has passed, at the rate that was in force.
    fn fill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        self.left = (self.left + passed * self.search.rate()).min(f64::from(1 + self.slack));
        self.filled = self.filled.max(now);
    }
}

#[cfg(test)]
#[path = "pace_tests.rs"]
mod tests;
