//! Reads that keep failing: tried again after waits that double. From the third failure in a row they are a condition of the
//! lane, which a person sees and which recovers automatically. It stops neither other reads nor exports.

use super::{FailedRead, ReadError};
use crate::domain::LaneTrouble;
use crate::queue::{Block, QueueError};
use crate::tracking::lane_context::TrackingContext;
use std::collections::BTreeMap;
use std::time::Duration;

/// Failures in a row that are a condition of the lane: one or two often pass.
const CONDITION_AFTER: u32 = 3;

/// The longest wait between two tries: short beside the hours that such trouble lasts.
const LONGEST: Duration = Duration::from_mins(5);

/// What a lane reads for. Each fails and waits on its own: an inventory that cannot be taken keeps no export from being
/// followed, as long as the records can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::tracking) enum Purpose {
    Inventory,
    Polling,
    AbsenceChecks,
    Operations,
}

/// The failures in a row of what is read for one purpose.
#[derive(Debug, Default)]
struct FailureCount {
    in_a_row: u32,
    first: Duration,
    last: Duration,
}

impl FailureCount {
    /// Counts one; what is sure to last is a condition of the lane at once.
    fn count(&mut self, elapsed: Duration, lasts: bool) {
        if self.in_a_row == 0 {
            self.first = elapsed;
        }
        self.in_a_row = self.in_a_row.saturating_add(1).max(if lasts { CONDITION_AFTER } else { 1 });
        self.last = elapsed;
    }

    /// The wait after the last failure; it begins at `least` and doubles.
    fn wait(&self, least: Duration) -> Duration {
        match self.in_a_row.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => least.saturating_mul(1 << doublings.min(30)).min(LONGEST.max(least)),
        }
    }

    fn is_condition(&self) -> bool {
        self.in_a_row >= CONDITION_AFTER
    }
}

/// The failures in a row of a lane's reads; what does not fail is not in it.
#[derive(Debug, Default)]
pub(in crate::tracking) struct ReadFailures(BTreeMap<Purpose, FailureCount>);

impl ReadFailures {
    /// What is read for this purpose was read to its end, or is not needed any more.
    pub(in crate::tracking) fn clear(&mut self, purpose: Purpose) {
        self.0.remove(&purpose);
    }

    /// Whether reads for this purpose keep failing.
    pub(in crate::tracking) fn keep_failing(&self, purpose: Purpose) -> bool {
        self.0.get(&purpose).is_some_and(FailureCount::is_condition)
    }

    /// What is left of the wait before the next try.
    pub(in crate::tracking) fn until_next(&self, purpose: Purpose, context: &TrackingContext) -> Duration {
        let Some(failures) = self.0.get(&purpose) else { return Duration::ZERO };
        let passed = context.clock.elapsed().saturating_sub(failures.last);
        failures.wait(context.settings.poll.min).saturating_sub(passed)
    }

    /// Tolerates a transient failure, as one in a row; any other ends the round.
    pub(in crate::tracking) async fn tolerate(
        &mut self,
        purpose: Purpose,
        error: ReadError,
        context: &TrackingContext,
    ) -> Result<(), ReadError> {
        let ReadError::Transient(failed) = error else { return Err(error) };
        Ok(self.on_failure(purpose, failed, context).await?)
    }

    /// Counts a failure; from the third in a row it is a condition of the lane, and logged once.
    pub(in crate::tracking) async fn on_failure(
        &mut self,
        purpose: Purpose,
        failed: FailedRead,
        context: &TrackingContext,
    ) -> Result<(), QueueError> {
        let (now, elapsed, lane) = (context.clock.now(), context.clock.elapsed(), &context.lane.lane);
        let known = self.0.values().any(FailureCount::is_condition);
        let failures = self.0.entry(purpose).or_default();
        failures.count(elapsed, failed.lasts);
        let (in_a_row, wait) = (failures.in_a_row, failures.wait(context.settings.poll.min));
        tracing::debug!(%lane, ?purpose, in_a_row, ?wait, "a read failed: {}", failed.text);
        if !failures.is_condition() {
            return Ok(());
        }
        let since = now.before(elapsed.saturating_sub(failures.first));
        let block = Block { trouble: LaneTrouble::Reads, message: failed.text.clone(), since };
        context.queue.block(context.lane.id, block).await?;
        if !known {
            tracing::warn!(%lane, "reads keep failing; they are retried with increasing waits: {}", failed.text);
        }
        Ok(())
    }

    /// Ends the lane's condition once no read is failing.
    pub(in crate::tracking) async fn end_condition(
        &self,
        block: Option<&Block>,
        context: &TrackingContext,
    ) -> Result<(), QueueError> {
        if self.0.is_empty() && block.is_some_and(|block| block.trouble == LaneTrouble::Reads) {
            context.queue.end_trouble(context.lane.id, LaneTrouble::Reads).await?;
            tracing::info!(lane = %context.lane.lane, "reads succeed again");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_the_least_to_five_minutes() {
        let (mut failing, least) = (FailureCount::default(), Duration::from_secs(5));
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
        let mut failing = FailureCount::default();
        failing.count(Duration::ZERO, true);
        assert!(failing.is_condition());
    }
}
