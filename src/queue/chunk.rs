//! Rows of a load, written down as the statements take them. That is a tenth of a load's work, and is done by whoever reads
//! the rows while those before them are stored.

use super::error::QueueError;
use super::load::NewRow;
use super::reading::json;
use crate::domain::{Existing, Lane, Timestamp};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

/// Rows to be loaded in one transaction.
#[derive(Debug)]
pub struct Chunk {
    rows: Vec<NewRow>,
    /// How many they are.
    pub(super) count: u64,
    pub(super) lines: Option<Range>,
    /// The priority of rows that are given as a line alone.
    pub(super) usual: i64,
    /// Whether one of them has carried cells.
    pub(super) carries: bool,
    pub(super) groups: Vec<(Lane, Existing, String)>,
}

/// The lines of the first row and of the last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) first: u64,
    pub(super) last: u64,
}

/// Rows as the statements take them: an object that has what is given for each name. A name may stand in it twice.
#[derive(Default)]
struct Rows<'a>(Vec<(&'a str, Given)>);

/// What is given of a row.
#[derive(Serialize)]
#[serde(untagged)]
enum Given {
    /// Its line, and nothing else: the priority is the usual one. A number is all that the database has to read then.
    Line(u64),
    /// Line, priority, due at, carried cells.
    Own(u64, i64, Option<i64>, Option<String>),
}

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rows = serializer.serialize_map(Some(self.0.len()))?;
        for (name, given) in &self.0 {
            rows.serialize_entry(name, given)?;
        }
        rows.end()
    }
}

impl Chunk {
    /// Writes rows down, for a load that began at `now`.
    ///
    /// # Errors
    /// [`QueueError::Corrupt`] where they do not stand in the order of their lines.
    pub fn of(rows: Vec<NewRow>, now: Timestamp) -> Result<Self, QueueError> {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else {
            return Ok(Self { rows, count: 0, lines: None, usual: 0, carries: false, groups: Vec::new() });
        };
        let (usual, lines) = (first.priority, Some(Range { first: first.line, last: last.line }));
        let carries = rows.iter().any(|row| !row.carried.is_empty());
        let mut before = 0;
        let mut groups: BTreeMap<(&Lane, Existing), Rows<'_>> = BTreeMap::new();
        for row in &rows {
            before = in_order(before, row.line)?;
            let cells = if row.carried.is_empty() { None } else { Some(json(&row.carried)?) };
            // A time that has come is none.
            let due = row.not_before.filter(|due| *due > now).map(|due| due.0);
            let given = if row.priority == usual && due.is_none() && cells.is_none() {
                Given::Line(row.line)
            } else {
                Given::Own(row.line, row.priority, due, cells)
            };
            groups.entry((&row.lane, row.existing)).or_default().0.push((row.snapshot.as_str(), given));
        }
        let groups = groups
            .into_iter()
            .map(|((lane, existing), given)| Ok((lane.clone(), existing, json(&given)?)))
            .collect::<Result<Vec<_>, QueueError>>()?;
        let count = rows.len() as u64;
        Ok(Self { rows, count, lines, usual, carries, groups })
    }

    /// The same without the rows that it was made of: what is written down is enough to load them.
    #[must_use]
    pub fn without_rows(self) -> Self {
        Self { rows: Vec::new(), ..self }
    }

    /// The rows that it was made of.
    #[must_use]
    pub fn rows(&self) -> &[NewRow] {
        &self.rows
    }
}

pub(super) fn in_order(last: u64, line: u64) -> Result<u64, QueueError> {
    if line > last {
        Ok(line)
    } else {
        Err(QueueError::Corrupt { what: "a line out of order", value: line.to_string() })
    }
}
