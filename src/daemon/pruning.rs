//! Taking batches away that are over for long: now and then, in small steps with rests between them, so that no commit of a
//! lane waits for it.

use super::service::BackgroundService;
use crate::clock::{SharedClock, Stop};
use crate::queue::{Pruner, Queue, QueueError};
use std::time::Duration;

/// How often it is looked for batches that are old enough.
const LOOK: Duration = Duration::from_hours(1);

/// After each step the disk is the lanes' for so many times as long as that took.
const REST: u32 = 4;

/// Takes away what is over.
#[derive(Clone)]
pub(super) struct Pruning {
    pub(super) queue: Queue,
    pub(super) clock: SharedClock,
    /// How old a completion report has to be.
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
    /// Has the file give back what is pruned: one that was made before that could be is written anew, once, while nothing
    /// waits for it yet.
    pub(super) async fn prepare(&self) {
        let made = async {
            let mut pruner = self.queue.pruner().await?;
            let made = pruner.make_shrinkable().await;
            pruner.close().await;
            made
        };
        match made.await {
            Ok(false) => {}
            Ok(true) => tracing::info!("the database was written anew, so that it gives back what is pruned"),
            Err(error) => tracing::warn!(%error, "the database keeps the space of what is pruned, and uses it again"),
        }
    }

    /// Prunes what is due, once, with rests that are so many times as long as the steps before them.
    pub(super) async fn prune(&self, rest: u32, stop: &Stop) -> Result<(), QueueError> {
        let mut pruner = self.queue.pruner().await?;
        let done = self.prune_with(&mut pruner, rest, stop).await;
        pruner.close().await;
        done
    }

    async fn prune_with(&self, pruner: &mut Pruner, rest: u32, stop: &Stop) -> Result<(), QueueError> {
        let (by, mut after) = (self.clock.now().before(self.after), None);
        // What an earlier run has begun comes first.
        let mut any = self.steps(async |pruner| pruner.take_away().await, pruner, rest, stop).await?;
        while let Some(prunable) = pruner.next(by, after).await? {
            after = Some(prunable.batch);
            if *stop.borrow() {
                return Ok(());
            }
            if pruner.begin(prunable.batch, self.clock.now()).await? {
                tracing::info!(batch = %prunable.name, "the batch is over for long, and taken out of the database");
                any = true;
                self.steps(async |pruner| pruner.take_away().await, pruner, rest, stop).await?;
            }
        }
        if any && !*stop.borrow() {
            self.steps(async |pruner| pruner.give_back().await, pruner, rest, stop).await?;
        }
        Ok(())
    }

    /// Does `one` step until there is nothing left of it; whether there was anything.
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
