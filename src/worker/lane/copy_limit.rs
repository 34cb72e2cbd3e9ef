//! How a lane waits while EC2 has no room for more snapshot copies: twice as long after each probe that is refused. Pure.

use std::time::Duration;

/// The longest wait between two probes.
const LONGEST: Duration = Duration::from_mins(5);

/// The waits between probes. All times are of the monotonic clock.
#[derive(Debug, Clone, Default)]
pub(in crate::worker) struct CopyLimitBackoff {
    /// The wait, and since when.
    wait: Option<(Duration, Duration)>,
    /// When EC2 last refused one for lack of room.
    full_at: Option<Duration>,
}

impl CopyLimitBackoff {
    /// A call sent at `sent` was refused at `elapsed`. One sent before the last refusal was no probe.
    pub(in crate::worker) fn refused(&mut self, sent: Duration, first: Duration, elapsed: Duration) {
        if !self.sent_before_full(sent) {
            self.lengthen(first, elapsed);
            self.full_at = Some(elapsed);
        }
    }

    /// Tracking saw an export fail for lack of room; `first` is the first wait.
    pub(in crate::worker) fn failed(&mut self, first: Duration, elapsed: Duration) {
        self.lengthen(first, elapsed);
        self.full_at = None;
    }

    /// A call sent at `sent` was accepted: whether that shows that there is room again.
    pub(in crate::worker) fn accepted(&mut self, sent: Duration) -> bool {
        let shows_room = !self.sent_before_full(sent);
        // One that was accepted can still fail for lack of room: only where calls are refused is an acceptance the end.
        if shows_room && self.full_at.take().is_some() {
            self.wait = None;
        }
        shows_room
    }

    /// The wait before the next probe.
    pub(in crate::worker) fn wait(&self) -> Duration {
        self.wait.map_or(Duration::ZERO, |(wait, _)| wait)
    }

    fn sent_before_full(&self, sent: Duration) -> bool {
        self.full_at.is_some_and(|full_at| sent <= full_at)
    }

    fn lengthen(&mut self, first: Duration, elapsed: Duration) {
        let wait = match self.wait {
            Some((wait, at)) if elapsed.saturating_sub(at) < LONGEST * 2 => {
                wait.saturating_mul(2).min(LONGEST.max(first))
            }
            Some(_) | None => first,
        };
        self.wait = Some((wait, elapsed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(30);

    #[test]
    fn the_waits_double_up_to_five_minutes_and_begin_anew_after_a_rest() {
        let (mut backoff, mut now, mut waits) = (CopyLimitBackoff::default(), Duration::ZERO, Vec::new());
        for _ in 0..6 {
            now += Duration::from_secs(1);
            backoff.refused(now, FIRST, now);
            waits.push(backoff.wait().as_secs());
            now += backoff.wait();
        }
        assert_eq!(waits, [30, 60, 120, 240, 300, 300]);
        now += Duration::from_mins(10);
        backoff.refused(now, FIRST, now);
        assert_eq!(backoff.wait(), FIRST);
    }

    #[test]
    fn only_what_was_sent_after_the_last_refusal_is_a_probe() {
        let (mut backoff, second) = (CopyLimitBackoff::default(), Duration::from_secs(1));
        backoff.refused(second, FIRST, 3 * second);
        backoff.refused(2 * second, FIRST, 4 * second);
        assert_eq!(backoff.wait(), FIRST, "both were out together");
        assert!(!backoff.accepted(3 * second) && backoff.wait() == FIRST);
        assert!(backoff.accepted(5 * second) && backoff.wait().is_zero());
    }

    #[test]
    fn where_accepted_exports_fail_an_acceptance_does_not_end_the_waits() {
        let mut backoff = CopyLimitBackoff::default();
        backoff.failed(FIRST, Duration::ZERO);
        assert!(backoff.accepted(FIRST));
        backoff.failed(FIRST, FIRST);
        assert_eq!(backoff.wait(), 2 * FIRST);
    }
}
