//! Stores the rates that the lane has learned.

use super::send_context::SendContext;
use crate::queue::QueueError;

/// The rates as they were stored last.
#[derive(Debug, Default)]
pub(super) struct LearnedRates {
    exports: Option<f64>,
    reads: Option<f64>,
}

impl LearnedRates {
    /// Stores those that have changed.
    pub(super) async fn store(&mut self, context: &SendContext) -> Result<(), QueueError> {
        if let Some(rate) = changed(context.limiters.exports.learned(), &mut self.exports) {
            context.queue.learn_rate(context.id, rate).await?;
        }
        if let Some(rate) = changed(context.limiters.reads.learned(), &mut self.reads) {
            context.queue.learn_read_rate(context.id, rate).await?;
        }
        Ok(())
    }
}

/// The rate, where it has changed. A change of less than a twentieth is not worth a write.
fn changed(learned: Option<f64>, stored: &mut Option<f64>) -> Option<f64> {
    let learned = learned?;
    if stored.is_some_and(|before| (learned - before).abs() <= before * 0.05) {
        return None;
    }
    *stored = Some(learned);
    Some(learned)
}

#[cfg(test)]
mod tests {
    use super::changed;

    #[test]
    fn a_rate_is_stored_once_it_has_changed_by_a_twentieth() {
        let mut stored = None;
        assert_eq!(changed(None, &mut stored), None);
        assert_eq!(changed(Some(10.0), &mut stored), Some(10.0));
        for near in [10.0, 10.4, 9.6] {
            assert_eq!((changed(Some(near), &mut stored), stored), (None, Some(10.0)), "{near}");
        }
        assert_eq!((changed(Some(10.6), &mut stored), stored), (Some(10.6), Some(10.6)));
        assert_eq!(changed(Some(2.0), &mut stored), Some(2.0));
    }
}
