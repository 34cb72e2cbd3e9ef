//! The listing that stands before every sending: which of the queued snapshots exist, which have to wait, and which
//! have been exported already.

use super::reading::Unread;
use super::tracker::Tracker;
use crate::domain::{BatchId, ErrorCode, Event, Failure, JobId, JobState, Standing};
use crate::points::{Between, Point, reached};
use crate::queue::{Listed, QueueError, Transition};
use std::collections::HashSet;

/// Jobs that are taken up at once: one transaction's worth.
const CHUNK: u32 = 500;

/// Names further apart than this many slips of the pen are no near miss.
const NEAR: usize = 3;

impl Tracker {
    /// Lists the lane, acts on what the listing shows, and clears what was queued before it began.
    pub(super) async fn list(&self) -> Result<(), Unread> {
        // What is queued from here on waits for the next listing.
        let batches = self.queue.uncleared(self.lane.id, self.run).await?;
        let held: HashSet<JobId> = self.held().await?;
        self.read_snapshots().await?;
        self.read_records().await?;
        self.read_operations().await?;
        reached(Point::Between(Between::ListingRead));
        let names = self.queue.snapshot_names(self.lane.id).await?;
        // One that was held only since is of the next listing: this one began before it was queued.
        let meant = |job: &Listed| !job.held || held.contains(&job.job);
        for batch in &batches {
            self.act(Some(*batch), &names, meant).await?;
        }
        self.act(None, &names, meant).await?;
        reached(Point::Between(Between::ListingActedUpon));
        self.queue.clear(self.lane.id, self.run, batches).await?;
        Ok(())
    }

    async fn held(&self) -> Result<HashSet<JobId>, QueueError> {
        let mut held = HashSet::new();
        let mut after = JobId(0);
        loop {
            let page = self.queue.listed(self.lane.id, self.run, None, after, CHUNK).await?;
            let Some(last) = page.last() else { return Ok(held) };
            after = last.job;
            held.extend(page.iter().filter(|job| job.held).map(|job| job.job));
        }
    }

    async fn act(
        &self,
        batch: Option<BatchId>,
        names: &[String],
        concerns: impl Fn(&Listed) -> bool,
    ) -> Result<(), Unread> {
        let mut after = JobId(0);
        loop {
            let page = self.queue.listed(self.lane.id, self.run, batch, after, CHUNK).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.job;
            let page: Vec<Listed> = page.into_iter().filter(&concerns).collect();
            self.act_on(page, names).await?;
        }
    }

    async fn act_on(&self, page: Vec<Listed>, names: &[String]) -> Result<(), Unread> {
        // An export that is done stands for its job even where the snapshot is gone or broken by now: but only where
        // the snapshot's ARN is known to be the same.
        let in_ledger: Vec<JobId> = page.iter().filter(|job| job.in_ledger).map(|job| job.job).collect();
        let adopted = self.settle(&in_ledger).await?;
        let (mut hold, mut release, mut failing) = (Vec::new(), Vec::new(), Vec::new());
        for job in page.iter().filter(|job| !adopted.contains(&job.job)) {
            match job.snapshot_state.as_deref() {
                None => failing.push(self.fail(job, missing(job, names))?),
                Some("error") => failing.push(self.fail(job, broken())?),
                Some("pending") => hold.push(job.job),
                Some(_) if job.held => release.push(job.job),
                Some(_) => {}
            }
        }
        self.apply(failing).await?;
        self.queue.hold_for_listing(&hold, &release).await?;
        Ok(())
    }

    fn fail(&self, job: &Listed, failure: Failure) -> Result<Transition, QueueError> {
        let standing = Standing {
            state: JobState::Queued,
            attempt: job.attempt,
            used: job.used,
            max_attempts: self.settings.retry.max_attempts,
        };
        Transition::new(job.job, &standing, Event::Impossible(failure), self.clock.now(), super::tracker::ACTOR)
    }
}

fn broken() -> Failure {
    Failure::new(ErrorCode::SNAPSHOT_IN_ERROR, "the snapshot itself is in state error; make a new one and enqueue that")
}

fn missing(job: &Listed, names: &[String]) -> Failure {
    let wanted = job.snapshot.as_str();
    let near = names
        .iter()
        .filter(|name| name.len().abs_diff(wanted.len()) <= NEAR)
        .map(|name| (strsim::osa_distance(wanted, name), name))
        .filter(|(distance, _)| *distance <= NEAR)
        .min();
    let message = match near {
        Some((_, name)) => format!("no snapshot of that name in this account and Region; did you mean {name:?}?"),
        None if names.is_empty() => {
            "this account has no snapshot in this Region; is it the right one? (Automatic snapshots must be copied first)"
                .to_owned()
        }
        None => "no snapshot of that name in this account and Region (automatic snapshots must be copied first)".to_owned(),
    };
    Failure::new(ErrorCode::SNAPSHOT_NOT_FOUND, message)
}
