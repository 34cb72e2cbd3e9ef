//! `snapferry resolve`: a person's decision on a job that needs review.

use crate::cli::exit::{Exit, UsageError};
use crate::cli::session::Session;
use crate::cli::steer::selector::no_job;
use crate::domain::JobId;
use crate::queue::{Resolution, ResolveError};
use crate::report::{evidence_text, resolved_text};

/// Decide on a job that needs review; without a decision, show the evidence
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry jobs --state needs_review            jobs that need a decision
  snapferry resolve 12                           show evidence and options
  snapferry resolve 12 --adopt my-record-name    adopt this record
  snapferry resolve 12 --send-again              queue it again
  snapferry resolve 12 --fail                    mark it as failed")]
pub struct ResolveArgs {
    /// Job number, as listed by `snapferry jobs`
    #[arg(value_name = "JOB", value_parser = crate::cli::terminal::parsers::job)]
    job: JobId,
    /// Queue the job again
    #[arg(long, group = "decision")]
    send_again: bool,
    /// Export snapshot record that the job made, by name or ARN
    #[arg(long, value_name = "RECORD", group = "decision")]
    adopt: Option<String>,
    /// Mark the job as failed
    #[arg(long, group = "decision")]
    fail: bool,
}

impl ResolveArgs {
    fn decision(&self) -> Option<Resolution> {
        match &self.adopt {
            Some(record) => Some(Resolution::Adopt(record.clone())),
            None if self.send_again => Some(Resolution::SendAgain),
            None => self.fail.then_some(Resolution::Fail),
        }
    }

    /// Shows the evidence, or carries out the decision.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        let Session { queue, clock, person, mut screen, .. } = session;
        let Some(evidence) = queue.evidence(self.job).await? else {
            return Err(no_job(queue, self.job).await?.into());
        };
        let Some(decision) = self.decision() else {
            screen.say(&evidence_text(&evidence, screen.style))?;
            return Ok(Exit::Done);
        };
        queue.resolve(&evidence, &decision, clock.now(), person).await.map_err(|error: ResolveError| {
            if error.is_usage() { anyhow::Error::new(UsageError(error.to_string())) } else { error.into() }
        })?;
        screen.say(&resolved_text(&evidence, &decision))?;
        Ok(Exit::Done)
    }
}
