//! Backups, pruning, and what `doctor` checks.

pub(in crate::queue) mod checkup;
pub(in crate::queue) mod database_copy;
pub(in crate::queue) mod peek;
pub(in crate::queue) mod prune;
pub(in crate::queue) mod vitals;
