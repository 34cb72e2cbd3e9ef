//! Commands that load and export.

pub(crate) mod daemon;
pub(crate) mod enqueue;
pub(crate) mod input;
pub(crate) mod progress;
pub(crate) mod rehearsal;
pub(crate) mod run;
pub(crate) mod simulate;
pub(crate) mod takeover_args;
