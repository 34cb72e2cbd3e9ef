//! `snapferry why`: why a job is in its current state.

use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::steer::selector::no_job;
use crate::cli::views::status::limits;
use crate::domain::JobId;
use crate::queue::{DatabaseLock, Held};
use crate::report::{JobFacts, THROTTLED_WITHIN, explain, why_json, why_text};
use anyhow::Context;

/// Explain why a job is in its current state and what would change it
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = "Examples:
  snapferry why 12                               what it waits for
  snapferry why 12 --json | jq -r '.ways[].command'")]
pub struct WhyArgs {
    /// Job number, as listed by `snapferry jobs`
    #[arg(value_name = "JOB", value_parser = crate::cli::terminal::parsers::job)]
    job: JobId,
    /// JSON output; names are stable
    #[arg(long)]
    json: bool,
}

impl WhyArgs {
    /// Explains it.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        let Session { queue, settings, clock, mut screen, .. } = session;
        let now = clock.now();
        let Some(waiting) = queue.waiting(self.job).await? else {
            return Err(no_job(queue, self.job).await?.into());
        };
        let daemon = DatabaseLock::holder(queue.path(), Held::Daemon).context("cannot read the daemon's lock")?;
        let limits = limits(&settings.for_lane(&waiting.detail.job.lane));
        let mut refused = queue.refused(now.before(THROTTLED_WITHIN), now).await?;
        refused.retain(|(lane, _)| *lane == waiting.lane.id);
        let refused = refused.into_iter().map(|(_, refused)| refused).collect();
        let copies_of_others = queue.copies_of_others(waiting.lane.id, now).await?;
        let facts = JobFacts { now, daemon, waiting, copies_of_others, refused, limits };
        let why = explain(&facts);
        if self.json {
            screen.say_json(&why_json(&facts, &why))?;
        } else {
            screen.say(&why_text(&facts, &why, screen.style))?;
        }
        Ok(Exit::Done)
    }
}
