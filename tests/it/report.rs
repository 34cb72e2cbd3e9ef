//! Completion reports.

use crate::stored::{NOW, Stored};
use snapferry::cli::{Asking, Exit, Screen, Session};
use snapferry::clock::ManualClock;
use snapferry::domain::{REPORT_COLUMNS, Timestamp, spreadsheet};
use snapferry::queue::{Queue, Selector};
use snapferry::report::{Format, ReportRequest, TextStyle, write_report};
use std::io::Write;

#[tokio::test]
async fn a_batch_is_reported_row_by_row_with_its_own_columns() {
    let stored = Stored::story().await;
    let csv = stored.run(&["report", "--batch", "fleet", "--format", "csv"]).await.done();
    insta::assert_snapshot!(csv, @r#"
    batch,snapshot_name,account,region,state,adopted,attempts,operation_id,record_name,destination_service,destination_id,error_code,error_message,queued_at,submitted_at,finished_at,owner,note
    fleet,web-1,default,eu-west-1,succeeded,false,2,op-1,ExportSnapshotRecord-1,Aws::EC2::Image,ami-0123456789abcdef0,,,2026-11-23T18:00:01Z,2026-11-23T18:00:10Z,2026-11-23T18:00:22.500Z,ann,'=1+1
    fleet,web-2,default,eu-west-1,succeeded,true,0,,ExportSnapshotRecord-2,Aws::EC2::Snapshot,snap-0123456789abcdef0,,,2026-11-23T18:00:01Z,,2026-11-23T18:00:05Z,bob,''=quoted
    fleet,web-3,default,eu-west-1,failed,false,0,,,,,SnapshotNotFound,"'=no snapshot of that name, did you mean ""web-33""?",2026-11-23T18:00:01Z,,2026-11-23T18:00:06Z,,"a, ""b"""
    fleet,db-primary-nightly-2026-11-22,default,eu-west-1,queued,false,1,,,,,ServiceException,try again,2026-11-23T18:00:01Z,2026-11-23T18:00:15Z,,'-5,x
    fleet,db-2,default,eu-west-1,exporting,false,1,op-5,,,,,,2026-11-23T18:00:01Z,2026-11-23T18:00:16Z,,'@me,"two
    lines"
    fleet,db-3,default,eu-west-1,needs_review,false,1,,,,,TooManyCandidates,two exports for one attempt,2026-11-23T18:00:01Z,2026-11-23T18:00:17Z,,,
    fleet,cache-1,prod,us-east-1,queued,false,0,,,,,,,2026-11-23T18:00:01Z,,,only one,
    fleet,web-1,default,eu-west-1,succeeded,false,2,op-1,ExportSnapshotRecord-1,Aws::EC2::Image,ami-0123456789abcdef0,,,2026-11-23T18:00:01Z,2026-11-23T18:00:10Z,2026-11-23T18:00:22.500Z,ann,again
    "#);
}

#[tokio::test]
async fn a_cell_of_the_report_reads_back_as_it_came_in() {
    let stored = Stored::story().await;
    let csv = stored.run(&["report", "--batch", "fleet", "--format", "csv"]).await.done();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    assert_eq!(header[..16], REPORT_COLUMNS);
    assert_eq!(header[16..], ["owner", "note"]);
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 8);
    let carried: Vec<[&str; 2]> =
        rows.iter().map(|row| [spreadsheet::restore(&row[16]), spreadsheet::restore(&row[17])]).collect();
    assert_eq!(
        carried,
        [
            ["ann", "=1+1"],
            ["bob", "'=quoted"],
            ["", "a, \"b\""],
            ["-5", "x"],
            ["@me", "two\nlines"],
            ["", ""],
            ["only one", ""],
            ["ann", "again"],
        ]
    );
    assert!(rows.iter().all(|row| !row.iter().any(|cell| cell.starts_with(['=', '+', '-', '@']))));
}

#[tokio::test]
async fn json_has_the_same_names_in_the_same_order() {
    let stored = Stored::story().await;
    let json = stored.run(&["report", "--batch", "fleet", "--state", "succeeded", "--format", "json"]).await.done();
    insta::assert_snapshot!(json, @r#"
    [
    {"batch":"fleet","snapshot_name":"web-1","account":"default","region":"eu-west-1","state":"succeeded","adopted":false,"attempts":2,"operation_id":"op-1","record_name":"ExportSnapshotRecord-1","destination_service":"Aws::EC2::Image","destination_id":"ami-0123456789abcdef0","error_code":null,"error_message":null,"queued_at":"2026-11-23T18:00:01Z","submitted_at":"2026-11-23T18:00:10Z","finished_at":"2026-11-23T18:00:22.500Z","owner":"ann","note":"=1+1"},
    {"batch":"fleet","snapshot_name":"web-2","account":"default","region":"eu-west-1","state":"succeeded","adopted":true,"attempts":0,"operation_id":null,"record_name":"ExportSnapshotRecord-2","destination_service":"Aws::EC2::Snapshot","destination_id":"snap-0123456789abcdef0","error_code":null,"error_message":null,"queued_at":"2026-11-23T18:00:01Z","submitted_at":null,"finished_at":"2026-11-23T18:00:05Z","owner":"bob","note":"'=quoted"},
    {"batch":"fleet","snapshot_name":"web-1","account":"default","region":"eu-west-1","state":"succeeded","adopted":false,"attempts":2,"operation_id":"op-1","record_name":"ExportSnapshotRecord-1","destination_service":"Aws::EC2::Image","destination_id":"ami-0123456789abcdef0","error_code":null,"error_message":null,"queued_at":"2026-11-23T18:00:01Z","submitted_at":"2026-11-23T18:00:10Z","finished_at":"2026-11-23T18:00:22.500Z","owner":"ann","note":"again"}
    ]
    "#);
    let lines: Vec<serde_json::Value> = serde_json::from_str(&json).expect("an array");
    assert_eq!(lines.len(), 3);
    let jsonl = stored.run(&["report", "--batch", "fleet", "--state", "succeeded", "--format", "jsonl"]).await.done();
    let again: Vec<serde_json::Value> =
        jsonl.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert_eq!(again, lines);
}

#[tokio::test]
async fn a_table_shows_what_matters() {
    let stored = Stored::story().await;
    insta::assert_snapshot!(stored.run(&["report"]).await.done(), @r#"
    SNAPSHOT                       LANE               STATE         RESULT
    web-1                          default/eu-west-1  succeeded     ami-0123456789abcdef0
    web-2                          default/eu-west-1  succeeded     snap-0123456789abcdef0 (adopted)
    web-3                          default/eu-west-1  failed        SnapshotNotFound: =no snapshot of that name, did you mean "web-33"?
    db-primary-nightly-2026-11-22  default/eu-west-1  queued        ServiceException: try again
    db-2                           default/eu-west-1  exporting
    db-3                           default/eu-west-1  needs_review  TooManyCandidates: two exports for one attempt
    cache-1                        prod/us-east-1     queued
    mail-1                         prod/us-west-2     queued
    mail-2                         prod/us-west-2     cancelled

    9 lines: 3 queued, 1 exporting, 1 needs_review, 2 succeeded, 1 failed, 1 cancelled
    "#);
    let narrow = stored.run_wide(&["report", "--batch", "fleet"], 80).await.done();
    assert!(narrow.lines().all(|line| line.len() <= 80), "{narrow}");
    insta::assert_snapshot!(narrow, @r#"
    SNAPSHOT               LANE               STATE         RESULT
    web-1                  default/eu-west-1  succeeded     ami-0123456789abcdef0
    web-2                  default/eu-west-1  succeeded     snap-0123456789abcdef0
                                                            (adopted)
    web-3                  default/eu-west-1  failed        SnapshotNotFound: =no
                                                            snapshot of that name,
                                                            did you mean "web-33"?
    db-primary-nightly-    default/eu-west-1  queued        ServiceException: try
    2026-11-22                                              again
    db-2                   default/eu-west-1  exporting
    db-3                   default/eu-west-1  needs_review  TooManyCandidates: two
                                                            exports for one attempt
    cache-1                prod/us-east-1     queued
    web-1                  default/eu-west-1  succeeded     ami-0123456789abcdef0

    8 lines: 2 queued, 1 exporting, 1 needs_review, 3 succeeded, 1 failed
    "#);
}

#[tokio::test]
async fn a_row_of_another_batchs_job_bears_its_own_batchs_name() {
    let stored = Stored::story().await;
    let csv = stored.run(&["report", "--batch", "second wave", "--format", "csv"]).await.done();
    let firsts: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').next().expect("a cell")).collect();
    assert_eq!(firsts, ["second wave"; 3]);
    assert!(csv.contains("db-2,default,eu-west-1,exporting"), "{csv}");
}

#[tokio::test]
async fn selectors_narrow_a_report() {
    let stored = Stored::story().await;
    for (line, names) in [
        (&["--account", "prod"][..], &["cache-1", "mail-1", "mail-2"][..]),
        (&["--account", "prod", "--region", "us-east-1"], &["cache-1"]),
        (&["--state", "failed", "--state", "needs_review"], &["web-3", "db-3"]),
        (&["--state", "failed,cancelled"], &["web-3", "mail-2"]),
        (&["--error", "SnapshotNotFound", "--error", "ServiceException"], &["web-3", "db-primary-nightly-2026-11-22"]),
        (&["--name", "web-?", "--name", "*-nightly-*"], &["web-1", "web-2", "web-3", "db-primary-nightly-2026-11-22"]),
        (&["7", "2"], &["web-2", "cache-1"]),
        (&["7", "2", "--state", "queued"], &["cache-1"]),
        (&["--batch", "second wave", "--region", "eu-west-1"], &["db-2"]),
        (&["--name", "%"], &[]),
    ] {
        let words: Vec<&str> = ["report", "--format", "jsonl"].into_iter().chain(line.iter().copied()).collect();
        let jsonl = stored.run(&words).await.done();
        let found: Vec<String> = jsonl
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an object"))
            .map(|value| value["snapshot_name"].as_str().expect("a name").to_owned())
            .collect();
        assert_eq!(found, names, "{line:?}");
    }
}

#[tokio::test]
async fn an_empty_report_is_still_well_formed() {
    let stored = Stored::many(0).await;
    assert_eq!(stored.run(&["report"]).await.done(), "Nothing to report.\n");
    assert_eq!(stored.run(&["report", "--format", "json"]).await.done(), "[]\n");
    assert_eq!(stored.run(&["report", "--format", "jsonl"]).await.done(), "");
    let header = format!("{},number\n", REPORT_COLUMNS.join(","));
    assert_eq!(stored.run(&["report", "--format", "csv", "--batch", "many"]).await.done(), header);
}

#[tokio::test]
async fn no_row_is_lost_or_told_twice_at_the_edge_of_a_page() {
    for jobs in [1, 999, 1000, 1001, 2000, 2001] {
        let stored = Stored::many(jobs).await;
        let wanted: Vec<String> = (1..=jobs).map(|number| format!("snap-{number}")).collect();
        for scope in [&["report"][..], &["report", "--batch", "many"]] {
            let words: Vec<&str> = scope.iter().copied().chain(["--format", "csv"]).collect();
            let csv = stored.run(&words).await.done();
            let names: Vec<&str> = csv.lines().skip(1).map(|line| line.split(',').nth(1).expect("a name")).collect();
            assert_eq!(names, wanted, "{jobs} in {scope:?}");
            let json = stored.run(&[scope, &["--format", "json"]].concat()).await.done();
            let lines: Vec<serde_json::Value> = serde_json::from_str(&json).expect("an array");
            assert_eq!(lines.len(), jobs as usize);
            let table = stored.run(scope).await.done();
            assert_eq!(table.lines().count(), jobs as usize + 3, "a title, a gap and a sum");
            assert_eq!(table.matches("SNAPSHOT").count(), 1);
        }
    }
}

#[tokio::test]
async fn a_file_is_there_whole_or_not_at_all() {
    let stored = Stored::story().await;
    let path = stored.path("report.csv");
    let name = path.to_str().expect("a path");
    let words = ["report", "--batch", "fleet", "--format", "csv", "-o", name];
    std::fs::write(&path, "before").expect("a file");
    assert_eq!(stored.run(&words).await.done(), "");
    let written = std::fs::read_to_string(&path).expect("the report");
    assert_eq!(written, stored.run(&words[..5]).await.done());

    // A value that cannot be read comes up in the middle; what was there before stays, and nothing else is left.
    stored.sql("UPDATE batch_rows SET carried = 'broken' WHERE batch_id = 1 AND line = 9").await;
    let error = stored.run(&words).await.result.expect_err("a broken row");
    insta::assert_snapshot!(format!("{error:#}"), @r#"the report could not be read from the database: the database holds copied values that cannot be read: "broken""#);
    assert_eq!(std::fs::read_to_string(&path).expect("the report"), written);
    let left: Vec<String> = std::fs::read_dir(stored.folder.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| !name.starts_with("snapferry.db"))
        .collect();
    assert_eq!(left, ["report.csv"]);
}

#[tokio::test]
async fn a_place_that_takes_no_file_is_named() {
    let stored = Stored::story().await;
    for (place, words) in [("", "is a folder"), ("not/there.csv", "does not exist")] {
        let path = stored.path(place);
        let error = stored.run(&["report", "-o", path.to_str().expect("a path")]).await.result.expect_err("no file");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_report_is_readable_as_any_file_of_its_user() {
    use std::os::unix::fs::PermissionsExt;
    let stored = Stored::story().await;
    let (report, other) = (stored.path("report.csv"), stored.path("other"));
    std::fs::write(&other, "").expect("a file");
    stored.run(&["report", "-o", report.to_str().expect("a path")]).await.done();
    let mode = |path| std::fs::metadata(path).expect("a file").permissions().mode();
    assert_eq!(mode(&report), mode(&other));
}

/// Takes `left` bytes, then is a pipe without a reader.
struct Head {
    left: usize,
}

impl Write for Head {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        let taken = bytes.len().min(self.left);
        self.left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_error() {
    use clap::Parser;
    let stored = Stored::many(2001).await;
    for format in ["table", "csv", "json", "jsonl"] {
        let line = crate::stored::Line::parse_from(["snapferry", "report", "--format", format]);
        let (mut out, mut notes) = (Head { left: 5000 }, Vec::new());
        let screen = Screen { out: &mut out, notes: &mut notes, style: TextStyle::default(), terminal: false };
        let clock = ManualClock::new(Timestamp::parse(NOW).expect("a time"));
        let (queue, settings, clock) = (&stored.queue, &stored.settings(), &clock);
        let session = Session { queue, settings, clock, person: "ada", screen, asking: Asking::Nobody };
        assert_eq!(line.command.run(session).await.expect("quiet"), Exit::Done, "{format}");
    }
}

#[tokio::test]
async fn a_batch_that_is_not_there_is_told_with_what_comes_near() {
    let stored = Stored::story().await;
    insta::assert_snapshot!(stored.run(&["report", "--batch", "fleeet"]).await.refused(), @r#"there is no batch "fleeet"; did you mean "fleet"?"#);
    insta::assert_snapshot!(stored.run(&["report", "--batch", "zebra"]).await.refused(), @r#"there is no batch "zebra"; the newest is "third", snapferry status lists them all"#);
    insta::assert_snapshot!(stored.run(&["report", "1", "99"]).await.refused(), @"there is no job 99; the jobs are 1 to 9, snapferry jobs lists them");
    let empty = Stored::empty().await;
    insta::assert_snapshot!(empty.run(&["report", "--batch", "fleet"]).await.refused(), @r#"there is no batch "fleet"; there are no batches yet, create one with snapferry enqueue FILE"#);
    insta::assert_snapshot!(empty.run(&["report", "1"]).await.refused(), @"there is no job 1; there are no jobs yet, create some with snapferry enqueue FILE");
}

#[tokio::test]
async fn the_lines_of_a_report_are_counted_by_state() {
    let stored = Stored::story().await;
    let request = ReportRequest { format: Format::Jsonl, ..ReportRequest::default() };
    let counts = write_report(&stored.queue, &request, &mut std::io::sink()).await.expect("a report").states;
    assert_eq!(
        counts,
        stored
            .queue
            .batches()
            .await
            .expect("batches")
            .iter()
            .fold(snapferry::queue::StateCounts::default(), |sum, batch| sum.plus(&batch.jobs))
    );
    assert_eq!(count(&stored.queue, &Selector::default()).await, 9);
}

#[tokio::test]
async fn a_batch_selects_the_jobs_that_it_shares() {
    let stored = Stored::story().await;
    let batch = stored.queue.batches().await.expect("batches").remove(1);
    let selector = Selector { batch: Some(batch.id), ..Selector::default() };
    assert_eq!(count(&stored.queue, &selector).await, 3);
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = stored.queue.jobs_page(&selector, after, 1).await.expect("a page");
        let Some(job) = page.first() else { break };
        after = Some(job.id);
        ids.push(job.id.0);
    }
    assert_eq!(ids, [5, 8, 9]);
}

async fn count(queue: &Queue, selector: &Selector) -> u64 {
    queue.count_jobs(selector).await.expect("a count")
}
