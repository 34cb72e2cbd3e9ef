//! What every part of a lane's tracking works with.

use crate::clock::SharedClock;
use crate::domain::{LaneTrouble, RunId};
use crate::lightsail::Lightsail;
use crate::queue::{Block, LaneRecord, Queue, QueueError, Transition};
use crate::tracking::tracker::TrackerSettings;
use std::sync::Arc;

/// The actor of every transition that no person made.
pub(in crate::tracking) const ACTOR: &str = "daemon";

/// A lane, its store, its client and its settings.
pub(in crate::tracking) struct LaneContext {
    pub(in crate::tracking) queue: Queue,
    pub(in crate::tracking) api: Arc<dyn Lightsail>,
    pub(in crate::tracking) clock: SharedClock,
    pub(in crate::tracking) run: RunId,
    pub(in crate::tracking) lane: LaneRecord,
    pub(in crate::tracking) settings: TrackerSettings,
}

impl LaneContext {
    /// Blocks the lane; logged once, not at every retry.
    pub(in crate::tracking) async fn block(&self, trouble: LaneTrouble, message: String) -> Result<(), QueueError> {
        let block = Block { trouble, message: message.clone(), since: self.clock.now() };
        if self.queue.block(self.lane.id, block).await? {
            tracing::warn!(lane = %self.lane.lane, trouble = %trouble, "the lane is blocked: {message}");
        }
        Ok(())
    }

    /// Writes transitions; tells of each whether it was written. A job that has moved on meanwhile is left to the next round.
    pub(in crate::tracking) async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<bool>, QueueError> {
        let results = self.queue.transition_all(transitions).await;
        results
            .into_iter()
            .map(|result| match result {
                Ok(()) => Ok(true),
                Err(QueueError::Stale { .. }) => Ok(false),
                Err(error) => Err(error),
            })
            .collect()
    }
}
