//! What a person declares about the database when work begins.

use crate::cli::context::Context;
use crate::queue::{Queue, TakeoverOptions, TakeoverWait, shared_disk};
use clap::Args;
use clap::builder::FalseyValueParser;

/// Snapferry recognises a database that is a copy, and waits for what was in flight, and one on a network disk, which it refuses.
/// These options are for what only a person knows.
#[derive(Debug, Clone, Args)]
pub(crate) struct TakeoverArgs {
    /// Send at once from a database that is a copy: only safe if nothing was in flight when the original was lost
    #[arg(long)]
    no_takeover_wait: bool,
    /// Declare that this database was restored, if Snapferry cannot tell, e.g. after a rollback of the whole volume. With a
    /// NAME, e.g. a date, the restore counts once, however often this command is started
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    restored: Option<String>,
    /// Allow a database on a network disk; no other host may use it
    #[arg(long, env = "SNAPFERRY_NETWORK_DISK", value_parser = FalseyValueParser::new())]
    network_disk: bool,
}

impl TakeoverArgs {
    /// Whether a person declares a takeover, or its wait needless.
    pub(crate) fn is_given(&self) -> bool {
        self.no_takeover_wait || self.restored.is_some()
    }

    pub(crate) fn options(&self) -> TakeoverOptions {
        let wait = if self.no_takeover_wait { TakeoverWait::Waived } else { TakeoverWait::Kept };
        TakeoverOptions { wait, restored: self.restored.clone() }
    }

    /// Warns of unknown variables, and refuses files of another user, and disks that other hosts may use at the same time: neither
    /// locks nor `SQLite`'s WAL work between hosts.
    pub(crate) fn check(&self, context: &Context) -> anyhow::Result<()> {
        let ignored = context.settings.ignored.join(", ");
        if !ignored.is_empty() {
            tracing::warn!(variables = ignored, "ignored: these variables begin with SNAPFERRY_ but are not settings");
        }
        context.make_own_folder()?;
        let path = context.settings.database.path();
        Queue::check_for_sending(path)?;
        match shared_disk(path) {
            Some(kind) if !self.network_disk => anyhow::bail!(
                "the database {} is on a network disk ({kind}), where a daemon on another host could export the same \
                 snapshots again; move it to a local disk or a block volume (Litestream makes copies), or add \
                 --network-disk if no other host uses it",
                path.display()
            ),
            Some(_) | None => Ok(()),
        }
    }
}
