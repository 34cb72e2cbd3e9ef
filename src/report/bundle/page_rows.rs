//! The lines of the page's table, up to a limit: those that need attention first, those that succeeded last.

use super::axis::moment;
use super::charts::words;
use crate::domain::{ErrorCode, JobState, Timestamp};
use crate::queue::BatchRow;
use crate::report::jobs::causes::shortened;
use crate::report::layout::words::one_line;
use maud::{Markup, html};

/// The maximum number of lines: some 3 MB of page, which a browser still lays out at once and a mail carries.
const MOST: usize = 5000;

/// The maximum size of a kind's lines, in bytes: long messages and many columns leave room for fewer.
const ROOM: usize = 6 << 20;

/// Characters shown of a copied value and of a message; the CSV has all.
const COPIED: usize = 120;
const MESSAGE: usize = 300;

/// Copied columns that the page shows.
const COLUMNS: usize = 8;

/// The lines that the page may show, by kind: what needs attention, what has not ended or was cancelled, what succeeded.
#[derive(Debug)]
pub(super) struct Rows {
    names: Vec<String>,
    kinds: [Lines; 3],
}

#[derive(Debug, Default)]
struct Lines {
    texts: Vec<String>,
    bytes: usize,
}

impl Rows {
    pub(super) fn new(copied: &[String]) -> Self {
        Self { names: copied.to_vec(), kinds: Default::default() }
    }

    pub(super) fn add(&mut self, row: &BatchRow) {
        let [attention, others, succeeded] = &mut self.kinds;
        let lines = match row.job.state {
            JobState::Failed | JobState::NeedsReview | JobState::Unknown => attention,
            JobState::Queued | JobState::Submitting | JobState::Exporting | JobState::Cancelled => others,
            JobState::Succeeded => succeeded,
        };
        if lines.texts.len() < MOST && lines.bytes < ROOM {
            let text = line(row, &self.names).into_string();
            lines.bytes += text.len();
            lines.texts.push(text);
        }
    }

    /// What the page shows of each kind.
    pub(super) fn shown(&self) -> [&[String]; 3] {
        let mut room = MOST;
        self.kinds.each_ref().map(|kind| {
            let shown = kind.texts.get(..room).unwrap_or(&kind.texts);
            room -= shown.len();
            shown
        })
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
                    span.carried { (shortened(&one_line(name), COPIED)) ": " (shortened(&one_line(value), COPIED)) }
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
