//! Commands for the installation.

pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod man;
