//! What failed, by cause; and the selectors that every command shares.

use crate::stored::Stored;

/// A hundred jobs of which most failed, for three causes.
async fn failed() -> Stored {
    let stored = Stored::many(100).await;
    stored
        .sql(
            "UPDATE jobs SET state = 'failed', finished_at = 1795456900000 + id * 1000, error_code = 'SnapshotNotFound',
                 error_message = 'no snapshot of the name \"snap-' || id || '\" in eu-west-1' WHERE id <= 60;
             UPDATE jobs SET state = 'failed', finished_at = 1795457000000 + id * 1000, error_code = 'ServiceException',
                 error_message = 'internal failure, request req-' || id WHERE id BETWEEN 61 AND 80;
             UPDATE jobs SET state = 'failed', finished_at = 1795457000000, error_code = 'ServiceException',
                 error_message = 'try again' WHERE id IN (81, 82);",
        )
        .await;
    stored
}

#[tokio::test]
async fn failures_are_told_by_cause_with_the_command_that_retries_each() {
    let stored = failed().await;
    insta::assert_snapshot!("failures", stored.run_wide(&["failures", "--batch", "many"], 80).await.done());
    insta::assert_snapshot!("failures_in_a_status", stored.run_wide(&["status"], 80).await.done());
    let json: serde_json::Value =
        serde_json::from_str(&stored.run(&["failures", "--json", "--limit", "2"]).await.done()).expect("an object");
    crate::documented(&json);
    crate::json_schema::holds("failures", &json);
    assert_eq!((&json["failed_jobs"], &json["more_groups"], &json["more_jobs"]), (&82.into(), &1.into(), &2.into()));
    assert_eq!(json["groups"][1]["command_takes_more"], true);
    let one = stored.run(&["failures", "--name", "snap-8*", "--error", "ServiceException"]).await.done();
    assert!(one.starts_with("3 jobs, 2 causes\n") && one.contains("snapferry retry 81 82"), "{one}");
    assert_eq!(
        stored.run(&["failures", "--state", "cancelled"]).await.refused(),
        "failures shows failed jobs only; for the others use snapferry jobs --state cancelled"
    );
    assert_eq!(Stored::many(3).await.run(&["failures"]).await.done(), "Nothing failed.\n");
}

#[tokio::test]
async fn a_status_of_very_many_failures_says_how_many_it_looked_at() {
    let stored = Stored::many(3000).await;
    stored
        .sql("UPDATE jobs SET state = 'failed', finished_at = 1795456900000, error_code = 'E', error_message = 'm ' || id")
        .await;
    let said = stored.run(&["status", "--batch", "many"]).await.done();
    assert!(
        said.contains("1,000  E, at 2026-11-23 18:01:40 UTC\n")
            && said.contains(
                "of the 1,000 failed jobs that were queued last; all of them: snapferry failures --batch many"
            ),
        "{said}"
    );
    let all = stored.run(&["failures"]).await.done();
    assert!(all.starts_with("3,000 jobs, 1 cause\n"), "{all}");
}

#[tokio::test]
async fn the_selectors_by_code_and_by_name_mean_the_same_on_every_command() {
    for (line, fitting) in [
        (["--error", "ServiceException"], 22),
        (["--name", "snap-6?"], 10),
        // As the shells have it, and as others write it: none of these.
        (["--name", "snap-[!1-57-9]?"], 10),
        (["--name", "snap-[^1-57-9]?"], 10),
        (["--error", "SnapshotNotFound,ServiceException"], 82),
    ] {
        let stored = failed().await;
        let run = async |command: &str, more: &[&str]| {
            let words: Vec<&str> = [command].into_iter().chain(line).chain(more.iter().copied()).collect();
            stored.run(&words).await.done()
        };
        let jobs: Vec<serde_json::Value> =
            serde_json::from_str(&run("jobs", &["--json", "--limit", "1000"]).await).expect("an array");
        assert_eq!(jobs.len(), fitting, "jobs {line:?}");
        let report: Vec<serde_json::Value> =
            serde_json::from_str(&run("report", &["--format", "json"]).await).expect("an array");
        assert_eq!(report.len(), fitting, "report {line:?}");
        let binary = |words: &[&str]| {
            let all: Vec<&str> = words.iter().copied().chain(line).chain(["--yes"]).collect();
            crate::acting::snapferry(stored.queue.path(), &all).done()
        };
        let waiting = |count: usize| if count == 1 { "1 job".to_owned() } else { format!("{count} jobs") };
        let failed = jobs.iter().filter(|job| job["state"] == "failed").count();
        let touches = |command: &str, count: usize| {
            let said = binary(&[command]);
            assert!(said.contains(&waiting(count)), "{command} {line:?} touches {count}: {said}");
        };
        touches("retry", failed);
        // What waits to be tried again keeps its code.
        stored.sql("UPDATE jobs SET state = 'queued', finished_at = NULL, error_code = CASE WHEN id <= 60 THEN 'SnapshotNotFound' WHEN id <= 82 THEN 'ServiceException' END").await;
        for command in ["pause", "resume", "cancel"] {
            touches(command, fitting);
        }
    }
}

#[tokio::test]
async fn a_paused_job_is_marked_and_an_adopted_one_is_warned_of_once() {
    let stored = Stored::many(3).await;
    stored
        .sql(
            "UPDATE jobs SET paused_at = 1795456900000 WHERE id = 1;
             UPDATE jobs SET state = 'succeeded', finished_at = 1795456900000, destination_id = 'ami-1', adopted = 1
             WHERE id > 1",
        )
        .await;
    let jobs = stored.run(&["jobs"]).await.done();
    assert!(jobs.lines().nth(1).is_some_and(|line| line.trim_end().ends_with("queued     paused")), "{jobs}");
    for format in ["table", "csv", "json", "jsonl"] {
        let report = stored.run(&["report", "--format", format]).await;
        assert_eq!(
            report.notes,
            "2 lines adopted an export that its job had not started; the image may have been deleted since, so check it in EC2.\n",
            "{format}"
        );
        assert!(!report.done().contains("deleted since"), "{format}");
    }
    let one = stored.run(&["report", "2"]).await;
    assert!(one.notes.starts_with("1 line adopted an export that its job had not started"), "{}", one.notes);
    assert_eq!(stored.run(&["report", "1"]).await.notes, "");
    assert!(stored.run(&["show", "2"]).await.done().contains("what it made may have been deleted since"));
}

#[tokio::test]
async fn a_blueprint_that_cannot_be_exported_fails_with_the_services_words() {
    const FLEET: &str = "name,kind,blueprint\npanel,,cpanel_whm_linux\nweb-1,,ubuntu_24_04\ndata,disk,cpanel_whm\n";
    let words = "The blueprint of this snapshot cannot be exported.";
    let home = crate::home::Home::new(|config| {
        config.fleet = lightsail_simulator::Fleet::read_csv(FLEET.as_bytes()).expect("a fleet");
        config.not_exported.error.message = words.to_owned();
    })
    .await;
    home.put(
        "fleet.csv",
        "snapshot_name,account,region\npanel,alpha,eu-west-1\nweb-1,alpha,eu-west-1\ndata,alpha,eu-west-1\n",
    );
    let ran = home.run(&["run", "fleet.csv", "--format", "csv"]).await.exits(3);
    assert!(ran.out.contains(",panel,alpha,eu-west-1,failed,"), "{}", ran.out);
    assert_eq!(ran.out.matches(",succeeded,").count(), 2, "{}", ran.out);
    let failures = home.run(&["failures"]).await.exits(0);
    assert!(failures.out.contains("InvalidInputException") && failures.out.contains(words), "{}", failures.out);
    assert_eq!(home.simulator.ledger().exports, 2);
}
