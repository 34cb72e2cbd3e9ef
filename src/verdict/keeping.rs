//! What stays on disk: promises 3, 4, 7 and 8.

use super::evidence::{ReportedBatch, RunEvidence, subject};
use super::promise::Finding;
use super::sending::is_interruption;
use crate::domain::{JobId, JobState};
use crate::queue::JobDetail;
use std::collections::{BTreeSet, HashMap};

pub(super) fn one_live_job(evidence: &RunEvidence) -> Finding {
    let mut broken = Vec::new();
    let mut seen_jobs = 0;
    for (place, life) in evidence.lives.iter().enumerate() {
        let mut seen = BTreeSet::new();
        for subject in &life.live {
            seen_jobs += 1;
            if !seen.insert(subject) {
                broken.push(format!("{subject}: two live jobs after life {}", place + 1));
            }
        }
    }
    let censuses = evidence.lives.len() as u64;
    Finding::of([("checks of the live jobs", censuses), ("live jobs seen", seen_jobs)], broken)
}

pub(super) fn nothing_lost(evidence: &RunEvidence) -> Finding {
    let mut broken = Vec::new();
    let mut lost = 0;
    for batch in &evidence.batches {
        if let Some(what) = missing(batch) {
            broken.push(format!("batch {}: {what}", batch.name));
        }
        for line in &batch.report {
            let made = evidence.made.get(&line.subject);
            if !line.destination.as_ref().is_some_and(|id| made.is_some_and(|made| made.destinations.contains(id))) {
                lost += 1;
                let said = line.destination.as_deref().unwrap_or("nothing");
                broken.push(format!("batch {}: {} became {said} by the report", batch.name, line.subject));
            }
        }
    }
    for job in evidence.jobs.iter().filter(|job| job.job.state != JobState::Succeeded) {
        lost += 1;
        let code = job.job.error_code.as_ref().map_or("no error", |code| code.as_str());
        broken.push(format!("{}: job {} is {} ({code})", subject(job), job.job.id, job.job.state));
    }
    let read = evidence.batches.iter().map(|batch| batch.file.len() as u64).sum();
    let told = evidence.batches.iter().map(|batch| batch.report.len() as u64).sum();
    let counts =
        [("rows in", read), ("rows in the reports", told), ("jobs", evidence.jobs.len() as u64), ("lost", lost)];
    Finding::of(counts, broken)
}

/// What of a file is not in its batch or its report, in words.
fn missing(batch: &ReportedBatch) -> Option<String> {
    let Some(read) = batch.read else { return Some("it is not there".to_owned()) };
    let rows = batch.file.len() as u64;
    if read != rows || batch.sorted != rows {
        return Some(format!("{rows} rows, of which {read} were read and {} accounted for", batch.sorted));
    }
    if batch.report.len() != batch.file.len() {
        return Some(format!("{rows} rows, and {} lines in its report", batch.report.len()));
    }
    let other = batch.file.iter().zip(&batch.report).position(|(row, line)| *row != line.subject);
    other.map(|place| format!("line {} of its report is another snapshot's", place + 1))
}

pub(super) fn restart_is_recovery(evidence: &RunEvidence) -> Finding {
    let mut broken = evidence.astray.clone();
    let jobs: HashMap<JobId, &JobDetail> = evidence.jobs.iter().map(|job| (job.job.id, job)).collect();
    let mut left = 0;
    let last = evidence.lives.len().saturating_sub(1);
    for (place, life) in evidence.lives.iter().enumerate() {
        for (id, attempt) in &life.submitting {
            left += 1;
            let taken_up = jobs.get(id).is_some_and(|job| {
                let of_it = job.transitions.iter().filter(|one| one.attempt == *attempt);
                of_it.clone().any(|one| is_interruption(one.error_code.as_ref(), &one.event))
            });
            if place < last && !taken_up {
                broken.push(format!("job {id}: attempt {attempt} was cut off, and no start took it up"));
            }
            if place == last {
                broken.push(format!("job {id}: attempt {attempt} was left open by a daemon that ended in order"));
            }
        }
    }
    let starts = evidence.lives.len() as u64;
    let crashes: Vec<_> = evidence.lives.iter().filter(|life| life.crashed).collect();
    // Whatever is killed over nothing proves nothing.
    let busy = crashes.iter().filter(|life| !life.live.is_empty()).count() as u64;
    let counts = [
        ("starts", starts),
        ("crashes of the daemon", crashes.len() as u64),
        ("of them over live jobs", busy),
        ("calls cut off and taken up", left),
    ];
    Finding::of(counts, broken)
}

pub(super) fn history_kept(evidence: &RunEvidence) -> Finding {
    let mut broken = Vec::new();
    let jobs: HashMap<JobId, &JobDetail> = evidence.jobs.iter().map(|job| (job.job.id, job)).collect();
    for mark in evidence.lives.iter().flat_map(|life| &life.marks) {
        let kept = jobs.get(&mark.job).is_some_and(|job| {
            let then = mark.transitions.checked_sub(1).and_then(|place| job.transitions.get(place));
            job.attempts.len() >= mark.attempts && then.map(|one| (one.step, one.event.clone())) == mark.last
        });
        if !kept {
            broken.push(format!("job {}: its history is not what it was at a crash", mark.job));
        }
    }
    for job in &evidence.jobs {
        if let Some(gap) = gap(job) {
            broken.push(format!("{}: {gap}", subject(job)));
        }
    }
    let attempts = evidence.jobs.iter().map(|job| job.attempts.len() as u64).sum();
    let transitions = evidence.jobs.iter().map(|job| job.transitions.len() as u64).sum();
    Finding::of([("attempts", attempts), ("transitions", transitions)], broken)
}

/// What a job's history lacks, in words.
fn gap(job: &JobDetail) -> Option<String> {
    let mut state = JobState::Queued;
    let mut intents = 0;
    for (one, number) in job.transitions.iter().zip(1_u64..) {
        if one.step != number {
            return Some(format!("transition {number} is missing"));
        }
        if one.from != state {
            return Some(format!("transition {number} leaves {}, where the job was {state}", one.from));
        }
        state = one.to;
        intents += usize::from(one.event == "intend");
    }
    if state != job.job.state {
        return Some(format!("its history ends in {state}, and it is {}", job.job.state));
    }
    if job.attempts.iter().zip(1_u32..).any(|(attempt, number)| attempt.number != number) {
        return Some("an attempt is missing".to_owned());
    }
    let attempts = job.attempts.len();
    (attempts != intents || u64::from(job.job.attempts) != attempts as u64).then(|| {
        format!("{attempts} attempts are on record, {intents} in its transitions, {} by count", job.job.attempts)
    })
}
