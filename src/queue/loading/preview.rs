//! What a load would do, without writing: a load that is rolled back would keep a daemon from writing for seconds, and would not
//! work on a database that may only be read.

use crate::queue::Queue;
use crate::queue::loading::chunk::Chunk;
use crate::queue::queue_error::QueueError;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

/// Counts what a load would make of rows. It keeps 8 bytes for each snapshot that would make a job: a keyed hash, so that the chance
/// to confuse two of a million names is one in 10^7.
#[derive(Debug)]
pub struct Preview {
    queue: Queue,
    hasher: RandomState,
    seen: HashSet<u64>,
    counts: Previewed,
}

/// What a load would make of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Previewed {
    /// Rows that would make a job.
    pub new: u64,
    /// Rows whose snapshot has a live job.
    pub live: u64,
    /// Rows whose snapshot an earlier row has.
    pub repeated: u64,
}

impl Queue {
    /// Starts counting what a load would do.
    pub fn preview(&self) -> Preview {
        let (hasher, seen, counts) = (RandomState::new(), HashSet::new(), Previewed::default());
        Preview { queue: self.clone(), hasher, seen, counts }
    }
}

impl Preview {
    /// Counts rows.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn add(&mut self, chunk: &Chunk) -> Result<(), QueueError> {
        self.counts.live += chunk.count;
        for (lane, _, rows) in &chunk.lanes {
            let (account, region) = (lane.account.as_str(), lane.region.as_str());
            let names = sqlx::query_file_scalar!("src/queue/sql/names_without_job.sql", rows, account, region)
                .fetch_all(&self.queue.readers)
                .await?;
            for name in names {
                let first = self.seen.insert(self.hasher.hash_one((lane, name)));
                *if first { &mut self.counts.new } else { &mut self.counts.repeated } += 1;
                self.counts.live -= 1;
            }
        }
        Ok(())
    }

    /// The counts so far.
    pub fn counts(&self) -> Previewed {
        self.counts
    }
}
