//! What an act on many jobs would change, and what it did, in words.

use crate::domain::{Act, JobId, JobState, SkipReason};
use crate::queue::{ActPlan, Acted, SkippedJobs};
use crate::report::jobs::list::{TABLE, cells};
use crate::report::layout::style::TextStyle;
use crate::report::layout::table::Blocks;
use crate::report::layout::words::{by_state, capital, grouped, several};

/// How many jobs are named per reason.
const NAMED: usize = 3;

/// What an act would change: a sentence, the first of the jobs, and those that it leaves alone.
pub fn touched_text(plan: &ActPlan, style: TextStyle) -> String {
    let verb = plan.act().event().kind().as_str();
    let left = left_alone(plan);
    if plan.is_empty() {
        let opening = if left.is_empty() { "No jobs match.".to_owned() } else { format!("Nothing to {verb}.") };
        return style.lay_out(std::iter::once(opening).chain(left).collect());
    }
    let heading = style.lay_out(vec![format!("To {verb}: {}.", by_state(&plan.states))]);
    let table = Blocks::new(&TABLE, style.width).text(plan.first.iter().map(cells).collect());
    let more = plan.len().saturating_sub(plan.first.len() as u64);
    let more = (more > 0).then(|| format!("... and {} more", grouped(more)));
    let rest: Vec<String> = more.into_iter().chain(left).collect();
    let rest = if rest.is_empty() { String::new() } else { style.lay_out(rest) };
    heading + &table + &rest
}

/// The question before an act, without its question mark.
pub fn plan_question(plan: &ActPlan) -> String {
    format!("{} {}", capital(plan.act().event().kind().as_str()), several(plan.len(), "job"))
}

/// What an act did.
pub fn acted_text(plan: &ActPlan, acted: Acted, style: TextStyle) -> String {
    let (past, next) = match plan.act() {
        Act::Retry => ("Put back into the queue:", "They are sent after the next inventory of their lane."),
        Act::Resume => ("Resumed", "They are sent after the next inventory of their lane."),
        Act::Pause => ("Paused", "Pausing holds back new exports only; exports in progress continue."),
        Act::Cancel => ("Cancelled", ""),
    };
    let left = [(acted.moved_on, "they have changed"), (acted.rivals, "another job of the snapshot is live")];
    let left = left.into_iter().filter(|(count, _)| *count > 0);
    let left = left.map(|(count, why)| format!("Left alone, because meanwhile {why}: {}.", several(count, "job")));
    let next = (acted.done > 0 && !next.is_empty()).then(|| next.to_owned());
    let done = format!("{past} {}.", several(acted.done, "job"));
    style.lay_out(vec![std::iter::once(done).chain(left).chain(next).collect::<Vec<_>>().join(" ")])
}

fn left_alone(plan: &ActPlan) -> Vec<String> {
    if plan.left.is_empty() {
        return Vec::new();
    }
    let line = |(reason, ones): (&SkipReason, &SkippedJobs)| {
        format!("  {} {} ({})", grouped(ones.count), why(plan.act(), *reason), named(ones))
    };
    let heading = format!("Left alone: {}.", several(plan.left_alone(), "job"));
    std::iter::once(heading).chain(plan.left.iter().map(line)).collect()
}

fn named(ones: &SkippedJobs) -> String {
    let name = |(job, other): &(JobId, Option<JobId>)| match other {
        Some(other) => format!("{job} for job {other}"),
        None => job.to_string(),
    };
    let names: Vec<String> = ones.first.iter().take(NAMED).map(name).collect();
    let word = if ones.count == 1 { "job" } else { "jobs" };
    let more = match ones.count.saturating_sub(names.len() as u64) {
        0 => String::new(),
        more => format!(" and {} more", grouped(more)),
    };
    format!("{word} {}{more}", names.join(", "))
}

fn why(act: Act, reason: SkipReason) -> &'static str {
    match (reason, act) {
        (SkipReason::Ended(JobState::Cancelled), Act::Cancel) => "cancelled already",
        (SkipReason::Ended(state), _) => state.as_str(),
        (SkipReason::InFlight, Act::Cancel) => {
            "in flight: an export cannot be cancelled at Lightsail; it continues and is tracked to the end"
        }
        (SkipReason::InFlight, Act::Pause) => "in flight: the export continues and is tracked to the end",
        (SkipReason::InFlight, Act::Retry | Act::Resume) => "in flight",
        (SkipReason::InReview, _) => "in review: decide with snapferry resolve JOB",
        (SkipReason::QueuedAlready, _) => "queued already",
        (SkipReason::PausedAlready, _) => "paused already",
        (SkipReason::NotPaused, _) => "not paused",
        (SkipReason::BatchPaused, _) => "paused with the whole batch: snapferry resume --batch BATCH",
        (SkipReason::LanePaused, _) => "paused with the whole lane: snapferry resume --account ACCOUNT --region REGION",
        (SkipReason::Stopped, _) => {
            "stopped with its batch or lane: snapferry resume --batch BATCH, or --account ACCOUNT --region REGION"
        }
        (SkipReason::RivalLive, _) => "left to another job of the snapshot, which is live",
        (SkipReason::LaterTaken, _) => "left to a later job of the snapshot, which is retried",
    }
}
