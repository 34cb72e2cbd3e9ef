//! `manifest.json`: what the folder holds and of what batch, for programs. docs/json.md and
//! docs/schemas/manifest.schema.json describe it.

use crate::domain::JobState;
use crate::queue::{BatchView, RowCounts};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The file's name.
pub(super) const FILE: &str = "manifest.json";

/// What stands in `format`: by it a folder is known as one of ours.
pub(super) const FORMAT: &str = "snapferry-completion-report";

/// Of which shape it is.
const FORMAT_VERSION: u32 = 1;

/// The manifest of a completion report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Manifest {
    format: &'static str,
    format_version: u32,
    /// The version of the program that wrote it.
    pub snapferry_version: String,
    /// When it was written.
    pub written_at: String,
    /// Its batch.
    pub batch: BatchFacts,
    /// Whether every row had ended.
    pub ended: bool,
    /// When the first row came in.
    pub began_at: Option<String>,
    /// When the last change happened.
    pub last_change_at: Option<String>,
    /// The rows of the file, as `status --json` has them.
    pub rows: Rows,
    /// The rows of the parts by state; together all rows but the rejected ones.
    pub states: BTreeMap<JobState, u64>,
    /// Those that stand for an export that was not their own.
    pub adopted: u64,
    /// The parts.
    pub parts: Vec<PartFacts>,
    /// The page for people.
    pub page: PageFacts,
}

/// Which batch it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchFacts {
    /// Its name.
    pub name: String,
    /// Where it came from, without the folder; `-` is standard input.
    pub source: String,
    /// When its loading began.
    pub created_at: String,
    /// When it was whole.
    pub sealed_at: Option<String>,
}

/// What became of the file's rows; `read` is the sum of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rows {
    read: u64,
    new: u64,
    live: u64,
    repeated: u64,
    rejected: u64,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Its name in the folder.
    pub file: String,
    /// Its length.
    pub bytes: u64,
    /// Its hash, in hexadecimal digits.
    pub sha256: String,
}

/// A part: some of the batch's rows as CSV.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartFacts {
    /// The file.
    #[serde(flatten)]
    pub file: FileFacts,
    /// How many rows it has, without the header.
    pub rows: u64,
    /// The states of its rows.
    pub states: Vec<JobState>,
}

/// The page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageFacts {
    /// The file.
    #[serde(flatten)]
    pub file: FileFacts,
    /// How many rows its table has: a big batch's are too many for a page.
    pub rows: u64,
}

/// As much of a manifest as is needed to know whose folder it is.
#[derive(Debug, Deserialize)]
pub(super) struct Sign {
    pub(super) format: String,
    pub(super) batch: BatchFacts,
    pub(super) parts: Vec<PartFacts>,
    pub(super) page: PageFacts,
}

impl Manifest {
    /// With what is known of the batch before its rows are read.
    pub(super) fn new(batch: &BatchView, version: &str, written_at: String, page: PageFacts) -> Self {
        Self {
            format: FORMAT,
            format_version: FORMAT_VERSION,
            snapferry_version: version.to_owned(),
            written_at,
            batch: BatchFacts::of(batch),
            ended: true,
            began_at: None,
            last_change_at: None,
            rows: Rows::from(batch.rows),
            states: BTreeMap::new(),
            adopted: 0,
            parts: Vec::new(),
            page,
        }
    }
}

impl BatchFacts {
    pub(super) fn of(batch: &BatchView) -> Self {
        // The folder reaches whoever is given the report, and is nobody's business there.
        let source = batch.source.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        Self {
            name: batch.name.as_str().to_owned(),
            source,
            created_at: batch.created_at.to_string(),
            sealed_at: batch.sealed_at.map(|at| at.to_string()),
        }
    }

    /// Whether it is the same batch: another database can have one of the same name.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.created_at) == (&other.name, &other.created_at)
    }
}

impl From<RowCounts> for Rows {
    fn from(rows: RowCounts) -> Self {
        let RowCounts { read, new, live, repeated, rejected } = rows;
        Self { read, new, live, repeated, rejected }
    }
}
