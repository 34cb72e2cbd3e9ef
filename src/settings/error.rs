//! What is wrong with the settings: the key, where it was set, and the way out.

use super::environment;
use std::io;
use std::path::PathBuf;

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file that was asked for is not there.
    #[error("the settings file {} does not exist: create it or leave out --config (SNAPFERRY_CONFIG)", .0.display())]
    NoFile(PathBuf),
    /// The file holds something else than text.
    #[error("the settings file {} is no text in UTF-8: it is written in TOML", .0.display())]
    NotText(PathBuf),
    /// The file is a folder.
    #[error("the settings file {} is a folder: name a file in it", .0.display())]
    Folder(PathBuf),
    /// The file cannot be read.
    #[error("the settings file {} cannot be read", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is no TOML.
    #[error("the settings file {}, line {line}, column {column}, is no TOML: {message}", file.display())]
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
    /// A key that means nothing.
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
    /// There is no folder for the database.
    #[error("no folder for the database was found, as there is no home folder: give --database sqlite://PATH")]
    NoDatabase,
}

/// Where a value stands. An option is called by the key's name already.
fn place(origin: &str, key: &str) -> String {
    if origin.starts_with("--") { origin.to_owned() } else { format!("{origin}: {key}") }
}

/// Every setting but those of accounts and of single lanes.
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

/// What may be meant by a key that is not among `siblings`, from a file or a variable.
pub(super) fn hint(path: &[String], name: &str, siblings: &[&str], variable: Option<&str>) -> String {
    if let Some(variable) = variable
        && let Some(near) =
            near(variable, KEYS.iter().chain(&["config", "network_disk"]).map(|key| environment::name_of(key)))
    {
        return format!("; did you mean {near}?");
    }
    let same_name = |key: &&str| path.len() == 1 && key.rsplit('.').next() == Some(name);
    let elsewhere: Vec<&str> = KEYS.into_iter().filter(same_name).collect();
    if !elsewhere.is_empty() {
        return format!("; did you mean {}?", elsewhere.join(" or "));
    }
    match near(name, siblings.iter().map(ToString::to_string)) {
        Some(near) => format!("; did you mean {near:?}?"),
        None => format!("; there is {}", siblings.join(", ")),
    }
}

/// The one that is at most two typos away.
pub(super) fn near(given: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let given = given.to_lowercase();
    known
        .map(|known| (strsim::osa_distance(&given, &known.to_lowercase()), known))
        .min()
        .filter(|(distance, known)| *distance <= 2 && *distance < known.len())
        .map(|(_, known)| known)
}
