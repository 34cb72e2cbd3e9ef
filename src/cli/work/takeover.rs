//! What a person declares about takeovers when work begins.

use crate::queue::{TakeoverOptions, TakeoverWait};
use clap::Args;

/// Snapferry recognises a database that is a copy and waits for what was in flight. These options are for what only a person knows.
#[derive(Debug, Clone, Args)]
pub(in crate::cli) struct TakeoverArgs {
    /// Send at once from a database that is a copy: only safe if nothing was in flight when the original was lost
    #[arg(long)]
    no_takeover_wait: bool,
    /// Declare that this database was restored, if Snapferry cannot tell, e.g. after a rollback of the whole volume. With a
    /// NAME, e.g. a date, the restore counts once, however often this command is started
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    restored: Option<String>,
}

impl TakeoverArgs {
    /// Whether a person says something of takeovers.
    pub(in crate::cli) fn is_given(&self) -> bool {
        self.no_takeover_wait || self.restored.is_some()
    }

    pub(in crate::cli) fn options(&self) -> TakeoverOptions {
        let wait = if self.no_takeover_wait { TakeoverWait::Waived } else { TakeoverWait::Kept };
        TakeoverOptions { wait, restored: self.restored.clone() }
    }
}
