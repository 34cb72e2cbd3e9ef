//! The status for people: a sentence, then the batches, the lanes, and what needs a person.

use super::bar::bar;
use super::binding::{Binding, bindings, waits_for_a_job};
use super::forecast::{Forecast, when};
use super::view::{FAILED_READ, Health, StatusView, has_ended, progress_of};
use crate::domain::{JobState, Timestamp};
use crate::queue::{BatchStage, BatchView, Block, LaneView, Pause};
use crate::report::jobs::failure_groups::group_lines;
use crate::report::layout::style::{Colour, Paint, TextStyle};
use crate::report::layout::words::{
    ago, by_state, counted, grouped, moment, of_others, one_line, percent, several, span, what_blocks,
};
use crate::report::steering::breaker_text::{resume_lane, stopped_since};

/// How many batches that have ended are shown, the newest ones; `--json` and `--batch` show all.
const ENDED_SHOWN: usize = 3;

/// The title of what needs a person.
pub const NEEDS_YOU: &str = "NEEDS YOU";

/// The width if the output is no terminal.
const USUAL_WIDTH: u16 = 80;

/// The longest bar that is still read at a glance.
const LONGEST_BAR: u16 = 60;

/// How many groups of failures are shown.
const GROUPS_SHOWN: usize = 3;

/// A status as text; it ends with a line end.
pub fn status_text(view: &StatusView, style: TextStyle) -> String {
    let width = style.width.unwrap_or(USUAL_WIDTH);
    let mut lines = vec![sentence(view, style.colour)];
    if let Some(daemon) = &view.daemon {
        lines.push(style.colour.paint(Paint::Faint, format!("running: {}", one_line(daemon))));
    }
    // The numbers of a batch include all its lanes.
    if !view.batches.is_empty() && !view.place.is_narrow() {
        title(&mut lines, style.colour, "BATCHES");
        let ended = view.batches.iter().filter(|batch| has_ended(batch)).map(|batch| batch.id).collect::<Vec<_>>();
        let hidden = if view.only.is_some() { 0 } else { ended.len().saturating_sub(ENDED_SHOWN) };
        let hidden = ended.get(..hidden).unwrap_or_default();
        let shown = view.batches.iter().filter(|one| !hidden.contains(&one.id));
        shown.for_each(|one| batch(&mut lines, view, one, width, style.colour));
        if !hidden.is_empty() {
            lines.push(format!("and {} more that have ended (--json has all)", hidden.len()));
        }
    }
    if !view.lanes.is_empty() {
        title(&mut lines, style.colour, "LANES");
        view.lanes.iter().for_each(|one| lane(&mut lines, view, one, style.colour));
    }
    failures(&mut lines, view, style);
    let needs = view.needs();
    if !needs.is_empty() {
        title(&mut lines, style.colour, NEEDS_YOU);
        lines.extend(needs.into_iter().flat_map(|need| [format!("- {}", need.text), format!("    {}", need.command)]));
    }
    style.lay_out(lines)
}

/// The status in one sentence.
pub(super) fn sentence(view: &StatusView, colour: Colour) -> String {
    let (jobs, health, forecast) = (view.jobs(), view.health(), view.forecast());
    let paint = match health {
        Health::Empty => return "empty: no jobs yet; queue some with snapferry enqueue FILE".to_owned(),
        Health::Running | Health::Finished => Paint::Good,
        Health::Stopped | Health::Waiting => Paint::Care,
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
    let stopped = match view.openings.as_slice() {
        [] => String::new(),
        [one] => match &one.batch_name {
            Some(name) => format!(", batch {name} is stopped by its circuit breaker"),
            None => ", a lane is stopped by its circuit breaker".to_owned(),
        },
        several => format!(", {} circuit breakers are open", several.len()),
    };
    // What is held back is not named twice.
    let named = matches!(forecast, Forecast::NotBefore(_)) && !stopped.is_empty();
    let when = when(&forecast, jobs.of(JobState::NeedsReview), view.now);
    let when = when.filter(|_| health == Health::Running && !named).map(|when| format!(", {when}"));
    format!(
        "{}: {} of {} done{failed}{stopped}{}; {needs}",
        colour.paint(paint, health.as_str()),
        grouped(jobs.total() - jobs.live()),
        several(jobs.total(), "job"),
        when.unwrap_or_default()
    )
}

fn title(lines: &mut Vec<String>, colour: Colour, text: &str) {
    lines.extend([String::new(), colour.paint(Paint::Title, text)]);
}

fn batch(lines: &mut Vec<String>, view: &StatusView, batch: &BatchView, width: u16, colour: Colour) {
    let (name, now) = (&batch.name, view.now);
    let (done, all) = progress_of(batch);
    let source = if batch.source == "-" { "standard input" } else { &batch.source };
    let origin = format!("{} from {}", ago(now, batch.created_at), one_line(source));
    if batch.stage == BatchStage::Loading {
        lines.push(format!("{name}  loading, started {origin}"));
        return;
    }
    let (share, of) = (percent(done, all), several(all, "job"));
    lines.push(format!("{name}  {} of {of} done ({share} %), enqueued {origin}", grouped(done)));
    let jobs = batch.jobs.plus(&batch.shared);
    lines.push(format!("  {}", bar(&jobs, width.saturating_sub(4).min(LONGEST_BAR), colour)));
    lines.push(format!("  {}", by_state(&jobs)));
    lines.extend(view.when_and_why(batch).map(|when| format!("  {when}")));
    let rows = &batch.rows;
    if rows.read != rows.new {
        let parts = [
            (rows.new, "new"),
            (rows.live, "of other batches"),
            (rows.repeated, "repeated"),
            (rows.rejected, "rejected"),
        ];
        lines.push(format!("  {}: {}", several(rows.read, "row"), counted(parts)));
    }
    lines.extend(batch.paused.as_ref().map(|pause| format!("  {}", paused(pause, now, colour))));
    let stopped = view.stopped().filter(|(opening, _)| opening.batch == Some(batch.id));
    lines.extend(
        stopped.map(|(opening, lane)| format!("  in {lane} {}", colour.paint(Paint::Bad, stopped_since(opening, now)))),
    );
}

fn lane(lines: &mut Vec<String>, view: &StatusView, lane: &LaneView, colour: Colour) {
    let number = lane.account_number.as_ref().map(|number| format!(" ({number})")).unwrap_or_default();
    lines.push(format!("{}{number}  {}", lane.lane, by_state(&lane.jobs)));
    let bound = bindings(view, lane).into_iter().filter_map(|binding| bound_by(binding, view, lane, colour));
    lines.extend(bound.map(|text| format!("  {text}")));
    let (limits, window) = (view.limits_of(lane.id), view.window_of(lane));
    if let Some((lowered, set)) = view.lowered_cap(lane) {
        lines.push(format!(
            "  cap lowered to {} of {} for {}, because EC2 had too many copies in progress ({}); it recovers automatically",
            grouped(u64::from(limits.cap)),
            grouped(u64::from(set)),
            span(view.now.since(lowered.since)),
            one_line(lowered.code.as_str())
        ));
    }
    if window > limits.settle {
        let on = lane.delay.seen_at.map(|at| format!(" on {}", moment(at))).unwrap_or_default();
        lines.push(format!(
            "  reconciliation window {} instead of {}: Lightsail's lists were {} late{on}; it halves each week, or: {} \
             --reset-window",
            span(window),
            span(limits.settle),
            span(lane.delay.longest),
            resume_lane(&lane.lane)
        ));
    }
    let last_minute = [(view.ended_a_minute(lane.id), "export"), (view.throttles_a_minute(lane.id), "throttle")];
    let last_minute = last_minute.into_iter().filter(|(count, _)| *count > 0);
    let last_minute: Vec<String> = last_minute.map(|(count, what)| several(count, what)).collect();
    if !last_minute.is_empty() {
        lines.push(format!("  in the last minute: {}", last_minute.join(", ")));
    }
}

/// What binds a lane, in words.
fn bound_by(binding: Binding, view: &StatusView, lane: &LaneView, colour: Colour) -> Option<String> {
    let opening = view.openings.iter().find(|opening| opening.lane == lane.id && opening.batch.is_none());
    let limits = view.limits_of(lane.id);
    let ceiling = rate_of(limits.ceiling);
    Some(match binding {
        Binding::Paused => paused(lane.paused.as_ref()?, view.now, colour),
        Binding::Blocked => blocked(lane, lane.blocked.as_ref()?, view.now, colour),
        Binding::Breaker => opening.map_or_else(
            || "every queued job belongs to a batch that is stopped by its circuit breaker".to_owned(),
            |opening| colour.paint(Paint::Bad, stopped_since(opening, view.now)),
        ),
        Binding::NoDaemon => "no daemon is running".to_owned(),
        Binding::PausedBatches => {
            let stopped = view.openings.iter().any(|opening| opening.lane == lane.id);
            let or_stopped = if stopped { " or stopped by its circuit breaker" } else { "" };
            format!("every queued job belongs to a batch that is paused{or_stopped}")
        }
        Binding::Waiting => waiting(view, lane),
        Binding::Takeover => {
            let until = view.takeover_until(lane)?;
            format!(
                "waiting after a takeover until {}, {} from now: until then Lightsail's records may not show all that \
                 was exported since the copy was made",
                moment(until),
                span(until.since(view.now))
            )
        }
        Binding::Unlisted => "waiting for the first inventory of this run".to_owned(),
        Binding::FirstExport => "its first export goes alone".to_owned(),
        Binding::Cap => {
            let (copies, cap) = (grouped(view.copies_in_flight(lane.id)), grouped(u64::from(limits.cap)));
            let others = of_others(view.copies_of_others(lane.id));
            format!("at its cap: {copies} of {cap} EBS copies in progress{others}")
        }
        Binding::LearnedRate => {
            format!("at its learned rate of {:.1} exports a second; the ceiling is {ceiling}", lane.learned_rate?)
        }
        Binding::Settings => format!("at its ceiling of {ceiling} exports a second"),
        Binding::Idle if lane.jobs.live() == 0 => "nothing to do".to_owned(),
        Binding::Idle => "nothing left to send".to_owned(),
    })
}

fn blocked(lane: &LaneView, block: &Block, now: Timestamp, colour: Colour) -> String {
    let code = block.trouble.as_str();
    let what = match code {
        "credentials" => "waiting for credentials",
        "reads" => "reads keep failing",
        "copy_limit" => "waiting for room in EC2",
        "quota" => "held",
        _ => "blocked",
    };
    let next = match code {
        "quota" if lane.paused.is_some() => "resume it once there is room",
        _ if waits_for_a_job(lane, block) => "the next job tries again",
        _ => "it recovers automatically",
    };
    let (what, since) = (colour.paint(Paint::Bad, what), span(now.since(block.since)));
    format!("{what} for {since}: {}; {next}", what_blocks(block))
}

/// What all queued jobs of a lane wait for.
fn waiting(view: &StatusView, lane: &LaneView) -> String {
    let measures = view.measures.lanes.get(&lane.id);
    let paused = measures.is_some_and(|measures| !measures.paused_in.is_empty());
    match measures.and_then(|measures| measures.first_due) {
        Some(due) => format!("every queued job waits; the first is sent after {}", moment(due)),
        None if paused => "every queued job is paused individually or waits for an inventory".to_owned(),
        None => "every queued job waits for an inventory".to_owned(),
    }
}

/// A rate without trailing zeros.
fn rate_of(rate: f64) -> String {
    let text = format!("{rate:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn failures(lines: &mut Vec<String>, view: &StatusView, style: TextStyle) {
    let failures = &view.failures;
    if failures.groups.is_empty() {
        return;
    }
    title(lines, style.colour, "FAILURES");
    lines.extend(failures.groups.iter().take(GROUPS_SHOWN).flat_map(|group| group_lines(group, style)));
    let more = failures.groups.len().saturating_sub(GROUPS_SHOWN) as u64 + failures.more_groups;
    let all = format!("snapferry failures{}", view.scope());
    if failures.failed_jobs < view.jobs().of(JobState::Failed) {
        let read = grouped(u64::from(FAILED_READ));
        lines.push(format!("of the {read} failed jobs that were queued last; all of them: {all}"));
    } else if more > 0 {
        lines.push(format!("and {}: {all}", several(more, "more cause")));
    }
}

fn paused(pause: &Pause, now: Timestamp, colour: Colour) -> String {
    let by = pause.by.as_deref().map(|by| format!(" by {},", one_line(by))).unwrap_or_default();
    format!("{}{by} {}", colour.paint(Paint::Care, "paused"), ago(now, pause.since))
}
