//! The pictures of the page, as SVG in it. Their width is the page's and places are shares of it, so that lines and
//! letters keep their size on any screen; each has a title, a description and its numbers as a table.

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

/// Marks along; so many have room on a phone.
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
    let field = html! {
        @for layer in layers(&spreads, top) {
            path class={ "f-" (layer.0) } d=(layer.1) { title { (words(layer.0)) } }
        }
    };
    html! {
        ul.legend {
            @for state in &seen { li { span class={ "dot b-" (state) } {} (words(*state)) } }
        }
        (frame("states", "Jobs in each state over time", &format!("{}, stacked by state.", several(most, "job")),
            top, timeline.start(), end(timeline), &field))
        (numbers("Jobs in each state over time", "Jobs in each state, at these times (UTC)", &html! {
            thead { tr { th scope="col" { "Time" } @for state in &seen { th.n scope="col" { (words(*state)) } } } }
            tbody {
                @for place in sample(spreads.len()) {
                    @if let Some(spread) = spreads.get(place) {
                        tr {
                            th scope="row" { (slot_end(timeline, place)) }
                            @for state in &seen { td.n { (grouped(count(spread, *state))) } }
                        }
                    }
                }
            }
        }))
    }
}

/// Exports that ended well, slot by slot.
pub(super) fn throughput(digest: &Digest) -> Markup {
    let (start, width, counts) = digest.timeline.exports(BARS);
    let most = counts.iter().copied().max().unwrap_or(0);
    if most == 0 {
        return html! { p.empty { "No export of this batch has ended well so far." } };
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
    let title = "Exports that ended well over time";
    let each = span_of(width);
    let sum: u64 = counts.iter().sum();
    let until = start.saturating_add(width.saturating_mul(i64::try_from(slots).unwrap_or(i64::MAX)));
    html! {
        p.unit { "Exports that ended well, each " (each) "; at most " (grouped(most)) "." }
        (frame("exports", title,
            &format!("{}, counted each {each}, at most {}.", several(sum, "export"), grouped(most)),
            top, start, until, &field))
        (numbers(title, &format!("Exports that ended well in the {each} from these times on (UTC)"), &html! {
            thead { tr { th scope="col" { "From" } th.n scope="col" { "Exports" } } }
            tbody {
                @for (count, place) in counts.iter().zip(0_i64..) {
                    tr {
                        th scope="row" { (moment(Timestamp(start.saturating_add(width.saturating_mul(place))))) }
                        td.n { (grouped(*count)) }
                    }
                }
            }
        }))
    }
}

/// How long the exports took.
pub(super) fn durations(durations: &Durations) -> Markup {
    let classes = durations.classes();
    let most = classes.iter().map(|class| class.count).max().unwrap_or(0);
    if most == 0 {
        return html! { p.empty { "No export of this batch has ended well so far." } };
    }
    let about = |percent| durations.quantile(percent).map(rounded).unwrap_or_default();
    html! {
        p.unit { "Half of them took about " strong { (about(50)) } " or less, nine in ten about "
            strong { (about(90)) } " or less." }
        table.bars {
            caption { "How long " (several(durations.count(), "export")) " took, from the call until the end was seen" }
            thead.visually-hidden { tr { th scope="col" { "Time" } th scope="col" { "Share" } th.n scope="col" { "Exports" } } }
            tbody {
                @for class in &classes {
                    tr {
                        th scope="row" { (class.name) }
                        td { (bar(class.count, most, "succeeded")) }
                        td.n { (grouped(class.count)) }
                    }
                }
            }
        }
    }
}

/// The numbers of a picture, as a table that is folded away.
fn numbers(title: &str, caption: &str, lines: &Markup) -> Markup {
    html! {
        details {
            summary { "The numbers" }
            div.scroll tabindex="0" role="region" aria-label={ (title) ", as numbers" } { table.numbers { caption { (caption) } (lines) } }
        }
    }
}

/// A bar of a table's line; the number stands beside it.
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
fn frame(id: &str, title: &str, description: &str, top: u64, start: i64, end: i64, field: &Markup) -> Markup {
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
                @for tick in ticks(start, end, MARKS) {
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
    straight(points)
}

/// Without the points inside of level stretches.
fn straight(points: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let mut kept: Vec<(u64, u64)> = Vec::new();
    for point in points {
        if let [.., (_, before), last] = kept.as_mut_slice()
            && *before == last.1
            && last.1 == point.1
        {
            *last = point;
        } else {
            kept.push(point);
        }
    }
    kept
}

fn count(spread: &SlotCounts, state: JobState) -> u64 {
    spread.get(&state).copied().unwrap_or(0)
}

fn end(timeline: &Timeline) -> i64 {
    let slots = i64::try_from(timeline.len()).unwrap_or(i64::MAX);
    timeline.start().saturating_add(timeline.width().saturating_mul(slots))
}

fn slot_end(timeline: &Timeline, place: usize) -> String {
    let slots = i64::try_from(place + 1).unwrap_or(i64::MAX);
    moment(Timestamp(timeline.start().saturating_add(timeline.width().saturating_mul(slots))))
}

/// Places of so many slots, evenly and the last one among them.
fn sample(slots: usize) -> Vec<usize> {
    let step = slots.div_ceil(LINES).max(1);
    let mut places: Vec<usize> = (0..slots).rev().step_by(step).collect();
    places.reverse();
    places
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
