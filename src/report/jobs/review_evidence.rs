//! What is known of a job that needs a decision, and the possible decisions.

use crate::domain::{EntryStatus, ErrorCode, JobState};
use crate::queue::{EntryKey, LedgerEntry, Resolution, ReviewEvidence};
use crate::report::jobs::job_history;
use crate::report::layout::style::{Paint, TextStyle};
use crate::report::layout::words::{one_line, quoted, trouble};

/// The evidence, and the commands for a decision.
pub fn evidence_text(evidence: &ReviewEvidence, style: TextStyle) -> String {
    let title = |text: &str| style.colour.paint(Paint::Title, text);
    let job = &evidence.detail.job;
    let in_review = job.state == JobState::NeedsReview;
    let needs =
        if in_review { "needs a decision".to_owned() } else { format!("is {} and needs no decision", job.state) };
    let mut lines = vec![title(&format!("Job {} {needs}: {} in {}", job.id, job.snapshot_name, job.lane))];
    let error = trouble(job.error_code.as_ref(), job.error_message.as_deref());
    lines.extend(error.map(|error| format!("  {error}")));
    lines.extend([String::new(), title("ATTEMPTS")]);
    let copied = job.error_code.as_ref().is_some_and(|code| code.as_str() == ErrorCode::EXPORTED_AFTER_COPY);
    if copied && evidence.detail.attempts.is_empty() {
        lines.push("none that this copy of the database knows of".to_owned());
    } else {
        lines.extend(job_history::attempts(&evidence.detail.attempts));
    }
    lines.extend([String::new(), title("LIGHTSAIL'S RECORDS")]);
    if evidence.entries.is_empty() {
        lines.push("no operation or export snapshot record of this snapshot was ever seen".to_owned());
    }
    lines.extend(evidence.entries.iter().flat_map(entry));
    if in_review {
        lines.extend([String::new(), title("DECIDE")]);
        lines.extend(decisions(evidence));
    }
    style.lay_out(lines)
}

/// What follows from a decision.
pub fn resolved_text(evidence: &ReviewEvidence, decision: &Resolution) -> String {
    let job = evidence.detail.job.id;
    match decision {
        Resolution::SendAgain => {
            let names: Vec<_> = evidence.entries.iter().map(|entry| one_line(id(entry))).collect();
            let ignored =
                if names.is_empty() { String::new() } else { format!(" Ignored from now on: {}.", names.join(", ")) };
            format!("Job {job} is queued again, and is sent after the next inventory of its lane.{ignored}\n")
        }
        Resolution::Adopt(record) => {
            let others = evidence.other_exports(record).map(|trouble| format!(" It was {}.", trouble.message));
            let others = others.unwrap_or_default();
            format!("Job {job} succeeded as {}.{}\n", one_line(record), one_line(&others))
        }
        Resolution::Fail => format!("Job {job} is marked as failed; snapferry retry {job} tries it again.\n"),
    }
}

fn decisions(evidence: &ReviewEvidence) -> Vec<String> {
    let job = evidence.detail.job.id;
    let may_be_its_own = |entry: &&LedgerEntry| entry.owner.is_none_or(|(owner, _)| owner == job);
    let records = evidence.entries.iter().filter(|entry| matches!(entry.sighting.key, EntryKey::Record(_)));
    let adoptions = records.filter(may_be_its_own).filter_map(|record| {
        let made = record.sighting.destination.as_ref()?;
        let name = quoted(&one_line(id(record)));
        Some([
            format!("snapferry resolve {job} --adopt {name}"),
            format!("    It was exported as {}.", one_line(&made.id)),
        ])
    });
    let mut lines: Vec<String> = adoptions.flatten().collect();
    if lines.is_empty() {
        lines.push(format!("snapferry resolve {job} --adopt RECORD"));
        lines.push(
            "    That record (its name or ARN) is its export; possible once the record has a destination.".to_owned(),
        );
    }
    lines.extend([
        format!("snapferry resolve {job} --send-again"),
        format!("    Export again. {SEND_AGAIN}"),
        format!("snapferry resolve {job} --fail"),
        "    Mark it as failed.".to_owned(),
    ]);
    lines
}

/// What sending again does with the records that there are.
const SEND_AGAIN: &str = "All operations and records seen by then are ignored permanently. If this job made one of them, \
                          there will be two exports.";

/// An entry in words. Its id has a line of its own, so that no width breaks it.
fn entry(entry: &LedgerEntry) -> [String; 2] {
    let sighting = &entry.sighting;
    let kind = match &sighting.key {
        EntryKey::Operation(_) => "operation",
        EntryKey::Record(_) => "record",
    };
    let owner = match entry.owner {
        None => "not claimed by any job".to_owned(),
        Some((job, 0)) => format!("adopted by job {job}"),
        Some((job, attempt)) => format!("of job {job}, attempt {attempt}"),
    };
    let began = sighting.created_at.map(|at| format!("began {at}, ")).unwrap_or_default();
    let made = sighting.destination.as_ref().map(|made| format!("made {}, ", one_line(&made.id))).unwrap_or_default();
    let status = match sighting.status {
        EntryStatus::UnderWay => "under_way when last seen",
        other @ (EntryStatus::Succeeded | EntryStatus::Failed) => other.as_str(),
    };
    [format!("{kind} {}", one_line(id(entry))), format!("    {began}{status}, {made}{owner}")]
}

/// What a person calls an entry: an operation's id, a record's name, or its ARN if it has no name.
fn id(entry: &LedgerEntry) -> &str {
    match &entry.sighting.key {
        EntryKey::Operation(id) => id.as_str(),
        EntryKey::Record(arn) => entry.sighting.record_name.as_deref().unwrap_or(arn.as_str()),
    }
}
