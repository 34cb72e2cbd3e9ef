//! Pruning: deletes batches that ended long ago, in small steps with rests between them, so that no commit of a lane waits for it.

use super::service::BackgroundService;
use crate::clock::{SharedClock, Stop};
use crate::queue::{Pruner, Queue, QueueError};
use std::time::Duration;

/// How often to look for batches that are old enough.
const LOOK: Duration = Duration::from_hours(1);

/// After each step the disk is left to the lanes for this many times as long as the step took.
const REST: u32 = 4;

/// Deletes old batches.
#[derive(Clone)]
pub(super) struct Pruning {
    pub(super) queue: Queue,
    pub(super) clock: SharedClock,
    /// The least age of a batch's completion report.
    pub(super) after: Duration,
}

impl BackgroundService for Pruning {
    const WHAT: &'static str = "pruning";

    async fn once(&mut self, stop: &Stop) -> Result<Duration, QueueError> {
        self.prune(REST, stop).await?;
        Ok(LOOK)
    }
}

impl Pruning {
    /// Makes the file give back the space of what is pruned. A file that cannot is rewritten, once, while nothing waits for it yet.
    pub(super) async fn prepare(&self) {
        let made = async {
            let mut pruner = self.queue.pruner().await?;
            let made = pruner.make_shrinkable().await;
            pruner.close().await;
            made
        };
        match made.await {
            Ok(false) => {}
            Ok(true) => tracing::info!("the database was rewritten, so that it gives back the space of what is pruned"),
            Err(error) => tracing::warn!(%error, "the database keeps the space of what is pruned, and reuses it"),
        }
    }

    /// Prunes what is due, once; after each step it rests for `rest` times as long.
    pub(super) async fn prune(&self, rest: u32, stop: &Stop) -> Result<(), QueueError> {
        let mut pruner = self.queue.pruner().await?;
        let done = self.prune_with(&mut pruner, rest, stop).await;
        pruner.close().await;
        done
    }

    async fn prune_with(&self, pruner: &mut Pruner, rest: u32, stop: &Stop) -> Result<(), QueueError> {
        let (by, mut after) = (self.clock.now().before(self.after), None);
        // First what an earlier run has begun.
        let mut any = self.steps(async |pruner| pruner.take_away().await, pruner, rest, stop).await?;
        while let Some(prunable) = pruner.next(by, after).await? {
            after = Some(prunable.batch);
            if *stop.borrow() {
                return Ok(());
            }
            if pruner.begin(prunable.batch, self.clock.now()).await? {
                tracing::info!(batch = %prunable.name, "pruning the batch: it ended long ago");
                any = true;
                self.steps(async |pruner| pruner.take_away().await, pruner, rest, stop).await?;
            }
        }
        if any && !*stop.borrow() {
            self.steps(async |pruner| pruner.give_back().await, pruner, rest, stop).await?;
        }
        Ok(())
    }

    /// Repeats a step until there is nothing left to do; whether there was anything.
    async fn steps(
        &self,
        one: impl AsyncFn(&mut Pruner) -> Result<bool, QueueError>,
        pruner: &mut Pruner,
        rest: u32,
        stop: &Stop,
    ) -> Result<bool, QueueError> {
        let mut any = false;
        while !*stop.borrow() {
            let began = self.clock.elapsed();
            if !one(pruner).await? {
                break;
            }
            any = true;
            self.clock.sleep(self.clock.elapsed().saturating_sub(began) * rest).await;
        }
        Ok(any)
    }
}
