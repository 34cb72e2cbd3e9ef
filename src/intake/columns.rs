//! Which column holds what. The header is read once; rows are then read by position.

use super::csv_records::Record;
use super::meaning::{Confidence, EXACT, is_of_snapshot, looks_like, of_name};
use super::reason::{IntakeError, RejectReason};
use crate::domain::{REPORT_COLUMNS, spreadsheet};
use std::collections::{BTreeMap, HashMap};

/// The role of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    Name,
    Region,
    Account,
    Priority,
    NotBefore,
    /// Copied to the report.
    Carried,
    /// A column of our own report that does not tell what to export.
    Ignored,
}

/// A column of the file.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) role: Role,
    /// As in the file.
    pub(super) name: String,
    /// Region or account, if its name suggests one.
    pub(super) looks_like: Option<Role>,
    /// A person has declared that it is only to be copied, whatever it holds.
    pub(super) declared: bool,
}

/// The columns of a file.
#[derive(Debug)]
pub(super) struct Columns {
    /// The columns in order.
    pub(super) all: Vec<Column>,
    /// Whether the file names them.
    pub(super) header: bool,
    /// How many columns at the front were added by [`super::RejectsWriter`].
    pub(super) reasons: usize,
}

/// The columns before a rejected row.
pub(super) const REASONS: [&str; 3] = ["line", "column", "reason"];

impl Columns {
    /// Finds the columns in a file's first record; without a known one, the file is a plain list of names. Those in `copied`
    /// are only copied, whatever their name.
    pub(super) fn find(first: &Record, copied: &[String]) -> Result<Self, IntakeError> {
        let texts: Vec<Option<&str>> = first.fields.iter().map(|field| std::str::from_utf8(field).ok()).collect();
        let found = || texts.iter().flatten().map(ToString::to_string).collect();
        if texts.iter().flatten().any(|text| is_known(text)) {
            return Self::of_header(&names(first, &texts)?, copied);
        }
        if let [Some(only)] = texts.as_slice()
            && let Some(other) = other_delimiter(only)
        {
            return Err(IntakeError::Delimiter(other));
        }
        if texts.len() > 2 && texts.iter().flatten().all(|text| is_ignored(clean(text))) {
            return Err(IntakeError::NoNameColumn { found: found() });
        }
        if let Some(name) = copied.first() {
            return Err(IntakeError::NoSuchColumn { name: name.clone(), found: found() });
        }
        let only = Column { role: Role::Name, name: "snapshot_name".to_owned(), looks_like: None, declared: false };
        Ok(Self { all: vec![only], header: false, reasons: 0 })
    }

    fn of_header(names: &[&str], copied: &[String]) -> Result<Self, IntakeError> {
        let reasons = if names.starts_with(&REASONS) { REASONS.len() } else { 0 };
        let copied: Vec<String> = copied.iter().map(|name| clean(name).to_lowercase()).collect();
        let mut all: Vec<Column> = Vec::with_capacity(names.len());
        let mut seen = HashMap::with_capacity(names.len());
        let mut meant: BTreeMap<Role, Vec<(Confidence, usize)>> = BTreeMap::new();
        for (at, name) in names.iter().enumerate() {
            let lower = name.to_lowercase();
            let ignored = at < reasons || is_ignored(&lower);
            let declared = copied.contains(&lower);
            if let Some((role, sureness)) = of_name(&lower).filter(|_| !ignored && !declared) {
                meant.entry(role).or_default().push((sureness, at));
            }
            let role = if ignored { Role::Ignored } else { Role::Carried };
            all.push(Column { role, name: (*name).to_owned(), looks_like: looks_like(name), declared });
            if at >= reasons
                && let Some(before) = seen.insert(lower, at)
            {
                return Err(IntakeError::ColumnTwice(pair(names, before, at)));
            }
        }
        for (role, mut columns) in meant {
            columns.sort_unstable();
            match columns.as_slice() {
                // Which of two equally sure names is meant cannot be known.
                [(one, first), (other, second), ..] if one == other => {
                    return Err(IntakeError::SameMeaning(pair(names, *first, *second)));
                }
                // "name" may not be the snapshot's if another column seems to be about the snapshot.
                [(Confidence::Weak, name), ..]
                    if role == Role::Name
                        && let Some(other) =
                            all.iter().position(|other| !other.declared && is_of_snapshot(&other.name)) =>
                {
                    return Err(IntakeError::SameMeaning(pair(names, *name, other)));
                }
                [(_, surest), ..] => all.get_mut(*surest).into_iter().for_each(|column| column.role = role),
                [] => {}
            }
        }
        let found = || names.iter().map(ToString::to_string).collect();
        for name in copied {
            if is_of_reports(&name) {
                return Err(IntakeError::NotToBeCopied(name));
            }
            if !seen.contains_key(&name) {
                return Err(IntakeError::NoSuchColumn { name, found: found() });
            }
        }
        if !all.iter().any(|column| column.role == Role::Name) {
            return Err(IntakeError::NoNameColumn { found: found() });
        }
        Ok(Self { all, header: true, reasons })
    }

    /// Whether a column has this role.
    pub(super) fn has(&self, wanted: Role) -> bool {
        self.name_of(wanted).is_some()
    }

    /// The missing column that a name may be a typo for.
    pub(super) fn near(&self, name: &str) -> Option<&'static str> {
        let name = name.to_lowercase();
        let missing = EXACT.into_iter().filter(|(role, _)| !self.has(*role));
        missing.map(|(_, known)| known).find(|known| strsim::osa_distance(&name, known) <= 2)
    }

    /// The name of the column with this role, as in the file.
    pub(super) fn name_of(&self, wanted: Role) -> Option<&str> {
        self.all.iter().find(|column| column.role == wanted).map(|column| column.name.as_str())
    }
}

/// A cell of the header without surrounding blanks and a spreadsheet's escape.
fn clean(text: &str) -> &str {
    spreadsheet::restore(text.trim())
}

/// Whether a cell of the first record is a known column's name.
fn is_known(text: &str) -> bool {
    of_name(&clean(text).to_lowercase()).is_some()
}

/// Whether the report has a column of this name.
fn is_of_reports(lower: &str) -> bool {
    REPORT_COLUMNS.contains(&lower)
}

/// Whether it is a column of our own report that does not tell what to export.
fn is_ignored(lower: &str) -> bool {
    is_of_reports(lower) && !matches!(of_name(lower), Some((_, Confidence::Exact)))
}

/// The cells of a header.
fn names<'a>(first: &Record, texts: &[Option<&'a str>]) -> Result<Vec<&'a str>, IntakeError> {
    let faulty = |reason| IntakeError::Header { line: first.line, reason };
    if let Some(fault) = first.fault {
        return Err(faulty(fault.into()));
    }
    let mut names = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        let name = clean(text.ok_or_else(|| faulty(RejectReason::NotUtf8))?);
        if name.contains('\0') {
            return Err(faulty(RejectReason::Nul));
        }
        if name.is_empty() {
            return Err(IntakeError::UnnamedColumn(at + 1));
        }
        names.push(name);
    }
    Ok(names)
}

/// Two columns, each with its position from 1, for a message.
fn pair(names: &[&str], first: usize, second: usize) -> String {
    let [first, second] = [first, second].map(|at| format!("{:?} (column {})", names.get(at).unwrap_or(&""), at + 1));
    format!("{first} and {second}")
}

/// A separator that would turn this single field into a header.
fn other_delimiter(field: &str) -> Option<char> {
    [';', '\t', '|'].into_iter().find(|divider| field.contains(*divider) && field.split(*divider).any(is_known))
}
