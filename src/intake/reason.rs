//! Why a row is rejected, and why a whole file is: one sentence each, with the way out.

use super::RECORD_LIMIT;
use super::meaning::is_number;
use super::row::PRIORITIES;
use crate::domain::{AccountLabel, BadName, BadRegion, Region};
use std::io;

/// Why a row is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// The snapshot's name is missing or malformed; with what was given.
    #[error("the snapshot name {given:?} {bad}")]
    Name {
        /// What was given, cut where it is long.
        given: String,
        /// What is wrong with it.
        bad: BadName,
    },
    /// The name's cell is empty.
    #[error("the snapshot name is empty: fill it in or delete the row")]
    NoName,
    /// Not a Region of Lightsail.
    #[error(transparent)]
    Region(#[from] BadRegion),
    /// Neither the row nor anything else names a Region.
    #[error("names no Region: fill in a region column, give --region, or set AWS_REGION or the profile's region")]
    NoRegion,
    /// The Region of the AWS configuration is the only one there is, and none of Lightsail's.
    #[error(
        "names no Region, and that of the AWS configuration is none of Lightsail's ({0}): fill in a region column or give --region"
    )]
    UsualRegion(BadRegion),
    /// A Region that the account does not have in the settings.
    #[error(
        "account {account} has no Region {region} in the settings: write {}, or add it to [accounts.{account}] regions",
        .regions.iter().map(|region| region.as_str()).collect::<Vec<_>>().join(" or ")
    )]
    Elsewhere {
        /// The account.
        account: AccountLabel,
        /// The Region that the row would be in.
        region: Region,
        /// Those that the account has.
        regions: Vec<Region>,
    },
    /// An account that the settings do not have.
    #[error("{given:?} is no account of the settings; {}", ways(.given, .near.as_deref(), .known))]
    Account {
        /// What was given, cut where it is long.
        given: String,
        /// A known label that is near.
        near: Option<String>,
        /// The known labels.
        known: Vec<String>,
    },
    /// The row names no account, and the settings have accounts, but none that is called `default`.
    #[error("names no account: fill in an account column or give --account; the settings have {}", .known.join(", "))]
    NoAccount {
        /// The known labels.
        known: Vec<String>,
    },
    /// A priority that is no number, or out of range.
    #[error("{0:?} is no priority: a whole number from {lo} to {hi}, higher first", lo = PRIORITIES.start(), hi = PRIORITIES.end())]
    Priority(String),
    /// A time that is none.
    #[error("{0:?} is no time: write it as RFC 3339, such as 2026-11-23T18:00:00Z")]
    Time(String),
    /// More or fewer fields than the header.
    #[error("fields: {found} found, {expected} expected as in the header: quote a field that has a comma in it")]
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
    #[error("has a NUL character: remove it; a file saved as UTF-16 must be saved as UTF-8")]
    Nul,
    /// Bytes that are no UTF-8.
    #[error("is not UTF-8: save the file as UTF-8")]
    NotUtf8,
    /// A record beyond the limit.
    #[error("is longer than {} KiB: shorten it or leave columns out{}", RECORD_LIMIT / 1024, open_quote(*.quote, *.last_line))]
    TooLong {
        /// The line of the quote that was open at the limit.
        quote: Option<u64>,
        /// The line where the record ended.
        last_line: u64,
    },
    /// A quote that is never closed.
    #[error(
        "the quote that opens in line {quote} is never closed, so everything up to line {last_line} is one field: close it, or double it if it is part of the text"
    )]
    UnclosedQuote {
        /// The line of the quote.
        quote: u64,
        /// The last line of the file.
        last_line: u64,
    },
    /// Text after a closing quote.
    #[error(
        "has text after the end of the quoted field that opens in line {quote}: double each quote that is part of the text"
    )]
    AfterQuote {
        /// The line where the field opens.
        quote: u64,
    },
}

/// Why nothing of a file can be taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IntakeError {
    /// Reading failed.
    #[error("the input could not be read")]
    Read(#[from] io::Error),
    /// Nothing but blank lines.
    #[error("the input is empty: give it a line with a snapshot's name in it")]
    Empty,
    /// Not text in UTF-8.
    #[error("the input is {0}: save it as CSV in UTF-8")]
    NotText(&'static str),
    /// The header has columns that are known, but no name.
    #[error("the header has no column for the snapshot's name: call it snapshot_name; it has {}", .found.join(", "))]
    NoNameColumn {
        /// The columns it has.
        found: Vec<String>,
    },
    /// Two columns of one name.
    #[error("the header has {0}, which are the same column: leave one out")]
    ColumnTwice(String),
    /// Two columns that mean one thing, and neither bears the name that would tell.
    #[error(
        "the header has {0}, which may mean the same: leave one out, or give --copy-column for the one to be copied"
    )]
    SameMeaning(String),
    /// A column that the file does not have.
    #[error("--copy-column: there is no column {name:?}; the file has {}", .found.join(", "))]
    NoSuchColumn {
        /// What was given.
        name: String,
        /// The columns it has.
        found: Vec<String>,
    },
    /// A column that would stand beside the report's own of that name.
    #[error("--copy-column: {0:?} is a column of the report; give it another name in the file")]
    NotToBeCopied(String),
    /// A row that may be meant to be exported somewhere else.
    #[error(
        "line {line}: column {column:?} has {cell:?}, but the row would be exported in {used}, as no {meaning} column \
         says otherwise. Rename the column to {meaning}, or give --copy-column {column:?} if it is only to be copied \
         to the report"
    )]
    Ambiguous {
        /// Its line.
        line: u64,
        /// The column that says something else.
        column: String,
        /// What it says, cut where it is long.
        cell: String,
        /// Region or account.
        meaning: &'static str,
        /// What the row would be exported in.
        used: String,
    },
    /// A column of the header without a name.
    #[error("column {0} of the header has no name: name it or delete the column")]
    UnnamedColumn(usize),
    /// Fields divided by something else than a comma.
    #[error("the header divides its columns by {0:?}: save the file with commas")]
    Delimiter(char),
    /// The header itself is faulty.
    #[error("line {line}, the header, cannot be read: it {reason}")]
    Header {
        /// Its line.
        line: u64,
        /// What is wrong.
        reason: RejectReason,
    },
    /// The account given for all rows is not known.
    #[error("--account: {0}")]
    Account(RejectReason),
}

fn ways(given: &str, near: Option<&str>, known: &[String]) -> String {
    match near {
        _ if is_number(given) => {
            format!("write the label that the settings have for that number; they have {}", known.join(", "))
        }
        Some(near) => format!("did you mean {near:?}? It has {}", known.join(", ")),
        // As it is without a settings file.
        None if known == [AccountLabel::unnamed().as_str()] => {
            format!(
                "it has only {}: add it to [accounts], or give --config FILE with the settings that have it",
                known.join("")
            )
        }
        None => format!("it has {}", known.join(", ")),
    }
}

fn open_quote(quote: Option<u64>, last_line: u64) -> String {
    quote
        .map(|line| {
            format!(" (a quote opens in line {line}, and the field goes on up to line {last_line}: is it closed?)")
        })
        .unwrap_or_default()
}
