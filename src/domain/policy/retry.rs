//! How often and when an attempt is retried.

use std::time::Duration;

/// The settings of retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts that a job has before it fails, 1 or more.
    pub max_attempts: u32,
    /// The bound of the first wait.
    pub initial: Duration,
    /// The bound of every wait.
    pub max: Duration,
}

/// The wait before the attempt after `used` ones: full jitter (AWS Architecture Blog, "Exponential Backoff And
/// Jitter"), a share `draw` in 0..=1 of a bound that doubles with each attempt up to the policy's.
pub fn backoff(policy: &RetryPolicy, used: u32, draw: f64) -> Duration {
    let doublings = used.saturating_sub(1).min(30);
    let bound = policy.initial.saturating_mul(1 << doublings).min(policy.max);
    bound.mul_f64(if draw.is_finite() { draw.clamp(0.0, 1.0) } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy =
        RetryPolicy { max_attempts: 5, initial: Duration::from_secs(1), max: Duration::from_mins(5) };

    #[test]
    fn the_bound_doubles_up_to_the_most() {
        let bounds: Vec<u64> = (1..=12).map(|used| backoff(&POLICY, used, 1.0).as_secs()).collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn the_draw_spreads_over_the_whole_bound() {
        assert_eq!(backoff(&POLICY, 4, 0.0), Duration::ZERO);
        assert_eq!(backoff(&POLICY, 4, 0.5), Duration::from_secs(4));
        assert_eq!(backoff(&POLICY, u32::MAX, f64::NAN), POLICY.max);
    }
}
