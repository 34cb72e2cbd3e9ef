//! What a person says of takeovers when work begins.

use crate::queue::{TakeoverOptions, TakeoverWait};
use clap::Args;

/// A database that is a copy is recognised, and what was in flight is waited for; these two are for what only a person knows.
#[derive(Debug, Clone, Args)]
pub(super) struct TakeoverArgs {
    /// Send at once from a database that is a copy: only where nothing was in flight when the original was lost
    #[arg(long)]
    no_takeover_wait: bool,
    /// Declare that this database was restored, where nothing beside it can tell, as after a rollback of its whole volume. With
    /// a NAME, such as a date, a restore is declared once, however often this command is started
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    restored: Option<String>,
}

impl TakeoverArgs {
    pub(super) fn options(&self) -> TakeoverOptions {
        let wait = if self.no_takeover_wait { TakeoverWait::Waived } else { TakeoverWait::Kept };
        TakeoverOptions { wait, restored: self.restored.clone() }
    }
}
