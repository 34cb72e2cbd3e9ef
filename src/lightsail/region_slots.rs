//! How many calls are in progress at once in a Region: when thousands of lanes start or are resumed, the process does not open
//! thousands of connections. A Region that cannot be reached holds back no other.

use crate::domain::Region;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Calls of `ExportSnapshot`. Each takes well under a second, so that a Region of the largest fleet (a dozen exports a
/// second) does not notice.
const EXPORTS: usize = 16;

/// Reads, a page each. A lane waits for a page of each of the others at most.
pub(super) const READS: usize = 12;

/// A call that takes longer gives up its slot, so that a lane that cannot be reached does not keep it.
const LONG_CALL: Duration = Duration::from_secs(3);

/// The slots of each Region.
#[derive(Debug, Clone)]
pub struct RegionSlots {
    most: usize,
    regions: Arc<Mutex<BTreeMap<Region, CallSlots>>>,
}

/// The slots that the lanes of a Region share, first come first served.
#[derive(Debug, Clone)]
pub struct CallSlots(Arc<Semaphore>);

/// A slot that was taken.
#[derive(Debug)]
pub struct CallSlot {
    _permit: Option<OwnedSemaphorePermit>,
}

impl RegionSlots {
    /// Those of exports.
    pub fn of_exports() -> Self {
        Self { most: EXPORTS, regions: Arc::default() }
    }

    /// Those of reads.
    pub fn of_reads() -> Self {
        Self { most: READS, regions: Arc::default() }
    }

    /// The slots of one Region.
    pub fn of(&self, region: Region) -> CallSlots {
        let mut regions = self.regions.lock().unwrap_or_else(PoisonError::into_inner);
        regions.entry(region).or_insert_with(|| CallSlots(Arc::new(Semaphore::new(self.most)))).clone()
    }
}

impl CallSlots {
    /// Waits for a slot.
    pub async fn take(&self) -> CallSlot {
        // Nobody closes the semaphore, so there is always a permit.
        CallSlot { _permit: Arc::clone(&self.0).acquire_owned().await.ok() }
    }
}

impl CallSlot {
    /// Holds the slot until the response, or until the call takes long.
    pub async fn hold<T>(self, call: impl Future<Output = T>) -> T {
        self.hold_at_most(LONG_CALL, call).await
    }

    async fn hold_at_most<T>(self, long: Duration, call: impl Future<Output = T>) -> T {
        let mut call = std::pin::pin!(call);
        if let Ok(result) = timeout(long, call.as_mut()).await {
            return result;
        }
        drop(self);
        call.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use std::future::pending;

    #[tokio::test]
    async fn a_region_that_hangs_holds_back_no_other() {
        let slots = RegionSlots::of_exports();
        let [hangs, healthy] = ["eu-west-1", "eu-west-2"].map(|name| Region::parse(name).expect("a Region"));
        let mut held = Vec::new();
        for _ in 0..EXPORTS {
            held.push(slots.of(hangs).take().now_or_never().expect("a slot"));
        }
        assert!(slots.of(hangs).take().now_or_never().is_none(), "all slots of its lanes are taken");
        assert!(slots.of(healthy).take().now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_slot_comes_back_with_the_response_or_when_the_call_takes_long() {
        let slots = CallSlots(Arc::new(Semaphore::new(1)));
        assert_eq!(slots.take().await.hold(async { 7 }).await, 7);
        let mut hangs = Box::pin(slots.take().await.hold(pending::<()>()));
        assert!(hangs.as_mut().now_or_never().is_none());
        assert!(slots.take().now_or_never().is_none(), "the call holds the only slot");
        drop(hangs);
        let mut late = Box::pin(slots.take().await.hold_at_most(Duration::ZERO, pending::<()>()));
        tokio::select! {
            () = &mut late => unreachable!("it never ends"),
            _slot = slots.take() => {}
        }
    }
}
