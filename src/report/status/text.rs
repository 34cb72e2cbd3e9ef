//! The status for people: a sentence, then the batches, the lanes, and what waits for a person.

use super::bar::bar;
use super::binding::{Binding, bindings, waits_for_a_job};
use super::forecast::{Forecast, when};
use super::view::{FAILED_LOOKED_AT, Health, StatusView, has_ended, progress_of};
use crate::domain::{JobState, Timestamp};
use crate::queue::{BatchStage, BatchView, Block, LaneView, Pause};
use crate::report::jobs::failures::group_lines;
use crate::report::layout::style::{Colour, Paint, TextStyle};
use crate::report::layout::words::{
    ago, by_state, grouped, moment, of_others, one_line, percent, several, span, what_blocks,
};
use crate::report::steering::breakers::{resume_lane, stopped_since};

/// Batches that have ended are named only as far back as this; `--json` and `--batch` have them all.
const ENDED_SHOWN: usize = 3;

/// The title of what waits for a person.
pub const NEEDS_YOU: &str = "NEEDS YOU";

/// What a pipe is taken for where a width is needed.
const USUAL_WIDTH: u16 = 80;

/// The longest bar that is still read at a glance.
const LONGEST_BAR: u16 = 60;

/// A status as text; it ends with a line end.
pub fn status_text(view: &StatusView, look: TextStyle) -> String {
    let width = look.width.unwrap_or(USUAL_WIDTH);
    let mut lines = vec![sentence(view, look.colour)];
    if let Some(daemon) = &view.daemon {
        lines.push(look.colour.paint(Paint::Faint, format!("at work: {}", one_line(daemon))));
    }
    let hidden = match view.only {
        Some(_) => 0,
        None => view.batches.iter().filter(|batch| has_ended(batch)).count().saturating_sub(ENDED_SHOWN),
    };
    // A batch's numbers are of all its lanes.
    if !view.batches.is_empty() && !view.place.is_narrow() {
        title(&mut lines, look.colour, "BATCHES");
        let mut ended = 0;
        for one in &view.batches {
            ended += usize::from(has_ended(one));
            if !has_ended(one) || ended > hidden {
                batch(&mut lines, view, one, width, look.colour);
            }
        }
        if hidden > 0 {
            lines.push(format!("and {hidden} more that have ended (--json has all)"));
        }
    }
    if !view.lanes.is_empty() {
        title(&mut lines, look.colour, "LANES");
        for one in &view.lanes {
            lane(&mut lines, view, one, look.colour);
        }
    }
    failures(&mut lines, view, look);
    let needs = view.needs();
    if !needs.is_empty() {
        title(&mut lines, look.colour, NEEDS_YOU);
        for need in needs {
            lines.push(format!("- {}", need.text));
            lines.push(format!("    {}", need.command));
        }
    }
    look.lay_out(lines)
}

/// How it stands, in one sentence.
pub(super) fn sentence(view: &StatusView, colour: Colour) -> String {
    let jobs = view.jobs();
    let health = view.health();
    if health == Health::Empty {
        return "empty: no jobs yet; snapferry enqueue FILE brings them in".to_owned();
    }
    let done = jobs.total() - jobs.live();
    let paint = match health {
        Health::Running | Health::Finished => Paint::Good,
        Health::Stopped | Health::Waiting | Health::Empty => Paint::Care,
    };
    let failed = match jobs.of(JobState::Failed) {
        0 => String::new(),
        failed => format!(", {} failed", grouped(failed)),
    };
    let needs = match view.needs().len() {
        0 => "nothing needs you".to_owned(),
        1 => "1 thing needs you".to_owned(),
        more => format!("{more} things need you"),
    };
    let review = jobs.of(JobState::NeedsReview);
    let forecast = view.forecast();
    // What has stopped is named once.
    let stopped = view.stopped_alone();
    let said = matches!(&forecast, Forecast::NotBefore(what) if stopped.is_some_and(|one| what.contains(&one)));
    let when = when(&forecast, review, view.now).filter(|_| health == Health::Running && !said);
    let when = when.map(|when| format!(", {when}")).unwrap_or_default();
    let stopped = match view.openings.as_slice() {
        [] => String::new(),
        [one] => match &one.batch_name {
            Some(name) => format!(", batch {name} is stopped by its circuit breaker"),
            None => ", a lane is stopped by its circuit breaker".to_owned(),
        },
        several => format!(", {} things are stopped by their circuit breakers", several.len()),
    };
    format!(
        "{}: {} of {} done{failed}{stopped}{when}; {needs}",
        colour.paint(paint, health.as_str()),
        grouped(done),
        several(jobs.total(), "job")
    )
}

fn title(lines: &mut Vec<String>, colour: Colour, text: &str) {
    lines.push(String::new());
    lines.push(colour.paint(Paint::Title, text));
}

fn batch(lines: &mut Vec<String>, view: &StatusView, batch: &BatchView, width: u16, colour: Colour) {
    let now = view.now;
    let (done, all) = progress_of(batch);
    let source = if batch.source == "-" { "standard input" } else { &batch.source };
    let origin = format!("{} from {}", ago(now, batch.created_at), one_line(source));
    if batch.stage == BatchStage::Loading {
        lines.push(format!("{}  loading, begun {origin}", batch.name));
        return;
    }
    lines.push(format!(
        "{}  {} of {} done ({} %), {origin}",
        batch.name,
        grouped(done),
        several(all, "job"),
        percent(done, all)
    ));
    let jobs = batch.jobs.plus(&batch.shared);
    lines.push(format!("  {}", bar(&jobs, width.saturating_sub(4).min(LONGEST_BAR), colour)));
    lines.push(format!("  {}", by_state(&jobs)));
    if let Some(when) = view.when_and_why(batch) {
        lines.push(format!("  {when}"));
    }
    let rows = &batch.rows;
    if rows.read != rows.new {
        let parts = [
            (rows.new, "new"),
            (rows.live, "of other batches"),
            (rows.repeated, "repeated"),
            (rows.rejected, "rejected"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, what)| format!("{} {what}", grouped(*count))).collect();
        lines.push(format!("  {}: {}", several(rows.read, "row"), parts.join(", ")));
    }
    if let Some(pause) = &batch.paused {
        lines.push(format!("  {}", paused(pause, now, colour)));
    }
    for (opening, lane) in view.stopped().filter(|(opening, _)| opening.batch == Some(batch.id)) {
        lines.push(format!("  in {lane} {}", colour.paint(Paint::Bad, stopped_since(opening, now))));
    }
}

fn lane(lines: &mut Vec<String>, view: &StatusView, lane: &LaneView, colour: Colour) {
    let now = view.now;
    let number = lane.account_number.as_ref().map(|number| format!(" ({number})")).unwrap_or_default();
    lines.push(format!("{}{number}  {}", lane.lane, by_state(&lane.jobs)));
    let bound = bindings(view, lane).into_iter().filter_map(|binding| bound_by(binding, view, lane, colour));
    lines.extend(bound.map(|text| format!("  {text}")));
    if let Some((lowered, set)) = view.lowered_cap(lane) {
        lines.push(format!(
            "  cap lowered to {} of {} for {}, because EC2 had too many copies under way ({}); it recovers automatically",
            grouped(u64::from(view.limits_of(lane.id).cap)),
            grouped(u64::from(set)),
            span(now.since(lowered.since)),
            one_line(lowered.code.as_str())
        ));
    }
    if view.window_of(lane) > view.limits_of(lane.id).settle {
        let on = lane.delay.seen_at.map(|at| format!(" on {}", moment(at))).unwrap_or_default();
        lines.push(format!(
            "  reconciliation window {} instead of {}: Lightsail's lists were {} late{on}; it halves each week, or: {} \
             --reset-window",
            span(view.window_of(lane)),
            span(view.limits_of(lane.id).settle),
            span(lane.delay.longest),
            resume_lane(&lane.lane)
        ));
    }
    let (ended, throttles) = (view.ended_a_minute(lane.id), view.throttles_a_minute(lane.id));
    let mut last_minute = Vec::new();
    if ended > 0 {
        last_minute.push(format!("{} ended", several(ended, "export")));
    }
    if throttles > 0 {
        last_minute.push(several(throttles, "throttle"));
    }
    if !last_minute.is_empty() {
        lines.push(format!("  in the last minute: {}", last_minute.join(", ")));
    }
}

/// What binds a lane, in words.
fn bound_by(binding: Binding, view: &StatusView, lane: &LaneView, colour: Colour) -> Option<String> {
    let opening = view.openings.iter().find(|opening| opening.lane == lane.id && opening.batch.is_none());
    let ceiling = rate_of(view.limits_of(lane.id).ceiling);
    Some(match binding {
        Binding::Paused => paused(lane.paused.as_ref()?, view.now, colour),
        Binding::Blocked => blocked(lane, lane.blocked.as_ref()?, view.now, colour),
        Binding::Breaker => opening.map_or_else(
            || "all that is queued is of batches that are stopped by their circuit breakers".to_owned(),
            |opening| colour.paint(Paint::Bad, stopped_since(opening, view.now)),
        ),
        Binding::NoDaemon => "no daemon is running".to_owned(),
        Binding::PausedBatches => {
            let stopped = view.openings.iter().any(|opening| opening.lane == lane.id);
            let or_stopped = if stopped { " or are stopped by their circuit breakers" } else { "" };
            format!("all that is queued is of batches that are paused{or_stopped}")
        }
        Binding::Waiting => waiting(view, lane),
        Binding::Takeover(until) => format!(
            "waiting after a takeover until {}, {} from now: until then Lightsail's records need not show all that was \
             exported since the copy was made",
            moment(until),
            span(until.since(view.now))
        ),
        Binding::Unlisted => {
            "waiting for an inventory: nothing is sent before Lightsail's records were read in this run".to_owned()
        }
        Binding::FirstExport => "its first export goes alone".to_owned(),
        Binding::Cap { copies, cap } => {
            let others = of_others(view.copies_of_others(lane.id));
            format!("at its cap: {} of {} EBS copies under way{others}", grouped(copies), grouped(u64::from(cap)))
        }
        Binding::LearnedRate(rate) => {
            format!("at its learned rate of {rate:.1} exports a second; the ceiling is {ceiling}")
        }
        Binding::Settings => format!("at its ceiling of {ceiling} exports a second"),
        Binding::Idle if lane.jobs.live() == 0 => "nothing to do".to_owned(),
        Binding::Idle => "nothing left to send".to_owned(),
    })
}

fn blocked(lane: &LaneView, block: &Block, now: Timestamp, colour: Colour) -> String {
    let what = match block.trouble.as_str() {
        "credentials" => "waiting for credentials",
        "reads" => "reads keep failing",
        "copy_limit" => "waiting for room in EC2",
        "quota" => "held",
        _ => "blocked",
    };
    let next = match block.trouble.as_str() {
        "quota" if lane.paused.is_some() => "it goes on once it is resumed",
        _ if waits_for_a_job(lane, block) => "it tries again with the next job",
        _ => "it retries automatically",
    };
    let (what, since) = (colour.paint(Paint::Bad, what), span(now.since(block.since)));
    format!("{what} for {since}: {}; {next}", what_blocks(block))
}

/// What all that a lane has queued waits for.
fn waiting(view: &StatusView, lane: &LaneView) -> String {
    let measures = view.measures.lanes.get(&lane.id);
    let paused = measures.is_some_and(|measures| !measures.paused_in.is_empty());
    match measures.and_then(|measures| measures.first_due) {
        Some(due) => format!("all that is queued waits; the first that has a time may go at {}", moment(due)),
        None if paused => "all that is queued is paused one by one or held until the ledger was read".to_owned(),
        None => "all that is queued is held until the ledger was read again".to_owned(),
    }
}

/// A rate as short as it is exact.
fn rate_of(rate: f64) -> String {
    let text = format!("{rate:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Groups that the text has.
const GROUPS_SHOWN: usize = 3;

fn failures(lines: &mut Vec<String>, view: &StatusView, look: TextStyle) {
    let failures = &view.failures;
    if failures.groups.is_empty() {
        return;
    }
    title(lines, look.colour, "FAILURES");
    for group in failures.groups.iter().take(GROUPS_SHOWN) {
        lines.extend(group_lines(group, look));
    }
    let failed = view.jobs().of(JobState::Failed);
    let more = failures.groups.len().saturating_sub(GROUPS_SHOWN) as u64 + failures.more_groups;
    let all = format!("snapferry failures{}", view.scope());
    if failures.looked_at < failed {
        let looked_at = grouped(u64::from(FAILED_LOOKED_AT));
        lines.push(format!("of the {looked_at} failed jobs that came in last; all of them: {all}"));
    } else if more > 0 {
        lines.push(format!("and {}: {all}", several(more, "more cause")));
    }
}

fn paused(pause: &Pause, now: Timestamp, colour: Colour) -> String {
    let by = pause.by.as_deref().map(|by| format!(" by {},", one_line(by))).unwrap_or_default();
    format!("{}{by} {}", colour.paint(Paint::Care, "paused"), ago(now, pause.since))
}
