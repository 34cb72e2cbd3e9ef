//! Pausing and resuming whole batches and lanes, in words.

use crate::domain::{JobState, Lane};
use crate::queue::{ActPlan, BatchView, BreakerOpening, LaneView, Pause, StateCounts};
use crate::report::layout::style::TextStyle;
use crate::report::layout::words::{capital, moment, several};
use crate::report::steering::acts::plan_question;
use crate::report::steering::breaker_text::stopped_place;

/// What pausing these batches and lanes means; the second pair is paused already.
pub fn pauses_text(
    batches: &[BatchView],
    lanes: &[LaneView],
    paused_batches: &[BatchView],
    paused_lanes: &[LaneView],
    style: TextStyle,
) -> String {
    let mut text: Vec<String> =
        each(batches, lanes).map(|(place, _, jobs)| format!("To pause: {place}: {}.", held_back(jobs))).collect();
    let shared = batches.iter().map(|batch| batch.shared.of(JobState::Queued)).filter(|shared| *shared > 0);
    text.extend(
        shared.map(|shared| {
            format!("  {} of its rows belong to other batches and are not paused", several(shared, "job"))
        }),
    );
    if !text.is_empty() {
        text.push(
            "Pausing holds back new exports only; exports in progress continue and are tracked to the end.".to_owned(),
        );
    }
    let already = each(paused_batches, paused_lanes);
    text.extend(already.map(|(place, pause, _)| format!("{} is already paused{}.", capital(&place), since(pause))));
    if text.is_empty() {
        text.push("There are no lanes to pause yet.".to_owned());
    }
    style.lay_out(text)
}

/// What resuming these batches and lanes means, of which `openings` are stopped by their circuit breakers; the second pair
/// is not paused, and `staying` jobs stay paused individually.
pub fn resumes_text(
    batches: &[BatchView],
    lanes: &[LaneView],
    going_batches: &[BatchView],
    going_lanes: &[LaneView],
    openings: &[(BreakerOpening, Lane)],
    staying: u64,
    style: TextStyle,
) -> String {
    let paused = each(batches, lanes).filter(|(_, pause, _)| pause.is_some()).map(|(place, pause, jobs)| {
        format!("To resume: {place}: {}, paused{}.", several(jobs.of(JobState::Queued), "queued job"), since(pause))
    });
    let stopped = openings.iter().map(|(opening, lane)| {
        let (place, at) = (stopped_place(opening, lane), moment(opening.opened_at));
        format!("To resume: {place}, stopped by its circuit breaker since {at}: {}.", opening.cause)
    });
    let going = each(going_batches, going_lanes).map(|(place, ..)| format!("{} is not paused.", capital(&place)));
    let mut text: Vec<String> = paused.chain(stopped).chain(going).collect();
    if staying > 0 {
        let (jobs, verb) = (several(staying, "job"), if staying == 1 { "stays" } else { "stay" });
        text.push(format!(
            "{jobs} {verb} paused individually; use --state queued to resume those instead, or resume --all."
        ));
    }
    if text.is_empty() { String::new() } else { style.lay_out(text) }
}

/// The question before a pause, without its question mark.
pub fn pause_question(batches: &[BatchView], lanes: &[LaneView]) -> String {
    format!("Pause {}", places(batches, lanes))
}

/// The question before resuming, without its question mark.
pub fn resume_question(batches: &[BatchView], lanes: &[LaneView], plan: Option<&ActPlan>) -> String {
    match plan {
        Some(plan) if batches.is_empty() && lanes.is_empty() => plan_question(plan),
        Some(plan) => format!("Resume {} and {}", places(batches, lanes), several(plan.len(), "job")),
        None => format!("Resume {}", places(batches, lanes)),
    }
}

fn places(batches: &[BatchView], lanes: &[LaneView]) -> String {
    let name = |batches: &[BatchView], lanes: &[LaneView], many: &str| match batches.len() + lanes.len() {
        0 => None,
        1 => each(batches, lanes).next().map(|(place, ..)| place),
        number => Some(format!("{number} {many}")),
    };
    let names = [name(batches, &[], "batches"), name(&[], lanes, "lanes")];
    names.into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

/// Each batch and lane with its pause and its jobs.
fn each<'a>(
    batches: &'a [BatchView],
    lanes: &'a [LaneView],
) -> impl Iterator<Item = (String, Option<&'a Pause>, &'a StateCounts)> {
    let batches = batches.iter().map(|one| (format!("batch {}", one.name), one.paused.as_ref(), &one.jobs));
    batches.chain(lanes.iter().map(|one| (format!("lane {}", one.lane), one.paused.as_ref(), &one.jobs)))
}

fn held_back(jobs: &StateCounts) -> String {
    let in_flight = [JobState::Submitting, JobState::Exporting, JobState::Unknown].map(|state| jobs.of(state));
    let queued = several(jobs.of(JobState::Queued), "queued job");
    match in_flight.iter().sum() {
        0 => queued,
        in_flight => format!("{queued}; {} in flight", several(in_flight, "job")),
    }
}

fn since(pause: Option<&Pause>) -> String {
    let Some(pause) = pause else { return String::new() };
    let by = pause.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    format!(" since {}{by}", moment(pause.since))
}
