//! The story of one job.

use crate::stored::Stored;

#[tokio::test]
async fn a_job_tells_its_story() {
    let stored = Stored::story().await;
    insta::assert_snapshot!(stored.run(&["show", "1"]).await.done(), @"
    Job 1: web-1
      lane         default/eu-west-1
      state        succeeded
      attempts     2 sent, 1 of them counted
      operation    op-1
      record       ExportSnapshotRecord-1
      destination  ami-0123456789abcdef0 (Aws::EC2::Image)

    TIMELINE
    2026-11-23T18:00:01.000Z  queued: line 2 of batch fleet
    2026-11-23T18:00:02.000Z  queued -> submitting: about to be sent, attempt 1
    2026-11-23T18:00:02.350Z  submitting -> queued: refused by lane, attempt 1
        ThrottlingException: Rate exceeded
    2026-11-23T18:00:10.000Z  queued -> submitting: about to be sent, attempt 2
    2026-11-23T18:00:10.120Z  submitting -> exporting: accepted, attempt 2
    2026-11-23T18:00:22.500Z  exporting -> succeeded: finished, attempt 2

    ATTEMPTS
    2026-11-23T18:00:02.000Z  1: refused (HTTP 400) after 0.35 s
        ThrottlingException: Rate exceeded
        request req-1
    2026-11-23T18:00:10.000Z  2: accepted (HTTP 200) after 0.12 s
        request req-2
    ");
    insta::assert_snapshot!(stored.run(&["show", "4"]).await.done(), @"
    Job 4: db-primary-nightly-2026-11-22
      lane         default/eu-west-1
      state        queued
      attempts     1 sent, 1 of them counted
      not before   2026-11-23T18:10:00.000Z
      error        ServiceException: try again

    TIMELINE
    2026-11-23T18:00:01.000Z  queued: line 5 of batch fleet

    ATTEMPTS
    2026-11-23T18:00:15.000Z  1: refused (HTTP 500) after 0.90 s
        ServiceException: try again
        request req-4
    ");
    insta::assert_snapshot!(stored.run(&["show", "6"]).await.done(), @"
    Job 6: db-3
      lane         default/eu-west-1
      state        needs_review
      attempts     1 sent, 1 of them counted
      error        TooManyCandidates: two exports for one attempt

    TIMELINE
    2026-11-23T18:00:01.000Z  queued: line 7 of batch fleet

    ATTEMPTS
    2026-11-23T18:00:17.000Z  1: no answer yet
        OutcomeUnknown: connection reset
        2 absence checks, the first 2026-11-23T18:01:40.000Z, the last 2026-11-23T18:03:20.000Z
    ");
    insta::assert_snapshot!(stored.run(&["show", "9"]).await.done(), @"
    Job 9: mail-2
      lane         prod/us-west-2
      state        cancelled
      attempts     none sent

    TIMELINE
    2026-11-23T18:03:21.000Z  queued: line 2 of batch second wave
    2026-11-23T18:04:10.000Z  queued -> cancelled: cancel, by alice

    ATTEMPTS
    none: ExportSnapshot was never called
    ");
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "most of them are the snapshot")]
async fn json_has_every_attempt_and_transition() {
    let stored = Stored::story().await;
    let json = stored.run(&["show", "1", "--json"]).await.done();
    insta::assert_snapshot!(json, @r#"
    {
      "id": 1,
      "batch": "fleet",
      "line": 2,
      "account": "default",
      "region": "eu-west-1",
      "snapshot_name": "web-1",
      "priority": 0,
      "export_again": false,
      "state": "succeeded",
      "hold": null,
      "paused_at": null,
      "due_at": null,
      "attempts_used": 1,
      "copies": 2,
      "source_arn": "arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/1",
      "adopted": false,
      "operation_id": "op-1",
      "record_arn": "arn:rec-1",
      "record_name": "ExportSnapshotRecord-1",
      "destination_service": "Aws::EC2::Image",
      "destination_id": "ami-0123456789abcdef0",
      "error_code": null,
      "error_message": null,
      "queued_at": "2026-11-23T18:00:01Z",
      "submitted_at": "2026-11-23T18:00:10Z",
      "finished_at": "2026-11-23T18:00:22.500Z",
      "next_poll_at": null,
      "attempts": [
        {
          "number": 1,
          "run": 1,
          "intended_at": "2026-11-23T18:00:02Z",
          "answered_at": "2026-11-23T18:00:02.350Z",
          "outcome": "refused",
          "http_status": 400,
          "request_id": "req-1",
          "error_code": "ThrottlingException",
          "error_message": "Rate exceeded",
          "absence_checks": 0,
          "first_check_at": null,
          "last_check_at": null
        },
        {
          "number": 2,
          "run": 1,
          "intended_at": "2026-11-23T18:00:10Z",
          "answered_at": "2026-11-23T18:00:10.120Z",
          "outcome": "accepted",
          "http_status": 200,
          "request_id": "req-2",
          "error_code": null,
          "error_message": null,
          "absence_checks": 0,
          "first_check_at": null,
          "last_check_at": null
        }
      ],
      "transitions": [
        {
          "step": 1,
          "at": "2026-11-23T18:00:02Z",
          "from": "queued",
          "to": "submitting",
          "event": "intend",
          "attempt": 1,
          "error_code": null,
          "error_message": null,
          "actor": "daemon"
        },
        {
          "step": 2,
          "at": "2026-11-23T18:00:02.350Z",
          "from": "submitting",
          "to": "queued",
          "event": "refused_by_lane",
          "attempt": 1,
          "error_code": "ThrottlingException",
          "error_message": "Rate exceeded",
          "actor": "daemon"
        },
        {
          "step": 3,
          "at": "2026-11-23T18:00:10Z",
          "from": "queued",
          "to": "submitting",
          "event": "intend",
          "attempt": 2,
          "error_code": null,
          "error_message": null,
          "actor": "daemon"
        },
        {
          "step": 4,
          "at": "2026-11-23T18:00:10.120Z",
          "from": "submitting",
          "to": "exporting",
          "event": "accepted",
          "attempt": 2,
          "error_code": null,
          "error_message": null,
          "actor": "daemon"
        },
        {
          "step": 5,
          "at": "2026-11-23T18:00:22.500Z",
          "from": "exporting",
          "to": "succeeded",
          "event": "finished",
          "attempt": 2,
          "error_code": null,
          "error_message": null,
          "actor": "daemon"
        }
      ]
    }
    "#);
    let value: serde_json::Value = serde_json::from_str(&json).expect("an object");
    crate::documented(&value);
    for job in 1..=9 {
        let json = stored.run(&["show", &job.to_string(), "--json"]).await.done();
        crate::json_schema::holds("show", &serde_json::from_str(&json).expect("an object"));
    }
    assert_eq!(value["attempts"].as_array().map(Vec::len), Some(2));
    assert_eq!(value["transitions"].as_array().map(Vec::len), Some(5));
}

#[tokio::test]
async fn a_job_that_is_not_there_is_told() {
    let stored = Stored::story().await;
    assert_eq!(
        stored.run(&["show", "12"]).await.refused(),
        "there is no job 12; the jobs are 1 to 9, snapferry jobs lists them"
    );
}

/// What the daemon's end cut off is no outage of Lightsail's, and the time until the next start is no answer's.
#[tokio::test]
async fn what_the_daemons_end_cut_off_is_told_as_that() {
    let stored = Stored::many(1).await;
    stored
        .sql(
            "INSERT INTO runs (id, began_at, pid, version) VALUES (1, 0, 1, '0');
             UPDATE jobs SET state = 'unknown', attempt = 1, submitted_at = 1795456817000;
             INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, answered_at, outcome, error_code)
             VALUES (1, 1, 1, 1795456817000, 0, 1795456917000, 'ambiguous', 'Interrupted');
             INSERT INTO transitions (job_id, step, at, actor, event, from_state, to_state, attempt, error_code)
             VALUES (1, 1, 1795456917000, 'daemon', 'outcome_unknown_in_outage', 'submitting', 'unknown', 1, 'Interrupted');",
        )
        .await;
    let said = stored.run(&["show", "1"]).await.done();
    assert!(
        said.contains("submitting -> unknown: outcome unknown, not counted, attempt 1\n    Interrupted\n"),
        "{said}"
    );
    assert!(said.contains("1: outcome unknown\n    Interrupted\n"), "{said}");
}
