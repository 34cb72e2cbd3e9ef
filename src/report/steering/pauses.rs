//! Pausing and resuming whole batches and lanes, in words.

use crate::domain::{JobState, Lane};
use crate::queue::{ActPlan, BatchView, BreakerOpening, LaneView, Pause, StateCounts};
use crate::report::layout::style::TextStyle;
use crate::report::layout::words::{moment, several};
use crate::report::steering::acts::plan_question;
use crate::report::steering::breakers::stopped_place;

/// What pausing these batches and lanes means; those that are paused already come with since when and by whom.
pub fn pauses_text(
    batches: &[BatchView],
    lanes: &[LaneView],
    paused_batches: &[BatchView],
    paused_lanes: &[LaneView],
    look: TextStyle,
) -> String {
    let mut text = Vec::new();
    for batch in batches {
        text.push(format!("To pause: batch {}: {}.", batch.name, stopped(&batch.jobs)));
        let shared = batch.shared.of(JobState::Queued);
        if shared > 0 {
            text.push(format!("  {} of its rows belong to other batches and are not paused", several(shared, "job")));
        }
    }
    text.extend(lanes.iter().map(|lane| format!("To pause: lane {}: {}.", lane.lane, stopped(&lane.jobs))));
    let already = |what: String, pause: Option<&Pause>| format!("{what} is paused already{}.", since(pause));
    text.extend(paused_batches.iter().map(|one| already(format!("Batch {}", one.name), one.paused.as_ref())));
    text.extend(paused_lanes.iter().map(|one| already(format!("Lane {}", one.lane), one.paused.as_ref())));
    if text.is_empty() {
        text.push("There is no lane to pause yet.".to_owned());
    } else if !batches.is_empty() || !lanes.is_empty() {
        text.push("A pause stops sending, not following: what Lightsail has goes on and is settled.".to_owned());
    }
    look.lay_out(text)
}

/// What resuming these batches and lanes means, of which `openings` are stopped by their circuit breakers; `staying` jobs stay paused one
/// by one.
pub fn resumes_text(
    batches: &[BatchView],
    lanes: &[LaneView],
    going_batches: &[BatchView],
    going_lanes: &[LaneView],
    openings: &[(BreakerOpening, Lane)],
    staying: u64,
    look: TextStyle,
) -> String {
    let mut text = Vec::new();
    let line = |what: String, pause: Option<&Pause>, jobs: &StateCounts| {
        format!("To resume: {what}: {}, paused{}.", several(jobs.of(JobState::Queued), "queued job"), since(pause))
    };
    let paused_batches = batches.iter().filter(|one| one.paused.is_some());
    let paused_lanes = lanes.iter().filter(|one| one.paused.is_some());
    text.extend(paused_batches.map(|one| line(format!("batch {}", one.name), one.paused.as_ref(), &one.jobs)));
    text.extend(paused_lanes.map(|one| line(format!("lane {}", one.lane), one.paused.as_ref(), &one.jobs)));
    text.extend(openings.iter().map(|(opening, lane)| {
        let place = stopped_place(opening, lane);
        format!(
            "To resume: {place}, stopped by its circuit breaker since {}: {}.",
            moment(opening.opened_at),
            opening.cause
        )
    }));
    text.extend(going_batches.iter().map(|one| format!("Batch {} is not paused.", one.name)));
    text.extend(going_lanes.iter().map(|one| format!("Lane {} is not paused.", one.lane)));
    if staying > 0 {
        text.push(format!(
            "{} paused one by one; add --state queued to resume those instead, or resume --all.",
            if staying == 1 { "1 job stays".to_owned() } else { format!("{} stay", several(staying, "job")) }
        ));
    }
    if text.is_empty() { String::new() } else { look.lay_out(text) }
}

/// The question before a pause, without its question mark.
pub fn pause_question(batches: &[BatchView], lanes: &[LaneView]) -> String {
    format!("Pause {}", places(batches, lanes))
}

/// The question before an end of pauses, without its question mark.
pub fn resume_question(batches: &[BatchView], lanes: &[LaneView], plan: Option<&ActPlan>) -> String {
    match plan {
        Some(plan) if batches.is_empty() && lanes.is_empty() => plan_question(plan),
        Some(plan) => format!("Resume {} and {}", places(batches, lanes), several(plan.len(), "job")),
        None => format!("Resume {}", places(batches, lanes)),
    }
}

fn places(batches: &[BatchView], lanes: &[LaneView]) -> String {
    let some = |number: usize, one: &str, ones: &str| match number {
        0 => None,
        1 => Some(one.to_owned()),
        _ => Some(format!("{number} {ones}")),
    };
    let batch = batches.first().map(|batch| format!("batch {}", batch.name)).unwrap_or_default();
    let lane = lanes.first().map(|lane| format!("lane {}", lane.lane)).unwrap_or_default();
    let parts = [some(batches.len(), &batch, "batches"), some(lanes.len(), &lane, "lanes")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

fn stopped(jobs: &StateCounts) -> String {
    let flying = [JobState::Submitting, JobState::Exporting, JobState::Unknown].map(|state| jobs.of(state));
    let flying: u64 = flying.iter().sum();
    let queued = several(jobs.of(JobState::Queued), "queued job");
    if flying == 0 { queued } else { format!("{queued}; {flying} in flight go on") }
}

fn since(pause: Option<&Pause>) -> String {
    let Some(pause) = pause else { return String::new() };
    let by = pause.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    format!(" since {}{by}", moment(pause.since))
}
