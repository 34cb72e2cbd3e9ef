//! What the worker remembers about its lane from one response to the next. A restart loses it, and nothing depends on it.

use crate::domain::{JobId, LaneTrouble, LoweredCap};
use crate::queue::LaneRecord;
use crate::worker::lane::copy_limit::CopyLimitBackoff;
use crate::worker::lane::health::LaneHealth;
use std::time::Duration;

/// The lane as its responses show it.
#[derive(Debug, Default)]
pub(in crate::worker) struct DispatchState {
    pub(in crate::worker) health: LaneHealth,
    /// When an export was last throttled.
    pub(in crate::worker) throttled_at: Option<Duration>,
    pub(in crate::worker) copy_limit: CopyLimitBackoff,
    /// The cap on copies in progress, where EC2 had too many.
    pub(in crate::worker) cap: Option<LoweredCap>,
    /// Whether an export was ever accepted.
    pub(in crate::worker) proven: bool,
    pub(in crate::worker) probed_at: Option<Duration>,
    /// The job that went last: another one probes next.
    pub(in crate::worker) last_sent: Option<JobId>,
    /// Since when the lane exports: since the first acceptance after the start or after its last trouble.
    pub(in crate::worker) exports_since: Option<Duration>,
}

/// When jobs that were denied are sent again: once another denial would tell whether it is the job's own trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::worker) enum DeniedJobs {
    /// With the others: the lane exports.
    WithOthers,
    /// Later: the lane has exported only for a moment, and IAM's changes take time to arrive everywhere.
    In(Duration),
    /// After all others, one at a time.
    Last,
}

impl DispatchState {
    /// Takes over what the database says; `probe` is the first wait of a lane in trouble. Whether jobs read ahead are stale.
    pub(in crate::worker) fn refresh(&mut self, record: &LaneRecord, probe: Duration, elapsed: Duration) -> bool {
        let trouble = record.blocked.as_ref().map(|block| block.trouble).filter(|trouble| trouble.stops_sending());
        let failed_for_copies = trouble == Some(LaneTrouble::CopyLimit) && self.health.trouble() != trouble;
        if failed_for_copies {
            // Tracking has seen an export fail.
            self.copy_limit.failed(probe, elapsed);
            self.probed_at = Some(elapsed);
        }
        self.health.set_trouble(trouble);
        self.exports_since = self.exports_since.filter(|_| trouble.is_none());
        self.proven = record.proven;
        self.cap.clone_from(&record.lowered);
        failed_for_copies
    }

    /// How long until a lane in trouble may be probed; none where it may be now.
    pub(in crate::worker) fn until_probe(&self, probe: Duration, elapsed: Duration) -> Option<Duration> {
        let no_room = self.health.trouble()? == LaneTrouble::CopyLimit;
        let wait = if no_room { self.copy_limit.wait().max(probe) } else { probe };
        let left = self.probed_at?.saturating_add(wait).saturating_sub(elapsed);
        (!left.is_zero()).then_some(left)
    }

    /// When denied jobs are sent.
    pub(in crate::worker) fn denied_jobs(&self, probe: Duration, elapsed: Duration) -> DeniedJobs {
        let Some(since) = self.exports_since else { return DeniedJobs::Last };
        let left = since.saturating_add(probe).saturating_sub(elapsed);
        if !left.is_zero() {
            DeniedJobs::In(left)
        } else if self.health.doubts() {
            DeniedJobs::Last
        } else {
            DeniedJobs::WithOthers
        }
    }
}
