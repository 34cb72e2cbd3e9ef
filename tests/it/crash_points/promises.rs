//! What must hold once all has ended, wherever processes have died: the simulator's ledger, the database and the report
//! are held against each other.

use super::recipes::{End, OVER};
use super::scene::{Enqueued, Scene};
use lightsail_simulator::SnapshotLedger;
use snapferry::domain::JobState;
use snapferry::queue::{JobView, Queue, Selector};
use sqlx::Connection;
use std::collections::HashMap;
use std::fmt::Debug;

/// Checks everything; what does not hold ends the test with the story of the scene.
pub(super) async fn hold(scene: &Scene) {
    let mut broken = Vec::new();
    hold_database(scene, &mut broken).await;
    let queue = Queue::open(&scene.database()).await.expect("a database");
    let jobs = queue.jobs_page(&Selector::default(), None, 10_000).await.expect("jobs");
    hold_batches(scene, &queue, &mut broken).await;
    queue.close().await;
    let mut of_name: HashMap<&str, Vec<&JobView>> = HashMap::new();
    for job in &jobs {
        of_name.entry(job.snapshot_name.as_str()).or_default().push(job);
    }
    let mut sent: HashMap<String, usize> = HashMap::new();
    for call in scene.simulator.calls().into_iter().filter(|call| call.operation == "ExportSnapshot") {
        *sent.entry(call.name.unwrap_or_default()).or_default() += 1;
    }
    let ledger = scene.simulator.ledger();
    let mut ledgers: HashMap<String, SnapshotLedger> =
        ledger.lanes.into_values().flat_map(|lane| lane.snapshots).collect();
    for one in &scene.enqueued {
        let of_name = of_name.remove(one.name.as_str()).unwrap_or_default();
        let ledger = ledgers.remove(&one.name).unwrap_or_default();
        // The call of a script of somebody's; and of what was pruned no attempt is on record.
        let others = usize::from(["under-way", OVER].contains(&one.sort.name));
        let calls = sent.remove(&one.name).unwrap_or_default() - others;
        hold_snapshot(one, &of_name, &ledger, calls, &mut broken);
    }
    if !(of_name.is_empty() && ledgers.is_empty() && sent.is_empty()) {
        broken.push(format!("of nobody: {:?} {:?} {sent:?}", of_name.keys(), ledgers.keys()));
    }
    assert!(broken.is_empty(), "{broken:#?}\n{:#?}\n{:?}", scene.story, scene.folder.path());
}

fn hold_snapshot(one: &Enqueued, jobs: &[&JobView], ledger: &SnapshotLedger, calls: usize, broken: &mut Vec<String>) {
    let name = &one.name;
    let mut check = |holds: bool, what: &str, seen: &dyn Debug| {
        if !holds {
            broken.push(format!("{name}: {what}: {seen:?}"));
        }
    };
    let states: Vec<JobState> = jobs.iter().map(|job| job.state).collect();
    let kept = ledger.exports - ledger.failures;
    check(jobs.len() == 1, "one job of a snapshot", &states);
    let Some(job) = jobs.first() else { return };
    check(one.sort.end.exports().contains(&kept), "exports that did not fail", &kept);
    let ends: &[JobState] = match (one.sort.end, kept) {
        (End::Once, _) | (End::OnceOrRefused | End::OnceOrCancelled, 1) | (End::ReviewOrTwice, 2) => {
            &[JobState::Succeeded]
        }
        (End::Twice, _) => &[JobState::Succeeded, JobState::NeedsReview],
        (End::OnceOrCancelled, _) => &[JobState::Cancelled],
        (End::ReviewOrFailed, _) => &[JobState::NeedsReview, JobState::Failed],
        (End::Failed | End::OnceOrRefused, _) => &[JobState::Failed],
        (End::Review | End::ReviewOrTwice, _) => &[JobState::NeedsReview],
    };
    check(ends.contains(&job.state), "the end of the job", &(job.state, &job.error_code, &job.error_message));
    check(job.attempts as usize >= calls, "calls on record and on the wire", &(job.attempts, calls));
    let said = job.error_message.as_deref().unwrap_or_default();
    if job.state == JobState::Succeeded {
        let destination = job.destination_id.as_deref().unwrap_or_default();
        let told = |id: &String| id == destination || said.contains(id.as_str());
        check(ledger.destination_ids.contains(&destination.to_owned()), "the destination's id", &destination);
        check(ledger.destination_ids.iter().all(told), "every destination is told", &(destination, said));
    }
    if let Some(operation) = &job.operation_id {
        check(ledger.operation_ids.iter().any(|id| id == operation.as_str()), "the operation's id", operation);
    }
    if let Some(record) = &job.record_arn {
        check(ledger.record_arns.iter().any(|arn| arn == record.as_str()), "the record's ARN", record);
    }
}

/// Every row of each CSV is in its batch, and no batch is there that nobody has brought in.
async fn hold_batches(scene: &Scene, queue: &Queue, broken: &mut Vec<String>) {
    for (batch, names) in scene.batches.iter().filter(|(batch, _)| !scene.over.contains(batch)) {
        let rows = rows_of(scene, batch).await;
        if &rows != names {
            broken.push(format!("{batch}: {names:?} came in, {rows:?} are reported"));
        }
    }
    let batches = queue.batches().await.expect("batches");
    if batches.len() != scene.batches.len() - scene.over.len() {
        let (came, over) = (scene.batches.len(), scene.over.len());
        broken.push(format!("{} batches, {came} came in, {over} are over for long", batches.len()));
    }
}

/// The rows that the report shows.
async fn rows_of(scene: &Scene, batch: &str) -> Vec<String> {
    let report = scene.report(batch).await;
    report.lines().skip(1).filter_map(|line| Some(line.split(',').nth(1)?.to_owned())).collect()
}

/// The file is sound, and the counters say what there is.
async fn hold_database(scene: &Scene, broken: &mut Vec<String>) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(scene.database());
    let mut connection = sqlx::SqliteConnection::connect_with(&options).await.expect("a connection");
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.expect("checked");
    if sound != "ok" {
        broken.push(sound);
    }
    for (what, sql) in [
        ("references to nothing", "SELECT count(*) FROM pragma_foreign_key_check"),
        ("batches left loading", "SELECT count(*) FROM batches WHERE state = 'loading'"),
        (
            "counters that are wrong",
            "SELECT count(*) FROM (
                 SELECT lane_id, batch_id, state, jobs, weight FROM job_counts WHERE jobs <> 0
                 EXCEPT SELECT lane_id, batch_id, state, count(*), sum(weight) FROM jobs
                 GROUP BY lane_id, batch_id, state)",
        ),
        (
            "attempts that nobody wrote",
            "SELECT count(*) FROM jobs WHERE attempt <>
             (SELECT count(*) FROM attempts WHERE attempts.job_id = jobs.id)",
        ),
        (
            "changes that nobody wrote",
            "SELECT count(*) FROM jobs WHERE step <>
             (SELECT count(*) FROM transitions WHERE transitions.job_id = jobs.id)",
        ),
    ] {
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect(what);
        if count != 0 {
            broken.push(format!("{what}: {count}"));
        }
    }
    connection.close().await.expect("closed");
}
