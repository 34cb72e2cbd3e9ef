//! The charts of the page, as inline SVG. They are as wide as the page, and positions are shares of that width, so that
//! lines and letters keep their size on any screen; each has a title, a description and its numbers as a table.

use super::axis::{ceiling, moment, short, ticks};
use super::digest::Digest;
use super::durations::Durations;
use super::timeline::{SlotCounts, Timeline};
use crate::domain::{JobState, Timestamp};
use crate::queue::StateCounts;
use crate::report::layout::words::{fine_span, grouped, several, span};
use maud::{Markup, html};
use std::fmt::Write;
use std::time::Duration;

/// From the bottom of the stack to its top: what is done grows from below.
pub(super) const STACK: [JobState; 8] = [
    JobState::Succeeded,
    JobState::Failed,
    JobState::Cancelled,
    JobState::NeedsReview,
    JobState::Unknown,
    JobState::Exporting,
    JobState::Submitting,
    JobState::Queued,
];

/// Inside of the pictures, both ways.
const FULL: u64 = 1000;

/// Pixels: above the highest line, of the field, and in all with the labels below.
const TOP: u64 = 8;
const FIELD: u64 = 200;
const HEIGHT: u64 = TOP + FIELD + 26;

/// The maximum number of marks on the time axis: more have no room on a phone.
const MARKS: i64 = 5;

/// Bars that a phone can still show.
const BARS: usize = 48;

/// Lines of a table of numbers.
const LINES: usize = 24;

/// The state in words.
pub(super) fn words(state: JobState) -> String {
    state.as_str().replace('_', " ")
}

/// The states' shares as one bar.
pub(super) fn share_bar(counts: &StateCounts) -> Markup {
    let total = counts.total().max(1);
    let mut below = 0;
    let parts = STACK.map(|state| {
        let (count, from) = (counts.of(state), below * FULL / total);
        below += count;
        (state, count, from, (below * FULL / total).max(from + 2))
    });
    html! {
        svg.share role="img" aria-labelledby="share-title" width="100%" height="14" viewBox="0 0 1000 14"
            preserveAspectRatio="none" {
            title #share-title { "Shares of the states" }
            @for (state, count, from, to) in parts.into_iter().filter(|part| part.1 > 0) {
                rect class={ "f-" (state) } x=(from) y="0" width=(to - from) height="14" {
                    title { (words(state)) ": " (grouped(count)) }
                }
            }
        }
    }
}

/// How many jobs were in each state over time.
pub(super) fn states(digest: &Digest) -> Markup {
    let timeline = &digest.timeline;
    let spreads = timeline.states();
    let total = |spread: &SlotCounts| spread.values().sum::<u64>();
    let most = spreads.iter().map(total).max().unwrap_or(0);
    let top = ceiling(most);
    let seen: Vec<JobState> =
        STACK.into_iter().filter(|state| spreads.iter().any(|spread| count(spread, *state) > 0)).collect();
    let title = "Jobs in each state over time";
    // So many lines of the table, evenly spread, with the last one among them.
    let step = spreads.len().div_ceil(LINES).max(1);
    let sampled = spreads.iter().enumerate().filter(|(place, _)| (spreads.len() - 1 - place).is_multiple_of(step));
    let lines = sampled
        .map(|(place, spread)| (timeline.start(place + 1), seen.iter().map(|state| count(spread, *state)).collect()));
    let field = html! {
        @for layer in layers(&spreads, top) {
            path class={ "f-" (layer.0) } d=(layer.1) { title { (words(layer.0)) } }
        }
    };
    html! {
        ul.legend {
            @for state in &seen { li { span class={ "dot b-" (state) } {} (words(*state)) } }
        }
        (frame("states", title, &format!("{}, stacked by state.", several(most, "job")), top, timeline, &field))
        (numbers(title, "Jobs in each state, at these times (UTC)", "Time", seen.iter().copied().map(words), lines))
    }
}

/// Exports that succeeded, slot by slot.
pub(super) fn throughput(digest: &Digest) -> Markup {
    let timeline = digest.timeline.coarse(BARS);
    let counts = timeline.exports();
    let most = counts.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return html! { p.empty { "No export of this batch has succeeded so far." } };
    }
    let top = ceiling(most);
    let slots = u64::try_from(counts.len()).unwrap_or(u64::MAX).max(1);
    let bars = counts.iter().zip(0_u64..).filter(|(count, _)| **count > 0).map(|(count, place)| {
        // A gap between two bars; the lowest bar can still be seen.
        let (from, to) = (place * FULL * 10 / slots, (place + 1) * FULL * 10 / slots);
        let gap = (to - from) / 8;
        let height = (u128::from(*count) * u128::from(FULL) / u128::from(top)).max(6);
        (*count, from + gap / 2, (to - from).saturating_sub(gap), height)
    });
    let field = html! {
        svg viewBox="0 0 10000 1000" preserveAspectRatio="none" width="1000" height="1000" {
            @for (count, x, width, height) in bars {
                rect.f-succeeded x=(x) y=(u128::from(FULL) - height) width=(width) height=(height) {
                    title { (several(count, "export")) }
                }
            }
        }
    };
    let title = "Successful exports over time";
    let each = span_of(timeline.width());
    let description = format!("{}, per {each}; peak {}.", several(counts.iter().sum(), "export"), grouped(most));
    let caption = format!("Successful exports per {each}, from these times on (UTC)");
    let lines = counts.iter().enumerate().map(|(place, count)| (timeline.start(place), vec![*count]));
    html! {
        p.unit { "Successful exports per " (each) " (peak " (grouped(most)) ")." }
        (frame("exports", title, &description, top, &timeline, &field))
        (numbers(title, &caption, "From", std::iter::once("Exports".to_owned()), lines))
    }
}

/// How long the exports took.
pub(super) fn durations(durations: &Durations) -> Markup {
    let classes = durations.classes();
    let most = classes.iter().map(|(_, count)| *count).max().unwrap_or(0);
    if most == 0 {
        return html! { p.empty { "No export of this batch has succeeded so far." } };
    }
    let about = |percent| durations.quantile(percent).map(rounded).unwrap_or_default();
    html! {
        p.unit { "Median " strong { (about(50)) } ", 90 % within " strong { (about(90)) } "." }
        table.bars {
            caption { "How long " (several(durations.count(), "export")) " took, from the call until the end was seen" }
            thead.visually-hidden { tr { th scope="col" { "Time" } th scope="col" { "Share" } th.n scope="col" { "Exports" } } }
            tbody {
                @for (name, count) in classes {
                    tr {
                        th scope="row" { (name) }
                        td { (bar(count, most, "succeeded")) }
                        td.n { (grouped(count)) }
                    }
                }
            }
        }
    }
}

/// The numbers of a chart, as a table that is folded away: a line for each time.
fn numbers(
    title: &str,
    caption: &str,
    time: &str,
    columns: impl Iterator<Item = String>,
    lines: impl Iterator<Item = (i64, Vec<u64>)>,
) -> Markup {
    html! {
        details {
            summary { "The numbers" }
            div.scroll tabindex="0" role="region" aria-label={ (title) ", as numbers" } {
                table.numbers {
                    caption { (caption) }
                    thead { tr { th scope="col" { (time) } @for column in columns { th.n scope="col" { (column) } } } }
                    tbody {
                        @for (at, counts) in lines {
                            tr {
                                th scope="row" { (moment(Timestamp(at))) }
                                @for count in counts { td.n { (grouped(count)) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A bar in a line of a table, beside its number.
pub(super) fn bar(count: u64, most: u64, kind: &str) -> Markup {
    let share = if count == 0 { 0 } else { (count.saturating_mul(FULL) / most.max(1)).max(6) };
    html! {
        svg width="100%" height="12" viewBox="0 0 1000 12" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.groove x="0" y="0" width="1000" height="12" {}
            rect class={ "f-" (kind) } x="0" y="0" width=(share) height="12" {}
        }
    }
}

/// The field with its lines and labels.
fn frame(id: &str, title: &str, description: &str, top: u64, timeline: &Timeline, field: &Markup) -> Markup {
    let levels: &[u64] = if top == 1 { &[0, 1] } else { &[0, 1, 2] };
    let steps = if top == 1 { 1 } else { 2 };
    html! {
        div.plot {
            svg.chart role="img" aria-labelledby={ (id) "-title " (id) "-desc" } width="100%" height=(HEIGHT) {
                title id={ (id) "-title" } { (title) }
                desc id={ (id) "-desc" } { (description) }
                svg x="0" y=(TOP) width="100%" height=(FIELD) viewBox="0 0 1000 1000" preserveAspectRatio="none" { (field) }
                @for level in levels {
                    @let y = TOP + FIELD - FIELD * level / steps;
                    line.grid x1="0" x2="100%" y1=(y) y2=(y) {}
                    text.label x="0" dx="-8" y=(y + 4) text-anchor="end" { (short(top * level / steps)) }
                }
                @for tick in ticks(timeline.start(0), timeline.start(timeline.len()), MARKS) {
                    @let x = format!("{}.{}%", tick.place / 10, tick.place % 10);
                    line.tick x1=(x) x2=(x) y1=(TOP + FIELD) y2=(TOP + FIELD + 5) {}
                    text.label x=(x) y=(TOP + FIELD + 20) text-anchor=(anchor(tick.place)) { (tick.label) }
                }
            }
        }
    }
}

/// Labels at the edges stay inside.
fn anchor(place: u64) -> &'static str {
    match place {
        0..60 => "start",
        60..940 => "middle",
        _ => "end",
    }
}

/// The outline of each state's layer: along its upper edge, and back along its lower one.
fn layers(spreads: &[SlotCounts], top: u64) -> Vec<(JobState, String)> {
    let slots = u64::try_from(spreads.len()).unwrap_or(u64::MAX).max(1);
    let mut below = vec![0_u64; spreads.len()];
    let mut layers = Vec::new();
    for state in STACK {
        let above: Vec<u64> = spreads.iter().zip(&below).map(|(spread, low)| low + count(spread, state)).collect();
        if above != below {
            let mut path = String::new();
            let upper = edge(&above, slots, top);
            let lower = edge(&below, slots, top);
            for (place, (x, y)) in upper.into_iter().chain(lower.into_iter().rev()).enumerate() {
                let letter = if place == 0 { 'M' } else { 'L' };
                // Writing to a String cannot fail.
                let _ = write!(path, "{letter}{x} {y}");
            }
            path.push('Z');
            layers.push((state, path));
        }
        below = above;
    }
    layers
}

/// The points of an edge: at the middle of each slot, and level from there to the borders.
fn edge(values: &[u64], slots: u64, top: u64) -> Vec<(u64, u64)> {
    let y = |value: u64| {
        FULL - u64::try_from(u128::from(value) * u128::from(FULL) / u128::from(top.max(1))).unwrap_or(0).min(FULL)
    };
    let mut points = Vec::with_capacity(values.len() + 2);
    points.extend(values.first().map(|first| (0, y(*first))));
    points.extend(values.iter().zip(0_u64..).map(|(value, place)| ((2 * place + 1) * FULL / (2 * slots), y(*value))));
    points.extend(values.last().map(|last| (FULL, y(*last))));
    points
}

fn count(spread: &SlotCounts, state: JobState) -> u64 {
    spread.get(&state).copied().unwrap_or(0)
}

/// A width in words.
fn span_of(width: i64) -> String {
    let width = Duration::from_millis(u64::try_from(width).unwrap_or(0));
    if width < Duration::from_secs(1) { format!("{} ms", width.as_millis()) } else { span(width) }
}

/// A span as people read it, a short one with its hundredths.
pub(super) fn rounded(exact: Duration) -> String {
    if exact < Duration::from_secs(10) { fine_span(exact) } else { span(exact) }
}
