//! What a job does about an earlier export of its snapshot.

use crate::domain::named;

named! {
    /// What to do about a snapshot that has been exported before; its name stands in SQL and in the settings.
    pub enum Existing {
        /// The earlier export becomes the job's.
        Adopt = "adopt",
        /// The snapshot is exported once more.
        ExportAgain = "export-again",
    }
}
