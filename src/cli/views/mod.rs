//! Commands that show what is in the database.

pub(in crate::cli) mod failures;
pub(in crate::cli) mod jobs;
pub(in crate::cli) mod report;
pub(in crate::cli) mod show;
pub(in crate::cli) mod status;
pub(in crate::cli) mod why;
