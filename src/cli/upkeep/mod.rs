//! Commands for the installation.

pub(in crate::cli) mod backup;
pub(in crate::cli) mod completions;
pub(in crate::cli) mod man;
