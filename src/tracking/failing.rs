//! Reads that keep failing: tried again after waits that double, and from the third failure in a row on a condition of the
//! lane, which a person sees and which ends by itself. It stops neither what else can be read nor what may be sent.

use super::reading::{Failed, Unread};
use super::tracker::{Rounds, Tracker};
use crate::domain::LaneTrouble;
use crate::queue::{Block, QueueError};
use std::time::Duration;

/// Failures in a row that are a condition of the lane: one or two pass often enough by themselves.
const CONDITION_AFTER: u32 = 3;

/// The longest wait between two tries: short beside the hours that such a trouble lasts.
const LONGEST: Duration = Duration::from_mins(5);

/// What a lane reads for. Each fails and waits for itself: an inventory that cannot be made keeps nobody from following
/// exports, as long as the records can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Inventory,
    Following,
    AbsenceChecks,
}

/// The failures in a row of what is read for one purpose.
#[derive(Debug, Default)]
pub(super) struct Failing {
    in_a_row: u32,
    first: Duration,
    last: Duration,
}

impl Failing {
    /// Counts one; what is sure to last is a condition of the lane at once.
    fn count(&mut self, elapsed: Duration, lasts: bool) {
        if self.in_a_row == 0 {
            self.first = elapsed;
        }
        self.in_a_row = self.in_a_row.saturating_add(1).max(if lasts { CONDITION_AFTER } else { 1 });
        self.last = elapsed;
    }

    /// The wait after the last failure; it begins at `least` and doubles.
    pub(super) fn wait(&self, least: Duration) -> Duration {
        match self.in_a_row.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => least.saturating_mul(1 << doublings.min(30)).min(LONGEST.max(least)),
        }
    }
}

impl Rounds {
    pub(super) fn failing(&mut self, purpose: Purpose) -> &mut Failing {
        match purpose {
            Purpose::Inventory => &mut self.inventory,
            Purpose::Following => &mut self.following,
            Purpose::AbsenceChecks => &mut self.absence_checks,
        }
    }

    /// What was read for this purpose was read to its end, or is not wanted any more.
    pub(super) fn reads_again(&mut self, purpose: Purpose) {
        *self.failing(purpose) = Failing::default();
    }

    /// Whether every read did well when it was tried last.
    fn all_read(&self) -> bool {
        self.each().iter().all(|one| one.in_a_row == 0)
    }

    fn each(&self) -> [&Failing; 3] {
        [&self.inventory, &self.following, &self.absence_checks]
    }
}

impl Tracker {
    /// How much is left of the wait before this is read for again.
    pub(super) fn until_reading(&self, purpose: Purpose, rounds: &mut Rounds) -> Duration {
        let failing = rounds.failing(purpose);
        let passed = self.clock.elapsed().saturating_sub(failing.last);
        failing.wait(self.settings.poll_min).saturating_sub(passed)
    }

    /// Takes a passing failure for what it is: one in a row. Any other ends the round.
    pub(super) async fn bear_for(&self, purpose: Purpose, unread: Unread, rounds: &mut Rounds) -> Result<(), Unread> {
        let Unread::Passing(failed) = unread else { return Err(unread) };
        Ok(self.has_failed(purpose, failed, rounds).await?)
    }

    /// Counts a failure; from the third in a row on it stands as the lane's trouble, and is told once.
    pub(super) async fn has_failed(
        &self,
        purpose: Purpose,
        failed: Failed,
        rounds: &mut Rounds,
    ) -> Result<(), QueueError> {
        let (now, elapsed, lane) = (self.clock.now(), self.clock.elapsed(), &self.lane.lane);
        let known = rounds.each().iter().any(|one| one.in_a_row >= CONDITION_AFTER);
        let failing = rounds.failing(purpose);
        failing.count(elapsed, failed.lasts);
        let (in_a_row, wait) = (failing.in_a_row, failing.wait(self.settings.poll_min));
        tracing::debug!(%lane, ?purpose, in_a_row, ?wait, "a read failed: {}", failed.text);
        if in_a_row < CONDITION_AFTER {
            return Ok(());
        }
        let since = now.before(elapsed.saturating_sub(failing.first));
        let block = Block { trouble: LaneTrouble::Reads, message: failed.text.clone(), since };
        self.queue.block(self.lane.id, block).await?;
        if !known {
            tracing::warn!(%lane, "reads keep failing; they are tried again, with longer and longer waits: {}", failed.text);
        }
        Ok(())
    }

    /// Ends the lane's trouble with its reads once all that it needs was read.
    pub(super) async fn end_of_failing(&self, blocked: Option<&Block>, rounds: &Rounds) -> Result<(), QueueError> {
        if blocked.is_some_and(|block| block.trouble == LaneTrouble::Reads) && rounds.all_read() {
            self.queue.end_trouble(self.lane.id, LaneTrouble::Reads).await?;
            tracing::info!(lane = %self.lane.lane, "reads work again");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_least_to_five_minutes() {
        let (mut failing, least) = (Failing::default(), Duration::from_secs(5));
        assert_eq!(failing.wait(least), Duration::ZERO);
        let mut wait = |elapsed| {
            failing.count(Duration::from_secs(elapsed), false);
            failing.wait(least).as_secs()
        };
        let waits: Vec<u64> = (7..16).map(&mut wait).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
        assert_eq!((failing.first, failing.last), (Duration::from_secs(7), Duration::from_secs(15)));
        assert_eq!(failing.wait(Duration::from_mins(9)), Duration::from_mins(9), "never less than the settings say");
    }

    #[test]
    fn what_is_sure_to_last_is_a_condition_of_the_lane_at_once() {
        let mut failing = Failing::default();
        failing.count(Duration::ZERO, true);
        assert_eq!(failing.in_a_row, CONDITION_AFTER);
    }
}
