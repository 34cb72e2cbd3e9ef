//! Commands that show what is in the database.

pub(crate) mod failures;
pub(crate) mod jobs;
pub(crate) mod report;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod why;
