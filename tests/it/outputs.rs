//! What each command says, in its main cases, as whole transcripts: on a terminal of 80 columns where a person is asked,
//! and in a pipe through the program itself. A change of any word shows here.

use super::stored::Stored;
use snapferry::queue::{DatabaseLock, Held};
use snapferry::report::{Colour, TextStyle};
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

const WIDTH: u16 = 80;

/// A transcript of command lines on a terminal of 80 columns, where a person gives this answer.
async fn on_a_terminal(stored: &Stored, answer: &str, lines: &[&str]) -> String {
    let mut transcript = String::new();
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        let look = TextStyle { width: Some(WIDTH), colour: Colour::Plain };
        let ran = stored.run_asked(&words, look, Some(answer)).await;
        let end = match ran.result {
            Ok(exit) => format!("{exit:?}"),
            Err(error) => format!("{error:#}"),
        };
        // As it looks where the answer is typed.
        let notes = ran.notes.replace("[y/N] ", &format!("[y/N] {answer}"));
        let _ = write!(transcript, "$ snapferry {line}\n{}{notes}=> {end}\n\n", ran.out);
    }
    let folder = stored.folder.path().display().to_string();
    transcript.replace(&folder, "DIR")
}

/// A batch and a lane that are stopped by their circuit breakers, one of them with a job that is being tried.
const STOPPED: &str = "
    INSERT INTO breaker_openings (lane_id, batch_id, opened_at, failed, ended, code, waits_from, wait) VALUES
        (1, 1, 1795457100000, 25, 50, NULL, 1795457100000, 600000);
    INSERT INTO breaker_openings (lane_id, batch_id, opened_at, failed, ended, code, waits_from, wait, probe, probes, failed_run)
    VALUES (2, NULL, 1795457040000, 3, 3, 'InvalidInputException', 1795457160000, 600000, NULL, 1, 1);
    UPDATE jobs SET hold = NULL WHERE id = 7;";

/// Names as long as people's names are.
const LONG_NAMES: &str = "
    UPDATE jobs SET snapshot_name = 'northern-lights-bookkeeping-and-payroll-wordpress-5-production-' || id;
    UPDATE jobs SET error_message = 'the snapshot northern-lights-bookkeeping-and-payroll-wordpress-5-production could '
        || 'not be exported, since another export of it is under way; please wait for it to complete' WHERE error_code
        IS NOT NULL;
    UPDATE batches SET name = 'migration of the northern accounts, wave ' || id || ' (bookkeeping and payroll)';
    UPDATE lanes SET account = 'northern-lights-bookkeeping-production' WHERE account = 'prod';";

#[tokio::test]
async fn why_says_why_in_each_state() {
    let stored = Stored::story().await;
    let said = on_a_terminal(
        &stored,
        "",
        &["why 1", "why 2", "why 3", "why 4", "why 5", "why 6", "why 7", "why 8", "why 9", "why 1 --json", "why 99"],
    );
    insta::assert_snapshot!(said.await);
}

#[tokio::test]
async fn why_names_the_cap_only_for_whom_it_holds_and_what_went_wrong_with_an_export() {
    let stored = Stored::many(3).await;
    stored
        .sql(
            "UPDATE lanes SET proven = 1, listed_at = 1795456800000;
             INSERT INTO runs (id, began_at, pid, version) VALUES (1, 1795456800000, 812, '0.1.0');
             INSERT INTO inventories (lane_id, batch_id, run_id) VALUES (1, 1, 1);
             UPDATE jobs SET state = 'exporting', attempt = 1, submitted_at = 1795457390000 WHERE id = 1;
             UPDATE jobs SET attempt = 1, used = 1, error_code = 'InternalError', error_message = 'it broke' WHERE id = 3;
             INSERT INTO snapshots (lane_id, name, kind, state, weight, inventory)
             SELECT 1, snapshot_name, 'instance', 'available', iif(id = 1, 18, 3), 1 FROM jobs;
             UPDATE jobs SET weight = 18 WHERE id = 1;
             UPDATE job_counts SET weight = 18 WHERE state = 'exporting';
             INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, answered_at, outcome)
             VALUES (3, 1, 1, 1795457000000, 0, 1795457000100, 'accepted');",
        )
        .await;
    let _daemon = DatabaseLock::take(stored.queue.path(), Held::Daemon, "snapferry daemon, pid 812").expect("a lock");
    // Eighteen of twenty copies are under way, and each takes three: the first one is held by that, the second by the first.
    let (first, second) = (stored.run(&["why", "2"]).await.done(), stored.run(&["why", "3"]).await.done());
    assert!(first.contains("18 of 20 EBS copies of its lane"), "{first}");
    assert!(!second.contains("EBS copies") && second.contains("is sent before it"), "{second}");
    assert!(second.contains("Attempt 1 failed: InternalError: it broke"), "{second}");
}

#[tokio::test]
async fn what_has_stopped_by_itself_is_told_everywhere() {
    let stored = Stored::story().await;
    stored.sql(STOPPED).await;
    let lines = [
        "status",
        "status --batch fleet",
        "why 4",
        "why 7",
        "resume 4 --yes",
        "resume --batch fleet",
        "resume --account prod --region us-east-1",
        "why 4",
        "why 7",
    ];
    insta::assert_snapshot!(on_a_terminal(&stored, "y\n", &lines).await);
}

#[tokio::test]
async fn show_and_jobs_and_failures_and_reports() {
    let stored = Stored::story().await;
    let lines = [
        "show 2",
        "show 3",
        "show 5",
        "show 7",
        "show 99",
        "jobs",
        "jobs --state failed,needs_review",
        "jobs --name nothing-like-it",
        "failures",
        "failures --json",
        "failures --batch second",
        "report --batch fleet",
        "report --batch fleet --format jsonl",
        "report --state failed --format csv",
    ];
    insta::assert_snapshot!(on_a_terminal(&stored, "", &lines).await);
}

#[tokio::test]
async fn acts_show_what_they_touch_ask_and_say_what_came_of_it() {
    let stored = Stored::story().await;
    let refused = ["retry --state failed", "cancel --batch fleet", "pause --name db-*", "pause --batch fleet"];
    insta::assert_snapshot!("acts_refused", on_a_terminal(&stored, "n\n", &refused).await);
    let lines = [
        "retry --state failed",
        "retry 1 3 6",
        "pause --name db-*",
        "pause --batch fleet",
        "pause --batch fleet",
        "pause --account default --region eu-west-1",
        "resume --batch fleet",
        "resume --all",
        "resume --all",
        "cancel --state queued",
        "cancel 1 5 9",
        "retry",
        "pause",
        "retry --batch nowhere",
        "cancel 99",
    ];
    insta::assert_snapshot!("acts_done", on_a_terminal(&stored, "y\n", &lines).await);
}

#[tokio::test]
async fn resolve_shows_the_evidence_and_does_as_it_is_told() {
    let lines =
        ["resolve 6", "resolve 6 --adopt arn:none", "resolve 6 --fail", "resolve 6 --fail", "resolve 1", "resolve 99"];
    insta::assert_snapshot!(on_a_terminal(&Stored::story().await, "", &lines).await);
}

#[tokio::test]
async fn a_backup_says_what_it_made_and_what_it_will_not_replace() {
    let stored = Stored::story().await;
    let copy = stored.path("copy.db").display().to_string();
    let nowhere = stored.path("nowhere/copy.db").display().to_string();
    let (once, forced, lost) =
        (format!("backup {copy}"), format!("backup --force {copy}"), format!("backup {nowhere}"));
    let said = on_a_terminal(&stored, "", &[&once, &once, &forced, &lost]).await;
    // The size of the file is not the point.
    let said: Vec<&str> = said.split(' ').map(|word| if word.parse::<f64>().is_ok() { "N" } else { word }).collect();
    insta::assert_snapshot!(said.join(" "));
}

/// The lines of a transcript that a terminal of 80 columns would break in the middle: a single word that is longer stays
/// whole, so that it can be copied.
fn too_wide(transcript: &str) -> Vec<&str> {
    let said = transcript.lines().filter(|line| !line.starts_with("$ ") && !line.starts_with("=> "));
    said.filter(|line| line.chars().count() > usize::from(WIDTH) && line.split_whitespace().count() > 1).collect()
}

#[tokio::test]
async fn every_text_holds_in_80_columns_with_the_longest_names() {
    let lines = [
        "status",
        "jobs",
        "failures",
        "report",
        "show 1",
        "show 4",
        "show 6",
        "why 3",
        "why 4",
        "why 5",
        "why 6",
        "why 7",
        "why 8",
        "resolve 6",
        "retry --state failed",
        "cancel --state queued",
        "pause --all",
        "pause --state queued",
        "resume --all",
        "retry 1 2 3 4 5 6 7 8 9",
    ];
    for more in ["", STOPPED] {
        let stored = Stored::story().await;
        stored.sql(more).await;
        stored.sql(LONG_NAMES).await;
        let said = on_a_terminal(&stored, "n\n", &lines).await;
        assert!(said.contains("northern-lights-bookkeeping-and-payroll-wordpress-5-production-6"), "{said}");
        assert_eq!(too_wide(&said), [""; 0], "{said}");
    }
}

#[test]
fn a_line_that_is_too_wide_is_noticed() {
    let long = "x".repeat(81);
    let line = format!("a {}", "b ".repeat(40));
    let transcript = format!("$ snapferry {line}\n{long}\n{line}\n=> {line}\n");
    assert_eq!(too_wide(&transcript), [line.as_str()]);
}

/// A transcript of the program in a pipe, in a folder of its own.
fn in_a_pipe(folder: &Path, lines: &[&str]) -> String {
    let mut transcript = String::new();
    for line in lines {
        let output = Command::new(env!("CARGO_BIN_EXE_snapferry"))
            .args(line.split(' '))
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .env("USER", "ada")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("SNAPFERRY_DATABASE", "sqlite://desk.db")
            .output()
            .expect("the program");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let end = output.status.code().expect("a code");
        let _ = write!(transcript, "$ snapferry {line}\n{}{}=> {end}\n\n", text(&output.stdout), text(&output.stderr));
    }
    transcript.replace(&folder.display().to_string(), "DIR")
}

#[test]
fn enqueue_says_what_came_in_and_what_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("a file");
    put("fleet.csv", "snapshot_name,region,owner\nweb-1,eu-west-1,ann\nweb-2,eu-west-1,bob\nweb-1,eu-west-1,ann\n");
    put("bad.csv", "snapshot_name,region\nweb-3,eu-west-1\n!,eu-west-1\nweb-4,nowhere\n");
    let stranger = |n: u32| format!("web-{n},eu-west-1,mine\n");
    let place = |n: u32| format!("web-{n},nowhere-{n},\n");
    let alike: String = (0..2000).map(stranger).chain((0..40).map(place)).collect();
    put("alike.csv", &format!("snapshot_name,region,account\n{alike}"));
    put("twice.csv", "name,snapshot\nweb-1,web-1\n");
    put("empty.csv", "");
    put("none.csv", "region,owner\neu-west-1,ann\n");
    let said = in_a_pipe(
        folder.path(),
        &[
            "enqueue fleet.csv --dry-run",
            "enqueue fleet.csv",
            "enqueue fleet.csv",
            "enqueue fleet.csv --batch fleet",
            "enqueue fleet.csv --batch fleet --dry-run",
            "enqueue bad.csv",
            "enqueue bad.csv --skip-invalid",
            "enqueue alike.csv",
            "enqueue twice.csv",
            "enqueue empty.csv",
            "enqueue none.csv",
            "enqueue missing.csv",
            "enqueue fleet.csv --region mars",
            "enqueue fleet.csv --account nobody",
            "status",
        ],
    );
    insta::assert_snapshot!(said.lines().map(without_times).collect::<Vec<_>>().join("\n"));
}

/// When it was is not the point: `fleet-20261126T065157Z-2`, and `(0 %), 3 s ago from fleet.csv`.
fn without_times(line: &str) -> String {
    let line = match line.split_once(" %), ") {
        Some((before, after)) => {
            format!("{before} %), a moment ago{}", after.split_once(" ago").map_or("", |(_, end)| end))
        }
        None => line.to_owned(),
    };
    let is_time = |part: &str| part.len() == 16 && part.starts_with("20") && part.ends_with('Z');
    let part = |part: &str| {
        if is_time(part.trim_end_matches([':', '`'])) { part.replace(&part[..16], "TIME") } else { part.to_owned() }
    };
    let pieces = line.split('-').map(|piece| piece.split(' ').map(part).collect::<Vec<_>>().join(" "));
    // Whether two fall into one second is chance.
    pieces.collect::<Vec<_>>().join("-").replace("TIME-2", "TIME")
}

#[test]
fn errors_are_one_line_with_the_way_out() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("bad.toml"), "[export]\nrat = 3\n").expect("a file");
    std::fs::write(folder.path().join("binary.toml"), [0xff, 0, 0x80]).expect("a file");
    std::fs::write(folder.path().join("list.toml"), "[accounts.prod]\nregions = 'eu-west-1'\n").expect("a file");
    std::fs::write(folder.path().join("slip.csv"), "snapshot_name,regoin\nweb-1,eu-west-1\n").expect("a file");
    std::fs::write(folder.path().join("text.db"), "this is no database, it is a text of some length").expect("a file");
    let said = in_a_pipe(
        folder.path(),
        &[
            "status --database sqlite://no/such/folder/x.db",
            "status --database sqlite://text.db",
            "status --database postgres://host/db",
            "status --config bad.toml",
            "status --config missing.toml",
            "status --config binary.toml",
            "status --config .",
            "status --config list.toml",
            "run --rehearse missing.csv",
            "run --rehearse slip.csv",
            "enqueue slip.csv",
            "backup -",
            "status --batch nothing",
            "show 1",
            "why x",
            "retry",
            "retry --state failed",
            "resolve 1",
            "jobs --state gone",
            "jobs --region mars",
            "report --bundle out",
            "backup",
            "plan missing.csv",
            "fly",
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn the_end_of_a_run_is_its_report_and_a_word_on_what_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fleet.csv"), "snapshot_name,region\nweb-1,eu-west-1\nweb-2,eu-west-1\n")
        .expect("a file");
    let said = in_a_pipe(folder.path(), &["run --rehearse fleet.csv -q --batch fleet"]);
    // How far it was at which second is not the point.
    let said = said.lines().filter(|line| !line.starts_with("fleet: "));
    insta::assert_snapshot!(said.map(without_ids).collect::<Vec<_>>().join("\n"));
}

/// The ids of a rehearsal are made up anew each time.
fn without_ids(line: &str) -> String {
    let word = |word: &str| match word {
        _ if word.starts_with("ami-") => "ami-ID".to_owned(),
        _ => word.to_owned(),
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
