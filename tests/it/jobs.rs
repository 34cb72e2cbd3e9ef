//! Lists of jobs.

use crate::stored::Stored;

#[tokio::test]
async fn a_list_says_where_each_job_stands() {
    let stored = Stored::story().await;
    insta::assert_snapshot!(stored.run(&["jobs"]).await.done(), @r#"
    JOB  SNAPSHOT                       LANE               STATE         RESULT
      1  web-1                          default/eu-west-1  succeeded     ami-0123456789abcdef0
      2  web-2                          default/eu-west-1  succeeded     snap-0123456789abcdef0 (adopted)
      3  web-3                          default/eu-west-1  failed        SnapshotNotFound: =no snapshot of that name, did you mean "web-33"?
      4  db-primary-nightly-2026-11-22  default/eu-west-1  queued        ServiceException: try again
      5  db-2                           default/eu-west-1  exporting
      6  db-3                           default/eu-west-1  needs_review  TooManyCandidates: two exports for one attempt
      7  cache-1                        prod/us-east-1     queued
      8  mail-1                         prod/us-west-2     queued
      9  mail-2                         prod/us-west-2     cancelled
    "#);
    let narrow = stored.run_wide(&["jobs", "--batch", "fleet"], 80).await.done();
    assert!(narrow.lines().all(|line| line.len() <= 80), "{narrow}");
    insta::assert_snapshot!(narrow, @r#"
    JOB  SNAPSHOT            LANE               STATE         RESULT
      1  web-1               default/eu-west-1  succeeded     ami-0123456789abcdef0
      2  web-2               default/eu-west-1  succeeded     snap-0123456789abcdef0
                                                              (adopted)
      3  web-3               default/eu-west-1  failed        SnapshotNotFound: =no
                                                              snapshot of that name,
                                                              did you mean "web-33"?
      4  db-primary-         default/eu-west-1  queued        ServiceException: try
         nightly-2026-11-22                                   again
      5  db-2                default/eu-west-1  exporting
      6  db-3                default/eu-west-1  needs_review  TooManyCandidates: two
                                                              exports for one
                                                              attempt
      7  cache-1             prod/us-east-1     queued
    "#);
}

#[tokio::test]
async fn an_empty_list_says_what_comes_near_what_was_named() {
    let stored = Stored::story().await;
    let notes = async |args: &[&str]| stored.run(args).await.notes;
    assert_eq!(notes(&["jobs", "--account", "prdo"]).await, "No job has the account prdo; did you mean \"prod\"?\n");
    assert_eq!(
        notes(&["jobs", "--account", "zebra"]).await,
        "No job has the account zebra; known accounts: default, prod\n"
    );
    let near = "No recent failure has the code \"SnapshotNotFond\"; did you mean \"SnapshotNotFound\"?\n";
    assert_eq!(notes(&["jobs", "--error", "SnapshotNotFond"]).await, near);
    assert_eq!(notes(&["failures", "--error", "SnapshotNotFond"]).await, near);
    assert_eq!(notes(&["jobs", "--account", "prod", "--state", "unknown"]).await, "");
}

#[tokio::test]
async fn a_list_says_when_there_is_more_and_how_to_get_it() {
    let stored = Stored::many(120).await;
    let first = stored.run(&["jobs"]).await;
    assert_eq!(first.notes, "There are more jobs: add --after 50 for the next ones, or a --limit above 50.\n");
    assert_eq!(first.done().lines().count(), 51);
    let last = stored.run(&["jobs", "--after", "100"]).await;
    assert_eq!((last.notes.as_str(), last.out.lines().count()), ("", 21));
    let exact = stored.run(&["jobs", "--limit", "120"]).await;
    assert_eq!((exact.notes.as_str(), exact.out.lines().count()), ("", 121));
}

#[tokio::test]
async fn a_long_list_loses_nothing_at_the_edge_of_a_page() {
    let stored = Stored::many(2001).await;
    for (limit, listed) in [("999", 999), ("1000", 1000), ("1001", 1001), ("5000", 2001)] {
        let json = stored.run(&["jobs", "--json", "--limit", limit]).await;
        assert_eq!(json.notes.is_empty(), limit == "5000");
        let jobs: Vec<serde_json::Value> = serde_json::from_str(&json.out).expect("an array");
        let ids: Vec<i64> = jobs.iter().map(|job| job["id"].as_i64().expect("an id")).collect();
        assert_eq!(ids, (1..=listed).collect::<Vec<i64>>());
    }
}

#[tokio::test]
async fn json_tells_all_of_a_job() {
    let stored = Stored::story().await;
    insta::assert_snapshot!(stored.run(&["jobs", "4", "--json"]).await.done(), @r#"
    [
    {"id":4,"batch":"fleet","line":5,"account":"default","region":"eu-west-1","snapshot_name":"db-primary-nightly-2026-11-22","priority":0,"export_again":false,"state":"queued","hold":null,"paused_at":null,"due_at":"2026-11-23T18:10:00Z","attempts_used":1,"copies":1,"source_arn":null,"adopted":false,"operation_id":null,"record_arn":null,"record_name":null,"destination_service":null,"destination_id":null,"error_code":"ServiceException","error_message":"try again","queued_at":"2026-11-23T18:00:01Z","submitted_at":"2026-11-23T18:00:15Z","finished_at":null,"next_poll_at":null,"attempts":1}
    ]
    "#);
    let all = stored.run(&["jobs", "--json"]).await.done();
    crate::json_schema::holds("jobs", &serde_json::from_str(&all).expect("an array"));
    assert_eq!(stored.run(&["jobs", "--name", "nothing", "--json"]).await.done(), "[]\n");
    assert_eq!(stored.run(&["jobs", "--name", "nothing"]).await.done(), "No jobs match.\n");
}
