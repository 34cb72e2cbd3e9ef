//! The writes of a job's way from queued to succeeded, by hand: the floor of what they cost in SQLite.

use rusqlite::{Connection, params};
use std::error::Error;
use std::path::Path;
use std::time::Instant;

const AT: i64 = 1_795_456_800_000;

pub(crate) fn measure(file: &Path, batch: usize) -> Result<f64, Box<dyn Error>> {
    let db = Connection::open(file)?;
    db.execute_batch("PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;")?;
    let jobs: Vec<(i64, String)> = db
        .prepare("SELECT id, snapshot_name FROM jobs WHERE state = 'queued' ORDER BY id")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let run: i64 = db.query_row("SELECT max(id) FROM runs", [], |row| row.get(0))?;
    let began = Instant::now();
    for some in jobs.chunks(batch) {
        intend(&db, some, run)?;
        accept(&db, some)?;
        finish(&db, some)?;
    }
    Ok(jobs.len() as f64 / began.elapsed().as_secs_f64())
}

type Done = Result<(), Box<dyn std::error::Error>>;

fn intend(db: &Connection, jobs: &[(i64, String)], run: i64) -> Done {
    db.execute_batch("BEGIN IMMEDIATE")?;
    let mut moved = db.prepare_cached(
        "UPDATE jobs SET state = 'submitting', attempt = 1, used = 1, step = step + 1, weight = 1, source_arn = ?2,
                submitted_at = ?3
         WHERE id = ?1 AND state = 'queued' AND attempt = 0 AND used = 0",
    )?;
    let mut tried = db.prepare_cached(
        "INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, outcome)
         VALUES (?1, 1, ?2, ?3, (SELECT coalesce(max(id), 0) FROM ledger), 'pending')",
    )?;
    for (job, name) in jobs {
        expect_one(moved.execute(params![job, arn(name), AT])?)?;
        note(db, *job, 1, "queued", "submitting", "intend")?;
        tried.execute(params![job, run, AT])?;
    }
    tally(db, "queued", "submitting", jobs.len())?;
    Ok(db.execute_batch("COMMIT")?)
}

fn accept(db: &Connection, jobs: &[(i64, String)]) -> Done {
    db.execute_batch("BEGIN IMMEDIATE")?;
    let mut moved = db.prepare_cached(
        "UPDATE jobs SET state = 'exporting', step = step + 1, operation_id = ?2, next_poll_at = ?3
         WHERE id = ?1 AND state = 'submitting' AND attempt = 1 AND used = 1",
    )?;
    let mut answered = db.prepare_cached(
        "UPDATE attempts SET outcome = 'accepted', answered_at = ?2, http_status = 200, request_id = ?3
         WHERE job_id = ?1 AND number = 1",
    )?;
    let mut seen = db.prepare_cached(
        "INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, created_at, seen_at, job_id, attempt, unprocessed)
         VALUES (1, 'operation', ?2, ?3, 'under_way', ?4, ?4, ?1, 1, 0)",
    )?;
    for (job, name) in jobs {
        let operation = operation(*job);
        expect_one(moved.execute(params![job, operation, AT + 5000])?)?;
        note(db, *job, 2, "submitting", "exporting", "accept")?;
        answered.execute(params![job, AT, format!("request-{job:026}")])?;
        seen.execute(params![job, operation, name, AT])?;
    }
    tally(db, "submitting", "exporting", jobs.len())?;
    Ok(db.execute_batch("COMMIT")?)
}

fn finish(db: &Connection, jobs: &[(i64, String)]) -> Done {
    db.execute_batch("BEGIN IMMEDIATE")?;
    let mut moved = db.prepare_cached(
        "UPDATE jobs SET state = 'succeeded', step = step + 1, record_arn = ?2, record_name = ?3,
                destination_service = 'Aws::EC2::Image', destination_id = ?4, finished_at = ?5, next_poll_at = NULL
         WHERE id = ?1 AND state = 'exporting' AND attempt = 1 AND used = 1",
    )?;
    for (job, name) in jobs {
        let destination = format!("ami-{job:017x}");
        expect_one(moved.execute(params![job, arn(name), format!("record-{job:08}"), destination, AT])?)?;
        note(db, *job, 3, "exporting", "succeeded", "finish")?;
    }
    tally(db, "exporting", "succeeded", jobs.len())?;
    Ok(db.execute_batch("COMMIT")?)
}

fn note(db: &Connection, job: i64, step: i64, from: &str, to: &str, event: &str) -> Done {
    db.prepare_cached(
        "INSERT INTO transitions (job_id, step, at, from_state, to_state, event, attempt, actor)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 'daemon')",
    )?
    .execute(params![job, step, AT, from, to, event])?;
    Ok(())
}

/// The counters, once for a transaction, where no trigger keeps them.
fn tally(db: &Connection, from: &str, to: &str, jobs: usize) -> Done {
    let kept: bool =
        db.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'jobs_counted')", [], |row| row.get(0))?;
    if kept {
        return Ok(());
    }
    let jobs = i64::try_from(jobs)?;
    let mut counted = db.prepare_cached(
        "INSERT INTO job_counts (lane_id, batch_id, state, jobs, weight) VALUES (1, 1, ?1, ?2, ?2)
         ON CONFLICT DO UPDATE SET jobs = jobs + excluded.jobs, weight = weight + excluded.weight",
    )?;
    counted.execute(params![from, -jobs])?;
    counted.execute(params![to, jobs])?;
    Ok(())
}

fn expect_one(changed: usize) -> Done {
    if changed == 1 { Ok(()) } else { Err("a job is not where it was expected".into()) }
}

fn arn(name: &str) -> String {
    format!("arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/{name}")
}

fn operation(job: i64) -> String {
    format!("00000000-0000-4000-8000-{job:012}")
}
