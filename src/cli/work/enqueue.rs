//! `snapferry enqueue`: turns a CSV file into a batch, whole or not at all. It never calls AWS.

use crate::cli::exit::Exit;
use crate::cli::work::input::{BadRowPolicy, BadRows, CsvReading, CsvSource, Message, RejectedFile};
use crate::clock::SharedClock;
use crate::domain::{AccountLabel, BatchName, Existing, Region, Timestamp};
use crate::intake::{IntakeOptions, PRIORITIES, UsualRegion};
use crate::queue::{BatchLoad, BatchSummary, Chunk, LoadName, Preview, Previewed, Queue, QueueError};
use crate::report::{grouped, quoted, several};
use crate::settings::Settings;
use anyhow::{Context, anyhow};
use std::io::{self, Write};
use std::path::PathBuf;
use tokio::sync::mpsc::Receiver;

/// Enqueue the snapshots of a CSV file as a batch
///
/// Each row names one snapshot in the column snapshot_name. The columns region, account, priority (-1000 to 1000, higher
/// goes first) and not_before (RFC 3339) are optional. Common names of the first three work too (Snapshot Name, name,
/// aws_region, Account ID). All other columns are copied to the report only. If such a column names a Region or account
/// that differs from where its row would be exported, the whole file is refused: rename the column, or use
/// --copy-column. A file without a header is a plain list of names.
///
/// A snapshot that already has a live job gets no second one: its row points to that job, so the same file can be
/// enqueued again. One bad row stops the whole file, unless --skip-invalid is given. A running daemon starts on the
/// rows within a second. A file without rows creates no batch.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::doc_markdown, reason = "this is what --help prints")]
pub(crate) struct EnqueueArgs {
    #[command(flatten)]
    pub(crate) rows: RowArgs,
    /// Name of the batch [default: file name and time, e.g. fleet-20261123T180000Z]
    #[arg(long, value_name = "NAME", value_parser = BatchName::parse)]
    pub(crate) batch: Option<BatchName>,
    /// Priority of rows that have none, -1000 to 1000; higher goes first
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i64).range(PRIORITIES))]
    pub(crate) priority: i64,
    /// Show what would happen without writing anything
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Enqueue the good rows, and write the bad ones with their reasons to FILE.rejected.csv (FILE.rejected-2.csv and so on
    /// if that file exists)
    #[arg(long)]
    pub(crate) skip_invalid: bool,
    /// For `run --limit`.
    #[arg(skip)]
    pub(crate) limit: Option<u64>,
}

/// The file, and what its rows mean where they do not say it themselves.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RowArgs {
    /// CSV file; - reads standard input
    #[arg(value_name = "FILE|-")]
    pub(crate) file: PathBuf,
    /// Account of rows that name none, as in the settings
    #[arg(long, value_name = "ACCOUNT", value_parser = AccountLabel::parse)]
    pub(crate) account: Option<AccountLabel>,
    /// Region of rows that name none [default: from the AWS configuration]
    #[arg(long, value_name = "REGION", value_parser = Region::parse)]
    region: Option<Region>,
    /// Export again what has been exported before, whatever the settings say
    #[arg(long)]
    export_again: bool,
    /// Column to copy to the report only, although it looks like a Region or an account; can be repeated
    #[arg(long = "copy-column", value_name = "COLUMN")]
    copy_columns: Vec<String>,
}

impl RowArgs {
    pub(crate) fn options(&self, settings: &Settings, usual_region: UsualRegion) -> IntakeOptions {
        IntakeOptions {
            account: self.account.clone(),
            region: self.region,
            usual_region,
            regions: settings.regions(),
            accounts: settings.accounts(),
            priority: 0,
            copied: self.copy_columns.clone(),
            limit: None,
        }
    }

    pub(crate) fn reading(&self, options: IntakeOptions, policy: BadRowPolicy, settings: &Settings) -> CsvReading {
        CsvReading {
            input: CsvSource::new(&self.file),
            options,
            policy,
            settings: settings.clone(),
            existing: self.export_again.then_some(Existing::ExportAgain),
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  snapferry enqueue fleet.csv --region eu-west-1
  snapferry enqueue fleet.csv --dry-run
  snapferry enqueue fleet.csv --skip-invalid --batch spring-move
  snapferry discover --newest 1 | snapferry enqueue -

Exit status: 0 enqueued (or nothing to enqueue), 1 failed, 2 bad input (nothing was enqueued), \
130 interrupted (nothing was enqueued)";

/// The result of an enqueue.
#[derive(Debug)]
pub(crate) struct Enqueued {
    /// What messages call the input.
    pub(crate) input: String,
    /// What became of its rows.
    pub(crate) outcome: EnqueueOutcome,
    bad: BadRows,
    /// Where the bad rows were written to.
    rejected_file: Option<PathBuf>,
}

/// What became of the rows of an input; only [`EnqueueOutcome::Sealed`] has a batch.
#[derive(Debug)]
pub(crate) enum EnqueueOutcome {
    /// They are a batch.
    Sealed(BatchSummary),
    /// None of them is good.
    NoRows,
    /// One of them is bad.
    Refused,
    /// It was a dry run.
    Previewed(Previewed),
    /// A person interrupted it.
    Interrupted,
}

/// Loads the input as a batch, whole or not at all. `usual_region` is that of the AWS configuration.
pub(crate) async fn enqueue(
    args: &EnqueueArgs,
    settings: &Settings,
    queue: &Queue,
    clock: &SharedClock,
    usual_region: UsualRegion,
) -> anyhow::Result<Enqueued> {
    let policy = match (args.skip_invalid, args.dry_run) {
        (_, true) => BadRowPolicy::Count,
        (true, false) => BadRowPolicy::PassOver,
        (false, false) => BadRowPolicy::Refuse,
    };
    let reading = args.rows.reading(args.options(settings, usual_region), policy, settings);
    let (input, now) = (reading.input.label(), clock.now());
    let name = match &args.batch {
        Some(name) => LoadName::Given(name.clone()),
        None => LoadName::Derived(derived_name(&reading.input.stem(), now)?),
    };
    if args.dry_run
        && let LoadName::Given(name) = &name
        && queue.batch(name).await?.is_some()
    {
        return Err(QueueError::taken(name).into());
    }
    let who = crate::cli::context::signature("enqueue", now);
    let sink = if args.dry_run { Sink::Preview(queue.preview()) } else { Sink::Batch(None) };
    let begin = async |carried: &[String]| queue.begin_load(name.clone(), &input, carried, &who, now).await;
    let messages = reading.start(|rows| Chunk::of(&rows))?;
    let read = tokio::select! {
        read = drain(messages, sink, begin) => read.map(Some),
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| None).context("Ctrl-C cannot be caught"),
    };
    let (sink, mut bad) = match read {
        Ok(Some(read)) => read,
        unfinished => {
            remove_load(queue, &who).await;
            unfinished?;
            let (outcome, bad) = (EnqueueOutcome::Interrupted, BadRows::default());
            return Ok(Enqueued { input, outcome, bad, rejected_file: None });
        }
    };
    let mut rejected_file = None;
    let outcome = match sink {
        Sink::Preview(preview) => EnqueueOutcome::Previewed(preview.counts()),
        Sink::Batch(load) if bad.count > 0 && !args.skip_invalid => {
            if let Some(load) = load {
                load.abandon().await?;
            }
            EnqueueOutcome::Refused
        }
        Sink::Batch(load) => {
            // Before the batch is sealed: should this fail, nothing is enqueued.
            rejected_file = bad.file.take().map(RejectedFile::persist).transpose()?;
            match load {
                Some(load) => EnqueueOutcome::Sealed(load.seal(bad.count, clock.now()).await?),
                None => EnqueueOutcome::NoRows,
            }
        }
    };
    Ok(Enqueued { input, outcome, bad, rejected_file })
}

/// Where good rows go.
enum Sink {
    Preview(Preview),
    /// A load, from the first of them on.
    Batch(Option<BatchLoad>),
}

async fn drain(
    mut messages: Receiver<Message<Result<Chunk, QueueError>>>,
    mut sink: Sink,
    begin: impl AsyncFn(&[String]) -> Result<BatchLoad, QueueError>,
) -> anyhow::Result<(Sink, BadRows)> {
    let mut carried = Vec::new();
    while let Some(message) = messages.recv().await {
        match (message, &mut sink) {
            (Message::Carried(names), _) => carried = names,
            (Message::Rows(rows), Sink::Preview(preview)) => preview.add(&rows?).await?,
            (Message::Rows(rows), Sink::Batch(Some(load))) => load.add_chunk(&rows?).await?,
            (Message::Rows(rows), Sink::Batch(load)) => load.insert(begin(&carried).await?).add_chunk(&rows?).await?,
            (Message::End(bad), _) => return Ok((sink, bad?)),
        }
    }
    Err(anyhow!("the reader ended before its input; this is a bug"))
}

/// Removes an unfinished load. If this fails or is interrupted, the next load does it.
async fn remove_load(queue: &Queue, who: &str) {
    tokio::select! {
        removed = queue.drop_killed_loads(who) => {
            if let Err(error) = removed {
                tracing::debug!(%error, "the next load will remove the rows of this one");
            }
        }
        _ = tokio::signal::ctrl_c() => {}
    }
}

impl EnqueueArgs {
    /// The options of the intake.
    pub(crate) fn options(&self, settings: &Settings, usual_region: UsualRegion) -> IntakeOptions {
        let options = self.rows.options(settings, usual_region);
        IntakeOptions { priority: self.priority, limit: self.limit, ..options }
    }
}

impl Enqueued {
    /// The exit status.
    pub(crate) fn exit(&self, args: &EnqueueArgs) -> Exit {
        match self.outcome {
            EnqueueOutcome::Sealed(_) => Exit::Done,
            EnqueueOutcome::Previewed(_) if self.bad.count == 0 || args.skip_invalid => Exit::Done,
            EnqueueOutcome::NoRows if self.bad.count == 0 => Exit::Done,
            EnqueueOutcome::NoRows | EnqueueOutcome::Previewed(_) | EnqueueOutcome::Refused => Exit::Usage,
            EnqueueOutcome::Interrupted => Exit::Interrupted,
        }
    }

    /// Prints the result to `out` and the bad rows to `err`.
    pub(crate) fn write(&self, args: &EnqueueArgs, out: &mut impl Write, err: &mut impl Write) -> io::Result<()> {
        let input = &self.input;
        self.bad.write(input, err)?;
        if let Some(path) = &self.rejected_file {
            let path = path.display();
            writeln!(err, "the rejected rows are in {path}, each with its reason: correct them and enqueue that file")?;
        }
        let bad = several(self.bad.count, "bad row");
        match &self.outcome {
            EnqueueOutcome::Sealed(it) => {
                let counts = counts(it.new, it.live, it.repeated);
                let (rows, rejected) = (several(it.read, "row"), grouped(it.rejected));
                writeln!(out, "batch {}: {rows}: {counts}, {rejected} rejected", it.name)
            }
            EnqueueOutcome::NoRows if self.bad.count == 0 => writeln!(out, "{input} has no rows: nothing was enqueued"),
            EnqueueOutcome::NoRows => writeln!(err, "{input}: nothing was enqueued: it has no good row"),
            EnqueueOutcome::Refused => {
                let ways = "Correct the file, or add --skip-invalid to enqueue the rest";
                writeln!(err, "{input}: nothing was enqueued: {bad}. {ways}")
            }
            EnqueueOutcome::Previewed(it) => {
                let counts = counts(it.new, it.live, it.repeated);
                let rows = several(it.new + it.live + it.repeated, "row");
                match (self.bad.count, args.skip_invalid) {
                    (0, _) => writeln!(out, "dry run: would enqueue {rows}: {counts}"),
                    (_, true) => writeln!(out, "dry run: would enqueue {rows}: {counts}; would skip {bad}"),
                    (_, false) => {
                        writeln!(out, "dry run: would enqueue nothing: {bad}. With --skip-invalid {rows}: {counts}")
                    }
                }
            }
            EnqueueOutcome::Interrupted => writeln!(err, "{input}: interrupted; nothing was enqueued"),
        }
    }

    /// Prints the next steps, for a person who has only enqueued.
    pub(crate) fn write_next(&self, out: &mut impl Write) -> io::Result<()> {
        let EnqueueOutcome::Sealed(batch) = &self.outcome else { return Ok(()) };
        let name = quoted(batch.name.as_str());
        writeln!(out, "next: `snapferry daemon` exports what is queued,")?;
        writeln!(out, "      `snapferry report --batch {name}` shows the results")
    }
}

fn counts(new: u64, live: u64, repeated: u64) -> String {
    format!("{} new, {} already live, {} repeated", grouped(new), grouped(live), grouped(repeated))
}

/// `fleet-20261123T180000Z`.
fn derived_name(stem: &str, now: Timestamp) -> anyhow::Result<BatchName> {
    let moment = now.to_string();
    let seconds = moment.split(['.', 'Z']).next().unwrap_or_default();
    let compact: String = seconds.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    Ok(BatchName::parse(&format!("{stem}-{compact}Z"))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derived_name_says_what_and_when() {
        let now = Timestamp::parse("2026-11-23T18:00:00.250Z").expect("a time");
        assert_eq!(derived_name("fleet", now).expect("a name").as_str(), "fleet-20261123T180000Z");
        for (path, stem) in
            [("-", "stdin"), ("/a/fleet.csv", "fleet"), ("my fleet.v2.csv", "my fleet.v2"), ("/", "batch")]
        {
            assert_eq!(CsvSource::new(path.as_ref()).stem(), stem);
        }
    }
}
