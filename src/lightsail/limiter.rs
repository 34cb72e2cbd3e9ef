//! Where a lane's calls wait for their turn. A lane has one [`RateLimiter`] for its exports and one for its reads, so that
//! neither starves the other.
//!
//! The limit is meant to hold where calls **arrive**. A call arrives somewhere between its departure and its answer,
//! so pacing departures is not enough: held up on the way, a stretch of them can arrive together. So two things are
//! kept, with `rate` the ceiling and `burst` the quota's:
//! 1. departures take from a bucket of `1 + slack` calls that is filled at `rate` (governor's): at most
//!    `1 + slack + rate * W` of them leave in any window of length `W`;
//! 2. at most `most_out` calls are out, departed and unanswered, at any time (a semaphore's).
//!
//! *Proof.* What arrives in a window left before it or in it. What left before it and arrives in it was out when
//! it opened: at most `most_out` calls. What left in it: at most `1 + slack + rate * W`. With
//! `most_out + 1 + slack = burst` no window of length `W` sees more than `burst + rate * W` arrivals, however long each
//! was on the way. With a burst of 1 there is no room for a call that is out: the next one leaves `1/rate` after the
//! answer, so arrivals are at least `1/rate` apart. ∎
//!
//! The slack of one call lets a timer that fired late be made up for, so that the rate is reached and not just
//! approached. A start finds the bucket empty, so that a restart is worth no call: the next one leaves `1/rate` after it.
//!
//! Below the ceiling an [`AdaptiveRate`] spaces the calls. It comes first, because governor takes nothing back; and it
//! is not governor's, because a quota cannot change, and a new one would come with a full bucket.

use super::adaptive_rate::{AdaptiveRate, interval};
use super::{CallError, ErrorClass};
use crate::clock::SharedClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, clock::Clock as GovernorClock};
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Our clock as governor's: its own would be real time.
#[derive(Clone)]
struct LaneClock(SharedClock);

impl GovernorClock for LaneClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

type Ceiling = governor::RateLimiter<NotKeyed, InMemoryState, LaneClock, NoOpMiddleware<Duration>>;

/// Lets calls of one kind leave, first come first served. A clone is the same limiter.
#[derive(Clone)]
pub struct RateLimiter {
    parts: Arc<Parts>,
}

struct Parts {
    clock: SharedClock,
    ceiling: Ceiling,
    adaptive: Mutex<AdaptiveRate>,
    most_out: Arc<Semaphore>,
    /// Held by the one who waits for time to pass; the others wait for it, in their order.
    turn: tokio::sync::Mutex<()>,
    no_burst: bool,
}

/// The permission for one call. The call counts as out until this is answered or dropped.
#[derive(Debug)]
#[must_use = "a permit that is dropped is spent"]
pub struct Permit {
    limiter: RateLimiter,
    sent_at: Duration,
    _out: Option<OwnedSemaphorePermit>,
}

impl RateLimiter {
    /// Limits calls to `ceiling` a second and `burst`; `learned` is the rate that an earlier run found. A ceiling beyond
    /// what makes sense counts as the nearest that does.
    #[expect(clippy::manual_clamp, reason = "a ceiling that is no number becomes the lowest")]
    pub fn new(ceiling: f64, burst: u32, learned: Option<f64>, clock: SharedClock) -> Self {
        let rate = ceiling.max(0.001).min(1_000_000.0);
        let bucket = NonZeroU32::MIN.saturating_add(u32::from(burst >= 3));
        // An interval is never zero.
        let quota = Quota::with_period(interval(rate)).unwrap_or(Quota::per_second(bucket)).allow_burst(bucket);
        let ceiling = Ceiling::direct_with_clock(quota, LaneClock(Arc::clone(&clock)));
        let _ = ceiling.check_n(bucket);
        let most_out = burst.saturating_sub(bucket.get()).max(1);
        let parts = Parts {
            adaptive: Mutex::new(AdaptiveRate::new(rate, learned, clock.elapsed())),
            clock,
            ceiling,
            most_out: Arc::new(Semaphore::new(most_out as usize)),
            turn: tokio::sync::Mutex::default(),
            no_burst: burst <= 1,
        };
        Self { parts: Arc::new(parts) }
    }

    /// Waits for permission. Dropped while it waits, it has taken none.
    pub async fn acquire(&self) -> Permit {
        let parts = &self.parts;
        let _turn = parts.turn.lock().await;
        // Nobody closes the semaphore, so there is always a permit.
        let out = Arc::clone(&parts.most_out).acquire_owned().await.ok();
        loop {
            let now = parts.clock.elapsed();
            match parts.depart(now) {
                Ok(()) => return Permit { limiter: self.clone(), sent_at: now, _out: out },
                Err(wait) => parts.clock.sleep(wait).await,
            }
        }
    }

    /// The present rate, calls a second.
    pub fn rate(&self) -> f64 {
        self.parts.adaptive().rate()
    }

    /// The rate worth remembering for the next start.
    pub fn learned(&self) -> Option<f64> {
        self.parts.adaptive().learned()
    }

    /// Throttled calls so far.
    pub fn throttles(&self) -> u64 {
        self.parts.adaptive().throttles()
    }
}

impl Parts {
    fn adaptive(&self) -> MutexGuard<'_, AdaptiveRate> {
        self.adaptive.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a call leave, or says how long it has to wait.
    fn depart(&self, now: Duration) -> Result<(), Duration> {
        let mut adaptive = self.adaptive();
        let wait = adaptive.wait(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.ceiling.check().map_err(|until| until.wait_time_from(now))?;
        adaptive.depart(now);
        Ok(())
    }
}

impl Permit {
    /// The call came back.
    pub fn answered<T>(self, result: &Result<T, CallError>) {
        let mut adaptive = self.limiter.parts.adaptive();
        match result {
            Err(error) if error.class == ErrorClass::Throttled => {
                adaptive.throttle(self.sent_at, self.limiter.parts.clock.elapsed());
            }
            Ok(_) | Err(_) => adaptive.succeed(self.sent_at),
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let parts = &self.limiter.parts;
        if parts.no_burst {
            parts.adaptive().pause(parts.clock.elapsed());
        }
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimiter").field("rate", &self.rate()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "limiter_tests.rs"]
mod tests;
