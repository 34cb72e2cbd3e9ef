//! What a queued job waits for: what a person did comes first, then the lane's troubles, its own, and the pace.

use crate::domain::{Hold, LoweredCap};
use crate::lightsail::is_throttle;
use crate::queue::{AttemptView, BatchStage, PastPause};
use crate::report::layout::words::{moment, of_others, one_line, several, span, trouble};
use crate::report::steering::breakers::{
    next_try, resume_batch, resume_command, resume_lane, stopped_place, what_next,
};
use crate::report::steering::takeover::takeover_text;
use crate::report::why::explain::{Chain, JobFacts, blocked, no_daemon};
use std::time::Duration;

pub(in crate::report) fn explain(facts: &JobFacts, chain: &mut Chain) {
    let mut bound = loading(facts, chain);
    bound |= paused(facts, chain);
    bound |= no_daemon(facts, chain);
    bound |= blocked(facts, chain);
    bound |= stopped(facts, chain);
    bound |= taken_over(facts, chain);
    bound |= held(facts, chain);
    let due = not_before(facts, chain, bound);
    if !bound && !due {
        bound = uncleared(facts, chain);
    }
    if !bound && !due {
        the_pace(facts, chain);
    }
    if !due {
        last_attempt(facts, chain);
    }
    past_pauses(facts, chain);
}

fn loading(facts: &JobFacts, chain: &mut Chain) -> bool {
    let batch = &facts.waiting.batch;
    let loading = batch.stage == BatchStage::Loading;
    if loading {
        let text = format!("its batch {} is still being loaded, nothing of it is sent before that is done", batch.name);
        chain.cause("loading", text).since(Some(batch.created_at));
        chain.way("the end of the loading; a load that was killed is dropped by the next one", None);
    }
    loading
}

fn paused(facts: &JobFacts, chain: &mut Chain) -> bool {
    let (batch, lane, job) = (&facts.waiting.batch, &facts.waiting.lane, &facts.waiting.detail.job);
    let by = |by: Option<&str>| by.map(|by| format!(" by {}", one_line(by))).unwrap_or_default();
    let mut bound = false;
    if let Some(pause) = &batch.paused {
        let text = format!("its batch {} is paused{}", batch.name, by(pause.by.as_deref()));
        chain.cause("paused_batch", text).since(Some(pause.since));
        chain.way("resume the batch", Some(resume_batch(&batch.name)));
        bound = true;
    }
    if let Some(pause) = &lane.paused {
        let text = format!("its lane {} is paused{}", lane.lane, by(pause.by.as_deref()));
        chain.cause("paused_lane", text).since(Some(pause.since));
        chain.way("resume the lane", Some(resume_lane(&lane.lane)));
        bound = true;
    }
    if let Some(since) = job.paused_at {
        let step = facts.last_step(|step| step.event == "pause");
        let text = format!("it is paused{}", by(step.map(|step| step.actor.as_str())));
        chain.cause("paused", text).since(Some(since));
        chain.way("resume it", Some(format!("snapferry resume {}", job.id)));
        bound = true;
    }
    bound
}

/// The job that an open breaker lets go is bound by nothing of it.
fn stopped(facts: &JobFacts, chain: &mut Chain) -> bool {
    let (waiting, lane) = (&facts.waiting, &facts.waiting.lane.lane);
    let mut bound = false;
    for opening in &waiting.openings {
        let place = stopped_place(opening, lane);
        if opening.probe == Some(waiting.detail.job.id) {
            let text = format!(
                "its {place} is stopped by its circuit breaker ({}); this one is tried all the same",
                opening.cause
            );
            chain.cause("probe", text).since(Some(opening.opened_at));
            continue;
        }
        let kind = if opening.batch.is_some() { "breaker_batch" } else { "breaker_lane" };
        let text = format!("its {place} is stopped by its circuit breaker: {}", opening.cause);
        chain.cause(kind, text).since(Some(opening.opened_at)).until(next_try(opening));
        let next = what_next(opening, facts.now);
        chain.way(format!("{next}; if it is exported, all the others go on"), None);
        chain.way("let all go on once the cause is gone", Some(resume_command(opening, lane)));
        bound = true;
    }
    bound
}

/// A copy does not know of every export.
fn taken_over(facts: &JobFacts, chain: &mut Chain) -> bool {
    let Some(takeover) = &facts.waiting.takeover else { return false };
    let Some(left) = takeover.left(facts.settle()) else { return false };
    let until = facts.now.after(left);
    let whose = format!(" of its lane {}", facts.waiting.lane.lane);
    let text = takeover_text(takeover, &whose, left, facts.now);
    chain.cause("takeover", text).since(Some(takeover.found_at)).until(Some(until));
    let way =
        "it recovers automatically; `snapferry daemon --no-takeover-wait` is for who knows that nothing was in flight";
    chain.way(way, None);
    true
}

fn held(facts: &JobFacts, chain: &mut Chain) -> bool {
    let lane = &facts.waiting.lane.lane;
    match facts.waiting.detail.job.hold {
        Some(Hold::Inventory) => {
            let pending = facts.waiting.snapshot.as_ref().is_some_and(|snapshot| snapshot.state == "pending");
            let asked = facts.last_step(|step| matches!(step.event.as_str(), "retry" | "resume" | "send_again"));
            if pending {
                chain
                    .cause("pending", "its snapshot was still pending when the lane was listed last")
                    .since(facts.waiting.lane.listed_at);
                chain.way("the snapshot becomes available; the lane is listed again until then", None);
            } else {
                let after = asked.map(|step| {
                    format!(", because of the {} by {}", step.event.replace('_', " "), one_line(&step.actor))
                });
                let text = format!(
                    "the ledger of its lane {lane} has to be read before it is sent{}",
                    after.unwrap_or_default()
                );
                chain.cause("inventory", text).since(asked.map(|step| step.at));
                chain.way("the daemon reads it by itself", None);
            }
        }
        None => return false,
    }
    true
}

/// An outcome in words, with the trouble: of the call, or of the export that it had begun.
fn came_out(facts: &JobFacts, attempt: &AttemptView) -> String {
    let job = &facts.waiting.detail.job;
    let of_call = trouble(attempt.error_code.as_ref(), attempt.error_message.as_deref());
    let of_export = || trouble(job.error_code.as_ref(), job.error_message.as_deref());
    of_call.or_else(of_export).unwrap_or_else(|| "no trouble on record".to_owned())
}

fn not_before(facts: &JobFacts, chain: &mut Chain, bound: bool) -> bool {
    let job = &facts.waiting.detail.job;
    let Some(due) = job.due_at.filter(|due| *due > facts.now) else { return false };
    let wait = span(due.since(facts.now));
    let kind = if facts.last_attempt().is_some() { "backoff" } else { "not_before" };
    let text = match facts.last_attempt() {
        Some(last) => format!(
            "attempt {} went wrong ({}); the next one is in {wait}, {} of {} are used",
            last.number,
            came_out(facts, last),
            job.used,
            facts.pace.max_attempts
        ),
        None => format!("its row says not before {}, which is in {wait}", moment(due)),
    };
    chain.cause(kind, text).until(Some(due));
    if !bound {
        chain.way(format!("it recovers automatically at {}", moment(due)), None);
    }
    true
}

fn uncleared(facts: &JobFacts, chain: &mut Chain) -> bool {
    if facts.waiting.cleared {
        return false;
    }
    let text = format!(
        "the ledger of its lane {} has to be read once since the daemon's start, before anything is sent",
        facts.waiting.lane.lane
    );
    chain.cause("unlisted", text).since(facts.waiting.run_began_at);
    chain.way("the daemon reads it by itself", None);
    true
}

fn the_pace(facts: &JobFacts, chain: &mut Chain) {
    let (waiting, pace) = (&facts.waiting, &facts.pace);
    let lane = &waiting.lane;
    let weight = waiting.snapshot.as_ref().map_or(1, |snapshot| snapshot.weight);
    let cap = LoweredCap::in_force(lane.lowered.as_ref(), pace.max_in_flight, facts.now);
    // One that others are ahead of is held by the cap only where that holds those too.
    let in_flight = waiting.load.in_flight.saturating_add(facts.copies_of_others);
    let full = in_flight >= cap || (waiting.ahead.jobs == 0 && in_flight.saturating_add(weight) > cap);
    let full = full && in_flight > 0;
    let rate = lane.learned_rate.unwrap_or(pace.rate).min(pace.rate);
    if full {
        let text = format!(
            "{in_flight} of {cap} EBS copies of its lane {} are under way{}, and it takes {weight}",
            lane.lane,
            of_others(facts.copies_of_others)
        );
        chain.cause("cap", text);
        chain.way("an export under way ends; export.max_in_flight sets the cap", None);
    }
    if let Some(lowered) = lane.lowered.as_ref().filter(|_| cap < pace.max_in_flight) {
        let text = format!(
            "the cap of its lane {} is lowered to {cap} of {}, because EC2 had too many copies under way ({})",
            lane.lane,
            pace.max_in_flight,
            one_line(lowered.code.as_str())
        );
        chain.cause("lowered_cap", text).since(Some(lowered.since));
        chain.way("the cap recovers automatically", None);
    }
    if !lane.proven {
        chain.cause("first_export", format!("the very first export of its lane {} goes alone", lane.lane));
        chain.way("once that one is accepted the others follow", None);
    }
    if lane.learned_rate.is_some_and(|learned| learned < pace.rate) {
        let throttles = facts.refused.iter().filter(|one| is_throttle(one.code.as_str(), one.http_status));
        let (calls, last) =
            throttles.fold((0, None), |(calls, last), one| (calls + one.calls, last.max(Some(one.last))));
        let after =
            if calls == 0 { String::new() } else { format!(" after {} within the hour", several(calls, "throttle")) };
        let text = format!(
            "its lane {} goes at its learned rate of {rate:.1}/s{after}, the ceiling is {:.1}/s",
            lane.lane, pace.rate
        );
        chain.cause("learned_rate", text).since(last);
        chain.way("the rate climbs by itself while no throttle comes", None);
    }
    if waiting.ahead.jobs == 0 {
        chain.cause("next", format!("it is the next one of its batch in its lane {}", lane.lane));
        return;
    }
    let more = if waiting.ahead.and_more { "more than " } else { "" };
    // A share of a job's worth of time is no help to anybody.
    #[expect(clippy::cast_precision_loss, reason = "an estimate, to the second")]
    let least = Duration::from_secs_f64((waiting.ahead.jobs as f64 / rate.max(0.001)).min(1e9).ceil());
    let verb = if waiting.ahead.jobs == 1 { "is" } else { "are" };
    let text = format!(
        "{more}{} of its lane {verb} sent before it, at least {} at {rate:.1}/s",
        several(waiting.ahead.jobs, "job"),
        span(least)
    );
    chain.cause("ahead", text);
    chain.way("its turn comes once those ahead have been sent", None);
}

fn last_attempt(facts: &JobFacts, chain: &mut Chain) {
    let Some(last) = facts.last_attempt() else { return };
    let job = &facts.waiting.detail.job;
    let text = format!(
        "attempt {} went wrong: {}; {} of {} are used",
        last.number,
        came_out(facts, last),
        job.used,
        facts.pace.max_attempts
    );
    chain.cause("last_attempt", text).since(Some(last.intended_at));
}

fn past_pauses(facts: &JobFacts, chain: &mut Chain) {
    for PastPause { of_batch, paused_at, paused_by, resumed_at, resumed_by } in &facts.waiting.pauses {
        let Some((resumed_at, resumed_by)) = resumed_at.zip(resumed_by.as_deref()) else { continue };
        // It held nothing up.
        if resumed_at.since(*paused_at) < Duration::from_secs(1) {
            continue;
        }
        let what = if *of_batch { "batch" } else { "lane" };
        let text = format!(
            "its {what} was paused for {} by {}, resumed by {}",
            span(resumed_at.since(*paused_at)),
            one_line(paused_by),
            one_line(resumed_by)
        );
        chain.cause("was_paused", text).since(Some(*paused_at)).until(Some(resumed_at));
    }
    for stop in &facts.waiting.stops {
        let what = if stop.of_batch { "batch" } else { "lane" };
        let by = match stop.closed_by.as_str() {
            "daemon" => "recovered automatically".to_owned(),
            person => format!("was resumed by {}", one_line(person)),
        };
        let text = format!(
            "its {what} was stopped by its circuit breaker for {} ({}), and {by}",
            span(stop.closed_at.since(stop.opened_at)),
            stop.cause
        );
        chain.cause("was_stopped", text).since(Some(stop.opened_at)).until(Some(stop.closed_at));
    }
}
