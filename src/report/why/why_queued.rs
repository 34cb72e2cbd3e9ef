//! What a queued job waits for: people's pauses first, then the lane's troubles, its own, and the rate.

use crate::domain::{Hold, LoweredCap};
use crate::lightsail::is_throttle;
use crate::queue::{AttemptView, BatchStage, PastPause};
use crate::report::layout::words::{moment, of_others, one_line, several, span, trouble};
use crate::report::steering::breaker_text::{
    next_try, resume_batch, resume_command, resume_lane, stopped_place, what_next,
};
use crate::report::steering::takeover_text::takeover_text;
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
    if !due {
        if !bound && !unlisted(facts, chain) {
            copies(facts, chain);
            rate(facts, chain);
        }
        last_attempt(facts, chain);
    }
    past_holds(facts, chain);
}

fn loading(facts: &JobFacts, chain: &mut Chain) -> bool {
    let batch = &facts.waiting.batch;
    let loading = batch.stage == BatchStage::Loading;
    if loading {
        let text =
            format!("its batch {} is still being loaded, and nothing is sent before the end of the load", batch.name);
        chain.cause("loading", text).since(batch.created_at);
        chain.way("the load ends; if it was killed, the next load drops it", None);
    }
    loading
}

fn paused(facts: &JobFacts, chain: &mut Chain) -> bool {
    let (batch, lane, job) = (&facts.waiting.batch, &facts.waiting.lane, facts.job());
    let by = |by: Option<&str>| by.map(|by| format!(" by {}", one_line(by))).unwrap_or_default();
    if let Some(pause) = &batch.paused {
        let text = format!("its batch {} is paused{}", batch.name, by(pause.by.as_deref()));
        chain.cause("paused_batch", text).since(pause.since);
        chain.way("resume the batch", Some(resume_batch(&batch.name)));
    }
    if let Some(pause) = &lane.paused {
        let text = format!("its lane {} is paused{}", lane.lane, by(pause.by.as_deref()));
        chain.cause("paused_lane", text).since(pause.since);
        chain.way("resume the lane", Some(resume_lane(&lane.lane)));
    }
    if let Some(since) = job.paused_at {
        let step = facts.last_step(|step| step.event == "pause");
        chain.cause("paused", format!("it is paused{}", by(step.map(|step| step.actor.as_str())))).since(since);
        chain.way("resume it", Some(format!("snapferry resume {}", job.id)));
    }
    batch.paused.is_some() || lane.paused.is_some() || job.paused_at.is_some()
}

/// Open breakers; they do not hold back their own probe.
fn stopped(facts: &JobFacts, chain: &mut Chain) -> bool {
    let lane = &facts.waiting.lane.lane;
    let mut bound = false;
    for opening in &facts.waiting.openings {
        let text = format!("its {} is stopped by its circuit breaker: {}", stopped_place(opening, lane), opening.cause);
        if opening.probe == Some(facts.job().id) {
            chain.cause("probe", format!("{text}; this job is the one that is tried")).since(opening.opened_at);
            continue;
        }
        let kind = if opening.batch.is_some() { "breaker_batch" } else { "breaker_lane" };
        chain.cause(kind, text).since(opening.opened_at).until(next_try(opening));
        chain.way(format!("{}; if it is exported, all others continue", what_next(opening, facts.now)), None);
        chain.way("resume all once the cause is gone", Some(resume_command(opening, lane)));
        bound = true;
    }
    bound
}

/// A copy does not know of every export.
fn taken_over(facts: &JobFacts, chain: &mut Chain) -> bool {
    let Some(takeover) = &facts.waiting.takeover else { return false };
    let Some(left) = takeover.left(facts.window()) else { return false };
    let whose = format!(" of its lane {}", facts.waiting.lane.lane);
    let text = takeover_text(takeover, &whose, left, facts.now);
    chain.cause("takeover", text).since(takeover.found_at).until(facts.now.after(left));
    let way = "the wait ends; if you know that nothing was in flight, `snapferry daemon --no-takeover-wait` skips it";
    chain.way(way, None);
    true
}

fn held(facts: &JobFacts, chain: &mut Chain) -> bool {
    let Some(Hold::Inventory) = facts.job().hold else { return false };
    let lane = &facts.waiting.lane;
    if facts.waiting.snapshot.as_ref().is_some_and(|snapshot| snapshot.state == "pending") {
        chain
            .cause("pending", "its snapshot was still pending in the last inventory of its lane")
            .since(lane.listed_at);
        chain.way("the snapshot becomes available; until then the inventory is repeated", None);
        return true;
    }
    let asked = facts.last_step(|step| matches!(step.event.as_str(), "retry" | "resume" | "send_again"));
    let after = asked.map(|step| format!(" since the {} by {}", step.event.replace('_', " "), one_line(&step.actor)));
    let text = format!("its lane {} needs an inventory{}", lane.lane, after.unwrap_or_default());
    chain.cause("inventory", text).since(asked.map(|step| step.at));
    chain.way("the daemon makes the inventory", None);
    true
}

/// The error of an attempt: of its call, or of the export that it started.
fn error_of(facts: &JobFacts, attempt: &AttemptView) -> String {
    let of_call = trouble(attempt.error_code.as_ref(), attempt.error_message.as_deref());
    of_call.or_else(|| facts.trouble()).unwrap_or_else(|| "no error on record".to_owned())
}

fn not_before(facts: &JobFacts, chain: &mut Chain, bound: bool) -> bool {
    let Some(due) = facts.job().due_at.filter(|due| *due > facts.now) else { return false };
    let wait = span(due.since(facts.now));
    if let Some(last) = facts.last_attempt() {
        let (used, most) = (facts.job().used, facts.limits.max_attempts);
        let (number, error) = (last.number, error_of(facts, last));
        let text = format!("attempt {number} failed ({error}); the next one is in {wait}, {used} of {most} are used");
        chain.cause("backoff", text).until(due);
    } else {
        let text = format!("its row says not before {}, which is in {wait}", moment(due));
        chain.cause("not_before", text).until(due);
    }
    if !bound {
        chain.way(format!("it is sent after {}", moment(due)), None);
    }
    true
}

fn unlisted(facts: &JobFacts, chain: &mut Chain) -> bool {
    if !facts.waiting.cleared {
        let lane = &facts.waiting.lane.lane;
        let text = format!("its lane {lane} needs an inventory since the daemon's start, before anything is sent");
        chain.cause("unlisted", text).since(facts.waiting.run_began_at);
        chain.way("the daemon makes the inventory", None);
    }
    !facts.waiting.cleared
}

/// The cap on copies in progress.
fn copies(facts: &JobFacts, chain: &mut Chain) {
    let (waiting, most) = (&facts.waiting, u64::from(facts.limits.cap));
    let lane = &waiting.lane;
    let weight = waiting.snapshot.as_ref().map_or(1, |snapshot| snapshot.weight);
    let cap = LoweredCap::in_force(lane.lowered.as_ref(), most, facts.now);
    let in_flight = waiting.load.in_flight.saturating_add(facts.copies_of_others);
    // While others are ahead of it, the cap holds it back only if it holds those back too.
    let fits = in_flight < cap && (waiting.ahead.jobs > 0 || in_flight.saturating_add(weight) <= cap);
    if in_flight > 0 && !fits {
        let others = of_others(facts.copies_of_others);
        let text = format!(
            "{in_flight} of {cap} EBS copies of its lane {} are in progress{others}, and it takes {weight}",
            lane.lane
        );
        chain.cause("cap", text);
        chain.way("an export in progress ends; export.max_in_flight sets the cap", None);
    }
    if let Some(lowered) = lane.lowered.as_ref().filter(|_| cap < most) {
        let text = format!(
            "the cap of its lane {} is lowered to {cap} of {most}, because EC2 had too many copies in progress ({})",
            lane.lane,
            one_line(lowered.code.as_str())
        );
        chain.cause("lowered_cap", text).since(lowered.since);
        chain.way("the cap recovers automatically", None);
    }
    if !lane.proven {
        chain.cause("first_export", format!("the very first export of its lane {} goes alone", lane.lane));
        chain.way("once that one is accepted, the others follow", None);
    }
}

/// The rate, and the jobs ahead of it.
fn rate(facts: &JobFacts, chain: &mut Chain) {
    let (waiting, ceiling) = (&facts.waiting, facts.limits.ceiling);
    let lane = &waiting.lane;
    let rate = lane.learned_rate.unwrap_or(ceiling).min(ceiling);
    if rate < ceiling {
        let throttles = facts.refused.iter().filter(|one| is_throttle(one.code.as_str(), one.http_status));
        let (calls, last) =
            throttles.fold((0, None), |(calls, last), one| (calls + one.calls, last.max(Some(one.last))));
        let after =
            if calls == 0 { String::new() } else { format!(" after {} within the hour", several(calls, "throttle")) };
        let text = format!(
            "its lane {} sends at its learned rate of {rate:.1}/s{after}; the ceiling is {ceiling:.1}/s",
            lane.lane
        );
        chain.cause("learned_rate", text).since(last);
        chain.way("the rate rises while no call is throttled", None);
    }
    if waiting.ahead.jobs == 0 {
        chain.cause("next", format!("it is the next one of its batch in its lane {}", lane.lane));
        return;
    }
    let more = if waiting.ahead.and_more { "more than " } else { "" };
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
    let (used, most) = (facts.job().used, facts.limits.max_attempts);
    let text = format!("attempt {} failed: {}; {used} of {most} are used", last.number, error_of(facts, last));
    chain.cause("last_attempt", text).since(last.intended_at);
}

/// Pauses and breakers that are over.
fn past_holds(facts: &JobFacts, chain: &mut Chain) {
    let place = |of_batch| if of_batch { "batch" } else { "lane" };
    for PastPause { of_batch, paused_at, paused_by, resumed_at, resumed_by } in &facts.waiting.pauses {
        let Some((resumed_at, resumed_by)) = resumed_at.zip(resumed_by.as_deref()) else { continue };
        let length = resumed_at.since(*paused_at);
        // A shorter one delayed nothing.
        if length >= Duration::from_secs(1) {
            let (place, by) = (place(*of_batch), one_line(paused_by));
            let text =
                format!("its {place} was paused for {} by {by}, resumed by {}", span(length), one_line(resumed_by));
            chain.cause("was_paused", text).since(*paused_at).until(resumed_at);
        }
    }
    for stop in &facts.waiting.stops {
        let by = match stop.closed_by.as_str() {
            "daemon" => "recovered automatically".to_owned(),
            person => format!("was resumed by {}", one_line(person)),
        };
        let (place, length) = (place(stop.of_batch), span(stop.closed_at.since(stop.opened_at)));
        let text = format!("its {place} was stopped by its circuit breaker for {length} ({}), and {by}", stop.cause);
        chain.cause("was_stopped", text).since(stop.opened_at).until(stop.closed_at);
    }
}
