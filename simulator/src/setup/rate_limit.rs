//! The rate limit: a token bucket that is filled, when it is used, by the time passed.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// So many calls a second, and so many at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RawRate", into = "RawRate")]
pub struct RateLimit {
    per_second: f64,
    burst: u32,
}

/// The numbers made no rate limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a rate limit is more than 0 calls a second and a burst of at least 1")]
pub struct BadRate;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRate {
    rate: f64,
    burst: u32,
}

impl RateLimit {
    /// `per_second` calls a second in the long run, `burst` at once.
    ///
    /// # Errors
    /// [`BadRate`] unless `per_second` is finite and above 0 and `burst` at least 1.
    pub fn new(per_second: f64, burst: u32) -> Result<Self, BadRate> {
        if per_second.is_finite() && per_second > 0.0 && burst > 0 {
            Ok(Self { per_second, burst })
        } else {
            Err(BadRate)
        }
    }
}

impl TryFrom<RawRate> for RateLimit {
    type Error = BadRate;

    fn try_from(raw: RawRate) -> Result<Self, Self::Error> {
        Self::new(raw.rate, raw.burst)
    }
}

impl From<RateLimit> for RawRate {
    fn from(limit: RateLimit) -> Self {
        Self { rate: limit.per_second, burst: limit.burst }
    }
}

/// What one lane has left of a limit.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    /// Tokens left, and when; nothing before the first call under a limit: a full bucket.
    left: Option<(f64, Duration)>,
}

impl Bucket {
    /// Takes a token, if there is one. Without a limit there always is.
    pub(crate) fn take(&mut self, limit: Option<RateLimit>, now: Duration) -> bool {
        let Some(limit) = limit else {
            self.left = None;
            return true;
        };
        let burst = f64::from(limit.burst);
        let (tokens, at) = self.left.unwrap_or((burst, now));
        let filled = burst.min(tokens + now.saturating_sub(at).as_secs_f64() * limit.per_second);
        // Filling in many small steps loses a little to rounding; a client on the exact rate must not pay for it.
        let taken = filled >= 1.0 - 1e-9;
        self.left = Some((if taken { filled - 1.0 } else { filled }, now));
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_on_the_exact_rate_is_never_throttled() {
        let limit = RateLimit::new(10.0, 1).ok();
        let mut bucket = Bucket::default();
        for call in 0..1000 {
            assert!(bucket.take(limit, Duration::from_millis(call * 100)), "call {call}");
        }
        assert!(!bucket.take(limit, Duration::from_millis(99_999)));
    }

    #[test]
    fn a_rest_refills_the_burst_and_no_more() {
        let limit = RateLimit::new(2.0, 3).ok();
        let mut bucket = Bucket::default();
        let taken = |bucket: &mut Bucket, at| (0..5).filter(|_| bucket.take(limit, Duration::from_secs(at))).count();
        assert_eq!(taken(&mut bucket, 0), 3);
        assert_eq!(taken(&mut bucket, 1), 2);
        assert_eq!(taken(&mut bucket, 1000), 3);
    }
}
