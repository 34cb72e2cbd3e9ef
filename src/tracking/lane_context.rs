//! What every part of a lane's tracking works with.

use super::tracker::TrackerSettings;
use crate::clock::SharedClock;
use crate::domain::{LaneTrouble, RunId};
use crate::lightsail::Lightsail;
use crate::queue::{Block, LaneRecord, Queue, QueueError, Transition};
use std::sync::Arc;

/// The actor of every transition that no person made.
pub(super) const ACTOR: &str = "daemon";

/// A lane, its store, its client and its settings.
pub(super) struct LaneContext {
    pub(super) queue: Queue,
    pub(super) api: Arc<dyn Lightsail>,
    pub(super) clock: SharedClock,
    pub(super) run: RunId,
    pub(super) lane: LaneRecord,
    pub(super) settings: TrackerSettings,
}

impl LaneContext {
    /// Blocks the lane; logged once, not at every retry.
    pub(super) async fn block(&self, trouble: LaneTrouble, message: String) -> Result<(), QueueError> {
        let block = Block { trouble, message: message.clone(), since: self.clock.now() };
        if self.queue.block(self.lane.id, block).await? {
            tracing::warn!(lane = %self.lane.lane, trouble = %trouble, "the lane is blocked: {message}");
        }
        Ok(())
    }

    /// Writes transitions; tells of each whether it was written. A job that has moved on meanwhile is left to the next round.
    pub(super) async fn apply(&self, transitions: Vec<Transition>) -> Result<Vec<bool>, QueueError> {
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
