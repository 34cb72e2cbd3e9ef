//! The lines of the page's table, as many as a page can bear: those that need a look first, those that succeeded last.

use super::axis::moment;
use super::charts::words;
use crate::domain::{ErrorCode, JobState, Timestamp};
use crate::queue::BatchRow;
use crate::report::jobs::causes::shortened;
use crate::report::layout::words::one_line;
use maud::{Markup, html};

/// Lines that the table has at most: some 3 MB of page, which a browser still lays out at once and a mail carries.
pub(super) const MOST: usize = 5000;

/// What the lines of a kind may need, in bytes: those with long messages and many columns are fewer.
const ROOM: usize = 6 << 20;

/// Of a carried value, and of a message, so many characters; the CSV has all.
const CARRIED: usize = 120;
const MESSAGE: usize = 300;

/// Copied columns that the page shows.
const COLUMNS: usize = 8;

/// Lines in the making. No more is held than the page will show.
#[derive(Debug)]
pub(super) struct Rows {
    names: Vec<String>,
    failed: Lines,
    unfinished: Lines,
    succeeded: Lines,
}

#[derive(Debug, Default)]
struct Lines {
    texts: Vec<String>,
    bytes: usize,
    left_out: u64,
}

impl Rows {
    pub(super) fn new(carried: &[String]) -> Self {
        let [failed, unfinished, succeeded] = std::array::from_fn(|_| Lines::default());
        Self { names: carried.to_vec(), failed, unfinished, succeeded }
    }

    pub(super) fn add(&mut self, row: &BatchRow) {
        let lines = match row.job.state {
            JobState::Failed | JobState::NeedsReview | JobState::Unknown => &mut self.failed,
            JobState::Queued | JobState::Submitting | JobState::Exporting | JobState::Cancelled => &mut self.unfinished,
            JobState::Succeeded => &mut self.succeeded,
        };
        if lines.texts.len() >= MOST || lines.bytes >= ROOM {
            lines.left_out += 1;
            return;
        }
        let text = line(row, &self.names).into_string();
        lines.bytes += text.len();
        lines.texts.push(text);
    }

    /// What the page shows.
    pub(super) fn shown(&self) -> Shown<'_> {
        let (failed, more) = self.failed.first(MOST);
        let (unfinished, still_more) = self.unfinished.first(MOST.saturating_sub(failed.len()));
        let (succeeded, others) = self.succeeded.first(MOST.saturating_sub(failed.len() + unfinished.len()));
        Shown { kinds: [failed, unfinished, succeeded], others_left_out: more + still_more, succeeded_left_out: others }
    }
}

impl Lines {
    /// The first of them, and how many there are besides.
    fn first(&self, most: usize) -> (&[String], u64) {
        let first = self.texts.get(..most).unwrap_or(&self.texts);
        (first, self.left_out + u64::try_from(self.texts.len() - first.len()).unwrap_or(0))
    }
}

/// The lines that are shown, and how many are not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    pub(super) kinds: [&'a [String]; 3],
    /// Lines that did not succeed, and lines that did, that the table leaves out.
    pub(super) others_left_out: u64,
    pub(super) succeeded_left_out: u64,
}

impl Shown<'_> {
    pub(super) fn count(&self) -> u64 {
        self.kinds.iter().map(|lines| u64::try_from(lines.len()).unwrap_or(u64::MAX)).sum()
    }

    /// Whether there is one that did not succeed.
    pub(super) fn has_others(&self) -> bool {
        let [failed, unfinished, _] = self.kinds;
        !failed.is_empty() || !unfinished.is_empty()
    }
}

fn line(row: &BatchRow, names: &[String]) -> Markup {
    let job = &row.job;
    let carried = names.iter().zip(&row.carried).filter(|(_, value)| !value.is_empty()).take(COLUMNS);
    let destination = job.destination_id.as_deref().filter(|id| !id.is_empty());
    let code = job.error_code.as_ref().map(ErrorCode::as_str);
    let message = job.error_message.as_deref().filter(|message| !message.is_empty());
    html! {
        tr {
            th scope="row" {
                (job.snapshot_name)
                @for (name, value) in carried {
                    span.carried { (shortened(&one_line(name), CARRIED)) ": " (shortened(&one_line(value), CARRIED)) }
                }
            }
            td data-label="Account" { (job.lane.account) }
            td data-label="Region" { (job.lane.region) }
            td data-label="State" {
                span {
                    span class={ "dot b-" (job.state) } {}
                    (words(job.state))
                    @if job.adopted { span.carried { "adopted" } }
                }
            }
            td.result data-label="Result" {
                @if destination.is_some() || code.is_some() || message.is_some() {
                    div {
                        @if let Some(destination) = destination { div.id { (one_line(destination)) } }
                        @if code.is_some() || message.is_some() {
                            div {
                                @if let Some(code) = code { strong { (code) } }
                                @if let Some(message) = message { " " (shortened(&one_line(message), MESSAGE)) }
                            }
                        }
                    }
                }
            }
            td.time data-label="Submitted" { (time(job.submitted_at)) }
            td.time data-label="Ended" { (time(job.finished_at)) }
        }
    }
}

fn time(at: Option<Timestamp>) -> Markup {
    html! { @if let Some(at) = at { time datetime=(at) { (moment(at)) } } }
}
