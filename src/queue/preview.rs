//! What a load would do, without writing anything.

use super::Queue;
use super::error::QueueError;
use super::load::NewRow;
use super::reading::json;
use crate::domain::Lane;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

/// Counts what would become of rows. It keeps 16 bytes for each snapshot that would make a job: two keyed hashes, so
/// that two names of a million are taken for one with a chance of less than one in 10^26.
#[derive(Debug)]
pub struct Preview {
    queue: Queue,
    hashers: [RandomState; 2],
    seen: HashSet<[u64; 2]>,
    counts: Previewed,
}

/// What would become of rows.
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
    /// Begins to count what a load would do.
    #[must_use]
    pub fn preview(&self) -> Preview {
        Preview {
            queue: self.clone(),
            hashers: [RandomState::new(), RandomState::new()],
            seen: HashSet::new(),
            counts: Previewed::default(),
        }
    }
}

impl Preview {
    /// Counts rows.
    ///
    /// # Errors
    /// [`QueueError`] when the database cannot be read.
    pub async fn add(&mut self, rows: &[NewRow]) -> Result<(), QueueError> {
        let mut by_lane: HashMap<&Lane, Vec<&str>> = HashMap::new();
        for row in rows {
            by_lane.entry(&row.lane).or_default().push(row.snapshot.as_str());
        }
        for (lane, names) in by_lane {
            let (account, region, given) = (lane.account.as_str(), lane.region.as_str(), json(&names)?);
            let places = sqlx::query_file_scalar!("src/queue/sql/live_jobs.sql", given, account, region)
                .fetch_all(&self.queue.readers)
                .await?;
            let live: HashSet<usize> = places.into_iter().filter_map(|place| usize::try_from(place).ok()).collect();
            for (place, name) in names.into_iter().enumerate() {
                let count = if live.contains(&place) {
                    &mut self.counts.live
                } else if self.seen.insert(self.hashers.each_ref().map(|hasher| hasher.hash_one((lane, name)))) {
                    &mut self.counts.new
                } else {
                    &mut self.counts.repeated
                };
                *count += 1;
            }
        }
        Ok(())
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> Previewed {
        self.counts
    }
}
