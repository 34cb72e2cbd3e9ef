//! What a job does about exports that were there before it.

use serde::{Deserialize, Serialize};

/// What is done about a snapshot that has been exported before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Existing {
    /// Its export is taken as this job's.
    Adopt,
    /// It is exported once more.
    ExportAgain,
}

impl Existing {
    /// Its name in SQL and in the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Adopt => "adopt",
            Self::ExportAgain => "export-again",
        }
    }
}
