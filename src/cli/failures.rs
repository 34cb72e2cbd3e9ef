//! `snapferry failures`: what failed, by cause.

use super::exit::{Exit, UsageError};
use super::selector::SelectorArgs;
use super::session::Session;
use crate::domain::JobState;
use crate::report::{Gathered, failures_text};

/// Show what failed by cause, whether a retry can help, and the command for it
///
/// Jobs with the same error code and the same message are one cause; names, ids and numbers in a message make no
/// difference.
#[derive(Debug, Clone, clap::Args)]
// One state alone makes sense here, and it needs no naming.
#[command(mut_arg("states", |arg| arg.hide(true)), after_help = "Examples:
  snapferry failures                                    everything that failed
  snapferry failures --batch fleet                      of one batch
  snapferry failures --error ServiceException --json | jq -r '.groups[].command'")]
pub struct FailuresArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    /// How many causes at most, the most frequent first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// As JSON; its names are stable
    #[arg(long)]
    json: bool,
}

impl FailuresArgs {
    /// Shows it. Every failed job that is meant is looked at, page by page.
    ///
    /// # Errors
    /// Another state than failed, a batch or a job that is not there, a database that cannot be read.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        let Session { queue, mut screen, .. } = session;
        if let Some(other) = self.selection.states.iter().find(|state| **state != JobState::Failed) {
            let message = format!("failures are of failed jobs alone; snapferry jobs --state {other} lists the others");
            return Err(UsageError(message).into());
        }
        let mut selector = self.selection.resolve(queue).await?.selector;
        selector.states = vec![JobState::Failed];
        let gathered = Gathered::all(queue, &selector).await?;
        let failures = gathered.groups(usize::from(self.limit), &self.selection.scope());
        let text = if self.json {
            serde_json::to_string_pretty(&failures)? + "\n"
        } else {
            failures_text(&failures, screen.look)
        };
        screen.say(&text)?;
        if failures.groups.is_empty() {
            screen.add_notes(&self.selection.near_misses(queue).await?);
        }
        Ok(Exit::Done)
    }
}
