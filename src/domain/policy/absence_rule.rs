//! How long an unconfirmed attempt may stay missing from Lightsail's records before it is proven absent, and when to check. Pure.

use crate::domain::Timestamp;
use std::time::Duration;

/// The reconciliation window is at least this many times the longest delay of the lists that was seen.
pub const WINDOW_MARGIN: u32 = 3;

/// After this long a delay counts for half. With the margin, a delay as long is covered for eleven days, within which the trouble
/// of a service may come back; after five weeks, two hours are down to ten minutes.
const HALF_LIFE: Duration = Duration::from_hours(7 * 24);

/// How late a lane's lists were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListDelay {
    /// The longest delay that was seen.
    pub longest: Duration,
    /// When it was seen.
    pub seen_at: Option<Timestamp>,
}

impl ListDelay {
    /// What it counts for at `now`.
    pub fn at(self, now: Timestamp) -> Duration {
        let age = self.seen_at.map_or(Duration::ZERO, |seen| now.since(seen));
        self.longest.mul_f64(0.5_f64.powf(age.as_secs_f64() / HALF_LIFE.as_secs_f64()))
    }
}

/// The reconciliation window of an attempt intended at that time: what the settings say, or more where the lists were late. It does
/// not depend on when it is computed.
pub fn reconciliation_window(least: Duration, delay: ListDelay, intended: Timestamp) -> Duration {
    least.max(delay.at(intended).saturating_mul(WINDOW_MARGIN))
}

/// What proves an unconfirmed attempt absent: a number of absence checks, spread over the reconciliation window.
#[derive(Debug, Clone, Copy)]
pub struct AbsenceRule {
    /// Complete readings that do not show it.
    pub checks: u32,
    /// The time between the first of them and the last.
    pub window: Duration,
}

impl AbsenceRule {
    /// Whether this many checks over this long a time prove it.
    pub fn is_met(self, taken: u32, spread: Duration) -> bool {
        taken >= self.checks && spread >= self.window
    }

    /// The wait for the next check: the rest of the window, divided among the checks that are left.
    pub fn until_next(self, taken: u32, spread: Duration) -> Duration {
        let left = self.checks.saturating_sub(taken).max(1);
        (self.window.saturating_sub(spread) / left).max(Duration::from_millis(1))
    }

    /// When it is met at the earliest: the first check was at `first`, or is possible from `opens` on, and the next one is at `next`.
    pub fn met_at(self, first: Option<Timestamp>, opens: Timestamp, next: Option<Timestamp>) -> Timestamp {
        let over = first.unwrap_or(opens).after(self.window);
        next.map_or(over, |next| over.max(next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: AbsenceRule = AbsenceRule { checks: 3, window: Duration::from_mins(10) };

    fn minutes(minutes: u64) -> Duration {
        Duration::from_mins(minutes)
    }

    #[test]
    fn checks_are_spread_over_the_window_and_one_more_comes_when_it_is_over() {
        assert_eq!(RULE.until_next(1, Duration::ZERO), minutes(5));
        assert_eq!(RULE.until_next(2, minutes(5)), minutes(5));
        // After a restart one came early.
        assert_eq!(RULE.until_next(2, minutes(2)), minutes(8));
        assert_eq!(RULE.until_next(3, minutes(9)), minutes(1));
        assert!(!RULE.is_met(3, minutes(9)) && !RULE.is_met(2, minutes(10)) && RULE.is_met(3, minutes(10)));
        let once = AbsenceRule { checks: 1, ..RULE };
        assert_eq!(once.until_next(1, Duration::ZERO), minutes(10));
    }

    #[test]
    fn a_delay_counts_for_half_after_each_week() {
        let seen = Timestamp(1_800_000_000_000);
        let delay = ListDelay { longest: Duration::from_hours(2), seen_at: Some(seen) };
        let window = |weeks| reconciliation_window(minutes(10), delay, seen.after(HALF_LIFE * weeks)).as_secs();
        assert_eq!([0, 1, 2, 5, 6].map(window), [21_600, 10_800, 5_400, 675, 600]);
        assert_eq!(
            reconciliation_window(minutes(10), delay, Timestamp(0)),
            Duration::from_hours(6),
            "nor does a clock set back"
        );
        assert_eq!(reconciliation_window(minutes(10), ListDelay::default(), seen), minutes(10));
    }

    #[test]
    fn it_is_met_no_earlier_than_its_next_check() {
        let at = |minutes: u64| Timestamp(1_800_000_000_000).after(Duration::from_mins(minutes));
        assert_eq!(RULE.met_at(None, at(1), None), at(11));
        assert_eq!(RULE.met_at(Some(at(2)), at(1), Some(at(7))), at(12));
        assert_eq!(RULE.met_at(Some(at(2)), at(1), Some(at(13))), at(13));
    }
}
