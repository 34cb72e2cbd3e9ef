//! What the ledger means for a job. Pure: the job, the entries of its name, the time and the policy in; one event at
//! most out. Entries that were known before an attempt (its baseline) are never its own, an entry has one owner, and
//! times only order candidates.

use crate::domain::{ErrorCode, Event, Failure, JobState, OperationId, Timestamp, Trace};
use crate::queue::{AttemptOutcome, Entry, EntryKey, EntryStatus, Followed, FollowedAttempt};
use std::time::Duration;

/// Codes of failed operations that no second attempt can mend. Which codes Lightsail uses is not documented; these are
/// the words of its own errors and of EC2's (EC2 API Reference, "Error codes") for what cannot be copied at all.
const PERMANENT: [&str; 8] = [
    "UnsupportedOperation",
    "UnsupportedOperationException",
    "InvalidInputException",
    "NotFoundException",
    "DoesNotExist",
    "InvalidParameterValue",
    "InvalidSnapshot.NotFound",
    "OptInRequired",
];

/// What the settings and the clock say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) now: Timestamp,
    /// When another attempt may be made.
    pub(super) again_at: Timestamp,
    pub(super) give_up: Duration,
    pub(super) settle: Duration,
    pub(super) looks: u32,
}

/// What to do with a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Decision {
    /// What happened to it.
    pub(super) event: Option<Event>,
    /// How its last attempt came out, where the ledger tells.
    pub(super) outcome: Option<AttemptOutcome>,
    /// The entries that belong to its last attempt.
    pub(super) own: Vec<i64>,
    /// Entries that belong to earlier attempts.
    pub(super) earlier: Vec<(u32, i64)>,
    /// An operation whose own words are missing.
    pub(super) ask: Option<OperationId>,
    /// The second exports of the snapshot, in words.
    pub(super) duplicate: Option<String>,
}

/// Decides for one job. `entries` are all of its snapshot's name, in the order in which they were seen.
pub(super) fn decide(job: &Followed, entries: &[Entry], policy: &Policy) -> Decision {
    let mut decision = match job.state {
        JobState::Queued => decide_queued(job, entries),
        JobState::Unknown => decide_unknown(job, entries, policy),
        JobState::Exporting => decide_exporting(job, entries, policy),
        JobState::Submitting | JobState::NeedsReview | JobState::Succeeded | JobState::Failed | JobState::Cancelled => {
            Decision::default()
        }
    };
    note_duplicates(job, entries, &mut decision);
    decision
}

fn is_record(entry: &Entry) -> bool {
    matches!(entry.sighting.key, EntryKey::Record(_))
}

/// Whether an entry can be of the snapshot with this ARN: names are reused after a delete.
fn same_snapshot(entry: &Entry, job: &Followed) -> bool {
    match (&entry.sighting.snapshot_arn, &job.source_arn) {
        (Some(entry), Some(job)) => entry == job,
        (None, _) | (_, None) => true,
    }
}

fn owned<'a>(job: &Followed, attempt: u32, entries: &'a [Entry], record: bool) -> Option<&'a Entry> {
    let mine = |entry: &&Entry| entry.owner == Some((job.job, attempt)) && is_record(entry) == record;
    // An answer may have named several operations: the one that is followed comes first.
    let followed =
        |entry: &&Entry| matches!(&entry.sighting.key, EntryKey::Operation(id) if Some(id) == job.operation.as_ref());
    entries.iter().filter(mine).find(followed).or(entries.iter().find(mine))
}

/// Entries without an owner that came after `baseline`, oldest first.
fn free<'a>(job: &Followed, entries: &'a [Entry], baseline: i64, record: bool) -> Vec<&'a Entry> {
    let mut free: Vec<&Entry> = entries
        .iter()
        .filter(|entry| {
            entry.owner.is_none() && entry.id > baseline && is_record(entry) == record && same_snapshot(entry, job)
        })
        .collect();
    free.sort_by_key(|entry| (entry.sighting.created_at, entry.id));
    free
}

/// The attempts that may have had an effect and have no entry of that kind.
fn lacking<'a>(job: &'a Followed, entries: &[Entry], record: bool) -> Vec<&'a FollowedAttempt> {
    job.attempts
        .iter()
        .filter(|attempt| !attempt.refused && owned(job, attempt.number, entries, record).is_none())
        .collect()
}

fn trace(operation: Option<&Entry>, record: Option<&Entry>) -> Trace {
    let mut trace = Trace::default();
    if let Some(EntryKey::Operation(id)) = operation.map(|entry| &entry.sighting.key) {
        trace.operation = Some(id.clone());
    }
    if let Some(entry) = record {
        if let EntryKey::Record(arn) = &entry.sighting.key {
            trace.record = Some(arn.clone());
        }
        trace.record_name.clone_from(&entry.sighting.record_name);
        trace.destination.clone_from(&entry.sighting.destination);
    }
    trace
}

fn is_done(entry: &Entry) -> bool {
    entry.sighting.status == EntryStatus::Succeeded && entry.sighting.destination.is_some()
}

fn has_failed(entry: &Entry) -> bool {
    entry.sighting.status == EntryStatus::Failed
}

fn reason(operation: Option<&Entry>) -> Failure {
    operation.and_then(|entry| entry.sighting.failure.clone()).unwrap_or_else(|| {
        Failure::new(ErrorCode::OPERATION_FAILED, "Lightsail says that the export failed, and gives no reason")
    })
}

fn again(failure: &Failure, policy: &Policy) -> Option<Timestamp> {
    (!PERMANENT.contains(&failure.code.as_str())).then_some(policy.again_at)
}

/// Adopts what stands for a queued job: an export of the same snapshot, done or under way, by whoever it was.
fn decide_queued(job: &Followed, entries: &[Entry]) -> Decision {
    // Where a job is not to adopt, only what its own attempts may have made counts.
    let own = job.attempts.iter().filter(|attempt| attempt.absent).map(|attempt| attempt.baseline).min();
    let Some(baseline) = (if job.adopts { Some(0) } else { own }) else { return Decision::default() };
    let known = |entry: &&&Entry| match (&entry.sighting.snapshot_arn, &job.source_arn) {
        (Some(entry), Some(job)) => entry == job,
        (None, _) | (_, None) => own.is_some_and(|own| entry.id > own),
    };
    let records = free(job, entries, baseline, true);
    let done = records.iter().filter(known).rfind(|entry| is_done(entry));
    if let Some(record) = done {
        let event = Event::AlreadyExported(trace(None, Some(record)));
        return Decision { event: Some(event), own: vec![record.id], ..Decision::default() };
    }
    let under_way = |entry: &&&Entry| !has_failed(entry);
    if let Some(record) = records.iter().filter(known).rfind(under_way) {
        let event = Event::UnderWayAlready(trace(None, Some(record)));
        return Decision { event: Some(event), own: vec![record.id], ..Decision::default() };
    }
    // The record may come into sight later than its operation.
    let operations = free(job, entries, baseline, false);
    let begun = operations.iter().rfind(|entry| entry.sighting.status == EntryStatus::UnderWay);
    if let Some(operation) = begun {
        let event = Event::UnderWayAlready(trace(Some(operation), None));
        return Decision { event: Some(event), own: vec![operation.id], ..Decision::default() };
    }
    Decision::default()
}

/// The entries that the last attempt gets, and those that go to earlier ones.
fn assign<'a>(
    job: &Followed,
    entries: &'a [Entry],
    record: bool,
    decision: &mut Decision,
) -> Result<Option<&'a Entry>, String> {
    if let Some(own) = owned(job, job.attempt, entries, record) {
        return Ok(Some(own));
    }
    let mut waiting = lacking(job, entries, record);
    let Some(first) = waiting.iter().map(|attempt| attempt.baseline).min() else { return Ok(None) };
    let mut candidates = free(job, entries, first, record);
    if candidates.len() > waiting.len() {
        let what = if record { "records" } else { "operations" };
        return Err(format!(
            "{} {what} may be of {} attempts: {}",
            candidates.len(),
            waiting.len(),
            candidates.iter().map(|entry| key(entry)).collect::<Vec<_>>().join(", ")
        ));
    }
    // A failed record goes first to an earlier attempt whose operation is known to have failed.
    candidates.retain(|candidate| {
        let failed_before = waiting.iter().position(|attempt| {
            let operation = owned(job, attempt.number, entries, false);
            record
                && has_failed(candidate)
                && attempt.number < job.attempt
                && candidate.id > attempt.baseline
                && operation.is_some_and(has_failed)
        });
        if let Some(place) = failed_before {
            let attempt = waiting.remove(place);
            decision.earlier.push((attempt.number, candidate.id));
        }
        failed_before.is_none()
    });
    let last = job.attempts.iter().find(|attempt| attempt.number == job.attempt);
    let baseline = last.map_or(0, |attempt| attempt.baseline);
    let newest = candidates.iter().rposition(|candidate| candidate.id > baseline).map(|place| candidates.remove(place));
    for candidate in candidates {
        let earlier =
            waiting.iter().position(|attempt| attempt.number < job.attempt && candidate.id > attempt.baseline);
        if let Some(place) = earlier {
            let attempt = waiting.remove(place);
            decision.earlier.push((attempt.number, candidate.id));
        }
    }
    if let Some(entry) = newest {
        decision.own.push(entry.id);
    }
    Ok(newest)
}

fn key(entry: &Entry) -> &str {
    match &entry.sighting.key {
        EntryKey::Operation(id) => id.as_str(),
        EntryKey::Record(arn) => arn.as_str(),
    }
}

fn contradiction(code: &str, message: String) -> Decision {
    Decision { event: Some(Event::Contradiction(Failure::new(code, message))), ..Decision::default() }
}

fn disagreement(operation: Option<&Entry>, record: &Entry) -> Decision {
    contradiction(
        ErrorCode::LEDGER_DISAGREES,
        format!("operation {} failed, and record {} succeeded", operation.map_or("(none)", key), key(record)),
    )
}

fn decide_unknown(job: &Followed, entries: &[Entry], policy: &Policy) -> Decision {
    let mut decision = Decision::default();
    let found = assign(job, entries, false, &mut decision)
        .and_then(|operation| Ok((operation, assign(job, entries, true, &mut decision)?)));
    let (operation, record) = match found {
        Ok(found) => found,
        Err(message) => return contradiction(ErrorCode::TOO_MANY_CANDIDATES, message),
    };
    let trace = trace(operation, record);
    let event = match (operation, record) {
        (operation, Some(record)) if is_done(record) => {
            if operation.is_some_and(has_failed) {
                return disagreement(operation, record);
            }
            Event::FoundDone(trace)
        }
        (operation, Some(record)) if has_failed(record) => {
            let failure = reason(operation);
            let again = again(&failure, policy);
            Event::FoundFailed(trace, failure, again)
        }
        (Some(operation), None) if has_failed(operation) => {
            let failure = reason(Some(operation));
            let again = again(&failure, policy);
            Event::FoundFailed(trace, failure, again)
        }
        (Some(_), _) | (_, Some(_)) => Event::FoundUnderWay(trace),
        (None, None) => {
            if let Some(event) = proven_absent(job, policy) {
                decision.outcome = Some(AttemptOutcome::Absent);
                decision.event = Some(event);
            }
            return decision;
        }
    };
    decision.outcome = Some(AttemptOutcome::Found);
    decision.event = Some(event);
    decision
}

/// Enough complete readings, spread over the settle window, have shown nothing.
fn proven_absent(job: &Followed, policy: &Policy) -> Option<Event> {
    let attempt = job.attempts.iter().find(|attempt| attempt.number == job.attempt)?;
    let spread = attempt.last_look_at?.since(attempt.first_look_at?);
    if attempt.looks < policy.looks || spread < policy.settle {
        return None;
    }
    let message = format!(
        "not in Lightsail's ledger in {} complete readings over {} s: the call had no effect",
        attempt.looks,
        spread.as_secs()
    );
    Some(Event::ProvenAbsent(Failure::new(ErrorCode::NOT_TAKEN, message), policy.again_at))
}

fn decide_exporting(job: &Followed, entries: &[Entry], policy: &Policy) -> Decision {
    let mut decision = Decision::default();
    let operation = match owned(job, job.attempt, entries, false) {
        Some(own) => Some(own),
        // The answer named no operation, or an adopted export's was not in sight yet.
        None => take_free(job, entries, false, &mut decision),
    };
    let record = match owned(job, job.attempt, entries, true) {
        Some(own) => Some(own),
        None => take_free(job, entries, true, &mut decision),
    };
    let failed = operation.filter(|entry| has_failed(entry));
    let over = policy.now.since(job.since) >= policy.give_up;
    decision.event = match record {
        Some(record) if is_done(record) => {
            if failed.is_some() {
                return disagreement(failed, record);
            }
            Some(Event::Finished(trace(operation, Some(record))))
        }
        Some(record) if has_failed(record) => {
            let asked = failed.is_some_and(|entry| entry.sighting.failure.is_some());
            let unasked = operation.filter(|_| !asked && !over);
            if let Some(EntryKey::Operation(id)) = unasked.map(|entry| &entry.sighting.key) {
                decision.ask = Some(id.clone());
                None
            } else {
                let failure = reason(failed);
                let again = again(&failure, policy);
                Some(Event::OperationFailed(failure, again))
            }
        }
        None if failed.is_some() => {
            let failure = reason(failed);
            let again = again(&failure, policy);
            Some(Event::OperationFailed(failure, again))
        }
        Some(_) | None if over => {
            let message = format!(
                "no end, or no destination, within {}; see the console, then `snapferry resolve {}`",
                humantime::format_duration(policy.give_up),
                job.job
            );
            Some(Event::GaveUp(Failure::new(ErrorCode::NO_END_SEEN, message)))
        }
        Some(_) | None => None,
    };
    decision
}

/// Takes the entry that can be the export's own: the newest, where earlier attempts may have made the others.
fn take_free<'a>(job: &Followed, entries: &'a [Entry], record: bool, decision: &mut Decision) -> Option<&'a Entry> {
    let last = job.attempts.iter().find(|attempt| attempt.number == job.attempt);
    // An adopted export has no attempt of its own: it began before, or by another hand.
    let baseline = last.filter(|_| !job.adopted).map_or(0, |attempt| attempt.baseline);
    let mut candidates = free(job, entries, baseline, record);
    let earlier_failed = job.attempts.iter().any(|attempt| {
        attempt.number < job.attempt
            && owned(job, attempt.number, entries, false).is_some_and(has_failed)
            && owned(job, attempt.number, entries, true).is_none()
    });
    if record {
        // A failed record may be an earlier attempt's; it is ours only where our operation failed as well.
        let ours_failed = owned(job, job.attempt, entries, false).is_some_and(has_failed);
        candidates.retain(|entry| !has_failed(entry) || ours_failed || !earlier_failed);
    }
    let twice = lacking(job, entries, record).iter().any(|attempt| attempt.absent);
    let taken = if twice && candidates.len() > 1 { candidates.last() } else { candidates.first() };
    if let Some(entry) = taken {
        decision.own.push(entry.id);
    }
    taken.copied()
}

/// Exports that an attempt made after all, though it was taken for absent: the report names them.
fn note_duplicates(job: &Followed, entries: &[Entry], decision: &mut Decision) {
    match job.state {
        JobState::Exporting | JobState::Succeeded | JobState::NeedsReview | JobState::Failed => {}
        JobState::Queued | JobState::Submitting | JobState::Unknown | JobState::Cancelled => return,
    }
    let mut others = Vec::new();
    for attempt in job.attempts.iter().filter(|attempt| attempt.absent && attempt.number < job.attempt) {
        let known = owned(job, attempt.number, entries, true);
        let late = || {
            let taken = |entry: &&&Entry| {
                !decision.own.contains(&entry.id) && !decision.earlier.iter().any(|(_, id)| *id == entry.id)
            };
            free(job, entries, attempt.baseline, true).iter().find(taken).copied()
        };
        let ours = decision.own.iter().any(|_| true) || owned(job, job.attempt, entries, true).is_some();
        let Some(entry) = known.or_else(|| late().filter(|_| ours)) else { continue };
        if entry.owner.is_none() {
            decision.earlier.push((attempt.number, entry.id));
        }
        let what = entry.sighting.destination.as_ref().map_or("not finished", |destination| destination.id.as_str());
        others.push(format!("{what} (record {})", entry.sighting.record_name.as_deref().unwrap_or(key(entry))));
    }
    if !others.is_empty() {
        decision.duplicate = Some(format!(
            "exported twice: Lightsail showed the first only after the settle window; also {}",
            others.join(", ")
        ));
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
