//! `index.html`: the report for people. Style, charts and script are in the file, it loads nothing, and it can be read
//! without the script. The template escapes what comes from outside.

use super::axis::moment;
use super::charts;
use super::digest::Digest;
use super::manifest::{BatchFacts, PartFacts};
use super::page_rows::Rows;
use crate::domain::{JobState, Timestamp};
use crate::queue::BatchView;
use crate::report::layout::words::{adopted_note, grouped, percent, several};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};
use std::io::{self, Write};

/// The file's name.
pub(super) const PAGE_FILE: &str = "index.html";

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Causes that the page lists.
const CAUSES: usize = 50;

/// What the page shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct CompletionPage<'a> {
    pub(super) batch: &'a BatchView,
    pub(super) digest: &'a Digest,
    pub(super) rows: &'a Rows,
    pub(super) parts: &'a [PartFacts],
    pub(super) now: Timestamp,
    /// When the rows that have not ended will be done.
    pub(super) forecast: Option<&'a str>,
}

/// Writes the page; the number of rows in its table. The table is written line by line, as it may be long.
pub(super) fn write_page(out: &mut dyn Write, page: &CompletionPage<'_>) -> io::Result<u64> {
    let [attention, others, succeeded] = page.rows.shown();
    let (others_shown, succeeded_shown) = ((attention.len() + others.len()) as u64, succeeded.len() as u64);
    let title = format!("{}: completion report", page.batch.name);
    let doctype = html! { (DOCTYPE) };
    write!(out, "{}<html lang=\"en\">\n{}\n<body>\n<main>\n", doctype.into_string(), head(&title).into_string())?;
    for section in [
        heading(page),
        totals(page),
        charts_section(page),
        causes(page),
        table_head(page, others_shown, succeeded_shown),
    ] {
        writeln!(out, "{}", section.into_string())?;
    }
    if others_shown + succeeded_shown > 0 {
        write!(out, "<table id=\"rows\">\n{}\n<tbody>\n", columns(others_shown).into_string())?;
        for line in attention.iter().chain(others).chain(succeeded) {
            writeln!(out, "{line}")?;
        }
        out.write_all(b"</tbody>\n</table>\n")?;
    }
    write!(out, "</section>\n{}\n</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n", files(page).into_string())?;
    Ok(others_shown + succeeded_shown)
}

/// Nothing may be loaded, and only this style and this script may run.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy());
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            title { (title) }
            style { (PreEscaped(STYLE)) }
        }
    }
}

fn heading(page: &CompletionPage<'_>) -> Markup {
    let CompletionPage { batch, digest, now, forecast, .. } = page;
    let BatchFacts { source, .. } = BatchFacts::of(batch);
    html! {
        header {
            p.kicker { "Completion report" }
            h1 { (batch.name) }
            p.period {
                @if let (Some(began), Some(last)) = (digest.began, digest.last) {
                    time datetime=(began) { (moment(began)) } " to " time datetime=(last) { (moment(last)) } " UTC"
                    span.faint { " (" (charts::rounded(last.since(began))) ")" }
                } @else {
                    time datetime=(batch.created_at) { (moment(batch.created_at)) } " UTC"
                }
            }
            p.faint {
                "Snapshots of Amazon Lightsail exported to Amazon EC2. "
                @if source == "-" { "The rows came from standard input. " } @else { "The rows came from " q { (source) } ". " }
                "All times are in UTC."
            }
            @if digest.counts.live() > 0 {
                p.notice {
                    strong { (several(digest.counts.live(), "row")) " had not ended" }
                    " when this report was written, at " (moment(*now)) " UTC"
                    @if let Some(forecast) = forecast { ": " (forecast) }
                    "."
                }
            }
        }
    }
}

fn totals(page: &CompletionPage<'_>) -> Markup {
    let CompletionPage { batch, digest, .. } = page;
    let counts = &digest.counts;
    let (total, succeeded) = (counts.total(), counts.of(JobState::Succeeded));
    let tiles = charts::STACK.into_iter().map(|state| (state, counts.of(state)));
    let tiles: Vec<_> =
        tiles.filter(|(state, count)| *count > 0 || matches!(state, JobState::Succeeded | JobState::Failed)).collect();
    let rows = batch.rows;
    let notable = [
        ("Adopted: exported before, or by another client", digest.adopted),
        ("Rows that repeat another row", rows.repeated),
        ("Rows of a snapshot that another batch exports", rows.live),
        ("Rejected rows", rows.rejected),
    ];
    let notable = notable.into_iter().filter(|(_, count)| *count > 0);
    let facts =
        std::iter::once(("Rows of the file", rows.read)).chain(notable).chain([("ExportSnapshot calls", digest.calls)]);
    html! {
        section aria-labelledby="totals" {
            h2 #totals { "Totals" }
            @if total == 0 {
                p.lead { "No row of this batch could be exported." }
            } @else {
                p.lead { strong { (grouped(succeeded)) " of " (several(total, "row")) } " succeeded (" (percent(succeeded, total)) "%)." }
                (charts::share_bar(counts))
            }
            dl.tiles {
                @for (state, count) in tiles {
                    div { dt { span class={ "dot b-" (state) } {} (charts::words(state)) } dd { (grouped(count)) } }
                }
            }
            @if let Some(note) = adopted_note(digest.adopted) { p.note { (note) } }
            dl.facts {
                @for (name, count) in facts { div { dt { (name) } dd { (grouped(count)) } } }
            }
        }
    }
}

fn charts_section(page: &CompletionPage<'_>) -> Markup {
    let CompletionPage { digest, .. } = page;
    html! {
        @if digest.timeline.len() > 0 {
            section aria-labelledby="timeline" {
                h2 #timeline { "States over time" }
                (charts::states(digest))
            }
            section aria-labelledby="throughput" {
                h2 #throughput { "Throughput" }
                (charts::throughput(digest))
            }
            section aria-labelledby="durations" {
                h2 #durations { "Export duration" }
                (charts::durations(&digest.durations))
            }
        }
    }
}

fn causes(page: &CompletionPage<'_>) -> Markup {
    let (first, others) = page.digest.causes.first(CAUSES);
    let most = first.first().map_or(0, |cause| cause.count);
    html! {
        section.long aria-labelledby="causes" {
            h2 #causes { "Failures by cause" }
            @if first.is_empty() {
                p.empty { "Nothing failed." }
            } @else {
                table.causes {
                    caption { "Failed rows and rows that wait for a review, by error code and message; names and numbers are shown as \u{2026}" }
                    thead { tr { th scope="col" { "Error" } th scope="col" { "Message" } th scope="col" { span.visually-hidden { "Share" } } th.n scope="col" { "Rows" } } }
                    tbody {
                        @for cause in &first {
                            tr {
                                th scope="row" { @if cause.error_code.is_empty() { "(no code)" } @else { (cause.error_code) } }
                                td.message { (cause.message) }
                                td.share { (charts::bar(cause.count, most, "failed")) }
                                td.n { (grouped(cause.count)) }
                            }
                        }
                        @if others > 0 {
                            tr { th scope="row" { "Other causes" } td {} td {} td.n { (grouped(others)) } }
                        }
                    }
                }
            }
        }
    }
}

/// The section stays open: the table follows.
fn table_head(page: &CompletionPage<'_>, others_shown: u64, succeeded_shown: u64) -> Markup {
    let counts = &page.digest.counts;
    let (total, succeeded) = (counts.total(), counts.of(JobState::Succeeded));
    let (others_left_out, succeeded_left_out) = (total - succeeded - others_shown, succeeded - succeeded_shown);
    html! {
        (PreEscaped("<section class=\"long\" aria-labelledby=\"table\">"))
        h2 #table { "Rows" }
        @if total == 0 { p.empty { "There are none." } }
        @if others_left_out + succeeded_left_out > 0 {
            p.notice {
                strong { "The table shows " (grouped(others_shown + succeeded_shown)) " of " (several(total, "row")) "." }
                " It leaves out " (grouped(succeeded_left_out)) " that succeeded and " (grouped(others_left_out))
                " that did not. The CSV files beside this page have every row."
            }
        }
        div #tools {}
    }
}

fn columns(others_shown: u64) -> Markup {
    html! {
        caption {
            @if others_shown == 0 { "In the order of the file" } @else { "First what failed or needs a review, last what succeeded; each in the order of the file" }
            "; times in UTC"
        }
        thead {
            tr {
                @for name in ["Snapshot", "Account", "Region", "State", "Result", "Submitted", "Ended"] {
                    th scope="col" { (name) }
                }
            }
        }
    }
}

fn files(page: &CompletionPage<'_>) -> Markup {
    html! {
        section aria-labelledby="files" {
            h2 #files { "Files" }
            table.files {
                caption { "Each row of the batch is in one of these files, beside this page" }
                thead { tr { th scope="col" { "File" } th.n scope="col" { "Rows" } th.n scope="col" { "Bytes" } th scope="col" { "SHA-256" } } }
                tbody {
                    @for part in page.parts {
                        tr {
                            th scope="row" { (part.file.file) }
                            td.n data-label="Rows" { (grouped(part.rows)) }
                            td.n data-label="Bytes" { (grouped(part.file.bytes)) }
                            td.hash data-label="SHA-256" { (part.file.sha256) }
                        }
                    }
                }
            }
        }
        footer { "Written " (moment(page.now)) " UTC by Snapferry " (env!("CARGO_PKG_VERSION")) "." }
    }
}
