//! Writes a group of transitions in the open transaction: one statement for each table, whatever the group's size. One for
//! each transition would be 25 microseconds and two turns of another thread, some ten times for each job.

use crate::domain::{JobId, LaneId};
use crate::points::{Between, Point, reached};
use crate::queue::jobs::transition::Transition;
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::json;
use sqlx::{Connection, SqliteConnection};
use std::collections::{HashMap, HashSet};

/// The result of each change, in their order: the lane of its job. Where a rule of the schema forbids one of them, such as the one
/// live job per snapshot, the others are still made.
pub(in crate::queue) type Verdicts = Vec<Result<LaneId, QueueError>>;

/// Writes a group.
pub(in crate::queue) async fn write(
    connection: &mut SqliteConnection,
    transitions: &[Transition],
) -> Result<Verdicts, QueueError> {
    let mut savepoint = connection.begin().await?;
    match write_group(&mut savepoint, transitions).await {
        Ok(verdicts) => {
            savepoint.commit().await?;
            Ok(verdicts)
        }
        Err(error @ (QueueError::Rival | QueueError::Forbidden(_))) => {
            savepoint.rollback().await?;
            if transitions.len() == 1 {
                return Ok(vec![Err(error)]);
            }
            let mut verdicts = Vec::with_capacity(transitions.len());
            for one in transitions.chunks(1) {
                verdicts.extend(Box::pin(write(connection, one)).await?);
            }
            Ok(verdicts)
        }
        Err(error) => Err(error),
    }
}

/// A job's second change in a group is refused: its caller cannot have seen the first.
async fn write_group(connection: &mut SqliteConnection, transitions: &[Transition]) -> Result<Verdicts, QueueError> {
    let mut named = HashSet::new();
    let mut some: Vec<&Transition> = transitions.iter().filter(|one| named.insert(one.job)).collect();
    let rows = json(&some)?;
    let moved = sqlx::query_file!("src/queue/sql/move_jobs.sql", rows).fetch_all(&mut *connection).await?;
    let mut lanes: HashMap<JobId, LaneId> = moved.into_iter().map(|row| (row.id, row.lane)).collect();
    if lanes.len() > 1 {
        reached(Point::Between(Between::GroupHalfWritten));
    }
    some.retain(|one| lanes.contains_key(&one.job));
    write_history(connection, &some).await?;
    Ok(transitions.iter().map(|one| lanes.remove(&one.job).ok_or(QueueError::Stale(one.job))).collect())
}

/// Writes the history, attempts and owners of the changes that were made.
async fn write_history(connection: &mut SqliteConnection, moved: &[&Transition]) -> Result<(), QueueError> {
    macro_rules! write_those {
        ($which:expr, $file:literal) => {
            let those: Vec<_> = moved.iter().filter($which).collect();
            if !those.is_empty() {
                let rows = json(&those)?;
                sqlx::query_file!($file, rows).execute(&mut *connection).await?;
            }
        };
    }
    write_those!(|one| one.is_back(), "src/queue/sql/review_records.sql");
    write_those!(|one| one.ended_at.is_some(), "src/queue/sql/review_late_records.sql");
    write_those!(|_| true, "src/queue/sql/add_transitions.sql");
    write_those!(|one| one.is_intent(), "src/queue/sql/add_attempts.sql");
    write_those!(|one| one.answer.is_some(), "src/queue/sql/answer_attempts.sql");
    write_those!(|one| one.owns.is_some(), "src/queue/sql/own_entries.sql");
    write_those!(|one| !one.operations.is_empty(), "src/queue/sql/add_sent_operations.sql");
    Ok(())
}
