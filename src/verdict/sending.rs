//! What may be sent, and when: promises 1, 2 and 5.

use super::evidence::{CallKind, Life, ObservedCall, RunEvidence, subject};
use super::promise::Finding;
use crate::domain::{ErrorCode, Lane};
use crate::queue::{AttemptOutcome, AttemptView, JobDetail};
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub(super) fn written_before_sent(evidence: &RunEvidence) -> Finding {
    let mut broken = Vec::new();
    // At a crash nothing can be written after the fact: what is on the wire is on disk by then, or never was before it.
    for sent in evidence.lives.iter().flat_map(|life| &life.sent) {
        if sent.calls > sent.intents {
            broken.push(format!(
                "{}: {} calls had arrived when the daemon was gone, and {} intents were on disk",
                sent.subject, sent.calls, sent.intents
            ));
        }
    }
    let mut intents_of: BTreeMap<_, usize> = BTreeMap::new();
    for job in &evidence.jobs {
        *intents_of.entry(subject(job)).or_default() += job.attempts.len();
    }
    let calls = evidence.exports_of();
    for (subject, calls) in &calls {
        let intents = intents_of.get(subject).copied().unwrap_or_default();
        if calls.len() > intents {
            broken.push(format!("{subject}: {} calls arrived, and {intents} intents are on disk", calls.len()));
        }
    }
    // An answer on record has to be of a call on the wire.
    for (job, attempt) in attempts(evidence) {
        let Some(id) = &attempt.request_id else { continue };
        let subject = subject(job);
        if !calls.get(&subject).is_some_and(|calls| calls.iter().any(|call| call.request_id == *id)) {
            broken.push(format!(
                "{subject}: attempt {} has the answer {id}, and no such call arrived for it",
                attempt.number
            ));
        }
    }
    let on_wire = calls.values().map(|calls| calls.len() as u64).sum();
    Finding::of([("calls on the wire", on_wire), ("intents on disk", attempts(evidence).count() as u64)], broken)
}

pub(super) fn never_on_a_guess(evidence: &RunEvidence) -> Finding {
    let mut broken = Vec::new();
    let mut exports = 0;
    let mut needless = 0;
    for (subject, made) in &evidence.made {
        exports += made.exports;
        let whole = made.exports.saturating_sub(made.failures);
        needless += whole.saturating_sub(1);
        if whole > 1 {
            broken.push(format!("{subject}: exported {whole} times"));
        }
    }
    let mut listed = 0;
    for life in &evidence.lives {
        let (well, unlisted) = listed_first(evidence, life);
        listed += well;
        broken
            .extend(unlisted.into_iter().map(|lane| format!("{lane}: sent before its lists were read by that start")));
    }
    let mut absent = 0;
    let answers = answers(evidence);
    for (job, attempt) in attempts(evidence) {
        if attempt.outcome == Some(AttemptOutcome::Absent) {
            absent += 1;
            if let Some(lacking) = unproven(evidence, attempt) {
                broken.push(format!("{}: attempt {} was taken for absent {lacking}", subject(job), attempt.number));
            }
            let call = attempt.request_id.as_deref().and_then(|id| answers.get(id));
            if call.is_some_and(|call| call.effect) {
                broken.push(format!(
                    "{}: attempt {} was taken for absent, and it had begun an export",
                    subject(job),
                    attempt.number
                ));
            }
        }
    }
    let counts = [
        ("exports begun", exports),
        ("of them needless", needless),
        ("starts of a lane after an inventory", listed),
        ("attempts proven absent", absent),
    ];
    Finding::of(counts, broken)
}

/// How many lanes a life sent in after it had read each of their lists, and those in which it had not.
fn listed_first(evidence: &RunEvidence, life: &Life) -> (u64, Vec<Lane>) {
    let mut asked: BTreeMap<&Lane, BTreeSet<&str>> = BTreeMap::new();
    let mut begun: BTreeSet<&Lane> = BTreeSet::new();
    let mut unlisted = Vec::new();
    for call in evidence.calls.get(life.calls.clone()).unwrap_or_default() {
        match &call.kind {
            CallKind::List(which) => {
                asked.entry(&call.lane).or_default().insert(which);
            }
            CallKind::Export(_) if begun.insert(&call.lane) => {
                let asked = asked.get(&call.lane);
                if !CallKind::LISTS.iter().all(|list| asked.is_some_and(|asked| asked.contains(list))) {
                    unlisted.push(call.lane.clone());
                }
            }
            CallKind::Export(_) | CallKind::Other => {}
        }
    }
    let all = begun.len() as u64;
    (all.saturating_sub(unlisted.len() as u64), unlisted)
}

/// What the proof that an attempt is absent lacks, in words.
fn unproven(evidence: &RunEvidence, attempt: &AttemptView) -> Option<String> {
    let wanted = &evidence.settling;
    let (Some(first), Some(last)) = (attempt.first_check_at, attempt.last_check_at) else {
        return Some("without an absence check".to_owned());
    };
    if attempt.absence_checks < wanted.looks {
        return Some(format!("after {} of {} absence checks", attempt.absence_checks, wanted.looks));
    }
    let (after, spread) = (first.since(attempt.intended_at), last.since(first));
    if after < wanted.attempt_timeout {
        return Some(format!("by an absence check {} ms after the intent", after.as_millis()));
    }
    (spread < wanted.settle).then(|| format!("by absence checks over {} ms", spread.as_millis()))
}

pub(super) fn troubles_are_free(evidence: &RunEvidence) -> Finding {
    let answers = answers(evidence);
    let mut broken = Vec::new();
    let mut heard = 0;
    let mut cut_off = 0;
    let mut charged = 0;
    for job in &evidence.jobs {
        // The responses that the daemon received, and those that it was killed before receiving.
        let troubles = job
            .attempts
            .iter()
            .filter_map(|attempt| attempt.request_id.as_deref())
            .filter(|id| answers.get(id).is_some_and(|call| evidence.troubles.contains(&call.answer)));
        let troubles = troubles.count() as u64;
        let lost = job.transitions.iter().filter(|one| is_interruption(one.error_code.as_ref(), &one.event));
        let lost = lost.count() as u64;
        let (used, attempts) = (u64::from(job.job.used), job.attempts.len() as u64);
        heard += troubles;
        cut_off += lost;
        let over = (used + troubles + lost).saturating_sub(attempts);
        if over > 0 {
            charged += over;
            broken.push(format!(
                "{}: {used} of {attempts} attempts count, though {troubles} met a trouble of the lane and {lost} a crash",
                subject(job)
            ));
        }
    }
    let counts =
        [("troubles of a lane", heard), ("attempts cut off by a crash", cut_off), ("charged to a job", charged)];
    Finding::of(counts, broken)
}

/// The transition by which a start recovers what an earlier one was sending.
pub(super) fn is_interruption(code: Option<&ErrorCode>, event: &str) -> bool {
    event == "outcome_unknown_in_outage" && code.is_some_and(|code| code.as_str() == ErrorCode::INTERRUPTED)
}

/// Each call by the request id of its answer.
fn answers(evidence: &RunEvidence) -> HashMap<&str, &ObservedCall> {
    evidence.calls.iter().map(|call| (call.request_id.as_str(), call)).collect()
}

fn attempts(evidence: &RunEvidence) -> impl Iterator<Item = (&JobDetail, &AttemptView)> {
    evidence.jobs.iter().flat_map(|job| job.attempts.iter().map(move |attempt| (job, attempt)))
}
