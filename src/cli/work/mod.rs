//! Commands that load and export.

pub(in crate::cli) mod daemon;
pub(in crate::cli) mod enqueue;
pub(in crate::cli) mod input;
pub(in crate::cli) mod progress;
pub(in crate::cli) mod rehearsal;
pub(in crate::cli) mod run;
pub(in crate::cli) mod simulate;
pub(in crate::cli) mod takeover;
