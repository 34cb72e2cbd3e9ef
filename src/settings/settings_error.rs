//! What is wrong with the settings: the key, where it was set, and the way out.

use super::environment::name_of;
use crate::domain::nearest;
use std::io;
use std::path::PathBuf;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The requested file does not exist.
    #[error("the settings file {} does not exist: create it or leave out --config (SNAPFERRY_CONFIG)", .0.display())]
    NoFile(PathBuf),
    /// The file cannot be read.
    #[error("the settings file {} cannot be read; it has to be TOML in UTF-8", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not TOML.
    #[error("the settings file {}, line {line}, column {column}, is not TOML: {message}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// An unknown key.
    #[error("{origin}: there is no setting {key}{}", .hint)]
    UnknownKey {
        /// The key, as a path.
        key: String,
        /// The file or the variable.
        origin: String,
        /// What may be meant.
        hint: String,
    },
    /// A value that cannot be used.
    #[error("{}: {message}", place(.origin, .key))]
    Value {
        /// The key, as a path.
        key: String,
        /// The file or the variable.
        origin: String,
        /// What is wrong with it, and the way out.
        message: String,
    },
    /// There is no place for the database.
    #[error("there is no home folder to hold the database: add --database sqlite://PATH")]
    NoDatabase,
}

/// Where a value was set. The name of an option already says which setting it is.
fn place(origin: &str, key: &str) -> String {
    if origin.starts_with("--") { origin.to_owned() } else { format!("{origin}: {key}") }
}

/// All settings, except those of accounts and of single lanes.
pub(super) const KEYS: [&str; 27] = [
    "database",
    "export.rate",
    "export.burst",
    "export.max_in_flight",
    "export.max_attempts",
    "export.backoff_initial",
    "export.backoff_max",
    "export.attempt_timeout",
    "export.existing",
    "read.rate",
    "read.burst",
    "poll.min",
    "poll.max",
    "poll.give_up",
    "reconcile.settle",
    "reconcile.looks",
    "lane.probe",
    "breaker.enabled",
    "breaker.share",
    "breaker.at_least",
    "breaker.in_a_row",
    "breaker.wait",
    "breaker.wait_max",
    "plan.price_per_gb_month",
    "plan.currency",
    "report.bundle",
    "prune.after",
];

/// What an unknown key of a file or a variable may mean; `siblings` are the known keys in its place.
pub(super) fn hint(path: &[String], name: &str, siblings: &[&str], variable: Option<&str>) -> String {
    let variables: Vec<String> = KEYS.into_iter().chain(["config", "network_disk"]).map(name_of).collect();
    if let Some(near) = variable.and_then(|variable| nearest(variable, variables.iter().map(String::as_str))) {
        return format!("; did you mean {near}?");
    }
    let same_name = |key: &&str| path.len() == 1 && key.rsplit('.').next() == Some(name);
    let elsewhere: Vec<&str> = KEYS.into_iter().filter(same_name).collect();
    if !elsewhere.is_empty() {
        return format!("; did you mean {}?", elsewhere.join(" or "));
    }
    match nearest(name, siblings.iter().copied()) {
        Some(near) => format!("; did you mean {near:?}?"),
        None => format!("; there is {}", siblings.join(", ")),
    }
}
