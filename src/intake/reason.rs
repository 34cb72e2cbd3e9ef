//! Why a row or a whole file is rejected: one sentence each, with what to do.

use super::csv_records::RecordFault;
use super::meaning::is_number;
use super::row::PRIORITIES;
use crate::domain::{AccountLabel, BadName, BadRegion, Region};
use std::io;

/// Why a row is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// The snapshot's name is malformed.
    #[error("the snapshot name {given:?} {bad}")]
    Name {
        /// The cell, shortened.
        given: String,
        /// What is wrong.
        bad: BadName,
    },
    /// The snapshot's name is missing.
    #[error("the snapshot name is empty: fill it in or delete the row")]
    NoName,
    /// Not a Region of Lightsail.
    #[error(transparent)]
    Region(#[from] BadRegion),
    /// Neither the row nor anything else names a Region.
    #[error("names no Region: fill in a region column, give --region, or set AWS_REGION or the profile's region")]
    NoRegion,
    /// Only the AWS configuration names a Region, and Lightsail does not have it.
    #[error(
        "names no Region, and Lightsail does not have that of the AWS configuration ({0}): fill in a region column or give --region"
    )]
    UsualRegion(BadRegion),
    /// The settings do not list this Region for the account.
    #[error(
        "account {account} has no Region {region} in the settings: write {}, or add it to [accounts.{account}] regions",
        .regions.iter().map(|region| region.as_str()).collect::<Vec<_>>().join(" or ")
    )]
    Elsewhere {
        /// The account.
        account: AccountLabel,
        /// The Region that the row would be in.
        region: Region,
        /// The Regions that they list.
        regions: Vec<Region>,
    },
    /// An account that is not in the settings.
    #[error("{given:?} is not an account in the settings; {}", ways(.given, .near.as_deref(), .known))]
    Account {
        /// The cell, shortened.
        given: String,
        /// A similar label.
        near: Option<String>,
        /// The known labels.
        known: Vec<String>,
    },
    /// The row names no account, and the accounts in the settings do not include `default`.
    #[error("names no account: fill in an account column or give --account; the settings have {}", .known.join(", "))]
    NoAccount {
        /// The known labels.
        known: Vec<String>,
    },
    /// Not a priority, or out of range.
    #[error("{0:?} is not a priority: a whole number from {lo} to {hi}, higher first", lo = PRIORITIES.start(), hi = PRIORITIES.end())]
    Priority(String),
    /// Not a time.
    #[error("{0:?} is not a time: write it as RFC 3339, such as 2026-11-23T18:00:00Z")]
    Time(String),
    /// More or fewer fields than the header.
    #[error("fields: {found} found, {expected} expected as in the header: quote a field that contains a comma")]
    FieldCount {
        /// Columns of the header.
        expected: usize,
        /// Fields of the row.
        found: usize,
    },
    /// More than one field in a plain list.
    #[error(
        "fields: {found} found, 1 expected as the file has no header: begin it with a line that names the columns, such as snapshot_name,region"
    )]
    PlainList {
        /// Fields of the row.
        found: usize,
    },
    /// A NUL character.
    #[error("contains a NUL character: remove it, or save a UTF-16 file as UTF-8")]
    Nul,
    /// Bytes that are not UTF-8.
    #[error("is not UTF-8: save the file as UTF-8")]
    NotUtf8,
    /// The record as such cannot be read.
    #[error(transparent)]
    Record(#[from] RecordFault),
}

/// Why a file cannot be used at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// Reading failed.
    #[error("the input could not be read")]
    Read(#[from] io::Error),
    /// Nothing but blank lines.
    #[error("the input is empty: add a line with a snapshot's name")]
    Empty,
    /// Not text in UTF-8.
    #[error("the input is {0}: save it as CSV in UTF-8")]
    NotText(&'static str),
    /// The header has known columns, but none for the name.
    #[error("the header has no column for the snapshot's name: call it snapshot_name; it has {}", .found.join(", "))]
    NoNameColumn {
        /// Its columns.
        found: Vec<String>,
    },
    /// Two columns with the same name.
    #[error("the header has {0}, which are the same column: leave one out")]
    ColumnTwice(String),
    /// Two columns with the same meaning, neither with a name that decides.
    #[error("the header has {0}, which may mean the same: leave one out, or give --copy-column for the one to copy")]
    SameMeaning(String),
    /// A column that the file does not have.
    #[error("--copy-column: there is no column {name:?}; the file has {}", .found.join(", "))]
    NoSuchColumn {
        /// Its name.
        name: String,
        /// Its columns.
        found: Vec<String>,
    },
    /// A column with the name of one of the report's own.
    #[error("--copy-column: {0:?} is a column of the report; give it another name in the file")]
    NotToBeCopied(String),
    /// A row that may be meant for another lane.
    #[error(
        "line {line}: column {column:?} has {cell:?}, but the row would be exported in {used}, as no {meaning} column \
         says otherwise. Rename the column to {meaning}, or give --copy-column {column:?} to copy it \
         to the report only"
    )]
    Ambiguous {
        /// Its line.
        line: u64,
        /// The column that names the other lane.
        column: String,
        /// Its cell, shortened.
        cell: String,
        /// `region` or `account`.
        meaning: &'static str,
        /// Where the row would be exported.
        used: String,
    },
    /// A column of the header without a name.
    #[error("column {0} of the header has no name: name it or delete the column")]
    UnnamedColumn(usize),
    /// Fields that are not separated by commas.
    #[error("the header separates its columns with {0:?}: save the file with commas")]
    Delimiter(char),
    /// The header itself is faulty.
    #[error("line {line}, the header, cannot be read: it {reason}")]
    Header {
        /// Its line.
        line: u64,
        /// What is wrong.
        reason: RejectReason,
    },
    /// The account for all rows is unknown.
    #[error("--account: {0}")]
    Account(RejectReason),
}

fn ways(given: &str, near: Option<&str>, known: &[String]) -> String {
    match near {
        _ if is_number(given) => {
            format!("use the label that the settings give that number; they have {}", known.join(", "))
        }
        Some(near) => format!("did you mean {near:?}? They have {}", known.join(", ")),
        // Without a settings file.
        None if known == [AccountLabel::unnamed().as_str()] => {
            format!(
                "they have only {}: add it to [accounts], or give --config FILE with the settings that have it",
                known.join("")
            )
        }
        None => format!("they have {}", known.join(", ")),
    }
}
