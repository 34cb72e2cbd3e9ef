//! How the database goes about each query: none walks through a table that grows with the queue, and statistics change
//! nothing. The queries are all that were checked at compile time, as they stand in `.sqlx`.

use super::stored::Stored;
use sqlx::{Connection, Row, SqliteConnection};
use std::collections::BTreeMap;

/// The tables that grow with the queue.
const GROWING: [&str; 7] = ["jobs", "batch_rows", "attempts", "transitions", "snapshots", "ledger", "live"];

/// Those that look at all of a lane because that is what they are for, by how they begin: an end or a beginning of an inventory,
/// which has read the whole lane from Lightsail page by page, once in an hour.
const MEANT: [&str; 4] = [
    "-- Jobs of one batch, or, without a batch, those of any that wait for an inventory",
    "DELETE FROM snapshots WHERE lane_id = ?1 AND inventory < ?2",
    "SELECT coalesce(max(inventory), 0)",
    "UPDATE jobs SET source_arn = ",
];

fn queries() -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".sqlx");
    let files = std::fs::read_dir(folder).expect("queries").map(|file| file.expect("a file").path());
    let mut queries: Vec<String> = files
        .map(|file| {
            let text = std::fs::read_to_string(file).expect("a query");
            let query: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            query["query"].as_str().expect("SQL").to_owned()
        })
        .collect();
    queries.sort();
    queries
}

async fn plan(db: &mut SqliteConnection, query: &str) -> Vec<String> {
    let mut explained = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}")));
    for place in 1..=9 {
        if query.contains(&format!("?{place}")) {
            explained = explained.bind(1);
        }
    }
    let rows = explained.fetch_all(db).await.unwrap_or_else(|error| panic!("{query}: {error}"));
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}

/// The steps of a plan that walk through a table, or an index that is as long, or all that a lane has there.
fn walks(plan: &[String]) -> Vec<&String> {
    let lane = ["(lane_id=?)", "(lane_id=? AND kind=?)", "(rowid>?)"];
    // A few rows, or so many as are under way.
    let few = [
        "ledger_unprocessed",
        "jobs_paused",
        "jobs_denied",
        "jobs_held",
        "jobs_timer",
        "jobs_again",
        "snapshots_unready",
        "jobs_active",
        "ledger_under_way",
    ];
    let whole = |step: &str| {
        let mut words = step.split(' ');
        let (how, table) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let all = how == "SCAN" || (how == "SEARCH" && lane.iter().any(|part| step.contains(part)));
        all && GROWING.contains(&table) && !few.iter().any(|index| step.contains(index))
    };
    plan.iter().filter(|step| whole(step)).collect()
}

/// Without the checks of references: parents are deleted on connections without them alone, and a plan shows what they would
/// ask of a delete at an insert too.
async fn connect(stored: &Stored) -> SqliteConnection {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(stored.queue.path()).foreign_keys(false);
    SqliteConnection::connect_with(&options).await.expect("a connection")
}

/// A database with something of everything, most of it ended or queued.
async fn grown() -> (Stored, SqliteConnection) {
    let stored = Stored::empty().await;
    stored
        .sql(
            "INSERT INTO runs (id, began_at, pid, version) VALUES (1, 1, 1, 'test');
             INSERT INTO lanes (id, account, region) VALUES (1, 'default', 'eu-west-1'), (2, 'default', 'us-east-1');
             INSERT INTO batches (id, name, source, state, created_at, sealed_at, rows_read, rows_new)
             VALUES (1, 'over', 'x', 'sealed', 1, 1, 4000, 4000), (2, 'queued', 'x', 'sealed', 1, 1, 4000, 4000);
             CREATE TEMP TABLE n AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000) SELECT i FROM n;
             INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, attempt, step,
                               destination_id, error_code, queued_at, submitted_at, finished_at)
             SELECT i, 1, 1, i, 'over-' || i, 0, 'adopt', iif(i % 50, 'succeeded', 'failed'), 1, 3, 'ami', 'Odd', 1, 1, i FROM n;
             INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, attempt, queued_at, due_at)
             SELECT 4000 + i, 1, 2, i, 'snap-' || i, 0, 'adopt', iif(i <= 20, 'exporting', 'queued'), i <= 20, 1,
                    iif(i > 3900, i, NULL) FROM n;
             INSERT INTO batch_rows (batch_id, line, job_id, disposition) SELECT batch_id, line, id, 'new' FROM jobs;
             INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, answered_at, outcome)
             SELECT id, 1, 1, 1, 0, 1, 'accepted' FROM jobs WHERE attempt = 1;
             INSERT INTO transitions (job_id, step, at, from_state, to_state, event, attempt, actor)
             SELECT i, 1, 1, 'queued', 'submitting', 'intend', 1, 'daemon' FROM n;
             INSERT INTO snapshots (lane_id, name, kind, state, weight, inventory)
             SELECT 1, 'snap-' || i, 'disk', 'available', 1, 1 FROM n;
             INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, seen_at, job_id, attempt, unprocessed)
             SELECT 1, 'operation', i, 'over-' || i, 'succeeded', 1, i, 1, 0 FROM n;
             INSERT INTO job_counts SELECT lane_id, batch_id, state, count(*), sum(weight) FROM jobs GROUP BY 1, 2, 3;
             INSERT INTO inventories VALUES (1, 2, 1);",
        )
        .await;
    let db = connect(&stored).await;
    (stored, db)
}

async fn plans(db: &mut SqliteConnection) -> BTreeMap<String, Vec<String>> {
    let mut plans = BTreeMap::new();
    for query in queries() {
        let plan = plan(db, &query).await;
        plans.insert(query, plan);
    }
    plans
}

#[tokio::test]
async fn no_query_walks_through_what_grows_with_or_without_statistics() {
    let (stored, mut db) = grown().await;
    let without = plans(&mut db).await;
    sqlx::query("ANALYZE").execute(&mut db).await.expect("analyzed");
    // Statistics are read with the schema.
    db.close().await.expect("closed");
    let mut db = connect(&stored).await;
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_stat1").fetch_one(&mut db).await.expect("a count");
    assert!(rows > 10, "statistics");
    let with = plans(&mut db).await;
    assert!(without.len() > 100, "every query");
    let mut broken = Vec::new();
    for (query, plan) in without.iter().chain(&with) {
        if MEANT.iter().any(|meant| query.starts_with(meant)) {
            continue;
        }
        if !walks(plan).is_empty() {
            broken.push(format!("{query}\n  {}", plan.join("\n  ")));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n\n"));
}

#[tokio::test]
async fn a_query_that_walks_is_noticed() {
    let (_stored, mut db) = grown().await;
    for query in [
        "SELECT id FROM jobs WHERE snapshot_name = ?1",
        "SELECT count(*) FROM transitions",
        "UPDATE jobs SET priority = 1 WHERE line = 1",
        "SELECT 1 FROM lanes JOIN ledger ON ledger.status = lanes.account",
        "SELECT 1 FROM ledger WHERE lane_id = 1 AND kind = 'record' AND seen_at = 5",
        "SELECT max(inventory) FROM snapshots WHERE lane_id = 1",
    ] {
        assert!(!walks(&plan(&mut db, query).await).is_empty(), "{query}");
    }
}

#[tokio::test]
async fn what_is_due_is_found_without_a_walk_through_all_that_is_under_way() {
    let (_stored, mut db) = grown().await;
    let due = queries().into_iter().find(|query| query.contains("next_poll_at <= ?3")).expect("the query");
    let plan = plan(&mut db, &due).await;
    for part in ["(lane_id=? AND state=? AND next_poll_at<?)", "(lane_id=? AND state=? AND next_poll_at>?)"] {
        assert!(plan.iter().any(|step| step.contains("jobs_active") && step.contains(part)), "{part}: {plan:?}");
    }
}

/// `SQLite` makes a list of three or more anew for each row that a CHECK, a trigger or the condition of an index is asked for.
#[tokio::test]
async fn what_is_asked_for_each_row_has_no_list() {
    let (_stored, mut db) = grown().await;
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> 'lanes' ORDER BY name")
            .fetch_all(&mut db)
            .await
            .expect("the schema");
    assert!(rows.iter().any(|(name, _)| name == "jobs_outcome"));
    for (name, sql) in rows {
        for list in sql.split(" IN (").skip(1).filter_map(|rest| rest.split(')').next()) {
            assert!(list.contains("SELECT") || list.split(',').count() < 3, "{name}: IN ({list})");
        }
    }
}
