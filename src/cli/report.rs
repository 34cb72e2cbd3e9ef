//! `snapferry report`: which snapshot became what.

use super::exit::Exit;
use super::screen::Screen;
use super::selector::SelectorArgs;
use crate::domain::BatchName;
use crate::queue::Queue;
use crate::report::{Format, Look, Output, ReportRequest, write_report};
use std::io::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  snapferry report --batch fleet                          the rows of a batch, for people
  snapferry report --batch fleet --format csv -o out.csv  all columns, the carried ones too
  snapferry report --state failed --format csv -o again.csv && snapferry enqueue again.csv";

/// Report which snapshot became which AMI or EBS snapshot
///
/// With --batch a line for each row of the CSV, in its order and with its own columns; otherwise a line for each job.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    /// In what form
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    format: FormatArg,
    /// Write it to this file, which is there whole or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum FormatArg {
    Table,
    Csv,
    Json,
    Jsonl,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Table => Self::Table,
            FormatArg::Csv => Self::Csv,
            FormatArg::Json => Self::Json,
            FormatArg::Jsonl => Self::Jsonl,
        }
    }
}

impl ReportArgs {
    /// The report of one batch, as `run` ends with.
    pub(super) fn of_batch(name: &BatchName, format: FormatArg, output: Option<PathBuf>) -> Self {
        Self { selection: SelectorArgs::of_batch(name), format, output }
    }

    /// Writes the report.
    ///
    /// # Errors
    /// A batch or a job that is not there, a database that cannot be read, a file that cannot be written.
    pub async fn run(&self, queue: &Queue, screen: Screen<'_>) -> anyhow::Result<Exit> {
        let selected = self.selection.resolve(queue).await?;
        let mut request = ReportRequest {
            batch: selected.batch,
            selector: selected.selector,
            format: self.format.into(),
            look: screen.look,
        };
        match self.output.as_deref().filter(|path| *path != Path::new("-")) {
            None => print(queue, &request, screen.out).await,
            Some(path) => {
                request.look = Look::default();
                tokio::select! {
                    saved = save(queue, &request, path) => saved,
                    // What is left half-written has no name yet, and goes.
                    interrupted = tokio::signal::ctrl_c() => {
                        interrupted?;
                        Ok(Exit::Interrupted)
                    }
                }
            }
        }
    }
}

async fn print(queue: &Queue, request: &ReportRequest, out: &mut (dyn Write + Send)) -> anyhow::Result<Exit> {
    match write_report(queue, request, out).await {
        Ok(_) => Ok(Exit::Done),
        Err(error) if error.is_closed_pipe() => Ok(Exit::Done),
        Err(error) => Err(error.into()),
    }
}

async fn save(queue: &Queue, request: &ReportRequest, path: &Path) -> anyhow::Result<Exit> {
    let mut output = Output::create(path)?;
    write_report(queue, request, output.writer()).await?;
    output.finish()?;
    Ok(Exit::Done)
}
