//! The ledger's tricks, one by one: what each means for a job in each state.

use super::*;
use crate::domain::{Destination, EntryStatus, JobId, RecordArn, SnapshotArn, SnapshotName};
use crate::queue::{FollowedAttempt, Observation};

#[path = "plan_truth_tests.rs"]
mod truth;

/// Codes of failed operations that no second attempt can mend.
const PERMANENT: [&str; 7] = [
    "UnsupportedOperation",
    "UnsupportedOperationException",
    "InvalidInputException",
    "NotFoundException",
    "DoesNotExist",
    "InvalidParameterValue",
    "InvalidSnapshot.NotFound",
];

const OURS: JobId = JobId(7);
const HOUR: Duration = Duration::from_hours(1);
const SETTLE: Duration = Duration::from_mins(10);
const NOW: Timestamp = Timestamp(1_000_000_000);

fn policy() -> Policy {
    Policy {
        now: NOW,
        again_at: NOW.after(Duration::from_secs(1)),
        give_up: 24 * HOUR,
        settle: SETTLE,
        looks: 3,
        asked: OperationChecked::NotYet,
    }
}

fn asked() -> Policy {
    Policy { asked: OperationChecked::JustNow, ..policy() }
}

fn job(state: JobState, attempts: Vec<FollowedAttempt>) -> Followed {
    let attempt = attempts.last().map_or(0, |attempt| attempt.number);
    Followed {
        job: OURS,
        snapshot: SnapshotName::parse("web-1").expect("a name"),
        state,
        attempt,
        used: attempt,
        adopts: true,
        adopted: false,
        ignored_through: 0,
        copied_through: None,
        source_arn: Some(SnapshotArn::new("arn:web-1")),
        snapshot_made_at: None,
        operation: None,
        record: None,
        error_code: None,
        destination_id: None,
        since: NOW,
        attempts,
    }
}

/// An attempt whose outcome is open.
fn attempt(number: u32, baseline: i64) -> FollowedAttempt {
    FollowedAttempt {
        number,
        baseline,
        outcome: None,
        intended_at: Timestamp(0),
        absence_checks: 0,
        first_check_at: None,
        last_check_at: None,
        kept_window: Duration::ZERO,
    }
}

/// An attempt that was answered, with an operation where the job names one.
fn accepted(number: u32, baseline: i64) -> FollowedAttempt {
    FollowedAttempt { outcome: Some(AttemptOutcome::Accepted), ..attempt(number, baseline) }
}

fn refused(number: u32, baseline: i64) -> FollowedAttempt {
    FollowedAttempt { outcome: Some(AttemptOutcome::Refused), ..attempt(number, baseline) }
}

fn absent(number: u32, baseline: i64) -> FollowedAttempt {
    FollowedAttempt { outcome: Some(AttemptOutcome::Absent), ..looked(attempt(number, baseline), 3, SETTLE) }
}

fn looked(mut attempt: FollowedAttempt, looks: u32, spread: Duration) -> FollowedAttempt {
    let first = Timestamp(500_000);
    (attempt.absence_checks, attempt.first_check_at, attempt.last_check_at) =
        (looks, Some(first), Some(first.after(spread)));
    attempt
}

fn entry(id: i64, key: EntryKey, status: EntryStatus) -> LedgerEntry {
    LedgerEntry {
        id,
        sighting: Observation {
            key,
            snapshot: SnapshotName::parse("web-1").expect("a name"),
            snapshot_arn: None,
            status,
            record_name: None,
            destination: None,
            failure: None,
            created_at: Some(Timestamp(id)),
        },
        owner: None,
    }
}

fn operation(id: i64, status: EntryStatus) -> LedgerEntry {
    let mut entry = entry(id, EntryKey::Operation(OperationId::new(format!("op-{id}"))), status);
    entry.sighting.failure = (status == EntryStatus::Failed).then(|| Failure::new("Boom", "it went wrong"));
    entry
}

fn operation_failed_with(id: i64, code: &str) -> LedgerEntry {
    let mut entry = operation(id, EntryStatus::Failed);
    entry.sighting.failure = Some(Failure::new(code, "no"));
    entry
}

fn record(id: i64, status: EntryStatus) -> LedgerEntry {
    let mut entry = entry(id, EntryKey::Record(RecordArn::new(format!("record-{id}"))), status);
    entry.sighting.snapshot_arn = Some(SnapshotArn::new("arn:web-1"));
    entry.sighting.record_name = Some(format!("name-{id}"));
    entry.sighting.destination = (status == EntryStatus::Succeeded)
        .then(|| Destination { service: "Aws::EC2::Image".to_owned(), id: format!("ami-{id}") });
    entry
}

/// The entry is of an attempt of ours.
fn of(mut entry: LedgerEntry, attempt: u32) -> LedgerEntry {
    entry.owner = Some((OURS, attempt));
    entry
}

fn of_another_job(mut entry: LedgerEntry) -> LedgerEntry {
    entry.owner = Some((JobId(3), 1));
    entry
}

fn begun(mut entry: LedgerEntry, at: impl Into<Option<i64>>) -> LedgerEntry {
    entry.sighting.created_at = at.into().map(Timestamp);
    entry
}

fn with_arn(mut entry: LedgerEntry, arn: Option<&str>) -> LedgerEntry {
    entry.sighting.snapshot_arn = arn.map(SnapshotArn::new);
    entry
}

fn without_destination(mut entry: LedgerEntry) -> LedgerEntry {
    entry.sighting.destination = None;
    entry
}

/// What is to happen, in one word, with the ids that the trace names.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other event has no trace")]
fn happens(decision: &Decision) -> String {
    let Some(event) = &decision.event else { return "nothing".to_owned() };
    let trace = match event {
        Event::AlreadyExported(trace)
        | Event::UnderWayAlready(trace)
        | Event::FoundUnderWay(trace)
        | Event::FoundDone(trace)
        | Event::FoundFailed(trace, ..)
        | Event::Finished(trace) => trace.clone(),
        _ => ExportRef::default(),
    };
    let mut said = event.kind().to_string();
    for id in trace.operation.iter().map(OperationId::as_str).chain(trace.record.iter().map(RecordArn::as_str)) {
        said = format!("{said} {id}");
    }
    said
}

#[expect(clippy::wildcard_enum_match_arm, reason = "every other event has no failure")]
fn failure(decision: &Decision) -> (&str, bool) {
    match decision.event.as_ref().expect("an event") {
        Event::FoundFailed(_, failure, again) | Event::OperationFailed(failure, again) => {
            (failure.code.as_str(), again.is_some())
        }
        Event::Contradiction(failure) | Event::GaveUp(failure) => (failure.code.as_str(), false),
        other => panic!("no failure: {other:?}"),
    }
}

use EntryStatus::{Failed, Succeeded, UnderWay};
use JobState::{Exporting, Queued, Unknown};

// ---- An unknown attempt ----

#[test]
fn what_was_known_before_an_unknown_attempt_is_never_its_own() {
    for old in [UnderWay, Succeeded, Failed] {
        let decision = decide(&job(Unknown, vec![attempt(1, 10)]), &[operation(9, old), record(10, old)], &policy());
        assert_eq!(decision, Decision::default(), "{old:?}");
    }
}

#[test]
fn a_new_entry_settles_an_unknown_attempt() {
    let unknown = job(Unknown, vec![attempt(1, 10)]);
    for (entries, expected) in [
        (vec![operation(11, UnderWay)], "found_under_way op-11"),
        (vec![operation(11, Succeeded)], "found_under_way op-11"),
        (vec![record(11, UnderWay)], "found_under_way record-11"),
        (vec![without_destination(record(11, Succeeded))], "found_under_way record-11"),
        (vec![record(11, Succeeded)], "found_done record-11"),
        (vec![operation(11, UnderWay), record(12, Succeeded)], "found_done op-11 record-12"),
        (vec![operation(11, Failed), record(12, UnderWay)], "found_under_way op-11 record-12"),
    ] {
        let decision = decide(&unknown, &entries, &policy());
        assert_eq!(happens(&decision), expected);
        assert_eq!(decision.outcome, Some(AttemptOutcome::Found));
        assert_eq!(decision.own.len(), entries.len());
    }
}

/// Nothing is decided, and what is in sight may be the attempt's yet.
fn open_with_a_candidate() -> Decision {
    Decision { has_candidate: true, ..Decision::default() }
}

#[test]
fn a_failure_settles_an_unknown_attempt_once_nothing_else_has_come_into_sight() {
    for (entries, expected) in [
        (vec![operation(11, Failed)], "found_failed op-11"),
        (vec![record(11, Failed)], "found_failed record-11"),
        (vec![record(11, Failed), operation(12, Failed)], "found_failed op-12 record-11"),
    ] {
        let decision = decide(&job(Unknown, vec![looked(attempt(1, 10), 2, SETTLE)]), &entries, &policy());
        assert_eq!(decision, open_with_a_candidate(), "it may be another's");
        let decision = decide(&job(Unknown, vec![looked(attempt(1, 10), 3, SETTLE)]), &entries, &policy());
        assert_eq!(happens(&decision), expected);
        assert_eq!((decision.outcome, decision.own.len()), (Some(AttemptOutcome::Found), entries.len()));
    }
}

#[test]
fn a_failure_that_may_be_anothers_is_no_reason_to_send_again() {
    let mut exporting = job(Exporting, vec![accepted(1, 10)]);
    exporting.attempts[0].intended_at = Timestamp(NOW.0 - 599_999);
    for failed in [operation(11, Failed), record(11, Failed)] {
        exporting.attempts[0].intended_at = Timestamp(NOW.0 - 599_999);
        assert_eq!(decide(&exporting, std::slice::from_ref(&failed), &policy()), Decision::default());
        exporting.attempts[0].intended_at = Timestamp(NOW.0 - 600_000);
        assert_eq!(happens(&decide(&exporting, std::slice::from_ref(&failed), &policy())), "operation_failed");
    }
    // A found operation that fails beside another that is under way: which is whose, a person may know.
    exporting.attempts[0].outcome = None;
    exporting.operation = Some(OperationId::new("op-11"));
    let entries = [of(operation(11, Failed), 1), operation(12, UnderWay)];
    assert_eq!(failure(&decide(&exporting, &entries, &policy())), (ErrorCode::TOO_MANY_CANDIDATES, false));
    // An answer's own operation leaves no doubt.
    exporting.attempts[0] = accepted(1, 10);
    exporting.attempts[0].intended_at = NOW;
    assert_eq!(failure(&decide(&exporting, &entries, &policy())), ("Boom", true));
}

#[test]
fn a_failed_record_of_an_unknown_attempt_waits_for_what_its_operation_says() {
    let unknown = job(Unknown, vec![attempt(1, 10)]);
    let decision = decide(&unknown, &[operation(11, UnderWay), record(12, Failed)], &policy());
    assert_eq!((happens(&decision).as_str(), decision.own), ("found_under_way op-11", vec![11]));
}

#[test]
fn more_candidates_than_attempts_are_for_a_person() {
    let unknown = job(Unknown, vec![attempt(1, 10)]);
    for entries in [[operation(11, UnderWay), operation(12, UnderWay)], [record(11, Succeeded), record(12, Failed)]] {
        let decision = decide(&unknown, &entries, &policy());
        assert_eq!(failure(&decision), (ErrorCode::TOO_MANY_CANDIDATES, false));
        assert!(decision.own.is_empty() && decision.earlier.is_empty());
    }
}

#[test]
fn an_operation_and_a_record_that_disagree_are_for_a_person() {
    let unknown = job(Unknown, vec![attempt(1, 10)]);
    for (operation_says, record_says) in [(Failed, Succeeded), (Succeeded, Failed)] {
        let entries = [operation(11, operation_says), record(12, record_says)];
        assert_eq!(failure(&decide(&unknown, &entries, &policy())), (ErrorCode::LEDGER_DISAGREES, false));
        let mut exporting = job(Exporting, vec![accepted(1, 10)]);
        exporting.operation = Some(OperationId::new("op-11"));
        let entries = [of(operation(11, operation_says), 1), of(record(12, record_says), 1)];
        assert_eq!(failure(&decide(&exporting, &entries, &policy())), (ErrorCode::LEDGER_DISAGREES, false));
    }
}

#[test]
fn absent_takes_looks_and_a_spread() {
    for (looks, spread, proven) in [
        (0, Duration::ZERO, false),
        (3, SETTLE.checked_sub(Duration::from_millis(1)).expect("less"), false),
        (2, 10 * SETTLE, false),
        (3, SETTLE, true),
    ] {
        let decision = decide(&job(Unknown, vec![looked(attempt(1, 10), looks, spread)]), &[], &policy());
        assert_eq!(happens(&decision) == "proven_absent", proven, "{looks} looks over {spread:?}");
        assert_eq!(decision.outcome, proven.then_some(AttemptOutcome::Absent));
    }
}

#[test]
fn an_attempt_whose_entry_is_visible_is_never_absent() {
    let unknown = job(Unknown, vec![looked(attempt(1, 10), 9, 9 * SETTLE)]);
    for entry in [operation(11, UnderWay), operation(11, Failed), record(11, Failed), record(11, UnderWay)] {
        assert_ne!(happens(&decide(&unknown, &[entry], &policy())), "proven_absent");
    }
}

#[test]
fn what_was_known_of_another_snapshot_before_the_call_does_not_keep_an_attempt_from_being_absent() {
    let unknown = job(Unknown, vec![looked(attempt(1, 10), 3, SETTLE)]);
    let of_an_older = |id| with_arn(record(id, Succeeded), Some("arn:an-older-one"));
    assert_eq!(happens(&decide(&unknown, &[of_an_older(10)], &policy())), "proven_absent");
    assert_eq!(failure(&decide(&unknown, &[of_an_older(11)], &policy())), (ErrorCode::LEDGER_DISAGREES, false));
}

#[test]
fn an_entry_that_was_known_before_an_earlier_attempt_is_not_given_to_it() {
    let unknown = job(Unknown, vec![attempt(1, 0), attempt(2, 2), attempt(3, 5)]);
    let entries = [operation(1, UnderWay), operation(2, UnderWay), operation(6, UnderWay)];
    let decision = decide(&unknown, &entries, &policy());
    assert_eq!((happens(&decision).as_str(), decision.earlier), ("found_under_way op-6", vec![(1, 1)]));
    // One more than the baseline is enough.
    let entries = [operation(1, UnderWay), operation(3, UnderWay), operation(6, UnderWay)];
    assert_eq!(decide(&unknown, &entries, &policy()).earlier, [(1, 1), (2, 3)]);
}

#[test]
fn an_adopted_operation_is_told_by_the_record_that_came_after_it() {
    let mut adopted = job(Exporting, Vec::new());
    (adopted.adopted, adopted.operation) = (true, Some(OperationId::new("op-5")));
    let unnamed = |id| with_arn(record(id, Succeeded), None);
    let followed = operation(5, UnderWay);
    assert_eq!(happens(&decide(&adopted, &[unnamed(4), followed.clone()], &asked())), "nothing");
    assert_eq!(happens(&decide(&adopted, &[followed, unnamed(7)], &asked())), "finished op-5 record-7");
}

#[test]
fn a_record_shows_the_export_where_it_is_in_progress_and_can_be_the_jobs() {
    let mut exporting = job(Exporting, vec![accepted(1, 0)]);
    exporting.ignored_through = 5;
    for (entry, shown) in [
        (record(6, UnderWay), true),
        (of(record(6, UnderWay), 1), true),
        (record(5, UnderWay), false),
        (record(6, Succeeded), false),
        (record(6, Failed), false),
        (operation(6, UnderWay), false),
        (of_another_job(record(6, UnderWay)), false),
        (with_arn(record(6, UnderWay), Some("arn:another")), false),
    ] {
        assert_eq!(has_record(&exporting, std::slice::from_ref(&entry)), shown, "{entry:?}");
    }
}

#[test]
fn an_operation_is_asked_for_once_it_has_taken_longer_than_anybody_waits() {
    let mut exporting = job(Exporting, vec![accepted(1, 0)]);
    exporting.operation = Some(OperationId::new("op-1"));
    let entries = [of(operation(1, UnderWay), 1)];
    exporting.since = NOW.before(24 * HOUR).after(Duration::from_millis(1));
    assert_eq!(decide(&exporting, &entries, &policy()), Decision::default());
    exporting.since = NOW.before(24 * HOUR);
    assert_eq!(decide(&exporting, &entries, &policy()).ask, Some(OperationId::new("op-1")));
    let decision = decide(&exporting, &entries, &asked());
    assert_eq!((decision.ask.as_ref(), happens(&decision).as_str()), (None, "gave_up"));
}

#[test]
fn what_is_for_a_person_names_its_entries() {
    let unknown = job(Unknown, vec![attempt(1, 10)]);
    for (entries, named) in [
        ([operation(11, UnderWay), operation(12, UnderWay)], "2 operations may be of 1 attempt: op-11, op-12"),
        ([record(11, Succeeded), record(12, Failed)], "2 records may be of 1 attempt: record-11, record-12"),
        ([operation(11, Failed), record(12, Succeeded)], "operation op-11 failed, and record record-12 succeeded"),
    ] {
        let decision = decide(&unknown, &entries, &policy());
        let Some(Event::Contradiction(failure)) = decision.event else { panic!("{decision:?}") };
        assert_eq!(failure.message, named);
    }
}

#[test]
fn an_entry_of_another_owner_settles_nothing() {
    let unknown = job(Unknown, vec![looked(attempt(1, 10), 3, SETTLE)]);
    let decision = decide(&unknown, &[of_another_job(operation(11, UnderWay))], &policy());
    assert_eq!(happens(&decision), "proven_absent");
}

#[test]
fn a_permanent_code_ends_the_job_at_once_where_the_answer_named_what_failed() {
    for code in PERMANENT {
        let entries = [of(operation_failed_with(1, code), 1)];
        let mut exporting = job(Exporting, vec![accepted(1, 0)]);
        exporting.operation = Some(OperationId::new("op-1"));
        assert_eq!(failure(&decide(&exporting, &entries, &policy())), (code, false));
    }
    let entries = [of(operation_failed_with(1, "Busy"), 1)];
    assert_eq!(failure(&decide(&job(Exporting, vec![attempt(1, 0)]), &entries, &policy())), ("Busy", true));
}

/// The snapshot was made anew between the inventory and the call: its export is a person's to accept, at once, not after a day.
#[test]
fn an_export_of_the_snapshot_that_took_the_name_over_is_for_a_person() {
    let mut exporting = job(Exporting, vec![accepted(1, 0)]);
    exporting.operation = Some(OperationId::new("op-1"));
    let other = |begun_at| {
        let record = with_arn(begun(record(2, Succeeded), begun_at), Some("arn:web-1-anew"));
        [of(begun(operation(1, Succeeded), 100_000), 1), record]
    };
    let decision = decide(&exporting, &other(101_000), &policy());
    assert_eq!(failure(&decision), (ErrorCode::LEDGER_DISAGREES, false));
    assert!(format!("{decision:?}").contains("record-2"), "{decision:?}");
    // What did not begin with the operation is another's, and what is under way may still be shown by its own.
    assert_eq!(happens(&decide(&exporting, &other(900_000), &policy())), "nothing");
    let mut under_way = other(101_000);
    under_way[0].sighting.status = UnderWay;
    assert_eq!(happens(&decide(&exporting, &under_way, &policy())), "nothing");
}

/// A failure that may be another client's ends nothing before our own export would have come into sight, and none beside it.
#[test]
fn a_permanent_code_of_what_may_be_another_hands_is_no_end_before_the_settle_window() {
    for code in PERMANENT {
        let failed = operation_failed_with(1, code);
        let unknown = |attempt| decide(&job(Unknown, vec![attempt]), std::slice::from_ref(&failed), &policy());
        assert_eq!(happens(&unknown(attempt(1, 0))), "nothing", "{code}");
        assert_eq!(failure(&unknown(looked(attempt(1, 0), 3, SETTLE))), (code, false));
        let mut exporting = job(Exporting, vec![attempt(1, 0)]);
        exporting.attempts[0].intended_at = Timestamp(NOW.0 - 599_999);
        let entries = [of(failed.clone(), 1), record(2, Succeeded)];
        assert_eq!(happens(&decide(&exporting, &entries[..1], &policy())), "nothing", "{code}");
        exporting.attempts[0].intended_at = Timestamp(NOW.0 - 600_000);
        assert_eq!(failure(&decide(&exporting, &entries[..1], &policy())), (code, false));
    }
}

// ---- Another hand ----

/// Begun before our own by another client, and in sight only after it.
#[test]
fn of_several_records_the_one_that_began_with_the_operation_is_its_own() {
    let mut exporting = job(Exporting, vec![accepted(1, 10)]);
    exporting.operation = Some(OperationId::new("op-11"));
    let operation = begun(of(operation(11, UnderWay), 1), 100_000);
    for (theirs_began, ours_began) in [(20_000, 100_100), (300_000, 99_900)] {
        let theirs = begun(record(12, Succeeded), theirs_began);
        let waiting = [operation.clone(), theirs.clone(), begun(record(13, UnderWay), ours_began)];
        let decision = decide(&exporting, &waiting, &policy());
        assert_eq!(happens(&decision), "nothing");
        assert!(decision.own.is_empty(), "{decision:?}");
        let done = [operation.clone(), theirs, begun(record(13, Succeeded), ours_began)];
        let decision = decide(&exporting, &done, &policy());
        assert_eq!((happens(&decision).as_str(), decision.own), ("finished op-11 record-13", vec![13]));
    }
}

#[test]
fn a_record_that_may_be_another_hands_ends_nothing_before_the_settle_window_is_over() {
    let sent = |operation: Option<&str>, before_ms: i64| {
        let mut exporting = job(Exporting, vec![accepted(1, 10)]);
        exporting.operation = operation.map(OperationId::new);
        exporting.attempts[0].intended_at = Timestamp(NOW.0 - before_ms);
        exporting
    };
    let own = of(begun(operation(11, Succeeded), 200_000), 1);
    let [together, before] = [begun(record(12, Succeeded), 259_999), begun(record(12, Succeeded), 194_999)];
    let says = |job: &Followed, entries: &[&LedgerEntry]| {
        let entries: Vec<LedgerEntry> = entries.iter().copied().cloned().collect();
        happens(&decide(job, &entries, &policy()))
    };
    assert_eq!(says(&sent(Some("op-11"), 0), &[&own, &together]), "finished op-11 record-12");
    let just_before = begun(record(12, Succeeded), 195_001);
    assert_eq!(says(&sent(Some("op-11"), 0), &[&own, &just_before]), "finished op-11 record-12");
    assert_eq!(says(&sent(Some("op-11"), 599_999), &[&own, &before]), "nothing", "began before the operation");
    assert_eq!(says(&sent(Some("op-11"), 600_000), &[&own, &before]), "finished op-11 record-12");
    // Nothing tells with what it began.
    assert_eq!(says(&sent(None, 599_999), &[&before]), "nothing");
    assert_eq!(says(&sent(None, 600_000), &[&before]), "finished record-12");
    // What is its own for sure, or was adopted, is waited for no longer.
    assert_eq!(says(&sent(Some("op-11"), 0), &[&own, &of(before.clone(), 1)]), "finished op-11 record-12");
    let mut adopted = Followed { adopted: true, ..sent(None, 0) };
    adopted.record = Some(RecordArn::new("record-12"));
    assert_eq!(says(&adopted, &[&before]), "finished record-12");
}

#[test]
fn where_nothing_tells_which_of_two_exports_is_its_own_the_report_names_both() {
    let exporting = job(Exporting, vec![accepted(1, 10)]);
    let entries = [record(12, Succeeded), without_destination(record(13, Succeeded)), record(14, Failed)];
    let decision = decide(&exporting, &entries, &policy());
    assert_eq!((happens(&decision).as_str(), decision.own), ("finished record-12", vec![12]));
    let told = decision.late.expect("told");
    assert_eq!(told.code.as_str(), ErrorCode::DUPLICATE_EXPORT);
    assert!(told.message.contains("name-13") && !told.message.contains("14"), "{told:?}");
    // An answer that named the operation leaves no doubt, unless the two began at the same time.
    let mut named = job(Exporting, vec![accepted(1, 10)]);
    named.operation = Some(OperationId::new("op-11"));
    let entries = |other: i64| {
        let own = of(begun(operation(11, Succeeded), 200_000), 1);
        [own, begun(record(12, Succeeded), 200_200), begun(record(13, Succeeded), other)]
    };
    assert_eq!(decide(&named, &entries(260_000), &policy()).late, None);
    assert!(decide(&named, &entries(201_500), &policy()).late.is_some());
    let entries = entries(260_000);
    // One that was found and not answered may be the other's.
    named.attempts[0].outcome = None;
    assert!(decide(&named, &entries, &policy()).late.is_some());
}

/// What was found without an answer is owned, and may be another client's that began before.
#[test]
fn of_an_attempt_that_was_found_the_other_export_is_told_whenever_it_comes_into_sight() {
    let mut found = job(Exporting, vec![attempt(1, 10)]);
    (found.operation, found.record) = (Some(OperationId::new("op-11")), Some(RecordArn::new("record-12")));
    let entries = [
        of(begun(operation(11, Succeeded), 200_000), 1),
        of(begun(record(12, Succeeded), 200_200), 1),
        begun(record(13, Succeeded), 900_000),
    ];
    found.attempts[0].intended_at = Timestamp(NOW.0 - 599_999);
    assert_eq!(happens(&decide(&found, &entries, &policy())), "nothing", "its own may come into sight yet");
    found.attempts[0].intended_at = Timestamp(NOW.0 - 600_000);
    let told = decide(&found, &entries, &policy());
    assert_eq!(happens(&told), "finished op-11 record-12");
    assert!(told.late.is_some_and(|late| late.message.contains("ami-13")));
    found.state = JobState::Succeeded;
    assert!(decide(&found, &entries, &policy()).late.is_some_and(|late| late.message.contains("ami-13")));
}

#[test]
fn a_record_that_fits_better_than_the_one_that_was_taken_is_told() {
    let mut done = job(JobState::Succeeded, vec![accepted(1, 10)]);
    (done.operation, done.record) = (Some(OperationId::new("op-11")), Some(RecordArn::new("record-12")));
    let entries = |taken: i64, other: Option<i64>| {
        let taken = of(begun(record(12, Succeeded), taken), 1);
        [of(begun(operation(11, Succeeded), 200_000), 1), taken, begun(record(13, Succeeded), other)]
    };
    let told = decide(&done, &entries(150_000, Some(200_100)), &policy()).late.expect("told");
    assert!(told.message.contains("ami-13"), "{told:?}");
    // What does not say when it began may be the operation's, unless the one that was taken began with that.
    let told = decide(&done, &entries(150_000, None), &policy()).late.expect("told");
    assert!(told.message.contains("ami-13"), "{told:?}");
    for (taken, other) in [(150_000, Some(900_000)), (200_100, Some(140_000)), (200_100, None)] {
        assert_eq!(decide(&done, &entries(taken, other), &policy()).late, None, "{taken} {other:?}");
    }
}

#[test]
fn where_a_record_says_no_time_the_first_that_appears_is_taken() {
    let mut exporting = job(Exporting, vec![accepted(1, 10)]);
    exporting.operation = Some(OperationId::new("op-11"));
    let entries = [of(operation(11, UnderWay), 1), begun(record(12, Succeeded), None), record(13, Succeeded)];
    assert_eq!(decide(&exporting, &entries, &policy()).own, vec![12]);
    let entries = [of(begun(operation(11, UnderWay), None), 1), record(12, Succeeded), record(13, Succeeded)];
    assert_eq!(decide(&exporting, &entries, &policy()).own, vec![12]);
}

// ---- A quick retry ----

/// The first attempt's operation failed, its record lags; the second is out.
fn quick_retry(state: JobState) -> (Followed, LedgerEntry) {
    let mut job = job(state, vec![accepted(1, 0), attempt(2, 10)]);
    job.attempts[1].outcome = (state == Exporting).then_some(AttemptOutcome::Accepted);
    if state == Exporting {
        job.operation = Some(OperationId::new("op-11"));
    }
    (job, of(operation(5, Failed), 1))
}

#[test]
fn a_late_record_of_a_failed_attempt_is_not_the_next_ones() {
    for old in [Failed, UnderWay] {
        let (exporting, before) = quick_retry(Exporting);
        let entries = [before, of(operation(11, UnderWay), 2), record(12, old)];
        let decision = decide(&exporting, &entries, &policy());
        assert_eq!(happens(&decision), "nothing", "{old:?}");
        assert!(decision.own.is_empty(), "{old:?} {decision:?}");
    }
    let (unknown, before) = quick_retry(Unknown);
    let decision = decide(&unknown, &[before, record(12, Failed)], &policy());
    assert_eq!((happens(&decision).as_str(), decision.earlier), ("nothing", vec![(1, 12)]));
}

#[test]
fn both_records_find_their_attempts_in_either_order() {
    for (old, new) in [(12, 13), (13, 12)] {
        let (exporting, before) = quick_retry(Exporting);
        let entries = [before, of(operation(11, Succeeded), 2), record(old, Failed), record(new, Succeeded)];
        let decision = decide(&exporting, &entries, &policy());
        assert_eq!(happens(&decision), format!("finished op-11 record-{new}"));
        assert_eq!((decision.own, decision.earlier), (vec![new], vec![(1, old)]));

        let (unknown, before) = quick_retry(Unknown);
        let decision = decide(&unknown, &[before, record(old, Failed), record(new, Succeeded)], &policy());
        assert_eq!(happens(&decision), format!("found_done record-{new}"));
        assert_eq!((decision.own, decision.earlier), (vec![new], vec![(1, old)]));
    }
}

#[test]
fn a_record_that_may_be_a_failed_attempts_neither_finds_nor_clears_the_next_one() {
    let (mut unknown, before) = quick_retry(Unknown);
    unknown.attempts[1] = looked(unknown.attempts[1].clone(), 9, 9 * SETTLE);
    let entries = [before, record(12, UnderWay)];
    let decision = decide(&unknown, &entries, &policy());
    assert_eq!(decision, open_with_a_candidate());
    // Should it never end, a person decides.
    unknown.since = Timestamp(NOW.0 - 25 * 3_600_000);
    assert_eq!(failure(&decide(&unknown, &entries, &policy())), (ErrorCode::NO_END_SEEN, false));
    // Two such records are one of each.
    unknown.since = NOW;
    let decision = decide(&unknown, &[entries[0].clone(), record(12, UnderWay), record(13, UnderWay)], &policy());
    assert_eq!((happens(&decision).as_str(), decision.own), ("found_under_way record-13", vec![13]));
}

#[test]
fn a_failed_record_is_never_taken_against_an_operation_that_did_well() {
    for over in [false, true] {
        let mut exporting = job(Exporting, vec![accepted(1, 10)]);
        exporting.operation = Some(OperationId::new("op-11"));
        exporting.since = Timestamp(if over { 0 } else { NOW.0 });
        let decision = decide(&exporting, &[of(operation(11, Succeeded), 1), record(12, Failed)], &policy());
        assert!(!matches!(decision.event, Some(Event::OperationFailed(..))), "sent again on a guess: {decision:?}");
    }
}

// ---- A name used again ----

#[test]
fn an_export_of_a_deleted_snapshot_of_that_name_is_never_adopted() {
    for status in [UnderWay, Succeeded, Failed] {
        let other = with_arn(record(12, status), Some("arn:web-1-before"));
        for state in [Queued, Unknown, Exporting] {
            let decision = decide(&job(state, vec![attempt(1, 10)]), std::slice::from_ref(&other), &policy());
            assert_eq!(decision, Decision::default(), "{state} {status:?}");
        }
        let mut adopted = job(Exporting, vec![]);
        (adopted.adopted, adopted.operation) = (true, Some(OperationId::new("op-11")));
        let entries = [of(operation(11, UnderWay), 0), other];
        assert_eq!(happens(&decide(&adopted, &entries, &policy())), "nothing", "adopted {status:?}");
    }
}

#[test]
fn an_export_of_another_snapshot_begun_after_the_call_forbids_to_send_again() {
    // The inventory was old: what was sent may have been the new snapshot's export.
    let unknown = job(Unknown, vec![looked(attempt(1, 10), 3, SETTLE)]);
    let before = with_arn(record(9, UnderWay), Some("arn:web-1-again"));
    assert_eq!(happens(&decide(&unknown, &[before], &policy())), "proven_absent");
    let after = with_arn(record(12, UnderWay), Some("arn:web-1-again"));
    assert_eq!(failure(&decide(&unknown, &[after], &policy())), (ErrorCode::LEDGER_DISAGREES, false));
}

#[test]
fn an_operation_that_is_a_deleted_snapshots_is_not_adopted() {
    let queued = job(Queued, vec![]);
    let other = with_arn(record(2, UnderWay), Some("arn:web-1-before"));
    assert_eq!(happens(&decide(&queued, &[operation(1, UnderWay), other.clone()], &policy())), "nothing");
    let entries = [operation(1, UnderWay), other, operation(3, UnderWay)];
    assert_eq!(happens(&decide(&queued, &entries, &policy())), "under_way_already op-3");
}

// ---- A queued job ----

#[test]
fn a_queued_job_adopts_what_stands_for_it() {
    let queued = job(Queued, vec![]);
    for (entries, expected) in [
        (vec![record(1, Succeeded)], "already_exported record-1"),
        (vec![record(1, Succeeded), record(2, UnderWay)], "already_exported record-1"),
        (vec![record(1, UnderWay)], "under_way_already record-1"),
        (vec![without_destination(record(1, Succeeded))], "under_way_already record-1"),
        (vec![operation(1, UnderWay)], "under_way_already op-1"),
        (vec![operation(1, Succeeded)], "nothing"),
        (vec![operation(1, Failed), record(2, Failed)], "nothing"),
        (vec![with_arn(record(1, Succeeded), None)], "nothing"),
    ] {
        assert_eq!(happens(&decide(&queued, &entries, &policy())), expected, "{entries:?}");
    }
}

#[test]
fn what_an_earlier_job_exported_stands_for_a_new_one_as_well() {
    let queued = job(Queued, vec![]);
    let decision = decide(&queued, &[of_another_job(record(1, Succeeded))], &policy());
    assert_eq!((happens(&decision).as_str(), decision.own.len()), ("already_exported record-1", 0));
    let decision = decide(&queued, &[of_another_job(record(1, UnderWay))], &policy());
    assert_eq!((happens(&decision).as_str(), decision.own.len()), ("under_way_already record-1", 0));
    let again = Followed { adopts: false, ..queued };
    assert_eq!(happens(&decide(&again, &[of_another_job(record(1, Succeeded))], &policy())), "nothing");
}

#[test]
fn what_a_copy_does_not_know_is_a_persons_only_where_the_job_exports_again() {
    let copied = |adopts| Followed { adopts, copied_through: Some(1), ..job(Queued, vec![]) };
    for (adopts, entries, expected) in [
        (false, vec![operation(2, Succeeded)], "contradiction"),
        (false, vec![record(2, UnderWay)], "contradiction"),
        // Known to the copy, failed, another snapshot's, or another job's.
        (false, vec![record(1, Succeeded)], "nothing"),
        (false, vec![operation(2, Failed), record(3, Failed)], "nothing"),
        (false, vec![with_arn(record(2, Succeeded), Some("arn:web-1-before"))], "nothing"),
        (false, vec![of_another_job(record(2, Succeeded))], "nothing"),
        // One that adopts waits for the record.
        (true, vec![operation(2, Succeeded)], "nothing"),
        (true, vec![operation(2, Succeeded), record(3, Succeeded)], "already_exported record-3"),
    ] {
        assert_eq!(happens(&decide(&copied(adopts), &entries, &policy())), expected, "{entries:?}");
    }
    let known = Followed { copied_through: None, ..copied(false) };
    assert_eq!(happens(&decide(&known, &[record(2, Succeeded)], &policy())), "nothing");
}

#[test]
fn export_again_adopts_nothing_but_its_own_late_entries() {
    for (attempts, expected) in [
        (vec![], "nothing"),
        (vec![refused(1, 0)], "nothing"),
        (vec![attempt(1, 0)], "nothing"),
        (vec![absent(1, 5)], "nothing"),
        (vec![absent(1, 4)], "already_exported record-5"),
    ] {
        let again = Followed { adopts: false, ..job(Queued, attempts) };
        assert_eq!(happens(&decide(&again, &[record(5, Succeeded)], &policy())), expected);
    }
    let again = Followed { adopts: false, ..job(Queued, vec![absent(1, 4)]) };
    assert_eq!(
        happens(&decide(&again, &[with_arn(record(5, UnderWay), None)], &policy())),
        "under_way_already record-5"
    );
    assert_eq!(happens(&decide(&again, &[operation(5, UnderWay)], &policy())), "under_way_already op-5");
}

#[test]
fn what_a_person_was_done_with_is_no_candidate_in_any_state() {
    let rejected = [record(5, Succeeded), record(6, UnderWay), operation(7, UnderWay)];
    let after = |state, attempts| Followed { adopts: false, ignored_through: 7, ..job(state, attempts) };
    assert_eq!(happens(&decide(&after(Queued, vec![absent(1, 4)]), &rejected, &policy())), "nothing");
    let unknown = after(Unknown, vec![attempt(1, 4), attempt(2, 7)]);
    assert_eq!(happens(&decide(&unknown, &rejected, &policy())), "nothing");
    let decision = decide(&unknown, &[&rejected[..], &[record(8, Succeeded)]].concat(), &policy());
    assert_eq!((happens(&decision).as_str(), decision.own), ("found_done record-8", vec![8]));
    let adopted = Followed { adopted: true, ..after(Exporting, vec![]) };
    assert_eq!(happens(&decide(&adopted, &rejected, &policy())), "nothing");
    assert!(!has_record(&after(Exporting, vec![attempt(2, 7)]), &rejected));
    // Without the person's word the same entries are candidates.
    let kept = |job: &Followed| decide(&Followed { ignored_through: 0, ..job.clone() }, &rejected, &policy());
    assert_eq!(happens(&kept(&after(Queued, vec![absent(1, 4)]))), "already_exported record-5");
    assert!(!kept(&unknown).earlier.is_empty() && decide(&unknown, &rejected, &policy()).earlier.is_empty());
}

#[test]
fn what_shows_later_of_what_a_person_was_done_with_is_no_candidate_either() {
    // The rejected records' operations came into sight between the person's word and the next intent.
    let seen = [record(5, Succeeded), record(6, Succeeded), operation(8, Succeeded), operation(9, Succeeded)];
    let after = |state, attempts| Followed { adopts: false, ignored_through: 7, ..job(state, attempts) };
    let unknown = after(Unknown, vec![attempt(1, 4), attempt(2, 9)]);
    assert_eq!(happens(&decide(&unknown, &seen, &policy())), "nothing");
    let decision = decide(&unknown, &[&seen[..], &[operation(10, UnderWay)]].concat(), &policy());
    assert_eq!((happens(&decision).as_str(), decision.own), ("found_under_way op-10", vec![10]));
    let queued = after(Queued, vec![absent(1, 4)]);
    assert_eq!(happens(&decide(&queued, &[&seen[..], &[record(10, Succeeded)]].concat(), &policy())), "nothing");
}

// ---- An export under way ----

#[test]
fn an_answer_without_an_operation_is_found_through_its_record() {
    let exporting = job(Exporting, vec![attempt(1, 10)]);
    assert_eq!(happens(&decide(&exporting, &[record(10, Succeeded)], &policy())), "nothing");
    assert_eq!(happens(&decide(&exporting, &[record(11, UnderWay)], &policy())), "nothing");
    let decision = decide(&exporting, &[record(11, Succeeded)], &policy());
    assert_eq!((happens(&decision).as_str(), decision.own), ("finished record-11", vec![11]));
    let decision = decide(&exporting, &[record(11, Failed)], &policy());
    assert_eq!((failure(&decision), decision.own.clone()), ((ErrorCode::OPERATION_FAILED, true), vec![11]));
    let decision = decide(&exporting, &[operation(11, UnderWay)], &policy());
    assert_eq!((happens(&decision).as_str(), decision.own), ("nothing", vec![11]));
}

#[test]
fn a_record_without_an_arn_still_ends_an_export() {
    let exporting = job(Exporting, vec![attempt(1, 10)]);
    let entries = [of(operation(11, UnderWay), 1), with_arn(record(12, Succeeded), None)];
    assert_eq!(happens(&decide(&exporting, &entries, &policy())), "finished op-11 record-12");
}

#[test]
fn a_failed_record_is_asked_of_its_operation() {
    let mut exporting = job(Exporting, vec![accepted(1, 10)]);
    exporting.operation = Some(OperationId::new("op-11"));
    let under_way = [of(operation(11, UnderWay), 1), record(12, Failed)];
    let decision = decide(&exporting, &under_way, &policy());
    assert_eq!((happens(&decision).as_str(), decision.ask), ("nothing", Some(OperationId::new("op-11"))));
    assert_eq!(decide(&exporting, &under_way, &asked()), Decision::default(), "and waits where it does not know yet");
    let decision = decide(&exporting, &[of(operation(11, Failed), 1), record(12, Failed)], &asked());
    assert_eq!((failure(&decision), decision.own.clone()), (("Boom", true), vec![12]));
}

#[test]
fn a_pair_of_operations_in_an_answer_is_one_export() {
    let mut exporting = job(Exporting, vec![accepted(1, 10)]);
    exporting.operation = Some(OperationId::new("op-12"));
    let other = of(operation(11, Succeeded), 1);
    let failed = [other.clone(), of(operation(12, Failed), 1)];
    assert_eq!(failure(&decide(&exporting, &failed, &policy())), ("Boom", true), "the one that is followed decides");
    let done = [other, of(operation(12, Succeeded), 1), record(13, Succeeded)];
    assert_eq!(happens(&decide(&exporting, &done, &policy())), "finished op-12 record-13");
}

#[test]
fn an_export_without_an_end_is_given_up_to_a_person_once_it_was_asked_for() {
    let mut exporting = job(Exporting, vec![accepted(1, 10)]);
    exporting.operation = Some(OperationId::new("op-11"));
    let entries = [of(operation(11, UnderWay), 1)];
    exporting.since = Timestamp(NOW.0 - 24 * 3_600_000 + 1);
    assert_eq!(happens(&decide(&exporting, &entries, &asked())), "nothing");
    exporting.since = Timestamp(NOW.0 - 24 * 3_600_000);
    assert_eq!(happens(&decide(&exporting, &entries, &policy())), "nothing");
    assert!(decide(&exporting, &entries, &policy()).ask.is_some());
    assert_eq!(failure(&decide(&exporting, &entries, &asked())), (ErrorCode::NO_END_SEEN, false));
    let done = [of(operation(11, Succeeded), 1), without_destination(record(12, Succeeded))];
    assert_eq!(failure(&decide(&exporting, &done, &policy())), (ErrorCode::NO_END_SEEN, false), "no destination");
    let failed = [of(operation(11, UnderWay), 1), record(12, Failed)];
    assert!(decide(&exporting, &failed, &policy()).ask.is_some(), "after a day's rest it is asked all the same");
}

// ---- Adopted exports ----

#[test]
fn an_adopted_export_is_followed_to_its_end() {
    let mut adopted = job(Exporting, vec![]);
    (adopted.adopted, adopted.record) = (true, Some(RecordArn::new("record-3")));
    assert_eq!(happens(&decide(&adopted, &[of(record(3, UnderWay), 0)], &policy())), "nothing");
    assert_eq!(happens(&decide(&adopted, &[of(record(3, Succeeded), 0)], &policy())), "finished record-3");
    assert_eq!(happens(&decide(&adopted, &[of_another_job(record(3, Succeeded))], &policy())), "finished record-3");
    let failed = [operation(2, Failed), of(record(3, Failed), 0)];
    assert_eq!(failure(&decide(&adopted, &failed, &policy())), ("Boom", true));
    // An operation has no ARN: an old one of that name says nothing of this record.
    let done = [operation(1, Failed), of(record(3, Succeeded), 0)];
    assert_eq!(happens(&decide(&adopted, &done, &policy())), "finished record-3");

    let mut adopted = job(Exporting, vec![]);
    (adopted.adopted, adopted.operation) = (true, Some(OperationId::new("op-3")));
    let own = of(operation(3, Succeeded), 0);
    assert_eq!(happens(&decide(&adopted, &[own.clone(), record(4, Succeeded)], &policy())), "finished op-3 record-4");
    let old = with_arn(record(2, Succeeded), None);
    assert_eq!(happens(&decide(&adopted, &[old, own], &policy())), "nothing", "of whom is not known");
}

#[test]
fn an_adopted_export_is_not_judged_by_the_attempt_that_failed_before_it() {
    let mut adopted = job(Exporting, vec![attempt(1, 0)]);
    (adopted.adopted, adopted.record) = (true, Some(RecordArn::new("record-8")));
    let before = [of(operation(1, Failed), 1), of(record(2, Failed), 1)];
    for adopted_by in [0, 1] {
        let mut entries = before.to_vec();
        entries.push(of(record(8, UnderWay), adopted_by));
        assert_eq!(decide(&adopted, &entries, &policy()), Decision::default());
        entries[2] = of(record(8, Succeeded), adopted_by);
        assert_eq!(happens(&decide(&adopted, &entries, &policy())), "finished record-8");
    }
}

// ---- Exported twice ----

#[test]
fn an_entry_that_comes_after_a_resend_is_named_and_the_job_keeps_its_own() {
    let mut done = job(JobState::Succeeded, vec![absent(1, 0), attempt(2, 10)]);
    done.record = Some(RecordArn::new("record-11"));
    let own = of(record(11, Succeeded), 2);
    assert_eq!(decide(&done, std::slice::from_ref(&own), &policy()), Decision::default());
    let decision = decide(&done, &[own.clone(), record(12, Succeeded)], &policy());
    assert_eq!((decision.event.clone(), decision.earlier.clone()), (None, vec![(1, 12)]));
    let note = decision.late.expect("noted").message;
    assert!(note.contains("ami-12") && note.contains("name-12") && !note.contains("ami-11"), "{note}");
    // It is said again of what is on record already, with its destination once that is known.
    let note = decide(&done, &[own.clone(), of(record(12, UnderWay), 1)], &policy()).late.expect("noted").message;
    assert!(note.contains("not finished"), "{note}");
    assert_eq!(decide(&done, &[own, record(12, Failed)], &policy()).late, None, "nothing came of it");
}

/// A job that took over what came into sight after its attempt was taken for absent: that may be another client's.
#[test]
fn what_shows_beside_a_late_export_that_was_taken_over_is_named() {
    let mut done = job(JobState::Succeeded, vec![absent(1, 10)]);
    (done.adopted, done.record) = (true, Some(RecordArn::new("record-11")));
    let taken = of(record(11, Succeeded), 0);
    assert_eq!(decide(&done, std::slice::from_ref(&taken), &policy()).late, None);
    let note = decide(&done, &[taken, record(12, Succeeded)], &policy()).late.expect("noted").message;
    assert!(note.contains("ami-12"), "{note}");
}

/// A person called it failed, as two records may have been its attempt's, and tried it again: it takes the one over.
#[test]
fn what_an_attempt_may_have_made_beside_the_export_that_a_retry_takes_over_is_named() {
    let entries = [record(11, Succeeded), record(12, Succeeded), record(13, Failed)];
    let retried = job(Queued, vec![attempt(1, 10)]);
    let decision = decide(&retried, &entries, &policy());
    assert_eq!(happens(&decision), "already_exported record-12");
    let told = decision.late.expect("told");
    assert_eq!(told.code.as_str(), ErrorCode::DUPLICATE_EXPORT);
    assert!(told.message.contains("ami-11") && !told.message.contains("12"), "{told:?}");
    // What was there before the attempt, or came once it was refused, is not its own.
    for settled in [attempt(1, 11), refused(1, 10)] {
        assert_eq!(decide(&job(Queued, vec![settled]), &entries, &policy()).late, None);
    }
    // One that comes into sight once it has ended is told as well.
    let mut taken_over = Followed { adopted: true, ..job(JobState::Succeeded, vec![attempt(1, 10)]) };
    taken_over.record = Some(RecordArn::new("record-11"));
    let mut own = record(11, Succeeded);
    own.owner = Some((OURS, 0));
    assert_eq!(decide(&taken_over, std::slice::from_ref(&own), &policy()).late, None);
    let told = decide(&taken_over, &[own, record(12, Succeeded)], &policy()).late.expect("told");
    assert!(told.message.contains("ami-12"), "{told:?}");
}

/// What came into sight first was given to the attempt that was taken for absent, and was not what that had made.
#[test]
fn whatever_a_late_attempt_may_have_made_is_named_also_what_comes_into_sight_last() {
    let mut done = job(JobState::Succeeded, vec![absent(1, 0), accepted(2, 10)]);
    (done.operation, done.record) = (Some(OperationId::new("op-13")), Some(RecordArn::new("record-11")));
    let entries = |first: EntryStatus, last: i64| {
        let own = of(begun(operation(13, Succeeded), 300_000), 2);
        let taken = of(begun(record(11, Succeeded), 299_000), 2);
        let given = of(begun(record(12, first), 301_000), 1);
        [own, taken, given, begun(record(14, Succeeded), last)]
    };
    for first in [Succeeded, UnderWay, Failed] {
        let note = decide(&done, &entries(first, 60_000), &policy()).late.expect("noted").message;
        assert!(note.contains("ami-14") && note.contains("name-12") == (first != Failed), "{first:?}: {note}");
    }
    // What began after the next attempt had is none of the first one's.
    let note = decide(&done, &entries(Succeeded, 900_000), &policy()).late.expect("noted").message;
    assert!(note.contains("ami-12") && !note.contains("ami-14"), "{note}");
}

#[test]
fn what_no_answer_named_is_found_at_its_end_and_what_was_found_before_is_not_found_again() {
    let both = [begun(operation(1, Succeeded), 10_000), begun(record(2, Succeeded), 10_500)];
    let outcome = |attempt: FollowedAttempt, named: bool| {
        let mut exporting = job(Exporting, vec![attempt]);
        exporting.operation = named.then(|| OperationId::new("op-1"));
        let decision = decide(&exporting, &both, &policy());
        assert_eq!(happens(&decision), "finished op-1 record-2");
        decision.outcome
    };
    assert_eq!(outcome(accepted(1, 0), false), Some(AttemptOutcome::Found));
    assert_eq!(outcome(accepted(1, 0), true), None);
    let found = FollowedAttempt { outcome: Some(AttemptOutcome::Found), ..attempt(1, 0) };
    assert_eq!(outcome(found, false), None, "its looks have told what they can");
}

#[test]
fn beside_an_attempt_that_failed_for_certain_another_hands_export_is_not_told() {
    let entries = || {
        let failed = of(begun(operation(3, Failed), 10_000), 1);
        let own = [of(begun(operation(13, Succeeded), 900_000), 2), of(begun(record(14, Succeeded), 900_500), 2)];
        [vec![failed, begun(record(4, Succeeded), 60_000)], own.to_vec()].concat()
    };
    let done = |first: FollowedAttempt| {
        let mut done = job(JobState::Succeeded, vec![first, accepted(2, 10)]);
        (done.operation, done.record) = (Some(OperationId::new("op-13")), Some(RecordArn::new("record-14")));
        decide(&done, &entries(), &policy()).late
    };
    assert_eq!(done(accepted(1, 0)), None);
    // Where the failure was only found for it, the other may be what it made.
    let found = FollowedAttempt { outcome: Some(AttemptOutcome::Found), ..attempt(1, 0) };
    assert!(done(found).expect("told").message.contains("ami-4"));
}

#[test]
fn a_good_export_that_an_earlier_attempt_has_is_told_unless_a_person_was_done_with_it() {
    let entries = |status| {
        let failed = of(begun(operation(3, Failed), 10_000), 1);
        let given = of(begun(record(4, status), 10_500), 1);
        let own = [of(begun(operation(13, Succeeded), 900_000), 2), of(begun(record(14, Succeeded), 900_500), 2)];
        [vec![failed, given], own.to_vec()].concat()
    };
    let mut done = job(JobState::Succeeded, vec![accepted(1, 0), accepted(2, 10)]);
    (done.operation, done.record) = (Some(OperationId::new("op-13")), Some(RecordArn::new("record-14")));
    assert!(decide(&done, &entries(Succeeded), &policy()).late.expect("told").message.contains("ami-4"));
    assert_eq!(decide(&done, &entries(UnderWay), &policy()).late, None, "it is about to fail");
    done.ignored_through = 5;
    assert_eq!(decide(&done, &entries(Succeeded), &policy()).late, None);
    // A person called the job failed: what its last attempt has is no news.
    let mut failed = job(JobState::Failed, vec![accepted(1, 0)]);
    failed.operation = Some(OperationId::new("op-3"));
    assert_eq!(decide(&failed, &entries(Succeeded)[..2], &policy()).late, None);
}

#[test]
fn a_late_export_that_a_retry_took_over_is_not_told_beside_itself() {
    let found_failed = FollowedAttempt { outcome: Some(AttemptOutcome::Found), ..attempt(2, 10) };
    for first in [absent(1, 0), accepted(1, 0)] {
        let mut done = job(JobState::Succeeded, vec![first, found_failed.clone()]);
        (done.adopted, done.record) = (true, Some(RecordArn::new("record-4")));
        let own = of(begun(record(4, Succeeded), 10_000), 1);
        let failed = of(begun(operation(12, Failed), 500_000), 2);
        assert_eq!(decide(&done, &[own.clone(), failed.clone()], &policy()).late, None);
        // Another is told where the first was taken for absent, and may have made it.
        let another = begun(record(5, Succeeded), 20_000);
        let was_absent = done.attempts[0].is(AttemptOutcome::Absent);
        let late = decide(&done, &[own, failed, another], &policy()).late.map(|late| late.message).unwrap_or_default();
        assert!(!late.contains("ami-4") && late.contains("ami-5") == was_absent, "{late}");
    }
}

#[test]
fn of_two_visible_exports_the_resent_one_takes_the_later() {
    let exporting = job(Exporting, vec![absent(1, 0), attempt(2, 10)]);
    // By the time at which the operation began, where that is told; by the order of the records, where it is not.
    for began in [Some(90_000), None] {
        let own = of(begun(operation(11, Succeeded), began), 2);
        let [first, second] = [begun(record(12, Succeeded), 20_000), begun(record(13, UnderWay), 90_000)];
        let both = [own.clone(), first.clone(), second];
        assert_eq!(decide(&exporting, &both, &policy()), Decision::default(), "the job's own is not done");
        let both = [own, first, begun(record(13, Succeeded), 90_000)];
        let decision = decide(&exporting, &both, &policy());
        assert_eq!(happens(&decision), "finished op-11 record-13");
        assert_eq!((decision.own.clone(), decision.earlier.clone()), (vec![13], vec![(1, 12)]));
        assert!(decision.late.expect("noted").message.contains("ami-12"));
    }
}

#[test]
fn a_late_failure_of_an_attempt_taken_for_absent_is_not_the_next_ones() {
    for failed in [operation(11, Failed), record(11, Failed)] {
        let unknown = job(Unknown, vec![absent(1, 0), attempt(2, 10)]);
        assert_eq!(decide(&unknown, std::slice::from_ref(&failed), &policy()), open_with_a_candidate());
        let decision = decide(&unknown, &[failed.clone(), operation(12, UnderWay)], &policy());
        assert_eq!(happens(&decision), "found_under_way op-12");
        let mut exporting = job(Exporting, vec![absent(1, 0), accepted(2, 10)]);
        exporting.attempts[1].intended_at = NOW;
        assert_eq!(decide(&exporting, &[failed], &policy()), Decision::default());
    }
}

#[test]
fn of_two_candidates_the_one_that_did_well_is_the_last_attempts() {
    let unknown = job(Unknown, vec![absent(1, 0), attempt(2, 10)]);
    let decision = decide(&unknown, &[record(11, Succeeded), record(12, Failed)], &policy());
    assert_eq!((happens(&decision).as_str(), decision.earlier), ("found_done record-11", vec![(1, 12)]));
}

#[test]
fn nothing_is_decided_for_a_job_that_is_being_sent_or_has_ended() {
    let entries = [operation(11, Failed), record(12, Succeeded)];
    for state in JobState::ALL {
        if matches!(state, Queued | Unknown | Exporting) {
            continue;
        }
        assert_eq!(decide(&job(state, vec![attempt(1, 0)]), &entries, &policy()), Decision::default(), "{state}");
    }
}

#[test]
fn an_operation_is_adopted_only_where_it_began_since_the_snapshot_was_made() {
    let made_at = |at| Followed { snapshot_made_at: Some(Timestamp(at)), ..job(Queued, vec![]) };
    let under_way = [operation(5, UnderWay), operation(8, UnderWay)];
    assert_eq!(happens(&decide(&made_at(9), &under_way, &policy())), "nothing", "of one that was deleted since");
    assert_eq!(happens(&decide(&made_at(8), &under_way, &policy())), "nothing");
    assert_eq!(happens(&decide(&made_at(6), &under_way, &policy())), "under_way_already op-8");
    // Another's record beside it takes nothing away from what is told by the times.
    let of_another = with_arn(record(6, UnderWay), Some("arn:another"));
    let beside = [under_way[0].clone(), of_another, under_way[1].clone()];
    assert_eq!(happens(&decide(&made_at(7), &beside, &policy())), "under_way_already op-8");
    // Nor does one that is over, where no time is told.
    let over = [begun(operation(5, UnderWay), None), with_arn(record(6, Succeeded), Some("arn:another"))];
    assert_eq!(happens(&decide(&made_at(7), &over, &policy())), "under_way_already op-5");
}

#[test]
fn an_export_that_shows_after_its_job_has_ended_is_told_and_the_end_stands() {
    for state in [JobState::Failed, JobState::Cancelled] {
        let ended = job(state, vec![absent(1, 10), absent(2, 12)]);
        let decision = decide(&ended, &[record(13, UnderWay)], &policy());
        assert_eq!((happens(&decision).as_str(), &decision.earlier), ("nothing", &vec![(1, 13)]));
        let decision = decide(&ended, &[of(record(13, Succeeded), 1), record(14, Succeeded)], &policy());
        assert_eq!((happens(&decision).as_str(), &decision.earlier), ("nothing", &vec![(2, 14)]));
        let told = decision.late.expect("told");
        assert_eq!(told.code.as_str(), ErrorCode::LATE_EXPORT);
        assert!(
            told.message.contains("ami-13 (record name-13), ami-14") && told.message.contains("retry 7"),
            "{told:?}"
        );
        for none in [record(9, Succeeded), record(13, Failed), with_arn(record(13, Succeeded), Some("arn:other"))] {
            assert_eq!(decide(&ended, &[none], &policy()), Decision::default());
        }
    }
    // What is under way may be the record of the attempt whose operation has failed.
    let failed = job(JobState::Failed, vec![absent(1, 10), accepted(2, 12)]);
    let of_the_second = of(operation(13, EntryStatus::Failed), 2);
    assert_eq!(decide(&failed, &[of_the_second.clone(), record(14, UnderWay)], &policy()).late, None);
    assert!(decide(&failed, &[of_the_second, record(14, Succeeded)], &policy()).late.is_some());
    // Tried again by a person, it is taken over, and not made once more.
    let again = Followed { adopts: false, ..job(Queued, vec![absent(1, 10)]) };
    assert_eq!(happens(&decide(&again, &[of(record(13, Succeeded), 1)], &policy())), "already_exported record-13");
    assert_eq!(happens(&decide(&again, &[of_another_job(record(13, Succeeded))], &policy())), "nothing");
}

#[test]
fn a_limit_of_ec2s_is_the_lanes_affair_whatever_its_code() {
    let again = Some(policy().again_at);
    for (code, said) in [
        ("ResourceLimitExceeded", "no"),
        ("InvalidInputException", "Too many snapshot copies in progress. The limit is 5"),
        ("InternalError", "Too many snapshot copies in progress. The limit is 5"),
        ("SnapshotLimitExceeded", "Maximum number of snapshots (100000) reached"),
    ] {
        let full = Failure::new(code, said);
        let policy_again = super::again(&full, &policy());
        assert_eq!(export_failed(full.clone(), policy_again), Event::OverLimit(full, policy().again_at), "{code}");
    }
    let other = Failure::new("InternalError", "no");
    assert_eq!(export_failed(other.clone(), again), Event::OperationFailed(other, again));
}
