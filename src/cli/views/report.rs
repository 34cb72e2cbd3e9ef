//! `snapferry report`: which snapshot became which image.

use crate::cli::exit::{Exit, UsageError, or_interrupted};
use crate::cli::session::Session;
use crate::cli::steer::selector::{SelectorArgs, find_batch};
use crate::cli::terminal::screen::Screen;
use crate::cli::views::status::read_status;
use crate::domain::BatchName;
use crate::queue::{BatchStage, BatchView, Queue};
use crate::report::{
    BundleRequest, Format, LaneFilter, Output, PartFacts, ReportRequest, Reported, StatusView, TextStyle, adopted_note,
    grouped, prepare_bundle, write_report,
};
use std::io::Write;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  snapferry report --batch fleet                          the rows of a batch
  snapferry report --batch fleet --format csv -o out.csv  all columns
  snapferry report --state failed --format csv | snapferry enqueue -
  snapferry report --batch fleet --bundle fleet-report    a folder to pass on";

/// Report which snapshot became which AMI or EBS snapshot
///
/// With --batch, one line per row of the CSV, in the same order and with its own columns; otherwise one line per job.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ReportArgs {
    #[command(flatten)]
    selection: SelectorArgs,
    /// Format of the report
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// Output file, written whole or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Folder for the completion report of a batch: succeeded.csv, failed.csv, manifest.json with their hashes, and
    /// index.html, a page for people. Replaces an older report of the same batch, and nothing else
    #[arg(long, value_name = "DIR", conflicts_with_all = ["format", "output", "jobs", "account", "region", "states", "errors", "names"])]
    bundle: Option<PathBuf>,
}

impl ReportArgs {
    /// The report of one batch, as `run` ends with.
    pub(crate) fn of_batch(name: &BatchName, format: Format, output: Option<PathBuf>) -> Self {
        Self { selection: SelectorArgs::of_batch(name), format, output, bundle: None }
    }

    /// Writes the report.
    pub async fn run(&self, session: Session<'_>) -> anyhow::Result<Exit> {
        let Session { queue, settings, clock, screen, .. } = session;
        if let Some(folder) = &self.bundle {
            let batch = self.only_batch(queue).await?;
            let everywhere = LaneFilter::default();
            let status = read_status(queue, Some(batch.clone()), everywhere, settings, clock.now()).await?;
            return or_interrupted(bundle(queue, &status, &batch, folder, screen.out)).await;
        }
        let selected = self.selection.resolve(queue).await?;
        let mut request = ReportRequest {
            batch: selected.batch,
            selector: selected.selector,
            format: self.format,
            style: screen.style,
        };
        match self.output.as_deref().filter(|path| *path != Path::new("-")) {
            None => print(queue, &request, screen).await,
            Some(path) => {
                request.style = TextStyle::default();
                or_interrupted(save(queue, &request, path, screen.notes, screen.style)).await
            }
        }
    }

    /// The named batch, or the only one.
    async fn only_batch(&self, queue: &Queue) -> anyhow::Result<BatchView> {
        let names = queue.batch_names().await?;
        let name = match (&self.selection.batch, names.as_slice()) {
            (Some(name), _) => name.clone(),
            (None, [only]) => only.to_string(),
            (None, others) => {
                let way = match others.first().map(BatchName::as_str) {
                    Some(newest) => format!("name it with --batch; the newest of {} is {newest:?}", others.len()),
                    None => "there are none yet, create one with snapferry enqueue FILE".to_owned(),
                };
                return Err(UsageError(format!("--bundle reports one batch: {way}")).into());
            }
        };
        let batch = find_batch(queue, &name).await?;
        if batch.stage == BatchStage::Loading {
            return Err(UsageError(format!("batch {name:?} is still being loaded; try again later")).into());
        }
        Ok(batch)
    }
}

async fn bundle(
    queue: &Queue,
    status: &StatusView,
    batch: &BatchView,
    folder: &Path,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<Exit> {
    let forecast = status.when_and_why(batch);
    let request = BundleRequest { batch, folder, now: status.now, forecast };
    let manifest = prepare_bundle(queue, &request).await?.publish()?;
    let rows = |part: &PartFacts| format!("{} {}", grouped(part.rows), part.file.file.trim_end_matches(".csv"));
    let rows: Vec<String> = manifest.parts.iter().map(rows).collect();
    writeln!(out, "report of batch {} in {}: {}", batch.name, folder.display(), rows.join(", "))?;
    Ok(Exit::Done)
}

async fn print(queue: &Queue, request: &ReportRequest, screen: Screen<'_>) -> anyhow::Result<Exit> {
    match write_report(queue, request, screen.out).await {
        Ok(reported) => {
            warn_of_adopted(&reported, screen.notes, screen.style);
            Ok(Exit::Done)
        }
        Err(error) if error.is_closed_pipe() => Ok(Exit::Done),
        Err(error) => Err(error.into()),
    }
}

async fn save(
    queue: &Queue,
    request: &ReportRequest,
    path: &Path,
    notes: &mut (dyn Write + Send),
    style: TextStyle,
) -> anyhow::Result<Exit> {
    let mut output = Output::create(path, queue.path())?;
    let reported = write_report(queue, request, output.writer()).await?;
    queue.sound()?;
    output.finish()?;
    warn_of_adopted(&reported, notes, style);
    Ok(Exit::Done)
}

/// A note, as the columns of the report are fixed. If it cannot be written, that is no failure.
fn warn_of_adopted(reported: &Reported, notes: &mut (dyn Write + Send), style: TextStyle) {
    if let Some(note) = adopted_note(reported.adopted) {
        let _ = write!(notes, "{}", style.lay_out(vec![note]));
    }
}
