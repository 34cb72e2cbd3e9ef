//! `snapferry jobs`: a list of jobs.

use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::steer::selector::SelectorArgs;
use crate::domain::JobId;
use crate::report::{Format, JobsRequest, write_jobs};

const EXAMPLES: &str = "\
Examples:
  snapferry jobs --state failed                  what went wrong
  snapferry jobs --batch fleet --name 'web-*'    by batch and name
  snapferry jobs --state failed --json --limit 9999 | jq '.[].id'
  snapferry jobs --after 50                      the jobs after job 50";

/// List jobs
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct JobsArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    /// Maximum number of jobs
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only jobs after this one
    #[arg(long, value_name = "JOB", value_parser = crate::cli::terminal::parsers::job)]
    after: Option<JobId>,
    /// JSON array, with the id of each job
    #[arg(long)]
    json: bool,
}

impl JobsArgs {
    /// Lists them; if there are more, a note says how to get them.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        let Session { queue, mut screen, .. } = session;
        let request = JobsRequest {
            selector: self.selection.resolve(queue).await?.selector,
            after: self.after,
            limit: self.limit,
            format: if self.json { Format::Json } else { Format::Table },
            style: screen.style,
        };
        match write_jobs(queue, &request, screen.out).await {
            Ok(listed) => {
                if let Some(last) = listed.more_after {
                    // A note that cannot be written is no failure.
                    let _ = writeln!(
                        screen.notes,
                        "There are more jobs: add --after {last} for the next ones, or a --limit above {}.",
                        self.limit
                    );
                }
                if listed.jobs == 0 {
                    screen.add_notes(&self.selection.near_misses(queue).await?);
                }
                Ok(Exit::Done)
            }
            Err(error) if error.is_closed_pipe() => Ok(Exit::Done),
            Err(error) => Err(error.into()),
        }
    }
}
