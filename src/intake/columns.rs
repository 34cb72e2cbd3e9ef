//! Which column holds what: the header read once, so that rows are taken by place.

use super::reason::{IntakeError, Reason};
use super::records::{Fault, Record};
use crate::domain::spreadsheet;

/// What a column is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Name,
    Region,
    Account,
    Priority,
    NotBefore,
    /// Goes through to the report.
    Carried,
    /// A column of our own report that says nothing about what to export.
    Ignored,
}

/// The columns of a file.
#[derive(Debug)]
pub(super) struct Columns {
    /// The columns in order, each with its name as the file has it.
    pub(super) all: Vec<(Role, String)>,
    /// Whether the file names them.
    pub(super) header: bool,
    /// How many at the front are the reasons that [`super::RejectedWriter`] puts before a row.
    pub(super) reasons: usize,
}

/// The report's own columns, apart from those that are read.
const OWN: [&str; 13] = [
    "batch",
    "state",
    "adopted",
    "attempts",
    "operation_id",
    "record_name",
    "destination_service",
    "destination_id",
    "error_code",
    "error_message",
    "queued_at",
    "submitted_at",
    "finished_at",
];

/// The columns before a rejected row.
pub(super) const REASONS: [&str; 3] = ["line", "column", "reason"];

impl Columns {
    /// Finds the columns in a file's first record; without a known one in it, the file is a plain list of names.
    pub(super) fn find(first: &Record) -> Result<Self, IntakeError> {
        let texts: Vec<Option<&str>> = first.fields().map(|field| std::str::from_utf8(field).ok()).collect();
        let known = |text: &&str| !matches!(role(&clean(text).to_lowercase()), Role::Carried | Role::Ignored);
        if !texts.iter().flatten().any(known) {
            if let [Some(only)] = texts.as_slice()
                && let Some(other) = other_delimiter(only)
            {
                return Err(IntakeError::Delimiter(other));
            }
            let ours = texts.len() > 2 && texts.iter().flatten().all(|text| OWN.contains(&clean(text)));
            if ours {
                return Err(IntakeError::NoNameColumn {
                    found: texts.iter().flatten().map(ToString::to_string).collect(),
                });
            }
            return Ok(Self { all: vec![(Role::Name, "snapshot_name".to_owned())], header: false, reasons: 0 });
        }
        Self::of_header(first, &texts)
    }

    fn of_header(first: &Record, texts: &[Option<&str>]) -> Result<Self, IntakeError> {
        let faulty = |reason| IntakeError::Header { line: first.line, reason };
        if let Some(fault) = first.fault {
            return Err(faulty(of_fault(fault, first)));
        }
        let mut names = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            let name = clean(text.ok_or_else(|| faulty(Reason::NotUtf8))?);
            if name.contains('\0') {
                return Err(faulty(Reason::Nul));
            }
            if name.is_empty() {
                return Err(IntakeError::UnnamedColumn(at + 1));
            }
            names.push(name);
        }
        let reasons = if names.starts_with(&REASONS) { REASONS.len() } else { 0 };
        let mut all: Vec<(Role, String)> = Vec::with_capacity(names.len());
        let mut seen = std::collections::HashMap::with_capacity(names.len());
        for (at, name) in names.iter().enumerate() {
            if at < reasons {
                all.push((Role::Ignored, (*name).to_owned()));
                continue;
            }
            let lower = name.to_lowercase();
            let role = role(&lower);
            let key = if role == Role::Name { "name".to_owned() } else { lower };
            if let Some((first, first_at)) = seen.insert(key, ((*name).to_owned(), at + 1)) {
                return Err(IntakeError::ColumnTwice {
                    first,
                    first_at,
                    second: (*name).to_owned(),
                    second_at: at + 1,
                });
            }
            all.push((role, (*name).to_owned()));
        }
        if !all.iter().any(|(role, _)| *role == Role::Name) {
            return Err(IntakeError::NoNameColumn { found: names.iter().map(ToString::to_string).collect() });
        }
        Ok(Self { all, header: true, reasons })
    }

    /// The column that a name may be meant for, where the file has no such column.
    pub(super) fn near(&self, name: &str) -> Option<&'static str> {
        let name = name.to_lowercase();
        let read = [
            (Role::Region, "region"),
            (Role::Account, "account"),
            (Role::Priority, "priority"),
            (Role::NotBefore, "not_before"),
        ];
        let missing = read.into_iter().filter(|(role, _)| self.name_of(*role).is_none());
        missing.map(|(_, known)| known).find(|known| strsim::osa_distance(&name, known) <= 2)
    }

    /// The name of the column for a role, as the file has it, or else as it may be called.
    pub(super) fn name_of(&self, wanted: Role) -> Option<&str> {
        self.all.iter().find(|(role, _)| *role == wanted).map(|(_, name)| name.as_str())
    }
}

/// What was wrong with a record as such, as a reason.
pub(super) fn of_fault(fault: Fault, record: &Record) -> Reason {
    let last_line = record.last_line;
    match fault {
        Fault::TooLong { quote } => Reason::TooLong { quote, last_line },
        Fault::Unclosed { quote } => Reason::UnclosedQuote { quote, last_line },
        Fault::AfterQuote { quote } => Reason::AfterQuote { quote },
    }
}

/// A cell of the header without blanks around it and without a spreadsheet's escape.
fn clean(text: &str) -> &str {
    spreadsheet::restore(text.trim())
}

fn role(lower: &str) -> Role {
    match lower {
        "snapshot_name" | "name" | "sourcesnapshotname" => Role::Name,
        "region" => Role::Region,
        "account" => Role::Account,
        "priority" => Role::Priority,
        "not_before" => Role::NotBefore,
        own if OWN.contains(&own) => Role::Ignored,
        _ => Role::Carried,
    }
}

/// A divider that would make a header of what is one field now.
fn other_delimiter(field: &str) -> Option<char> {
    let known = |part: &str| !matches!(role(&clean(part).to_lowercase()), Role::Carried | Role::Ignored);
    [';', '\t', '|'].into_iter().find(|divider| field.contains(*divider) && field.split(*divider).any(known))
}
