//! The totals of a batch, in memory that does not grow with its rows.

use super::durations::Durations;
use super::timeline::Timeline;
use crate::domain::{JobState, Timestamp};
use crate::queue::{BatchPage, BatchRow, BatchView, StateCounts};
use crate::report::jobs::causes::FailureCauses;

/// The totals of a batch.
#[derive(Debug, Clone)]
pub(super) struct Digest {
    pub(super) counts: StateCounts,
    /// Rows that adopted an export.
    pub(super) adopted: u64,
    /// `ExportSnapshot` calls sent.
    pub(super) calls: u64,
    /// When the first row came in, and when something happened last.
    pub(super) began: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    pub(super) timeline: Timeline,
    /// From the call until the end was seen, of our own exports.
    pub(super) durations: Durations,
    pub(super) causes: FailureCauses,
}

impl Digest {
    pub(super) fn new(batch: &BatchView) -> Self {
        Self {
            counts: StateCounts::default(),
            adopted: 0,
            calls: 0,
            began: None,
            last: None,
            timeline: Timeline::from(batch.created_at),
            durations: Durations::default(),
            causes: FailureCauses::default(),
        }
    }

    pub(super) fn add(&mut self, page: &BatchPage) {
        for row in &page.rows {
            self.row(row);
        }
        for step in &page.steps {
            self.timeline.moved(step.at, step.from, step.to);
            self.last = self.last.max(Some(step.at));
        }
    }

    fn row(&mut self, row: &BatchRow) {
        let job = &row.job;
        self.counts.add(job.state, 1);
        self.adopted += u64::from(job.adopted);
        if matches!(job.state, JobState::Failed | JobState::NeedsReview) {
            self.causes.add(job);
        }
        // What happened to a job happened once, however many rows point to it.
        if row.repeated {
            return;
        }
        self.calls += u64::from(job.attempts);
        self.timeline.came_in(job.queued_at);
        self.began = self.began.map_or(Some(job.queued_at), |began| Some(began.min(job.queued_at)));
        self.last = self.last.max(Some(job.queued_at)).max(job.finished_at);
        if let (JobState::Succeeded, false, Some(finished)) = (job.state, job.adopted, job.finished_at) {
            self.timeline.exported(finished);
            if let Some(submitted) = job.submitted_at {
                self.durations.add(finished.since(submitted));
            }
        }
    }
}
