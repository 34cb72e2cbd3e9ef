//! The jobs that are about to be sent and whose intent is not in the database yet.

use crate::domain::JobId;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Reserved jobs, with their weight.
#[derive(Debug, Default)]
pub(super) struct Reservations(Mutex<HashMap<JobId, u32>>);

impl Reservations {
    pub(super) fn reserve(&self, job: JobId, weight: u32) {
        self.lock().insert(job, weight);
    }

    pub(super) fn release(&self, job: JobId) {
        self.lock().remove(&job);
    }

    pub(super) fn contains(&self, job: JobId) -> bool {
        self.lock().contains_key(&job)
    }

    /// All of them, as they are now.
    pub(super) fn snapshot(&self) -> HashMap<JobId, u32> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
