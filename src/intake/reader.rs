//! Reads a CSV file row by row.

use super::columns::{Columns, Role};
use super::csv_records::{Record, RecordFault, Records};
use super::meaning;
use super::reason::{IntakeError, RejectReason};
use super::rejected::Rejected;
use super::row::{self, Row, cut};
use crate::domain::{AccountLabel, BadRegion, Region, nearest};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

/// What applies to all rows of a file unless a row says otherwise.
#[derive(Debug, Clone, Default)]
pub struct IntakeOptions {
    /// The account of a row that names none; without one it is `default`.
    pub account: Option<AccountLabel>,
    /// The Region of a row that names none.
    pub region: Option<Region>,
    /// The Region if nothing else names one. Without it such a row is rejected.
    pub usual_region: UsualRegion,
    /// The Regions that the settings list for accounts: a row must be in one of them, and a single one need not be named.
    /// Other accounts can be in any Region.
    pub regions: BTreeMap<AccountLabel, BTreeSet<Region>>,
    /// The accounts in the settings; if empty, only `default` is known.
    pub accounts: BTreeSet<AccountLabel>,
    /// The priority of a row that has none, one of [`PRIORITIES`](super::PRIORITIES).
    pub priority: i64,
    /// Columns to copy to the report only, whatever their name and content.
    pub copied: Vec<String>,
    /// The most records to read, good or bad.
    pub limit: Option<u64>,
}

/// The Region of the AWS configuration, if it names one. Whether Lightsail has it matters only if it is needed.
pub type UsualRegion = Option<Result<Region, BadRegion>>;

/// A record, judged.
#[derive(Debug, Clone, PartialEq)]
pub enum IntakeRecord {
    /// A row that can be enqueued.
    Accepted(Row),
    /// A row that cannot, and why.
    Rejected(Box<Rejected>),
}

/// An iterator over the records of a CSV file, each accepted or rejected. It ends after the last one, after
/// [`IntakeOptions::limit`], or after an error: of reading, or [`IntakeError::Ambiguous`], a row that may be meant for
/// another lane and spoils the whole file.
pub struct Intake<R> {
    records: Records<R>,
    record: Record,
    columns: Columns,
    carried: Vec<String>,
    header: Vec<String>,
    options: IntakeOptions,
    /// The first record is a row that has not been returned yet.
    held: bool,
    left: u64,
}

impl<R: Read> Intake<R> {
    /// Reads the header, or finds that there is none.
    ///
    /// # Errors
    /// [`IntakeError`] if the file cannot be used at all, or `options.account` is unknown.
    pub fn new(reader: R, options: IntakeOptions) -> Result<Self, IntakeError> {
        if options.account.is_some() {
            options.account_of_all().map_err(IntakeError::Account)?;
        }
        let (mut records, start) = Records::open(reader)?;
        if let Some(kind) = foreign(&start) {
            return Err(IntakeError::NotText(kind));
        }
        let mut record = Record::default();
        if !records.read(&mut record)? {
            return Err(IntakeError::Empty);
        }
        let columns = Columns::find(&record, &options.copied)?;
        let names = |wanted: fn(Role) -> bool| {
            let ours = columns.all.iter().skip(columns.reasons);
            ours.filter(|column| wanted(column.role)).map(|column| column.name.clone()).collect()
        };
        let (carried, header) = (names(|role| role == Role::Carried), names(|_| true));
        let (held, left) = (!columns.header, options.limit.unwrap_or(u64::MAX));
        Ok(Self { records, record, columns, carried, header, options, held, left })
    }

    /// The names of the copied columns, in the order of [`Row::carried`].
    pub fn carried_columns(&self) -> &[String] {
        &self.carried
    }

    /// Copied columns that may be a typo for a known column, with that column.
    pub fn likely_slips(&self) -> impl Iterator<Item = (&str, &'static str)> {
        self.carried.iter().filter_map(|name| Some((name.as_str(), self.columns.near(name)?)))
    }

    /// The names of the file's columns, for [`RejectsWriter`](super::RejectsWriter).
    pub fn header(&self) -> &[String] {
        &self.header
    }

    fn judge(&self) -> Result<IntakeRecord, IntakeError> {
        Ok(match row::read(&self.record, &self.columns, &self.options) {
            Ok((row, named)) => {
                meaning::check(&row, named, &self.columns, &self.options)?;
                IntakeRecord::Accepted(row)
            }
            Err((column, reason)) => {
                // Only the beginning of a row beyond the limit is kept, and half a row cannot be corrected.
                let whole =
                    if matches!(reason, RejectReason::Record(RecordFault::TooLong { .. })) { 0 } else { usize::MAX };
                let fields = self.record.fields.iter().skip(self.columns.reasons).take(whole).collect();
                IntakeRecord::Rejected(Box::new(Rejected { line: self.record.line, column, reason, fields }))
            }
        })
    }
}

impl<R: Read> Iterator for Intake<R> {
    type Item = Result<IntakeRecord, IntakeError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let more = if std::mem::take(&mut self.held) { Ok(true) } else { self.records.read(&mut self.record) };
        let judged = match more {
            Ok(true) => self.judge(),
            Ok(false) => {
                self.left = 0;
                return None;
            }
            Err(error) => Err(error.into()),
        };
        if judged.is_err() {
            self.left = 0;
        }
        Some(judged)
    }
}

impl IntakeOptions {
    /// The account of a row that names none.
    pub(super) fn account_of_all(&self) -> Result<AccountLabel, RejectReason> {
        match &self.account {
            Some(given) => self.known(given.as_str()),
            None if self.accounts.is_empty() || self.accounts.contains(&AccountLabel::unnamed()) => {
                Ok(AccountLabel::unnamed())
            }
            None => Err(RejectReason::NoAccount { known: self.labels() }),
        }
    }

    /// The account of that label, if it is known.
    pub(super) fn known(&self, label: &str) -> Result<AccountLabel, RejectReason> {
        let unnamed = AccountLabel::unnamed();
        if self.accounts.is_empty() && label == unnamed.as_str() {
            return Ok(unnamed);
        }
        if let Some(known) = AccountLabel::parse(label).ok().and_then(|label| self.accounts.get(&label)) {
            return Ok(known.clone());
        }
        let given = cut(label);
        let known = self.labels();
        let near = nearest(&given, known.iter().map(String::as_str)).map(ToOwned::to_owned);
        Err(RejectReason::Account { given, near, known })
    }

    /// The Region of a row of `account`; `named` is the one that the row names.
    pub(super) fn region_of(&self, account: &AccountLabel, named: Option<Region>) -> Result<Region, RejectReason> {
        let set = self.regions.get(account);
        let only = set.filter(|set| set.len() == 1).and_then(|set| set.first().copied());
        let usual = || match &self.usual_region {
            Some(usual) => usual.clone().map_err(RejectReason::UsualRegion),
            None => Err(RejectReason::NoRegion),
        };
        let region = named.or(self.region).or(only).map_or_else(usual, Ok)?;
        match set {
            Some(set) if !set.contains(&region) => Err(RejectReason::Elsewhere {
                account: account.clone(),
                region,
                regions: set.iter().copied().collect(),
            }),
            Some(_) | None => Ok(region),
        }
    }

    fn labels(&self) -> Vec<String> {
        if self.accounts.is_empty() {
            return vec![AccountLabel::unnamed().as_str().to_owned()];
        }
        self.accounts.iter().map(|label| label.as_str().to_owned()).collect()
    }
}

/// Control characters among the first bytes that cannot be typos.
const NO_TEXT: usize = 4;

fn is_of_no_text(byte: u8) -> bool {
    byte < b' ' && !matches!(byte, b'\t' | b'\r' | b'\n' | 0x1b)
}

/// What a file is, by its first bytes, if it is not UTF-8 text.
fn foreign(start: &[u8]) -> Option<&'static str> {
    match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("text in UTF-16"),
        [b'P', b'K', 3, 4, ..] => Some("a ZIP archive or an Excel workbook"),
        [0x1f, 0x8b, ..] => Some("compressed with gzip"),
        [b'S', b'Q', b'L', b'i', b't', b'e', b' ', ..] => Some("a SQLite database"),
        [b'%', b'P', b'D', b'F', ..] => Some("a PDF document"),
        _ if start.iter().filter(|byte| is_of_no_text(**byte)).count() >= NO_TEXT => Some("not text"),
        _ => None,
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
