//! `snapferry show`: the history of one job.

use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::steer::selector::no_job;
use crate::domain::JobId;
use crate::report::{show_json, show_text};

const EXAMPLES: &str = "\
Examples:
  snapferry show 12                              its timeline and every attempt
  snapferry show 12 --json | jq '.attempts[]'    the same for programs";

/// Show the timeline of a job, and every attempt with times, request id and error
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// Job number, as listed by `snapferry jobs`
    #[arg(value_name = "JOB", value_parser = crate::cli::terminal::parsers::job)]
    job: JobId,
    /// JSON output; names are stable
    #[arg(long)]
    json: bool,
}

impl ShowArgs {
    /// Shows it.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        let Session { queue, clock, mut screen, .. } = session;
        let Some(detail) = queue.job(self.job).await? else {
            return Err(no_job(queue, self.job).await?.into());
        };
        if self.json {
            screen.say_json(&show_json(&detail))?;
        } else {
            screen.say(&show_text(&detail, clock.now(), screen.style))?;
        }
        Ok(Exit::Done)
    }
}
