//! Rows of a load, serialized as the statements take them. That is a tenth of a load's work, done by the reader of the rows while
//! earlier rows are stored.

use crate::domain::{Existing, Lane, SnapshotName, Timestamp};
use crate::queue::queue_error::QueueError;
use crate::queue::sqlite::decode::json;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// A row to be loaded.
#[derive(Debug, Clone)]
pub struct NewRow {
    /// Its line in the file; each is above the one before.
    pub line: u64,
    /// The lane of the snapshot.
    pub lane: Lane,
    /// The snapshot.
    pub snapshot: SnapshotName,
    /// Higher priorities are sent first.
    pub priority: i64,
    /// Not to be sent earlier.
    pub not_before: Option<Timestamp>,
    /// What to do about an earlier export.
    pub existing: Existing,
    /// The cells of the copied columns, in their order.
    pub carried: Vec<String>,
}

/// The statements read the fields by position.
impl Serialize for NewRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (snapshot, existing) = (self.snapshot.as_str(), self.existing.as_str());
        let due = self.not_before.map(|at| at.0);
        let carried = (!self.carried.is_empty()).then_some(&self.carried);
        (self.line, snapshot, self.priority, due, existing, carried).serialize(serializer)
    }
}

/// Rows to be loaded in one transaction, by lane.
#[derive(Debug)]
pub struct Chunk {
    pub(in crate::queue) count: u64,
    pub(in crate::queue) first_line: u64,
    pub(in crate::queue) last_line: u64,
    /// The rows of each lane, as the statements take them, and how many they are.
    pub(in crate::queue) lanes: Vec<(Lane, u64, String)>,
}

impl Chunk {
    /// Serializes rows.
    ///
    /// # Errors
    /// [`QueueError::Corrupt`] where they do not stand in the order of their lines.
    pub fn of(rows: &[NewRow]) -> Result<Self, QueueError> {
        let (first_line, last_line) =
            rows.first().zip(rows.last()).map_or((0, 0), |(first, last)| (first.line, last.line));
        if !rows.is_sorted_by(|one, next| one.line < next.line) {
            return Err(out_of_order(first_line));
        }
        let mut lanes: BTreeMap<&Lane, Vec<&NewRow>> = BTreeMap::new();
        for row in rows {
            lanes.entry(&row.lane).or_default().push(row);
        }
        let lanes = lanes.into_iter().map(|(lane, rows)| Ok((lane.clone(), rows.len() as u64, json(&rows)?)));
        Ok(Self { count: rows.len() as u64, first_line, last_line, lanes: lanes.collect::<Result<_, QueueError>>()? })
    }
}

pub(in crate::queue) fn out_of_order(line: u64) -> QueueError {
    QueueError::Corrupt("a line out of order", line.to_string())
}
