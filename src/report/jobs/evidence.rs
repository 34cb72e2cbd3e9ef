//! What is known of a job that needs a decision, and the decisions that there are.

use crate::domain::{ErrorCode, JobState};
use crate::queue::{EntryKey, EntryStatus, LedgerEntry, Resolution, ReviewEvidence};
use crate::report::jobs::show;
use crate::report::layout::style::{Paint, TextStyle};
use crate::report::layout::words::{one_line, quoted, trouble};

/// The evidence, and the commands that decide.
pub fn evidence_text(evidence: &ReviewEvidence, look: TextStyle) -> String {
    let job = &evidence.detail.job;
    let in_review = job.state == JobState::NeedsReview;
    let heading = if in_review {
        format!("Job {} needs a decision: {} in {}", job.id, job.snapshot_name, job.lane)
    } else {
        format!("Job {} is {}, there is nothing to decide: {} in {}", job.id, job.state, job.snapshot_name, job.lane)
    };
    let mut lines = vec![look.colour.paint(Paint::Title, heading)];
    let said = trouble(job.error_code.as_ref(), job.error_message.as_deref());
    lines.extend(said.map(|said| format!("  {said}")));
    lines.extend([String::new(), look.colour.paint(Paint::Title, "ATTEMPTS")]);
    if evidence.detail.attempts.is_empty() {
        let copied = job.error_code.as_ref().is_some_and(|code| code.as_str() == ErrorCode::EXPORTED_AFTER_COPY);
        let none = if copied {
            "none that this copy of the database knows of"
        } else {
            "none: ExportSnapshot was never called for it"
        };
        lines.push(none.to_owned());
    }
    lines.extend(evidence.detail.attempts.iter().flat_map(show::attempt));
    lines.extend([String::new(), look.colour.paint(Paint::Title, "LEDGER")]);
    if evidence.entries.is_empty() {
        lines.push("nothing of that snapshot's name was ever seen in it".to_owned());
    }
    lines.extend(evidence.entries.iter().flat_map(entry));
    if in_review {
        lines.extend(decisions(evidence, look));
    }
    look.lay_out(lines)
}

/// What follows from a decision that was taken.
pub fn resolved_text(evidence: &ReviewEvidence, verdict: &Resolution) -> String {
    let job = &evidence.detail.job;
    match verdict {
        Resolution::SendAgain => {
            let aside = match evidence.entries.len() {
                0 => String::new(),
                count => {
                    let (entries, verb) = if count == 1 { ("entry", "is") } else { ("entries", "are") };
                    let names = evidence.entries.iter().map(|entry| one_line(id(entry))).collect::<Vec<_>>();
                    format!(" {count} {entries} of the ledger {verb} set aside: {}.", names.join(", "))
                }
            };
            format!("Job {} is queued again, and is sent once the lane's snapshots were listed anew.{aside}\n", job.id)
        }
        Resolution::Adopt(record) => {
            let besides = evidence.other_exports(record);
            let besides = besides.map(|trouble| format!(" It was {}.", trouble.message)).unwrap_or_default();
            format!("Job {} has succeeded: it became {}.{}\n", job.id, one_line(record), one_line(&besides))
        }
        Resolution::Fail => format!("Job {} has failed; snapferry retry {} would try it again.\n", job.id, job.id),
    }
}

fn decisions(evidence: &ReviewEvidence, look: TextStyle) -> Vec<String> {
    let job = evidence.detail.job.id;
    let mut lines = vec![String::new(), look.colour.paint(Paint::Title, "DECIDE")];
    let may_be_its_own = |entry: &&LedgerEntry| entry.owner.is_none_or(|(owner, _)| owner == job);
    let records = evidence.entries.iter().filter(|entry| matches!(entry.sighting.key, EntryKey::Record(_)));
    for record in records.filter(may_be_its_own) {
        if let Some(made) = &record.sighting.destination {
            lines.push(format!("snapferry resolve {job} --adopt {}", quoted(&one_line(id(record)))));
            lines.push(format!("    It became {}.", one_line(&made.id)));
        }
    }
    if lines.len() == 2 {
        lines.push(format!("snapferry resolve {job} --adopt RECORD"));
        lines.push("    It became that record, by its name or ARN, once it has a destination.".to_owned());
    }
    lines.extend([
        format!("snapferry resolve {job} --send-again"),
        format!("    Queue it again. {SEND_AGAIN}"),
        format!("snapferry resolve {job} --fail"),
        "    It has failed.".to_owned(),
    ]);
    lines
}

/// What sending it again does with what the ledger has of it.
const SEND_AGAIN: &str = "What the ledger has of it by then is set aside for good: none of that is adopted, and where one \
                          of them is its own, there will be two exports.";

/// What is known of an entry. Its id has a line of its own, so that no width breaks it.
fn entry(entry: &LedgerEntry) -> [String; 2] {
    let sighting = &entry.sighting;
    let kind = match &sighting.key {
        EntryKey::Operation(_) => "operation",
        EntryKey::Record(_) => "record",
    };
    let owner = match entry.owner {
        None => "of nobody".to_owned(),
        Some((job, 0)) => format!("of job {job}, adopted"),
        Some((job, attempt)) => format!("of job {job}, attempt {attempt}"),
    };
    let began = sighting.created_at.map(|at| format!("began {at}, ")).unwrap_or_default();
    let became = sighting.destination.as_ref().map(|made| format!("made {}, ", one_line(&made.id))).unwrap_or_default();
    let status = match sighting.status {
        EntryStatus::UnderWay => "under_way when it was last seen",
        other @ (EntryStatus::Succeeded | EntryStatus::Failed) => other.as_str(),
    };
    [format!("{kind} {}", one_line(id(entry))), format!("    {began}{status}, {became}{owner}")]
}

/// What a person calls an entry by: an operation's id, a record's name, or its ARN where it has none.
fn id(entry: &LedgerEntry) -> &str {
    match &entry.sighting.key {
        EntryKey::Operation(id) => id.as_str(),
        EntryKey::Record(arn) => entry.sighting.record_name.as_deref().unwrap_or(arn.as_str()),
    }
}
