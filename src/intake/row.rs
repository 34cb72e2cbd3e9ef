//! Turns a record into a row, or into the first reason to reject it.

use super::columns::{Columns, Role};
use super::csv_records::Record;
use super::reader::IntakeOptions;
use super::reason::RejectReason;
use crate::domain::{AccountLabel, BadName, Region, SnapshotName, Timestamp, spreadsheet};
use std::ops::RangeInclusive;

/// The priorities of rows; higher goes first.
pub const PRIORITIES: RangeInclusive<i64> = -1000..=1000;

/// The characters of a cell that a message quotes.
const QUOTED: usize = 80;

/// A row that can be enqueued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line where it begins, from 1.
    pub line: u64,
    /// The snapshot to export.
    pub snapshot: SnapshotName,
    /// The account it is in.
    pub account: AccountLabel,
    /// The Region it is in.
    pub region: Region,
    /// One of [`PRIORITIES`]; higher goes first.
    pub priority: i64,
    /// The earliest time to send it.
    pub not_before: Option<Timestamp>,
    /// The cells of the copied columns, unchanged, in the order of the header.
    pub carried: Vec<String>,
}

/// What a row names itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowTarget {
    pub(super) account: bool,
    pub(super) region: bool,
}

/// The column at fault, unless the whole row is, and the reason.
pub(super) type RowFault = (Option<String>, RejectReason);

/// Reads one record.
pub(super) fn read(record: &Record, columns: &Columns, options: &IntakeOptions) -> Result<(Row, RowTarget), RowFault> {
    if let Some(fault) = record.fault {
        return Err((None, fault.into()));
    }
    let (expected, found) = (columns.all.len(), record.fields.len());
    if expected != found {
        let reason = if columns.header {
            RejectReason::FieldCount { expected, found }
        } else {
            RejectReason::PlainList { found }
        };
        return Err((None, reason));
    }
    let mut snapshot = None;
    let mut account = None;
    let mut region = None;
    let mut priority = options.priority;
    let mut not_before = None;
    let mut carried = Vec::with_capacity(columns.all.iter().filter(|column| column.role == Role::Carried).count());
    for (field, column) in record.fields.iter().zip(&columns.all) {
        let against = |reason| (Some(column.name.clone()), reason);
        let text = text_of(field).map_err(against)?;
        let cell = spreadsheet::restore(text.trim());
        match column.role {
            Role::Name => snapshot = Some(name(cell).map_err(against)?),
            Role::Carried => carried.push(spreadsheet::restore(text).to_owned()),
            Role::Region if !cell.is_empty() => {
                region = Some(Region::parse(&cut(cell)).map_err(|bad| against(RejectReason::Region(bad)))?);
            }
            Role::Account if !cell.is_empty() => account = Some(options.known(cell).map_err(against)?),
            Role::Priority if !cell.is_empty() => priority = number(cell).map_err(against)?,
            Role::NotBefore if !cell.is_empty() => {
                let moment = Timestamp::parse(cell).map_err(|_| against(RejectReason::Time(cut(cell))))?;
                not_before = Some(moment);
            }
            Role::Ignored | Role::Region | Role::Account | Role::Priority | Role::NotBefore => {}
        }
    }
    let column = |role, usual: &str| Some(columns.name_of(role).unwrap_or(usual).to_owned());
    let snapshot = snapshot.ok_or_else(|| (column(Role::Name, "snapshot_name"), RejectReason::NoName))?;
    let named = RowTarget { account: account.is_some(), region: region.is_some() };
    let account = match account {
        Some(account) => account,
        None => options.account_of_all().map_err(|reason| (column(Role::Account, "account"), reason))?,
    };
    let region = options.region_of(&account, region).map_err(|reason| (column(Role::Region, "region"), reason))?;
    Ok((Row { line: record.line, snapshot, account, region, priority, not_before, carried }, named))
}

fn text_of(field: &[u8]) -> Result<&str, RejectReason> {
    let text = std::str::from_utf8(field).map_err(|_| RejectReason::NotUtf8)?;
    if text.contains('\0') { Err(RejectReason::Nul) } else { Ok(text) }
}

fn name(cell: &str) -> Result<SnapshotName, RejectReason> {
    SnapshotName::parse(cell).map_err(|bad| match bad {
        BadName::Empty => RejectReason::NoName,
        BadName::Short | BadName::Long(..) | BadName::Character(_) | BadName::Edge(_) | BadName::Blank => {
            RejectReason::Name { given: cut(cell), bad }
        }
    })
}

fn number(cell: &str) -> Result<i64, RejectReason> {
    let number = cell.parse().ok().filter(|number| PRIORITIES.contains(number));
    number.ok_or_else(|| RejectReason::Priority(cut(cell)))
}

/// A cell as a message quotes it.
pub(super) fn cut(cell: &str) -> String {
    match cell.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", cell.get(..end).unwrap_or_default()),
        None => cell.to_owned(),
    }
}
