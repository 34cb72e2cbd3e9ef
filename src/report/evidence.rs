//! What is known of a job that needs a decision, and the decisions that there are.

use super::look::{Look, Paint};
use super::show;
use super::table::{Blocks, Column};
use super::words::{one_line, trouble};
use crate::domain::{ErrorCode, JobState};
use crate::queue::{Entry, EntryKey, Evidence, Verdict};

const LEDGER: [Column; 6] = [
    Column::left("KIND", 9),
    Column::left("ID", 16),
    Column::left("STATUS", 9),
    Column::left("BEGAN", 20),
    Column::left("DESTINATION", 12),
    Column::left("OWNER", 8),
];

/// The evidence, and the commands that decide.
#[must_use]
pub fn evidence_text(evidence: &Evidence, look: Look) -> String {
    let job = &evidence.detail.job;
    let in_review = job.state == JobState::NeedsReview;
    let heading = if in_review {
        format!("Job {} needs a decision: {} in {}", job.id, job.snapshot_name, job.lane)
    } else {
        format!("Job {} is {}, there is nothing to decide: {} in {}", job.id, job.state, job.snapshot_name, job.lane)
    };
    let mut lines = vec![look.colour.paint(Paint::Title, heading)];
    let said = trouble(job.error_code.as_ref().map(ErrorCode::as_str), job.error_message.as_deref());
    lines.extend(said.map(|said| format!("  {said}")));
    lines.extend([String::new(), look.colour.paint(Paint::Title, "ATTEMPTS")]);
    if evidence.detail.attempts.is_empty() {
        lines.push("none: ExportSnapshot was never called for it".to_owned());
    }
    lines.extend(evidence.detail.attempts.iter().flat_map(show::attempt));
    lines.extend([String::new(), look.colour.paint(Paint::Title, "LEDGER")]);
    if evidence.entries.is_empty() {
        lines.push("nothing of that snapshot's name was ever seen in it".to_owned());
    }
    let mut text = look.lay_out(lines);
    if !evidence.entries.is_empty() {
        text.push_str(&Blocks::new(&LEDGER, look.width).text(evidence.entries.iter().map(cells).collect()));
    }
    if in_review {
        text.push_str(&look.lay_out(decisions(evidence, look)));
    }
    text
}

/// What follows from a decision that was taken.
#[must_use]
pub fn resolved_text(evidence: &Evidence, verdict: &Verdict) -> String {
    let job = &evidence.detail.job;
    match verdict {
        Verdict::SendAgain => format!("Job {} is queued again. {}\n", job.id, send_again(evidence)),
        Verdict::Adopt(record) => format!("Job {} has succeeded: it became {}.\n", job.id, one_line(record)),
        Verdict::Fail => format!("Job {} has failed; snapferry retry {} would try it again.\n", job.id, job.id),
    }
}

fn decisions(evidence: &Evidence, look: Look) -> Vec<String> {
    let job = evidence.detail.job.id;
    vec![
        String::new(),
        look.colour.paint(Paint::Title, "DECIDE"),
        format!("snapferry resolve {job} --adopt RECORD"),
        "    It became that record, by the id above or the ARN; the record must have a destination.".to_owned(),
        format!("snapferry resolve {job} --send-again"),
        format!("    Queue it again. {}", send_again(evidence)),
        format!("snapferry resolve {job} --fail"),
        "    It has failed.".to_owned(),
    ]
}

fn send_again(evidence: &Evidence) -> &'static str {
    if evidence.detail.job.export_again {
        "The ledger is read first, then it is sent: where an attempt above took effect, that makes a second export."
    } else {
        "The ledger is read first: an export of this snapshot that it shows is adopted, otherwise it is sent."
    }
}

fn cells(entry: &Entry) -> Vec<String> {
    let sighting = &entry.sighting;
    let (kind, id) = match &sighting.key {
        EntryKey::Operation(id) => ("operation", id.as_str()),
        EntryKey::Record(arn) => ("record", sighting.record_name.as_deref().unwrap_or(arn.as_str())),
    };
    let owner = match entry.owner {
        None => "nobody".to_owned(),
        Some((job, 0)) => format!("job {job}, adopted"),
        Some((job, attempt)) => format!("job {job}, attempt {attempt}"),
    };
    vec![
        kind.to_owned(),
        one_line(id).into_owned(),
        sighting.status.as_str().to_owned(),
        sighting.created_at.map(|at| at.to_string()).unwrap_or_default(),
        sighting.destination.as_ref().map(|destination| one_line(&destination.id).into_owned()).unwrap_or_default(),
        owner,
    ]
}
