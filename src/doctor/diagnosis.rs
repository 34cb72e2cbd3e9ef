//! From what was seen to what is wrong. Pure.

use super::facts::CheckedFacts;
use super::{of_account, of_database, of_lane, of_settings};
use crate::domain::{AccountLabel, Lane};
use std::path::PathBuf;

/// What was found, by subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The subjects in the order in which one builds on the other.
    pub sections: Vec<Section>,
}

/// A subject with its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What was looked at.
    pub subject: CheckSubject,
    /// What came of it.
    pub checks: Vec<Check>,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckSubject {
    /// The settings, with their file if there is one.
    Settings(Option<PathBuf>),
    /// The database.
    Database(PathBuf),
    /// An account.
    Account(AccountLabel),
    /// A lane.
    Lane(Lane),
}

impl CheckSubject {
    /// What kind it is, and which of it; nothing where the settings have no file.
    pub fn named(&self) -> (&'static str, Option<String>) {
        match self {
            Self::Settings(file) => ("settings", file.as_ref().map(|file| file.display().to_string())),
            Self::Database(path) => ("database", Some(path.display().to_string())),
            Self::Account(label) => ("account", Some(label.to_string())),
            Self::Lane(lane) => ("lane", Some(lane.to_string())),
        }
    }
}

/// A check and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name, which stays.
    pub name: &'static str,
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen, in a sentence.
    pub text: String,
    /// What to do about it, where there is something to be done.
    pub way: Option<String>,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Well.
    Good,
    /// Something to know.
    Note,
    /// It works, and may not for long, or worse than it could.
    Warning,
    /// It keeps Snapferry from its work, or its promises.
    Error,
}

impl Outcome {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Check {
    pub(super) fn good(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Good, text: text.into(), way: None }
    }

    pub(super) fn note(name: &'static str, text: impl Into<String>) -> Self {
        Self { outcome: Outcome::Note, ..Self::good(name, text) }
    }

    pub(super) fn warning(name: &'static str, text: impl Into<String>, way: impl Into<String>) -> Self {
        Self { outcome: Outcome::Warning, way: Some(way.into()), ..Self::good(name, text) }
    }

    pub(super) fn error(name: &'static str, text: impl Into<String>, way: impl Into<String>) -> Self {
        Self { outcome: Outcome::Error, ..Self::warning(name, text, way) }
    }
}

impl Diagnosis {
    /// How many checks came out so.
    pub fn count(&self, outcome: Outcome) -> usize {
        self.sections.iter().flat_map(|section| &section.checks).filter(|check| check.outcome == outcome).count()
    }

    /// Whether nothing is to be done.
    pub fn is_healthy(&self) -> bool {
        self.count(Outcome::Warning) + self.count(Outcome::Error) == 0
    }
}

/// Draws the conclusions.
pub fn diagnose(facts: &CheckedFacts) -> Diagnosis {
    let known = facts.database.as_ref().and_then(|(_, checkup)| checkup.content.as_ref().ok()?.as_ref());
    let lanes = known.map(|content| content.lanes.as_slice()).unwrap_or_default();
    let mut sections = vec![Section {
        subject: CheckSubject::Settings(facts.settings.file.clone()),
        checks: of_settings::checks(&facts.settings, lanes),
    }];
    if let Some((path, checkup)) = &facts.database {
        sections.push(Section { subject: CheckSubject::Database(path.clone()), checks: of_database::checks(checkup) });
    }
    for account in &facts.accounts {
        let checks = of_account::checks(account, &facts.accounts, lanes);
        sections.push(Section { subject: CheckSubject::Account(account.label.clone()), checks });
        for lane in &account.lanes {
            let settings = facts.settings.read.as_ref().map(|settings| settings.for_lane(&lane.lane));
            let checks = of_lane::checks(lane, &settings.unwrap_or_default(), lanes);
            sections.push(Section { subject: CheckSubject::Lane(lane.lane.clone()), checks });
        }
    }
    Diagnosis { sections }
}
