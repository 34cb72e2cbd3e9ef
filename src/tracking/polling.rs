//! Follows exports in progress to their end.

use super::changes::Changes;
use super::lists::{Purpose, ReadError, RecordsWanted};
use super::plan::has_record;
use super::tracker_state::TrackerState;
use crate::domain::{EntryStatus, JobId, JobState, OperationId, SnapshotName, Timestamp};
use crate::queue::{EntryKey, Followed, QueueError};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Single reads in a row that may fail before the rest of a round is left to the next, or to one reading for all.
pub(super) const MAX_CONSECUTIVE_ERRORS: u32 = 3;

/// The follower of a lane's exports.
pub(super) struct Polling(pub(super) Arc<Changes>);

impl Polling {
    /// Follows exports that are due: by a reading of the records, which ends when all of them were seen, or by requesting each
    /// operation, whichever takes fewer calls. They are due again at `next`.
    pub(super) async fn follow(
        &self,
        due: &[JobId],
        next: Timestamp,
        state: &mut TrackerState,
    ) -> Result<(), ReadError> {
        let Changes { context, reader, lag, .. } = &*self.0;
        state.read_at = Some(context.clock.elapsed());
        let mut jobs = context.queue.followed_jobs(due).await?;
        // One that has ended needs a page of the records besides.
        let fewer_calls = jobs.len().saturating_mul(2) <= usize::try_from(state.pages).unwrap_or(usize::MAX);
        // Where operations cannot be read, the records are, until they are due to be tried again.
        if fewer_calls
            && jobs.iter().all(|job| job.operation.is_some())
            && state.failures.until_next(Purpose::Operations, context).is_zero()
            && self.read_operations(jobs.iter(), state).await?
        {
            self.0.process().await?;
            self.poll_at(&jobs, next).await?;
            // What time decides is no change: an export without an end for too long.
            self.0.decide_for(due).await?;
            jobs = self.ended_without_a_record(&jobs).await?;
        }
        if jobs.is_empty() {
            return Ok(());
        }
        let wanted = self.records_of(&jobs).await?;
        lag.read_records(reader, wanted, state).await?;
        self.0.process().await?;
        self.follow_up(&jobs.iter().map(|job| job.job).collect::<Vec<_>>(), next, state).await
    }

    /// After a reading of the records: requests the operations of the exports that it did not show, and decides.
    pub(super) async fn follow_up(
        &self,
        due: &[JobId],
        next: Timestamp,
        state: &mut TrackerState,
    ) -> Result<(), ReadError> {
        let Changes { context, lag, ages, .. } = &*self.0;
        let jobs = context.queue.followed_jobs(due).await?;
        let jobs: Vec<Followed> = jobs.into_iter().filter(|job| job.state == JobState::Exporting).collect();
        let entries = self.0.entries_by_name(&names(&jobs)).await?;
        let shown = |job: &Followed| entries.get(&job.snapshot).is_some_and(|entries| has_record(job, entries));
        self.read_operations(jobs.iter().filter(|job| job.record.is_none() && !shown(job)), state).await?;
        self.0.process().await?;
        self.poll_at(&jobs, next).await?;
        self.0.decide_for(due).await?;
        ages.forget(context.clock.elapsed(), lag.longest_wait());
        Ok(())
    }

    /// Requests the operations of these exports; whether any can be read. Where none can, that is counted once.
    async fn read_operations(
        &self,
        jobs: impl Iterator<Item = &Followed>,
        state: &mut TrackerState,
    ) -> Result<bool, ReadError> {
        let Changes { context, reader, .. } = &*self.0;
        let (mut in_a_row, mut any, mut last) = (0, false, None);
        for (operation, snapshot) in jobs.filter_map(|job| Some((job.operation.as_ref()?, &job.snapshot))) {
            match reader.read_operation(operation, snapshot).await? {
                None => (in_a_row, any) = (0, true),
                failed => (in_a_row, last) = (in_a_row + 1, failed),
            }
            if in_a_row == MAX_CONSECUTIVE_ERRORS {
                break;
            }
        }
        match last {
            Some(failed) if !any => state.failures.on_failure(Purpose::Operations, failed, context).await?,
            Some(_) | None if any => state.failures.clear(Purpose::Operations),
            Some(_) | None => {}
        }
        Ok(any)
    }

    /// The records that tell of these exports: of their names, and not known to have ended.
    async fn records_of(&self, jobs: &[Followed]) -> Result<RecordsWanted, QueueError> {
        let names = names(jobs);
        let mut wanted: HashMap<_, _> = names.iter().map(|name| (name.clone(), HashSet::new())).collect();
        for entry in self.0.context.queue.entries(self.0.context.lane.id, &names).await? {
            if let EntryKey::Record(arn) = entry.sighting.key
                && entry.sighting.status != EntryStatus::UnderWay
                && let Some(ended) = wanted.get_mut(&entry.sighting.snapshot)
            {
                ended.insert(arn);
            }
        }
        Ok(RecordsWanted::Of(wanted))
    }

    /// Those whose operation has succeeded while no record shows the result.
    async fn ended_without_a_record(&self, jobs: &[Followed]) -> Result<Vec<Followed>, QueueError> {
        let entries = self.0.context.queue.entries(self.0.context.lane.id, &names(jobs)).await?;
        let ended: HashSet<OperationId> = entries
            .into_iter()
            .filter(|entry| entry.sighting.status == EntryStatus::Succeeded)
            .filter_map(|entry| match entry.sighting.key {
                EntryKey::Operation(id) => Some(id),
                EntryKey::Record(_) => None,
            })
            .collect();
        let ids: Vec<JobId> = jobs.iter().map(|job| job.job).collect();
        let jobs = self.0.context.queue.followed_jobs(&ids).await?;
        let has_ended = |job: &Followed| job.operation.as_ref().is_some_and(|id| ended.contains(id));
        Ok(jobs.into_iter().filter(|job| job.state == JobState::Exporting && has_ended(job)).collect())
    }

    /// When these are due again; a decision may put one off further.
    async fn poll_at(&self, jobs: &[Followed], next: Timestamp) -> Result<(), QueueError> {
        self.0.context.queue.poll_later(&jobs.iter().map(|job| (job.job, next)).collect::<Vec<_>>()).await
    }
}

fn names(jobs: &[Followed]) -> Vec<SnapshotName> {
    jobs.iter().map(|job| job.snapshot.clone()).collect()
}
