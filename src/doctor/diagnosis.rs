//! From facts to what is wrong. Pure.

use super::facts::CheckedFacts;
use super::{of_account, of_database, of_lane, of_settings};
use crate::domain::named;
use std::path::Path;

/// The findings, by subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// The subjects in the order in which one builds on the other.
    pub sections: Vec<Section>,
}

/// A subject with its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// `settings`, `database`, `account` or `lane`.
    pub subject: &'static str,
    /// Which of them; none where the settings have no file.
    pub name: Option<String>,
    /// The checks with their outcomes.
    pub checks: Vec<Check>,
}

/// A check and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name, which is stable.
    pub name: &'static str,
    /// Its outcome.
    pub outcome: Outcome,
    /// The finding, in a sentence.
    pub text: String,
    /// What to do about it, where there is something to be done.
    pub way: Option<String>,
}

named! {
    /// The outcome of a check.
    pub enum Outcome {
        /// All is well.
        Good = "ok",
        /// Something to know.
        Note = "note",
        /// It works, but perhaps not for long, or worse than it could.
        Warning = "warning",
        /// It keeps Snapferry from its work, or its guarantees.
        Error = "error",
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
    /// How many checks had this outcome.
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
    let path = |path: &Path| Some(path.display().to_string());
    let mut sections = vec![Section {
        subject: "settings",
        name: facts.settings.file.as_deref().and_then(path),
        checks: of_settings::checks(&facts.settings, lanes),
    }];
    if let Some((file, checkup)) = &facts.database {
        sections.push(Section { subject: "database", name: path(file), checks: of_database::checks(checkup) });
    }
    for account in &facts.accounts {
        let checks = of_account::checks(account, &facts.accounts, lanes);
        sections.push(Section { subject: "account", name: Some(account.label.to_string()), checks });
        for lane in &account.lanes {
            let settings = facts.settings.read.as_ref().map(|settings| settings.for_lane(&lane.lane));
            let checks = of_lane::checks(lane, &settings.unwrap_or_default(), lanes);
            sections.push(Section { subject: "lane", name: Some(lane.lane.to_string()), checks });
        }
    }
    Diagnosis { sections }
}
