//! Looking at what is open: the ledger for attempts that nobody could answer for, operations for exports under way.

use super::failing::Purpose;
use super::plan::record_in_sight;
use super::reading::{Reading, Unread, Wanted};
use super::tracker::{Begun, Met, Rounds, Tracker};
use crate::domain::{AbsenceRule, JobId, JobState, OperationId, RecordArn, SnapshotName, Timestamp};
use crate::points::{Between, Point, reached};
use crate::queue::{Entry, EntryKey, EntryStatus, Followed, QueueError};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// Reads in a row that may fail, each for itself, before the rest of a round is not tried: it is left to the next, or to one
/// reading for all.
const BEAR: u32 = 3;

impl Tracker {
    /// Reads what concerns unknown attempts and counts the looks that showed nothing.
    pub(super) async fn look_at(&self, unknown: &[JobId], reading: Begun, rounds: &mut Rounds) -> Result<(), Unread> {
        let began = reading.at;
        let jobs = self.queue.followed(unknown).await?;
        let mut unread = HashSet::new();
        let mut in_a_row = 0;
        for job in &jobs {
            // A few that cannot be read are their own trouble, many in a row are the lane's: the rest is not tried.
            let read = in_a_row < BEAR && self.read_operations_of(&job.snapshot).await? == Reading::Complete;
            in_a_row = if read { 0 } else { in_a_row + 1 };
            if !read {
                unread.insert(job.job);
            }
        }
        // Such as one that was deleted since: all operations of the lane show its own as well.
        let failed = if unread.is_empty() { None } else { self.read_operations_instead().await? };
        match failed {
            None => unread.clear(),
            Some(failed) => self.has_failed(Purpose::AbsenceChecks, failed, rounds).await?,
        }
        if unread.is_empty() && !unknown.is_empty() {
            rounds.reads_again(Purpose::AbsenceChecks);
        }
        let again = self.until_reading(Purpose::AbsenceChecks, rounds).max(self.settings.poll_min);
        let moved = self.settle(unknown).await?;
        let mut looked = Vec::new();
        let mut later = Vec::new();
        for job in jobs.iter().filter(|job| !moved.jobs.contains(&job.job)) {
            let meant = job.attempts.last().map_or(job.since, |attempt| attempt.intended_at);
            let opens = meant.after(self.settings.attempt_timeout);
            let met = Met { at: self.clock.elapsed(), looked_at: None, rest: Duration::ZERO };
            let met = rounds.met.entry((job.job, job.attempt)).or_insert(met);
            // A look is as old as the begin of its reading: what came after that, it may have passed by.
            let passed = |since: Duration, span: Duration| reading.elapsed.saturating_sub(since) >= span;
            // Meant by a clock that was ahead, and is set right: then the time since it was met counts.
            let open = began >= opens || passed(met.at, self.settings.attempt_timeout);
            let rested = met.looked_at.is_none_or(|at| passed(at, met.rest));
            if open && rested && !unread.contains(&job.job) {
                looked.push((job.job, job.attempt));
                met.looked_at = Some(reading.elapsed);
            } else {
                let soon = began.after(if unread.contains(&job.job) { again } else { self.settings.poll_min });
                later.push((job.job, if began < opens { opens.min(soon) } else { soon }));
            }
        }
        let forgotten = self.longest_wait();
        self.ages.forget(reading.elapsed, forgotten);
        rounds.met.retain(|_, met| reading.elapsed.saturating_sub(met.looked_at.unwrap_or(met.at)) < forgotten);
        if !looked.is_empty() {
            reached(Point::Between(Between::LookTaken));
        }
        self.queue.count_looks(&looked, began).await?;
        let looked: Vec<JobId> = looked.into_iter().map(|(job, _)| job).collect();
        let absent = self.settle(&looked).await?;
        for job in self.steadied(&looked, self.clock.now(), self.clock.elapsed()).await? {
            let Some(attempt) = job.attempts.last().filter(|_| !absent.jobs.contains(&job.job)) else { continue };
            let spread = attempt.last_look_at.zip(attempt.first_look_at).map(|(last, first)| last.since(first));
            let rule = AbsenceRule { window: self.window_of(attempt), ..self.absence_rule() };
            let wait = rule.until_next(attempt.looks, spread.unwrap_or_default()).min(self.between_looks());
            if let Some(met) = rounds.met.get_mut(&(job.job, job.attempt)) {
                // A tenth less, for clocks that are slewed.
                met.rest = wait.mul_f64(0.9);
            }
            later.push((job.job, began.after(wait)));
        }
        self.queue.poll_later(&later).await?;
        Ok(())
    }

    /// No look is ever put off further: one that is was put off before the clock was set back.
    pub(super) fn longest_wait(&self) -> Duration {
        let settings = &self.settings;
        settings.poll_max.max(self.settle_window()).max(settings.attempt_timeout).saturating_mul(2)
    }

    /// The usual distance of looks, which spreads the least number of them over the reconciliation window.
    pub(super) fn between_looks(&self) -> Duration {
        self.absence_rule().until_next(1, Duration::ZERO)
    }

    fn absence_rule(&self) -> AbsenceRule {
        AbsenceRule { checks: self.settings.looks, window: self.settle_window() }
    }

    /// Follows exports that are due: by a reading of the records, which ends when all of them were seen, or by asking for each
    /// operation, whichever takes fewer calls. They are due again at `next`.
    pub(super) async fn follow(&self, due: &[JobId], next: Timestamp, rounds: &mut Rounds) -> Result<(), Unread> {
        rounds.read_at = Some(self.clock.elapsed());
        let mut jobs = self.queue.followed(due).await?;
        // One that has ended needs a page of the records besides.
        let fewer_calls = jobs.len().saturating_mul(2) <= usize::try_from(rounds.pages).unwrap_or(usize::MAX);
        if fewer_calls && jobs.iter().all(|job| job.operation.is_some()) {
            for (operation, snapshot) in jobs.iter().filter_map(|job| Some((job.operation.as_ref()?, &job.snapshot))) {
                self.ask(operation, snapshot).await?;
            }
            self.take_up_news().await?;
            self.put_off(&jobs, next).await?;
            // What time decides is no news: an export without an end for too long.
            self.settle(due).await?;
            jobs = self.ended_without_a_record(&jobs).await?;
        }
        if !jobs.is_empty() {
            let wanted = self.wanted(&jobs).await?;
            self.read_records_measured(rounds, wanted).await?;
            self.take_up_news().await?;
            self.poll(&jobs.iter().map(|job| job.job).collect::<Vec<_>>(), next).await?;
        }
        Ok(())
    }

    /// The records that tell of these exports: of their names, and not known to have ended.
    async fn wanted(&self, jobs: &[Followed]) -> Result<Wanted, QueueError> {
        let names = names(jobs);
        let mut wanted: HashMap<SnapshotName, HashSet<RecordArn>> =
            names.iter().map(|name| (name.clone(), HashSet::new())).collect();
        for entry in self.queue.entries(self.lane.id, &names).await? {
            if let EntryKey::Record(arn) = entry.sighting.key
                && entry.sighting.status != EntryStatus::UnderWay
                && let Some(ended) = wanted.get_mut(&entry.sighting.snapshot)
            {
                ended.insert(arn);
            }
        }
        Ok(Wanted::Of(wanted))
    }

    /// Those whose operation has ended well while nothing tells what they became.
    async fn ended_without_a_record(&self, jobs: &[Followed]) -> Result<Vec<Followed>, QueueError> {
        let names = names(jobs);
        let entries = self.queue.entries(self.lane.id, &names).await?;
        let ended: HashSet<OperationId> = entries
            .into_iter()
            .filter(|entry| entry.sighting.status == EntryStatus::Succeeded)
            .filter_map(|entry| match entry.sighting.key {
                EntryKey::Operation(id) => Some(id),
                EntryKey::Record(_) => None,
            })
            .collect();
        let ids: Vec<JobId> = jobs.iter().map(|job| job.job).collect();
        let jobs = self.queue.followed(&ids).await?;
        let is_open = |job: &Followed| job.state == JobState::Exporting;
        let has_ended = |job: &Followed| job.operation.as_ref().is_some_and(|id| ended.contains(id));
        Ok(jobs.into_iter().filter(|job| is_open(job) && has_ended(job)).collect())
    }

    /// When these are due again; what is decided for one may put it off further.
    async fn put_off(&self, jobs: &[Followed], next: Timestamp) -> Result<(), QueueError> {
        self.queue.poll_later(&jobs.iter().map(|job| (job.job, next)).collect::<Vec<_>>()).await
    }

    /// Takes up what the records told of exports that are due; what they did not tell is asked of each operation.
    pub(super) async fn poll(&self, due: &[JobId], next: Timestamp) -> Result<(), Unread> {
        let jobs = self.queue.followed(due).await?;
        let jobs: Vec<Followed> = jobs.into_iter().filter(|job| job.state == JobState::Exporting).collect();
        let mut entries = HashMap::<SnapshotName, Vec<Entry>>::new();
        for entry in self.queue.entries(self.lane.id, &names(&jobs)).await? {
            entries.entry(entry.sighting.snapshot.clone()).or_default().push(entry);
        }
        let in_sight = |job: &Followed| entries.get(&job.snapshot).is_some_and(|entries| record_in_sight(job, entries));
        let mut in_a_row = 0;
        for job in jobs.iter().filter(|job| job.record.is_none() && !in_sight(job)) {
            if let Some(operation) = &job.operation
                && in_a_row < BEAR
            {
                let asked = self.ask(operation, &job.snapshot).await?;
                in_a_row = if asked == Reading::Complete { 0 } else { in_a_row + 1 };
            }
        }
        self.take_up_news().await?;
        self.put_off(&jobs, next).await?;
        self.settle(due).await?;
        self.ages.forget(self.clock.elapsed(), self.longest_wait());
        Ok(())
    }

    /// Asks for one operation. Not found means unknown, not failed; and so does an error that is this one operation's
    /// only: it must not keep the lane from all others.
    pub(super) async fn ask(&self, operation: &OperationId, of: &SnapshotName) -> Result<Reading, Unread> {
        match self.api.get_operation(operation).await {
            Ok(Some(found)) => self.see_operations(vec![found], Some(of)).await.map(|()| Reading::Complete),
            Ok(None) => Ok(Reading::Complete),
            Err(error) => self.bear("GetOperation", &error).await,
        }
    }
}

fn names(jobs: &[Followed]) -> Vec<SnapshotName> {
    jobs.iter().map(|job| job.snapshot.clone()).collect()
}
