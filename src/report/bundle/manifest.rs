//! `manifest.json`: what the folder holds, and of which batch, for programs. docs/json.md and
//! docs/schemas/manifest.schema.json describe it.

use crate::domain::JobState;
use crate::queue::{BatchView, RowCounts, StateCounts};
use serde::{Deserialize, Serialize};

/// The file's name.
pub(super) const FILE: &str = "manifest.json";

/// The value of `format`, by which a folder is recognized as one of ours.
pub(super) const FORMAT: &str = "snapferry-completion-report";

/// The version of the format.
pub(super) const FORMAT_VERSION: u32 = 1;

/// The manifest of a completion report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub(super) format: String,
    pub(super) format_version: u32,
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
    pub rows: RowCounts,
    /// The rows of the parts by state: all rows but the rejected ones.
    pub states: StateCounts,
    /// The rows that adopted an export.
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
    /// The rows in its table, which may be fewer than the batch has.
    pub rows: u64,
}

impl BatchFacts {
    pub(super) fn of(batch: &BatchView) -> Self {
        // The source's folder is no business of those who are given the report.
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
