//! `snapferry failures`: what failed, by cause.

use crate::cli::exit::{Exit, UsageError};
use crate::cli::session::Session;
use crate::cli::steer::selector::SelectorArgs;
use crate::domain::JobState;
use crate::report::{FailureCauses, failures_text};

/// Group failed jobs by cause, and show whether a retry can help
///
/// Jobs with the same error code and the same message form one group. Names, ids and numbers in a message are ignored.
#[derive(Debug, Clone, clap::Args)]
// Only one state makes sense here.
#[command(mut_arg("states", |arg| arg.hide(true)), after_help = "Examples:
  snapferry failures                                    everything that failed
  snapferry failures --batch fleet                      of one batch
  snapferry failures --error ServiceException --json | jq -r '.groups[].command'")]
pub struct FailuresArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    /// Maximum number of causes, the most frequent first
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
    /// JSON output; names are stable
    #[arg(long)]
    json: bool,
}

impl FailuresArgs {
    /// Shows them. Reads every selected job that failed, page by page.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        let Session { queue, mut screen, .. } = session;
        if let Some(other) = self.selection.states.iter().find(|state| **state != JobState::Failed) {
            let message = format!("failures shows failed jobs only; for the others use snapferry jobs --state {other}");
            return Err(UsageError(message).into());
        }
        let mut selector = self.selection.resolve(queue).await?.selector;
        selector.states = vec![JobState::Failed];
        let causes = FailureCauses::read(queue, &selector).await?;
        let failures = causes.groups(usize::from(self.limit), &self.selection.scope());
        if self.json {
            screen.say_json(&failures)?;
        } else {
            screen.say(&failures_text(&failures, screen.style))?;
        }
        if failures.groups.is_empty() {
            screen.add_notes(&self.selection.near_misses(queue).await?);
        }
        Ok(Exit::Done)
    }
}
