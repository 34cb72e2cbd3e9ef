//! What waits for a person, with the command that helps. Pure.

use super::binding::waits_for_a_job;
use super::view::{Health, StatusView};
use crate::domain::{JobState, Lane, LaneTrouble, Timestamp};
use crate::queue::{BatchView, Block, LaneView, RemainingJobs};
use crate::report::layout::words::{several, what_blocks};
use crate::report::steering::breakers::{resume_batch, resume_command, resume_lane, stopped_place};
use crate::report::steering::takeover::takeover_text;
use serde::Serialize;
use std::time::Duration;

/// What waits for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Need {
    /// Its name in JSON.
    pub kind: &'static str,
    /// It in words.
    pub text: String,
    /// A command that helps.
    pub command: String,
}

impl StatusView {
    /// What waits for a person, the most pressing first.
    pub fn needs(&self) -> Vec<Need> {
        let mut needs = Vec::new();
        let batch = self.scope();
        let jobs = self.jobs();
        if self.health() == Health::Stopped {
            needs.push(Need {
                kind: "no_daemon",
                text: format!(
                    "{} left, and no daemon is running",
                    several(jobs.live() - jobs.of(JobState::NeedsReview), "job")
                ),
                command: "snapferry daemon".to_owned(),
            });
        }
        needs.extend(self.taken_over());
        needs.extend(self.lanes.iter().filter_map(|lane| blocked_lane(lane, self.now)));
        needs.extend(self.stopped().map(|(opening, lane)| Need {
            kind: "breaker",
            text: format!(
                "{} is stopped by its circuit breaker: {}; once the cause is gone, let it go on",
                stopped_place(opening, lane),
                opening.cause
            ),
            command: resume_command(opening, lane),
        }));
        let review = jobs.of(JobState::NeedsReview);
        if review > 0 {
            needs.push(Need {
                kind: "review",
                text: format!(
                    "a decision is needed on {}; `snapferry resolve JOB` has the evidence of each",
                    several(review, "job")
                ),
                command: format!("snapferry jobs --state needs_review{batch}"),
            });
        }
        let failed = jobs.of(JobState::Failed);
        // While the others are at work, nothing is lost by leaving the failed ones for later.
        if failed > 0 && self.health() != Health::Running {
            needs.push(Need {
                kind: "failed",
                text: format!("{} failed; this says why, and which command retries what", several(failed, "job")),
                command: format!("snapferry failures{batch}"),
            });
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

    /// The time in which a person may still do again what the copy does not know.
    fn taken_over(&self) -> Option<Need> {
        let takeover = self.takeover.as_ref()?;
        let queued = self.lanes.iter().filter(|lane| lane.jobs.of(JobState::Queued) > 0);
        let until = queued.filter_map(|lane| self.takeover_until(lane)).max()?;
        Some(Need {
            kind: "takeover",
            text: takeover_text(takeover, "", until.since(self.now), self.now),
            command: format!("snapferry jobs --state queued{}", self.scope()),
        })
    }

    fn paused_jobs(&self, lane: &LaneView) -> Option<Need> {
        let paused_in = &self.measures.lanes.get(&lane.id)?.paused_in;
        let theirs = self.only.as_ref().is_none_or(|batch| paused_in.contains(&batch.id));
        let Lane { account, region } = &lane.lane;
        (theirs && !paused_in.is_empty()).then(|| Need {
            kind: "paused_jobs",
            text: format!("jobs of lane {} are paused one by one", lane.lane),
            command: format!("snapferry jobs --state queued --account {account} --region {region}{}", self.of_batch()),
        })
    }
}

/// For so long a lane without room in EC2 is left to itself: what is in the way takes up to an hour.
const ROOM_WITHIN: Duration = Duration::from_hours(1);

fn blocked_lane(lane: &LaneView, now: Timestamp) -> Option<Need> {
    let blocked = lane.blocked.as_ref().filter(|blocked| lane.jobs.live() > 0 && !waits_for_a_job(lane, blocked))?;
    let held = blocked.trouble == LaneTrouble::Quota && lane.paused.is_some();
    if held || (blocked.trouble == LaneTrouble::CopyLimit && now.since(blocked.since) < ROOM_WITHIN) {
        return None;
    }
    let what = match blocked.trouble.as_str() {
        "credentials" => "waits for credentials".to_owned(),
        "reads" => "cannot be read".to_owned(),
        code => format!("is blocked ({code})"),
    };
    Some(Need {
        kind: "blocked",
        text: format!("lane {} {what}; it recovers automatically once that is put right", lane.lane),
        command: format!("snapferry doctor --account {} --region {}", lane.lane.account, lane.lane.region),
    })
}

/// Why a lane is held for a person that no person has paused.
fn held_for_quota(lane: &LaneView) -> Option<String> {
    let quota = |block: &&Block| block.trouble == LaneTrouble::Quota;
    lane.blocked.as_ref().filter(|_| lane.paused.is_some()).filter(quota).map(what_blocks)
}

/// What is held for a person once a drain has ended, each with the command that lets it go on.
pub fn held_lanes(lanes: &[LaneView]) -> Vec<String> {
    let needs = lanes.iter().filter(|lane| held_for_quota(lane).is_some()).filter_map(paused_lane);
    needs.map(|need| format!("{}; `{}` lets it go on", need.text, need.command)).collect()
}

fn paused_lane(lane: &LaneView) -> Option<Need> {
    let _ = lane.paused.as_ref().filter(|_| lane.jobs.of(JobState::Queued) > 0)?;
    Some(Need {
        kind: "paused_lane",
        text: match held_for_quota(lane) {
            Some(said) => format!("lane {} is held: {said}", lane.lane),
            None => format!("lane {} is paused", lane.lane),
        },
        command: resume_lane(&lane.lane),
    })
}

fn paused_batch(batch: &BatchView) -> Option<Need> {
    let _ = batch.paused.as_ref().filter(|_| batch.jobs.of(JobState::Queued) > 0)?;
    Some(Need {
        kind: "paused_batch",
        text: format!("batch {} is paused", batch.name),
        command: resume_batch(&batch.name),
    })
}
