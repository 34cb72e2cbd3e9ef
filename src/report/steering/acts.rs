//! What an act on many jobs would touch, and what it did, in words.

use crate::domain::{Act, JobId, JobState, SkipReason};
use crate::queue::{ActPlan, Acted, SkippedJobs};
use crate::report::jobs::list::{TABLE, cells};
use crate::report::layout::style::TextStyle;
use crate::report::layout::table::Blocks;
use crate::report::layout::words::{by_state, capital, grouped, several};

/// Jobs that are named for one reason.
const NAMED: usize = 3;

/// What an act would touch: a sentence, the first of the jobs, and those that it leaves alone.
pub fn touched_text(plan: &ActPlan, look: TextStyle) -> String {
    let act = plan.act();
    if plan.is_empty() {
        let left = left_alone(plan);
        let opening = if left.is_empty() { "No job fits.".to_owned() } else { format!("Nothing to {}.", verb(act)) };
        return look.lay_out(std::iter::once(opening).chain(left).collect());
    }
    let mut text = look.lay_out(vec![format!("To {}: {}.", verb(act), by_state(&plan.states))]);
    text.push_str(&Blocks::new(&TABLE, look.width).text(plan.first.iter().map(cells).collect()));
    let more = plan.len().saturating_sub(u64::try_from(plan.first.len()).unwrap_or(u64::MAX));
    let mut lines = Vec::new();
    if more > 0 {
        lines.push(format!("... and {} more", grouped(more)));
    }
    lines.extend(left_alone(plan));
    if !lines.is_empty() {
        text.push_str(&look.lay_out(lines));
    }
    text
}

/// The question before an act, without its question mark.
pub fn plan_question(plan: &ActPlan) -> String {
    format!("{} {}", capital(verb(plan.act())), several(plan.len(), "job"))
}

/// What an act did.
pub fn acted_text(plan: &ActPlan, acted: Acted, look: TextStyle) -> String {
    let act = plan.act();
    let mut sentences = vec![format!("{} {}.", past(act), several(acted.done, "job"))];
    if acted.moved_on > 0 {
        let had = several(acted.moved_on, "job");
        sentences.push(format!("Left alone, because moved on meanwhile: {had}."));
    }
    if acted.rivals > 0 {
        let had = several(acted.rivals, "job");
        sentences.push(format!("Left alone, because another job of the snapshot has become live meanwhile: {had}."));
    }
    if acted.done > 0 {
        match act {
            Act::Retry | Act::Resume => sentences.push("The lane's ledger is read before anything is sent.".to_owned()),
            Act::Pause => sentences.push("A pause stops sending, not following.".to_owned()),
            Act::Cancel => {}
        }
    }
    look.lay_out(vec![sentences.join(" ")])
}

fn verb(act: Act) -> &'static str {
    match act {
        Act::Retry => "retry",
        Act::Cancel => "cancel",
        Act::Pause => "pause",
        Act::Resume => "resume",
    }
}

fn past(act: Act) -> &'static str {
    match act {
        Act::Retry => "Put back into the queue:",
        Act::Cancel => "Cancelled",
        Act::Pause => "Paused",
        Act::Resume => "Resumed",
    }
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
    let more = ones.count.saturating_sub(u64::try_from(names.len()).unwrap_or(u64::MAX));
    let names = names.join(", ");
    if more > 0 { format!("{word} {names} and {} more", grouped(more)) } else { format!("{word} {names}") }
}

fn why(act: Act, reason: SkipReason) -> String {
    let text = match (reason, act) {
        (SkipReason::Ended(JobState::Cancelled), Act::Cancel) => "cancelled already",
        (SkipReason::Ended(state), _) => state.as_str(),
        (SkipReason::InFlight, Act::Cancel) => {
            "in flight: an export cannot be cancelled at Lightsail, Lightsail goes on and it is followed to its end"
        }
        (SkipReason::InFlight, Act::Pause) => "in flight: Lightsail goes on, and it is followed to its end",
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
    };
    text.to_owned()
}
