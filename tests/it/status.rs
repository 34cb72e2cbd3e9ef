//! How it stands.

use crate::stored::{Line, NOW, Stored};
use clap::Parser;
use snapferry::cli::{Asking, Exit, Screen, Session};
use snapferry::clock::ManualClock;
use snapferry::domain::Timestamp;
use snapferry::queue::{DatabaseLock, Held};
use snapferry::report::{Colour, TextStyle};
use std::time::Duration;

#[tokio::test]
async fn a_status_says_how_it_stands_and_what_waits_for_a_person() {
    let stored = Stored::story().await;
    let said = stored.run(&["status"]).await.done();
    assert!(said.contains("waiting for credentials for 5 min: The security token"), "{said}");
    insta::assert_snapshot!(said);
    let _daemon = DatabaseLock::take(stored.queue.path(), Held::Daemon, "snapferry daemon, pid 812").expect("a lock");
    let narrow = stored.run_wide(&["status"], 60).await.done();
    assert!(narrow.lines().all(|line| line.len() <= 60), "{narrow}");
    insta::assert_snapshot!(narrow);
}

#[tokio::test]
async fn a_status_of_a_batch_is_of_its_jobs_and_lanes_alone() {
    let stored = Stored::story().await;
    insta::assert_snapshot!(stored.run(&["status", "--batch", "second wave"]).await.done());
    assert_eq!(
        stored.run(&["status", "--batch", "second"]).await.refused(),
        "there is no batch \"second\"; did you mean \"second wave\"?"
    );
}

#[tokio::test]
async fn nothing_and_all_done_are_told_apart() {
    let empty = Stored::empty().await;
    insta::assert_snapshot!(empty.run(&["status"]).await.done(), @"empty: no jobs yet; queue some with snapferry enqueue FILE");
    let stored = Stored::many(3).await;
    stored.sql("UPDATE jobs SET state = 'succeeded', finished_at = 1795456900000, destination_id = 'ami-1'").await;
    insta::assert_snapshot!(stored.run(&["status"]).await.done());
}

#[tokio::test]
async fn batches_that_ended_long_ago_stay_out_of_the_way() {
    let stored = Stored::empty().await;
    for number in 1..=7 {
        stored
            .sql(&format!(
                "INSERT INTO batches (name, source, state, created_at) VALUES ('b{number}', '-', 'sealed', 1795456800000)"
            ))
            .await;
    }
    let text = stored.run(&["status"]).await.done();
    assert!(text.contains("and 4 more that have ended (--json has all)"), "{text}");
    assert!(!text.contains("b4  ") && text.contains("b5  "), "{text}");
}

#[tokio::test]
async fn what_waits_for_a_person_alone_needs_no_daemon() {
    let stored = Stored::many(2).await;
    stored
        .sql(
            "UPDATE jobs SET state = 'needs_review' WHERE id = 1;
             UPDATE jobs SET state = 'succeeded', finished_at = 1795456900000, destination_id = 'ami-1' WHERE id = 2",
        )
        .await;
    let said = stored.run(&["status"]).await.done();
    assert!(said.starts_with("waiting: 1 of 2 jobs done") && !said.contains("no daemon is running"), "{said}");
    assert!(said.contains("snapferry resolve JOB"), "{said}");
}

#[tokio::test]
async fn what_holds_all_that_a_lane_has_queued_is_named_before_any_rate() {
    let stored = Stored::many(3).await;
    stored.sql("UPDATE lanes SET proven = 1, listed_at = 1795456800000, learned_rate = 0.5").await;
    let lane = async || {
        let json = stored.run(&["status", "--json"]).await.done();
        let json: serde_json::Value = serde_json::from_str(&json).expect("an object");
        crate::json_schema::holds("status", &json);
        let text = stored.run(&["status"]).await.done();
        let line = text.lines().skip_while(|line| *line != "LANES").nth(2).expect("what binds").trim().to_owned();
        (json["lanes"][0]["bound_by"][0].as_str().expect("a name").to_owned(), line)
    };
    let named = |name: &str, line: &str| (name.to_owned(), line.to_owned());
    assert_eq!(lane().await, named("no_daemon", "no daemon is running"));
    let _daemon = DatabaseLock::take(stored.queue.path(), Held::Daemon, "snapferry daemon, pid 812").expect("a lock");
    stored.sql("INSERT INTO runs (id, began_at, pid, version) VALUES (1, 1795456800000, 812, '0.1.0')").await;
    let unlisted = "waiting for the first inventory of this run";
    assert_eq!(lane().await, named("unlisted", unlisted));
    stored.sql("INSERT INTO inventories (lane_id, batch_id, run_id) VALUES (1, 1, 1)").await;
    assert_eq!(lane().await.0, "learned_rate");
    // Another start: what the run before it had listed counts no more.
    stored.sql("INSERT INTO runs (id, began_at, pid, version) VALUES (2, 1795456900000, 813, '0.1.0')").await;
    assert_eq!(lane().await, named("unlisted", unlisted));
    stored.sql("UPDATE inventories SET run_id = 2").await;
    stored.sql("UPDATE jobs SET due_at = 1795457700000 + id * 60000").await;
    let until = "every queued job waits; the first is sent after 2026-11-23 18:16:00 UTC";
    assert_eq!(lane().await, named("waiting", until));
    stored.sql("UPDATE jobs SET due_at = NULL, hold = 'inventory'").await;
    assert_eq!(lane().await, named("waiting", "every queued job waits for an inventory"));
    stored.sql("UPDATE jobs SET hold = NULL, paused_at = 1795457300000 WHERE id < 3").await;
    assert_eq!(lane().await.0, "waiting");
    stored.sql("UPDATE jobs SET hold = NULL").await;
    assert_eq!(lane().await.0, "learned_rate");
    stored.sql("UPDATE batches SET paused_at = 1795457300000").await;
    assert_eq!(lane().await, named("paused_batches", "every queued job belongs to a batch that is paused"));
}

/// An outage ends with an export that is taken; where none is queued, nobody can do anything about it.
#[tokio::test]
async fn a_lane_that_has_nothing_to_try_its_trouble_with_needs_nobody() {
    let stored = Stored::many(2).await;
    stored
        .sql(
            "UPDATE lanes SET proven = 1, listed_at = 1795456800000, blocked_at = 1795457100000, blocked_code = 'outage';
             UPDATE jobs SET state = 'exporting', attempt = 1, submitted_at = 1795457390000 WHERE id = 1;",
        )
        .await;
    let _daemon = DatabaseLock::take(stored.queue.path(), Held::Daemon, "snapferry daemon, pid 812").expect("a lock");
    let said = stored.run(&["status"]).await.done();
    assert!(said.contains("it recovers automatically") && said.contains("is blocked (outage)"), "{said}");
    stored
        .sql("UPDATE jobs SET state = 'succeeded', finished_at = 1795456900000, destination_id = 'ami-1' WHERE id = 2")
        .await;
    let said = stored.run(&["status"]).await.done();
    assert!(said.contains("the next job tries again") && said.contains("nothing needs you"), "{said}");
    assert!(!said.contains("not done before"), "{said}");
}

#[tokio::test]
async fn colours_come_only_when_asked_for() {
    let stored = Stored::story().await;
    let plain = stored.run(&["status"]).await.done();
    assert!(!plain.contains('\u{1b}'));
    let painted = stored.run_on(&["status"], TextStyle { width: None, colour: Colour::Ansi }).await.done();
    assert!(painted.contains("\u{1b}[31mwaiting for credentials\u{1b}[0m"), "{painted}");
    let mut stripped = painted;
    for code in ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[2m", "\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[36m"] {
        stripped = stripped.replace(code, "");
    }
    assert_eq!(stripped, plain);
}

#[tokio::test]
async fn json_has_it_all_under_stable_names() {
    let stored = Stored::story().await;
    let json = stored.run(&["status", "--json"]).await.done();
    let value = serde_json::from_str(&json).expect("an object");
    crate::documented(&value);
    crate::json_schema::holds("status", &value);
    insta::assert_snapshot!(json);
}

#[tokio::test]
async fn a_holder_is_seen_only_while_it_lives() {
    let stored = Stored::empty().await;
    let holder = || DatabaseLock::holder(stored.queue.path(), Held::Daemon).expect("a look");
    assert_eq!(holder(), None);
    let lock = DatabaseLock::take(stored.queue.path(), Held::Daemon, "snapferry daemon, pid 7").expect("a lock");
    assert_eq!(holder().as_deref(), Some("snapferry daemon, pid 7"));
    drop(lock);
    assert_eq!(holder(), None);
}

async fn watched(line: &[&str], terminal: bool) -> String {
    let stored = Stored::empty().await;
    let command = Line::parse_from(std::iter::once("snapferry").chain(line.iter().copied())).command;
    let super::stored::Command::Status(status) = command else { panic!("another command") };
    let clock = ManualClock::new(Timestamp::parse(NOW).expect("a time"));
    let (mut out, mut notes, drawn) = (Vec::new(), Vec::new(), std::cell::Cell::default());
    let (queue, settings) = (&stored.queue, &stored.settings());
    for _ in 0..3 {
        let screen = Screen { out: &mut out, notes: &mut notes, style: TextStyle::default(), terminal };
        let session = Session { queue, settings, clock: &clock, person: "ada", screen, asking: Asking::Nobody };
        assert_eq!(status.run(session, &drawn).await.expect("drawn"), Exit::Done);
        clock.advance(Duration::from_secs(1));
    }
    String::from_utf8(out).expect("UTF-8")
}

#[tokio::test]
async fn watching_redraws_on_a_terminal_and_repeats_in_a_pipe() {
    const EMPTY: &str = "empty: no jobs yet; queue some with snapferry enqueue FILE\n";
    assert_eq!(watched(&["status", "--watch"], false).await, format!("{EMPTY}\n{EMPTY}\n{EMPTY}"));
    let again = format!("\u{1b}[H{}\u{1b}[J", EMPTY.replace('\n', "\u{1b}[K\n"));
    assert_eq!(watched(&["status", "--watch"], true).await, format!("\u{1b}[2J\u{1b}[H{EMPTY}{again}{again}"));
    let lines = watched(&["status", "--watch", "--json"], true).await;
    let times: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an object")["now"].clone())
        .collect();
    assert_eq!(times.len(), 3);
    assert!(times.is_sorted_by(|a, b| a.as_str() < b.as_str()), "{times:?}");
}

/// Twenty of a hundred jobs have ended, one each half minute; the last ones are under way.
async fn half_done() -> Stored {
    let stored = Stored::many(100).await;
    stored
        .sql(
            "UPDATE lanes SET proven = 1, listed_at = 1795456800000;
             UPDATE jobs SET state = 'succeeded', destination_id = 'ami-' || id, submitted_at = 1795456800000,
                 finished_at = 1795457400000 - 30000 * (20 - id) WHERE id <= 20;
             UPDATE jobs SET state = 'exporting', attempt = 1, submitted_at = 1795457390000 WHERE id BETWEEN 21 AND 40;
             INSERT INTO runs (id, began_at, pid, version) VALUES (1, 1795456800000, 812, '0.1.0');
             INSERT INTO inventories (lane_id, batch_id, run_id) VALUES (1, 1, 1);
             INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, answered_at, outcome, http_status, error_code)
             SELECT id, 1, 1, 1795457390000, 0, 1795457399000 - 30000 * (id > 60), 'refused', 400, 'ThrottlingException'
             FROM jobs WHERE id BETWEEN 50 AND 63;",
        )
        .await;
    stored
}

#[tokio::test]
async fn a_status_forecasts_by_what_ended_of_late_and_names_the_cap_and_the_throttles() {
    let stored = half_done().await;
    let _daemon = DatabaseLock::take(stored.queue.path(), Held::Daemon, "snapferry daemon, pid 812").expect("a lock");
    insta::assert_snapshot!(stored.run_wide(&["status"], 80).await.done());
    let json: serde_json::Value =
        serde_json::from_str(&stored.run(&["status", "--json"]).await.done()).expect("an object");
    crate::json_schema::holds("status", &json);
    let lane = &json["lanes"][0];
    assert_eq!((&lane["bound_by"][0], &lane["throttles_a_minute"]), (&"cap".into(), &14.into()));
    assert_eq!((&json["finish"]["kind"], &json["finish"]["rests_on"]), (&"range".into(), &"ends".into()));
    // EC2 had too many copies: ten of twenty five minutes ago, and two more each other minute.
    stored
        .sql("UPDATE lanes SET lowered_cap = 10, lowered_at = 1795457100000, lowered_code = 'ResourceLimitExceeded'")
        .await;
    let said = stored.run(&["status"]).await.done();
    let lowered =
        "cap lowered to 14 of 20 for 5 min, because EC2 had too many copies in progress (ResourceLimitExceeded)";
    assert!(said.contains(lowered) && said.contains("at its cap: 20 of 14 EBS copies in progress"), "{said}");
    let json: serde_json::Value =
        serde_json::from_str(&stored.run(&["status", "--json"]).await.done()).expect("an object");
    crate::json_schema::holds("status", &json);
    let lane = &json["lanes"][0];
    assert_eq!((&lane["max_in_flight"], &lane["lowered_cap"]["code"]), (&14.into(), &"ResourceLimitExceeded".into()));
    stored.sql("UPDATE lanes SET lowered_cap = NULL, lowered_at = NULL, lowered_code = NULL").await;
    // A pause holds it, whatever was measured; what is under way ends all the same.
    stored.sql("UPDATE lanes SET paused_at = 1795457000000, paused_by = 'alice'").await;
    let said = stored.run(&["status"]).await.done();
    assert!(
        said.starts_with("running: 20 of 100 jobs done, not done before lane default/eu-west-1 is resumed; 1 thing"),
        "{said}"
    );
    stored.sql("UPDATE lanes SET paused_at = NULL; UPDATE jobs SET paused_at = 1795457000000 WHERE id = 90").await;
    let said = stored.run(&["status"]).await.done();
    assert!(said.contains("not done before the paused jobs of lane default/eu-west-1 are resumed"), "{said}");
    assert!(said.contains("- jobs of lane default/eu-west-1 are paused individually\n"), "{said}");
    stored.sql("UPDATE jobs SET state = 'queued', destination_id = NULL, finished_at = NULL WHERE id <= 20; UPDATE jobs SET paused_at = NULL").await;
    let said = stored.run(&["status"]).await.done();
    assert!(said.contains("no forecast yet: no export of lane default/eu-west-1 has ended yet"), "{said}");
}

/// Of the lanes that are named, and nothing of the others: neither their jobs, nor what failed there, nor what they need.
#[tokio::test]
async fn a_status_of_one_account_or_region_is_of_its_lanes_alone() {
    let stored = Stored::story().await;
    let all = stored.run(&["status"]).await.done();
    assert!(all.contains("BATCHES") && all.contains("prod/us-east-1") && all.contains("default/eu-west-1"), "{all}");
    let said = stored.run(&["status", "--account", "prod"]).await.done();
    assert!(!said.contains("BATCHES") && !said.contains("default/eu-west-1"), "{said}");
    assert!(said.contains("prod/us-east-1") && said.contains("prod/us-west-2"), "{said}");
    let said = stored.run(&["status", "--account", "prod", "--region", "us-east-1"]).await.done();
    assert!(!said.contains("us-west-2"), "{said}");
    insta::assert_snapshot!(stored.run_wide(&["status", "--account", "default", "--batch", "fleet"], 80).await.done());
    let json: serde_json::Value =
        serde_json::from_str(&stored.run(&["status", "--region", "us-east-1", "--json"]).await.done())
            .expect("an object");
    crate::json_schema::holds("status", &json);
    assert_eq!(json["lanes"].as_array().expect("lanes").len(), 1);
    let wrong = stored.run(&["status", "--account", "pord"]).await.refused();
    assert!(wrong.contains("no such lane; the lanes are: ") && wrong.contains("did you mean \"prod\"?"), "{wrong}");
}

/// The cap binds where the next export does not fit under it, not only where it is reached.
#[tokio::test]
async fn a_lane_is_at_its_cap_where_the_next_export_does_not_fit() {
    let stored = half_done().await;
    let _daemon = DatabaseLock::take(stored.queue.path(), Held::Daemon, "snapferry daemon, pid 812").expect("a lock");
    stored.sql("UPDATE jobs SET state = 'cancelled', finished_at = 1795457000000 WHERE id IN (39, 40)").await;
    // What the next one takes is known from its snapshot; the counters take each queued job for one copy.
    stored
        .sql(
            "INSERT INTO snapshots (lane_id, name, kind, state, weight, inventory)
             SELECT 1, snapshot_name, 'instance', 'available', 3, 1 FROM jobs WHERE state = 'queued'",
        )
        .await;
    let said = stored.run(&["status"]).await.done();
    assert!(said.contains("at its cap: 18 of 20 EBS copies in progress"), "{said}");
    stored.sql("UPDATE snapshots SET weight = 2").await;
    let said = stored.run(&["status"]).await.done();
    assert!(!said.contains("at its cap"), "{said}");
}

/// What Lightsail has done already is not done before it can be nobody else's.
#[tokio::test]
async fn a_forecast_waits_for_the_settle_window_of_calls_without_an_answer() {
    let stored = half_done().await;
    let _daemon = DatabaseLock::take(stored.queue.path(), Held::Daemon, "snapferry daemon, pid 812").expect("a lock");
    stored.sql("UPDATE jobs SET state = 'cancelled', finished_at = 1795457000000 WHERE state = 'queued'").await;
    let said = stored.run(&["status"]).await.done();
    assert!(said.contains("jobs done, done between 18:16 and 18:37 UTC;"), "{said}");
    let open = "INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, answered_at, outcome)
        VALUES (21, 1, 1, 1795457390000, 0, 1795457391000, 'found'), (22, 1, 1, 1795457391000, 0, 1795457391000, 'accepted')";
    stored.sql(open).await;
    let said = stored.run(&["status"]).await.done();
    assert!(said.contains("done between 18:19 and 18:37 UTC, going by 20 exports of lane"), "{said}");
    // Lists that lag behind stretch the window.
    stored.sql("UPDATE lanes SET longest_delay = 1200000").await;
    let said = stored.run(&["status"]).await.done();
    let when = "done at about 19:09 UTC, when the reconciliation window of unconfirmed calls is over";
    assert!(said.contains(when), "{said}");
    let json: serde_json::Value =
        serde_json::from_str(&stored.run(&["status", "--json"]).await.done()).expect("an object");
    crate::json_schema::holds("status", &json);
    assert_eq!(json["finish"]["rests_on"], "reconciliation");
    // An attempt that nobody knows anything of is waited for from its first check on, and until its next one.
    stored.sql("UPDATE jobs SET state = 'unknown' WHERE id = 21; UPDATE attempts SET outcome = 'ambiguous' WHERE job_id = 21").await;
    stored.sql("UPDATE attempts SET absence_checks = 2, first_check_at = 1795457460000, last_check_at = 1795457460000 WHERE job_id = 21").await;
    let said = stored.run(&["status"]).await.done();
    assert!(said.contains("done at about 19:11 UTC, when the reconciliation window"), "{said}");
    stored.sql("UPDATE jobs SET next_poll_at = 1795461240000 WHERE id = 21").await;
    let said = stored.run(&["status"]).await.done();
    assert!(said.contains("done at about 19:14 UTC, when the reconciliation window"), "{said}");
}

/// A refusal ends a job and no export; when a person decides, nobody can reckon.
#[tokio::test]
async fn a_forecast_counts_neither_what_was_refused_nor_what_waits_for_a_person() {
    let stored = half_done().await;
    let _daemon = DatabaseLock::take(stored.queue.path(), Held::Daemon, "snapferry daemon, pid 812").expect("a lock");
    stored
        .sql(
            "UPDATE jobs SET state = 'failed', attempt = 1, submitted_at = 1795457399000, finished_at = 1795457399500,
                 error_code = 'NotFoundException' WHERE id BETWEEN 50 AND 61;
             UPDATE jobs SET state = 'failed', attempt = 1, submitted_at = 1795457000000, finished_at = 1795457399500,
                 error_code = 'OperationFailed' WHERE id = 64;
             INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, answered_at, outcome)
             VALUES (64, 1, 1, 1795457000000, 0, 1795457001000, 'accepted');
             UPDATE jobs SET state = 'needs_review' WHERE id IN (65, 66);",
        )
        .await;
    let said = stored.run(&["status"]).await.done();
    assert!(said.contains("in the last minute: 3 exports, 14 throttles"), "{said}");
    assert!(
        said.contains(
            " UTC but for 2 jobs that need a decision, going by 21 exports of lane default/eu-west-1 that ended"
        ),
        "{said}"
    );
    assert!(said.lines().next().expect("a line").contains(" UTC but for 2 jobs that need a decision; "), "{said}");
}

#[tokio::test]
async fn what_has_stopped_by_itself_is_named_once_in_the_headline() {
    let stored = half_done().await;
    let _daemon = DatabaseLock::take(stored.queue.path(), Held::Daemon, "snapferry daemon, pid 812").expect("a lock");
    let opening = "INSERT INTO breaker_openings (lane_id, batch_id, opened_at, failed, ended, code, waits_from, wait)
                VALUES (1, 1, 1795457100000, 25, 50, NULL, 1795457100000, 600000)";
    stored.sql(opening).await;
    let said = stored.run(&["status"]).await.done();
    let headline = "running: 20 of 100 jobs done, batch many is stopped by its circuit breaker; 1 thing needs you\n";
    assert!(said.starts_with(headline), "{said}");
}

#[tokio::test]
async fn a_status_at_many_jobs_reads_windows_of_indexes() {
    use sqlx::{Connection, Row};
    let stored = half_done().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(stored.queue.path());
    let mut db = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    for (sql, index) in [
        (include_str!("../../src/queue/sql/last_ends.sql"), "jobs_ended"),
        (include_str!("../../src/queue/sql/last_refusals.sql"), "attempts_refused"),
        (include_str!("../../src/queue/sql/newest_failed.sql"), "jobs_trouble"),
    ] {
        let query = without_comments(sql);
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}")))
            .bind(1)
            .bind(1)
            .bind(1)
            .fetch_all(&mut db)
            .await;
        let plan: Vec<String> = rows.expect("a plan").iter().map(|row| row.get::<String, _>("detail")).collect();
        assert!(plan.iter().any(|step| step.contains(index)), "{index}: {plan:?}");
        let scans = |step: &&String| step.starts_with("SCAN jobs") || step.starts_with("SCAN attempts");
        assert!(!plan.iter().any(|step| scans(&step) && !step.contains("INDEX")), "{plan:?}");
    }
}

/// SQL without the lines that explain it.
fn without_comments(sql: &str) -> String {
    sql.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_long_reconciliation_window_says_why_and_is_reset_on_demand() {
    let stored = half_done().await;
    stored.sql("UPDATE lanes SET longest_delay = 7200000, delay_seen_at = 1795457400000 - 7 * 86400000").await;
    let said = stored.run(&["status"]).await.done();
    let line = "reconciliation window 3 h instead of 10 min: Lightsail's lists were 2 h late on 2026-11-16 18:10:00 UTC; it halves \
                each week, or: snapferry resume --account default --region eu-west-1 --reset-window";
    assert!(said.contains(line), "{said}");
    let json: serde_json::Value =
        serde_json::from_str(&stored.run(&["status", "--json"]).await.done()).expect("an object");
    crate::json_schema::holds("status", &json);
    assert_eq!(json["lanes"][0]["reconciliation_window_ms"], 10_800_000);
    let reset = ["resume", "--account", "default", "--region", "eu-west-1", "--reset-window", "--yes"];
    let path = stored.queue.path().to_owned();
    let said = crate::acting::beside(&path, &reset).await.done();
    assert!(said.contains("Unconfirmed attempts keep their reconciliation window"), "{said}");
    assert!(!stored.run(&["status"]).await.done().contains("reconciliation window"));
    assert_eq!(crate::acting::beside(&path, &reset).await.done(), "Lightsail's lists were not late in these lanes.\n");
    let jobs = crate::acting::beside(&path, &["resume", "1", "--reset-window", "--yes"]).await;
    assert_eq!(jobs.code, 2);
}
