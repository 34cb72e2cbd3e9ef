//! What needs a person, with the command that helps. Pure.

use super::binding::waits_for_a_job;
use super::view::{Health, StatusView};
use crate::domain::{JobState, Lane, LaneTrouble, Timestamp};
use crate::queue::{BatchView, Block, LaneView, RemainingJobs};
use crate::report::layout::words::{several, what_blocks};
use crate::report::steering::breaker_text::{resume_batch, resume_command, resume_lane, stopped_place};
use crate::report::steering::takeover_text::takeover_text;
use serde::Serialize;
use std::time::Duration;

/// What needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Its name in JSON.
    pub kind: &'static str,
    /// The need in words.
    pub text: String,
    /// A command that helps.
    pub command: String,
}

fn need(kind: &'static str, text: String, command: String) -> Need {
    Need { kind, text, command }
}

impl StatusView {
    /// What needs a person, the most urgent first.
    pub fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        let (scope, jobs, health) = (self.scope(), self.jobs(), self.health());
        let [review, failed] = [JobState::NeedsReview, JobState::Failed].map(|state| jobs.of(state));
        if health == Health::Stopped {
            let text = format!("{} left, and no daemon is running", several(jobs.live() - review, "job"));
            needs.push(need("no_daemon", text, "snapferry daemon".to_owned()));
        }
        needs.extend(self.taken_over());
        needs.extend(self.lanes.iter().filter_map(|lane| blocked_lane(lane, self.now)));
        needs.extend(self.stopped().map(|(opening, lane)| {
            let (place, cause) = (stopped_place(opening, lane), &opening.cause);
            let text = format!("{place} is stopped by its circuit breaker: {cause}; once the cause is gone, resume it");
            need("breaker", text, resume_command(opening, lane))
        }));
        if review > 0 {
            let verb = if review == 1 { "needs" } else { "need" };
            let text =
                format!("{} {verb} a decision; `snapferry resolve JOB` shows the evidence", several(review, "job"));
            needs.push(need("review", text, format!("snapferry jobs --state needs_review{scope}")));
        }
        // While the others are in progress, failed jobs can wait.
        if failed > 0 && health != Health::Running {
            let text = format!("{} failed; see why, and what to retry", several(failed, "job"));
            needs.push(need("failed", text, format!("snapferry failures{scope}")));
        }
        needs.extend(self.lanes.iter().filter_map(paused_lane));
        let queued_here = |batch: &&BatchView| {
            let here = |left: &&RemainingJobs| left.batch == batch.id && left.queued > 0;
            !self.place.is_narrow()
                || self.measures.left.iter().filter(here).any(|left| self.lanes.iter().any(|lane| lane.id == left.lane))
        };
        needs.extend(self.batches.iter().filter(queued_here).filter_map(paused_batch));
        needs.extend(self.lanes.iter().filter_map(|lane| self.paused_jobs(lane)));
        needs
    }

    /// The time in which a person may repeat what the copy does not know.
    fn taken_over(&self) -> Option<Need> {
        let takeover = self.takeover.as_ref()?;
        let queued = self.lanes.iter().filter(|lane| lane.jobs.of(JobState::Queued) > 0);
        let until = queued.filter_map(|lane| self.takeover_until(lane)).max()?;
        let text = takeover_text(takeover, "", until.since(self.now), self.now);
        Some(need("takeover", text, format!("snapferry jobs --state queued{}", self.scope())))
    }

    fn paused_jobs(&self, lane: &LaneView) -> Option<Need> {
        let paused_in = &self.measures.lanes.get(&lane.id)?.paused_in;
        let theirs = self.only.as_ref().is_none_or(|batch| paused_in.contains(&batch.id));
        let Lane { account, region } = &lane.lane;
        let batch = self.of_batch();
        (theirs && !paused_in.is_empty()).then(|| {
            let text = format!("jobs of lane {} are paused individually", lane.lane);
            let command = format!("snapferry jobs --state queued --account {account} --region {region}{batch}");
            need("paused_jobs", text, command)
        })
    }
}

/// How long a lane may wait for room in EC2 before a person is told: other copies take up to an hour.
const ROOM_WITHIN: Duration = Duration::from_hours(1);

fn blocked_lane(lane: &LaneView, now: Timestamp) -> Option<Need> {
    let block = lane.blocked.as_ref().filter(|block| lane.jobs.live() > 0 && !waits_for_a_job(lane, block))?;
    let held = block.trouble == LaneTrouble::Quota && lane.paused.is_some();
    if held || (block.trouble == LaneTrouble::CopyLimit && now.since(block.since) < ROOM_WITHIN) {
        return None;
    }
    let what = match block.trouble.as_str() {
        "credentials" => "waits for credentials".to_owned(),
        "reads" => "cannot be read".to_owned(),
        code => format!("is blocked ({code})"),
    };
    let text = format!("lane {} {what}; it recovers automatically once that is corrected", lane.lane);
    let Lane { account, region } = &lane.lane;
    Some(need("blocked", text, format!("snapferry doctor --account {account} --region {region}")))
}

/// What a lane is held for that was paused because of a quota, not by a person.
fn held_for_quota(lane: &LaneView) -> Option<String> {
    let quota = |block: &&Block| block.trouble == LaneTrouble::Quota;
    lane.blocked.as_ref().filter(|_| lane.paused.is_some()).filter(quota).map(what_blocks)
}

/// What is held for a person at the end of a drain, each with the command that resumes it.
pub fn held_lanes(lanes: &[LaneView]) -> Vec<String> {
    let needs = lanes.iter().filter(|lane| held_for_quota(lane).is_some()).filter_map(paused_lane);
    needs.map(|need| format!("{}; `{}` resumes it", need.text, need.command)).collect()
}

fn paused_lane(lane: &LaneView) -> Option<Need> {
    let text = match held_for_quota(lane) {
        Some(quota) => format!("lane {} is held: {quota}", lane.lane),
        None => format!("lane {} is paused", lane.lane),
    };
    let holds = lane.paused.is_some() && lane.jobs.of(JobState::Queued) > 0;
    holds.then(|| need("paused_lane", text, resume_lane(&lane.lane)))
}

fn paused_batch(batch: &BatchView) -> Option<Need> {
    let holds = batch.paused.is_some() && batch.jobs.of(JobState::Queued) > 0;
    holds.then(|| need("paused_batch", format!("batch {} is paused", batch.name), resume_batch(&batch.name)))
}
