//! A sound run, and for each promise what it must not let pass.

use super::*;
use crate::domain::{
    AccountLabel, BatchName, ErrorCode, JobId, JobState, Lane, Region, RunId, SnapshotName, Timestamp,
};
use crate::queue::{AttemptOutcome, AttemptView, JobDetail, JobView, TransitionView};
use std::time::Duration;

fn lane() -> Lane {
    Lane { account: AccountLabel::unnamed(), region: Region::parse("eu-west-1").expect("a Region") }
}

fn of(name: &str) -> LaneSnapshot {
    LaneSnapshot { lane: lane(), name: SnapshotName::parse(name).expect("a name") }
}

fn call(kind: CallKind, at_ms: u64, answer: &str, request_id: &str) -> ObservedCall {
    let effect = matches!(kind, CallKind::Export(_)) && answer == "ok";
    ObservedCall { lane: lane(), kind, at_ms, answer: answer.to_owned(), effect, request_id: request_id.to_owned() }
}

fn export(name: &str, at_ms: u64, answer: &str, request_id: &str) -> ObservedCall {
    call(CallKind::Export(of(name).name), at_ms, answer, request_id)
}

fn inventory(at_ms: u64) -> Vec<ObservedCall> {
    CallKind::LISTS.iter().map(|list| call(CallKind::List((*list).to_owned()), at_ms, "ok", "list")).collect()
}

fn attempt(number: u32, intended_at: i64, outcome: AttemptOutcome, request_id: Option<&str>) -> AttemptView {
    AttemptView {
        baseline: 0,
        number,
        run: RunId(1),
        intended_at: Timestamp(intended_at),
        answered_at: None,
        outcome: Some(outcome),
        http_status: None,
        request_id: request_id.map(str::to_owned),
        error_code: None,
        error_message: None,
        absence_checks: 0,
        first_check_at: None,
        last_check_at: None,
    }
}

/// A history from the events that lead from one state to the next, each with its attempt.
fn transitions(events: &[(&str, JobState, u32)]) -> Vec<TransitionView> {
    let mut from = JobState::Queued;
    let steps = events.iter().zip(1..).map(|((event, to, attempt), step)| {
        let code = (*event == "outcome_unknown_in_outage").then(|| ErrorCode::new(ErrorCode::INTERRUPTED));
        TransitionView {
            step,
            at: Timestamp(0),
            from: std::mem::replace(&mut from, *to),
            to: *to,
            event: (*event).to_owned(),
            attempt: *attempt,
            error_code: code,
            error_message: None,
            actor: "daemon".to_owned(),
        }
    });
    steps.collect()
}

fn job(id: i64, name: &str, used: u32, attempts: Vec<AttemptView>, transitions: Vec<TransitionView>) -> JobDetail {
    let state = transitions.last().map_or(JobState::Queued, |one| one.to);
    let job = JobView {
        id: JobId(id),
        batch: BatchName::parse("one").expect("a name"),
        line: 1,
        lane: lane(),
        snapshot_name: of(name).name,
        priority: 0,
        export_again: false,
        state,
        hold: None,
        paused_at: None,
        due_at: None,
        attempts: u32::try_from(attempts.len()).expect("few"),
        used,
        weight: 1,
        source_arn: None,
        adopted: false,
        operation_id: None,
        record_arn: None,
        record_name: None,
        destination_service: None,
        destination_id: Some(format!("ami-{name}")),
        error_code: None,
        error_message: None,
        queued_at: Timestamp(0),
        submitted_at: None,
        finished_at: None,
        next_poll_at: None,
    };
    JobDetail { job, attempts, transitions }
}

fn made(name: &str) -> Made {
    Made { exports: 1, failures: 0, destinations: [format!("ami-{name}")].into() }
}

/// Two snapshots: `web-1` was throttled, then cut off by a crash before it left, proven absent and sent again; `web-2`
/// went well.
fn sound() -> RunEvidence {
    use JobState as S;
    let mut absent = attempt(2, 2000, AttemptOutcome::Absent, None);
    absent.absence_checks = 3;
    absent.first_check_at = Some(Timestamp(2400));
    absent.last_check_at = Some(Timestamp(4200));
    let first = job(
        1,
        "web-1",
        1,
        vec![
            attempt(1, 1000, AttemptOutcome::Refused, Some("r1")),
            absent,
            attempt(3, 5000, AttemptOutcome::Accepted, Some("r3")),
        ],
        transitions(&[
            ("intend", S::Submitting, 1),
            ("refused_by_lane", S::Queued, 1),
            ("intend", S::Submitting, 2),
            ("outcome_unknown_in_outage", S::Unknown, 2),
            ("proven_absent", S::Queued, 2),
            ("intend", S::Submitting, 3),
            ("accepted", S::Exporting, 3),
            ("finished", S::Succeeded, 3),
        ]),
    );
    let second = job(
        2,
        "web-2",
        1,
        vec![attempt(1, 1500, AttemptOutcome::Accepted, Some("r2"))],
        transitions(&[("intend", S::Submitting, 1), ("accepted", S::Exporting, 1), ("finished", S::Succeeded, 1)]),
    );
    let mut calls = inventory(900);
    calls.push(export("web-1", 1001, "ThrottlingException", "r1"));
    calls.push(export("web-2", 1501, "ok", "r2"));
    let crash = calls.len();
    calls.extend(inventory(3000));
    calls.push(export("web-1", 5001, "ok", "r3"));
    let sent = |name: &str, calls, intents| Sent { subject: of(name), calls, intents };
    let mark = |id, attempts, transitions, step, event: &str| Mark {
        job: JobId(id),
        attempts,
        transitions,
        last: Some((step, event.to_owned())),
    };
    let lives = vec![
        Life {
            crashed: true,
            calls: 0..crash,
            sent: vec![sent("web-1", 1, 2), sent("web-2", 1, 1)],
            live: vec![of("web-1"), of("web-2")],
            submitting: vec![(JobId(1), 2)],
            marks: vec![mark(1, 2, 3, 3, "intend"), mark(2, 1, 2, 2, "accepted")],
        },
        Life {
            calls: crash..calls.len(),
            sent: vec![sent("web-1", 2, 3)],
            marks: vec![mark(1, 3, 8, 8, "finished")],
            ..Life::default()
        },
    ];
    let line = |name: &str| ReportedRow { subject: of(name), destination: Some(format!("ami-{name}")) };
    RunEvidence {
        calls,
        made: [(of("web-1"), made("web-1")), (of("web-2"), made("web-2"))].into(),
        jobs: vec![first, second],
        batches: vec![ReportedBatch {
            name: "one".to_owned(),
            file: vec![of("web-1"), of("web-2")],
            read: Some(2),
            sorted: 2,
            report: vec![line("web-1"), line("web-2")],
        }],
        lives,
        limits: PromisedLimits { exports: (10.0, 2), reads: (10.0, 4) },
        settling: Settling {
            attempt_timeout: Duration::from_millis(400),
            settle: Duration::from_millis(1800),
            looks: 3,
        },
        troubles: ["ThrottlingException".to_owned()].into(),
        astray: Vec::new(),
    }
}

/// The promises that a doctored run breaks.
fn broken(doctor: impl FnOnce(&mut RunEvidence)) -> Vec<u8> {
    let mut evidence = sound();
    doctor(&mut evidence);
    let verdict = Findings::of(&evidence);
    let broken: Vec<u8> =
        verdict.findings().filter(|(_, found)| !found.broken.is_empty()).map(|(promise, _)| promise.number).collect();
    assert_eq!(verdict.holds(), broken.is_empty());
    broken
}

#[test]
fn a_sound_run_holds_with_its_counts() {
    assert_eq!(broken(|_| {}), [0_u8; 0]);
    let told: Vec<String> = Findings::of(&sound()).findings().map(|(_, found)| found.checked()).collect();
    assert_eq!(
        told,
        [
            "3 calls on the wire, 4 intents on disk",
            "2 exports begun, 0 of them needless, 2 starts of a lane after an inventory, 1 attempts proven absent",
            "2 checks of the live jobs, 2 live jobs seen",
            "2 rows in, 2 rows in the reports, 2 jobs, 0 lost",
            "1 troubles of a lane, 1 attempts cut off by a crash, 0 charged to a job",
            "3 exports, 8 other calls on the wire",
            "2 starts, 1 crashes of the daemon, 1 of them over live jobs, 1 calls cut off and taken up",
            "4 attempts, 11 transitions",
        ]
    );
}

#[test]
fn a_verdict_on_nothing_is_none() {
    assert!(!Findings::default().holds());
}

#[test]
fn a_call_without_its_intent_is_seen() {
    // At the crash there was less on disk than on the wire, though it was written later.
    assert_eq!(broken(|run| run.lives[0].sent[1].intents = 0), [1]);
    // Calls that no attempt stands for; one that came twice within what is allowed is no other promise's matter.
    assert_eq!(
        broken(|run| run.calls.extend([export("web-2", 9000, "ok", "r8"), export("web-2", 9900, "ok", "r9")])),
        [1]
    );
    // An answer on record of a call that never was, or was another snapshot's.
    assert_eq!(broken(|run| run.jobs[1].attempts[0].request_id = Some("r3".to_owned())), [1]);
}

#[test]
fn a_guess_is_seen() {
    assert_eq!(broken(|run| run.made.get_mut(&of("web-2")).expect("made").exports = 2), [2]);
    assert_eq!(
        broken(|run| {
            let made = run.made.get_mut(&of("web-2")).expect("made");
            (made.exports, made.failures) = (2, 1);
        }),
        [0_u8; 0],
        "one that failed may be followed by another"
    );
    for missing in 0..4 {
        let unlisted = broken(|run| run.calls[6 + missing].kind = CallKind::Other);
        assert_eq!(unlisted, [2], "{}", CallKind::LISTS[missing]);
    }
    assert_eq!(broken(|run| run.calls[0..5].rotate_right(1)), [2], "listed after the first export");
    let absent = |doctor: fn(&mut AttemptView)| broken(|run| doctor(&mut run.jobs[0].attempts[1]));
    assert_eq!(absent(|it| it.absence_checks = 2), [2]);
    assert_eq!(absent(|it| it.first_check_at = Some(Timestamp(2399))), [2]);
    assert_eq!(absent(|it| it.last_check_at = Some(Timestamp(4199))), [2]);
    assert_eq!(absent(|it| it.last_check_at = None), [2]);
    assert_eq!(absent(|it| it.request_id = Some("r3".to_owned())), [2], "its call had begun an export");
}

#[test]
fn a_second_live_job_is_seen() {
    assert_eq!(broken(|run| run.lives[0].live.push(of("web-2"))), [3]);
}

#[test]
fn what_is_lost_is_seen() {
    assert_eq!(broken(|run| run.batches[0].read = None), [4]);
    assert_eq!(broken(|run| run.batches[0].read = Some(1)), [4]);
    assert_eq!(broken(|run| run.batches[0].sorted = 1), [4]);
    assert_eq!(broken(|run| run.batches[0].report.truncate(1)), [4]);
    assert_eq!(broken(|run| run.batches[0].report.swap(0, 1)), [4]);
    assert_eq!(broken(|run| run.batches[0].report[0].destination = None), [4]);
    assert_eq!(broken(|run| run.batches[0].report[0].destination = Some("ami-web-2".to_owned())), [4]);
    assert_eq!(
        broken(|run| {
            run.jobs[1].transitions[2].to = JobState::Failed;
            run.jobs[1].job.state = JobState::Failed;
        }),
        [4]
    );
}

#[test]
fn an_attempt_that_a_trouble_costs_is_seen() {
    assert_eq!(broken(|run| run.jobs[0].job.used = 2), [5]);
    // The second of the two is the crash's.
    assert_eq!(broken(|run| run.troubles.clear()), [0_u8; 0]);
    assert_eq!(
        broken(|run| {
            run.troubles.clear();
            run.jobs[0].job.used = 3;
        }),
        [5]
    );
}

#[test]
fn a_burst_too_many_is_seen() {
    // One at once and ten a second: another within 98 ms is one too many, after 100 ms it is none.
    let second = |at_ms: u64| {
        broken(|run| {
            run.limits.exports.1 = 1;
            run.calls[5].at_ms = 1001 + at_ms;
        })
    };
    assert_eq!((second(98), second(100)), (vec![6], vec![]));
    // Over a restart as well, and far from the beginning.
    assert_eq!(
        broken(|run| {
            run.limits.exports.1 = 1;
            run.calls[5].at_ms = 5000;
        }),
        [6]
    );
    assert_eq!(broken(|run| run.limits.reads.1 = 3), [6]);
}

#[test]
fn what_no_start_takes_up_is_seen() {
    assert_eq!(broken(|run| run.lives[0].submitting.push((JobId(2), 1))), [7]);
    assert_eq!(broken(|run| run.lives[1].submitting.push((JobId(1), 3))), [7]);
    assert_eq!(broken(|run| run.astray.push("a daemon ended with signal 11".to_owned())), [7]);
}

#[test]
fn a_hole_in_the_history_is_seen() {
    assert_eq!(broken(|run| run.lives[0].marks[1].last = Some((2, "outcome_unknown".to_owned()))), [8]);
    assert_eq!(broken(|run| run.lives[0].marks[1].attempts = 2), [8]);
    let second = |doctor: fn(&mut JobDetail)| broken(|run| doctor(&mut run.jobs[1]));
    assert_eq!(second(|job| job.transitions[1].step = 3), [8]);
    assert_eq!(second(|job| job.transitions[2].from = JobState::Unknown), [8]);
    assert_eq!(second(|job| job.attempts[0].number = 2), [8]);
    assert_eq!(second(|job| job.job.attempts = 2), [8]);
    assert_eq!(second(|job| job.transitions[0].event = "cancel".to_owned()), [8]);
    assert_eq!(
        second(|job| {
            job.transitions.pop();
        }),
        [8]
    );
}

#[test]
fn findings_of_rounds_add_up() {
    let mut verdict = Findings::default();
    verdict.add(Findings::of(&sound()));
    verdict.add(Findings::of(&sound()));
    let (_, first) = verdict.findings().next().expect("a finding");
    assert_eq!(first.checked(), "6 calls on the wire, 8 intents on disk");
    let mut bad = sound();
    bad.astray.push("gone".to_owned());
    verdict.add(Findings::of(&bad));
    assert!(!verdict.holds());
}
