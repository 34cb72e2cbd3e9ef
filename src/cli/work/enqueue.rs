//! `snapferry enqueue`: a CSV file becomes a batch, whole or not at all. It never calls AWS.

use crate::cli::exit::Exit;
use crate::cli::work::input::{BadRowPolicy, BadRows, CsvReading, CsvSource, Message};
use crate::clock::SharedClock;
use crate::domain::{AccountLabel, BatchName, Existing, Region, Timestamp};
use crate::intake::{IntakeOptions, PRIORITIES, UsualRegion};
use crate::queue::{BatchLoad, BatchSummary, Chunk, LoadName, Preview, Previewed, Queue, QueueError};
use crate::report::{grouped, quoted, several};
use crate::settings::Settings;
use anyhow::{Context, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, Write};
use std::path::PathBuf;

/// Smaller inputs are read before a progress bar could be seen.
const WORTH_A_BAR: u64 = 4 << 20;

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
pub(in crate::cli) struct EnqueueArgs {
    #[command(flatten)]
    pub(in crate::cli) rows: RowArgs,
    /// Name of the batch [default: file name and time, e.g. fleet-20261123T180000Z]
    #[arg(long, value_name = "NAME", value_parser = BatchName::parse)]
    pub(in crate::cli) batch: Option<BatchName>,
    /// Priority of rows that have none, -1000 to 1000; higher goes first
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i64).range(PRIORITIES))]
    pub(in crate::cli) priority: i64,
    /// Show what would happen without writing anything
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    /// Enqueue the good rows, and write the bad ones with their reasons to FILE.rejected.csv (FILE.rejected-2.csv and so on
    /// if that file exists)
    #[arg(long)]
    pub(in crate::cli) skip_invalid: bool,
    /// For `run --limit`.
    #[arg(skip)]
    pub(in crate::cli) limit: Option<u64>,
}

/// The file, and what its rows mean where they do not say it themselves.
#[derive(Debug, Clone, clap::Args)]
pub(in crate::cli) struct RowArgs {
    /// CSV file; - reads standard input
    #[arg(value_name = "FILE|-")]
    pub(in crate::cli) file: PathBuf,
    /// Account of rows that name none, as in the settings
    #[arg(long, value_name = "ACCOUNT", value_parser = AccountLabel::parse)]
    pub(in crate::cli) account: Option<AccountLabel>,
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
    pub(in crate::cli) fn options(&self, settings: &Settings, usual_region: UsualRegion) -> IntakeOptions {
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

    pub(in crate::cli) fn reading(
        &self,
        options: IntakeOptions,
        policy: BadRowPolicy,
        settings: &Settings,
    ) -> CsvReading {
        let input = CsvSource::new(&self.file);
        CsvReading {
            progress: progress_of(&input),
            input,
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

/// What came of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Enqueued {
    /// What messages call the input.
    pub(in crate::cli) input: String,
    /// What came of it.
    pub(in crate::cli) outcome: EnqueueOutcome,
    /// How many rows are bad.
    pub(in crate::cli) bad: u64,
    /// The first bad rows, each with its line, column and reason, and how many more there are.
    pub(in crate::cli) shown: Vec<String>,
    /// Columns that may be misspelt, in words.
    pub(in crate::cli) slips: Vec<String>,
    /// Where the bad rows were written to.
    pub(in crate::cli) rejected_file: Option<PathBuf>,
}

/// What came of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum EnqueueOutcome {
    /// There is a batch.
    Sealed(BatchSummary),
    /// It has no good row: there is no batch.
    NoRows,
    /// It has a bad row: there is no batch.
    Refused,
    /// It was a dry run.
    Previewed(Previewed),
    /// A person interrupted it: there is no batch.
    Interrupted,
}

/// Loads the input as a batch. `usual_region` is that of the AWS configuration.
///
/// # Errors
/// An input that cannot be read, a batch's name that is taken, a database that fails; nothing is enqueued then.
/// [`Exit::of_error`] tells the exit status.
pub(in crate::cli) async fn enqueue(
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
    let (label, progress) = (reading.input.label(), reading.progress.clone());
    let now = clock.now();
    let name = match &args.batch {
        Some(name) => LoadName::Given(name.clone()),
        None => LoadName::Derived(derived_name(&reading.input.stem(), now)?),
    };
    let who = crate::cli::context::signature("enqueue", clock.now());
    if args.dry_run
        && let LoadName::Given(name) = &name
        && queue.batch(name).await?.is_some()
    {
        return Err(QueueError::taken(name).into());
    }
    let sink = if args.dry_run {
        Sink::Preview(queue.preview())
    } else {
        Sink::Batch { name, source: label.clone(), who: who.clone(), now, carried: Vec::new(), load: None }
    };
    let messages = reading.start(|rows| Chunk::of(&rows))?;
    let read = tokio::select! {
        read = drain(messages, sink, queue) => read.map(Some),
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| None).context("Ctrl-C cannot be caught"),
    };
    progress.finish_and_clear();
    let done = |outcome, bad: BadRows, rejected_file| Enqueued {
        input: label,
        outcome,
        bad: bad.count,
        shown: bad.told(),
        slips: bad.slips,
        rejected_file,
    };
    let (sink, mut bad) = match read {
        Ok(Some(read)) => read,
        Ok(None) => {
            take_away(queue, &who).await;
            return Ok(done(EnqueueOutcome::Interrupted, BadRows::default(), None));
        }
        Err(error) => {
            take_away(queue, &who).await;
            return Err(error);
        }
    };
    let load = match sink {
        Sink::Preview(preview) => return Ok(done(EnqueueOutcome::Previewed(preview.counts()), bad, None)),
        Sink::Batch { load, .. } => load,
    };
    if bad.count > 0 && !args.skip_invalid {
        if let Some(load) = load {
            load.abandon().await?;
        }
        return Ok(done(EnqueueOutcome::Refused, bad, None));
    }
    // Before the batch is sealed: should this fail, nothing is enqueued.
    let rejected_file = bad.file.take().map(crate::cli::work::input::RejectedFile::persist).transpose()?;
    let outcome = match load {
        Some(load) => EnqueueOutcome::Sealed(load.seal(bad.count, clock.now()).await?),
        None => EnqueueOutcome::NoRows,
    };
    Ok(done(outcome, bad, rejected_file))
}

/// Where good rows go.
enum Sink {
    Preview(Preview),
    /// The load begins with the first of them.
    Batch {
        name: LoadName,
        source: String,
        who: String,
        now: Timestamp,
        carried: Vec<String>,
        load: Option<BatchLoad>,
    },
}

async fn drain(
    mut messages: tokio::sync::mpsc::Receiver<Message<Result<Chunk, QueueError>>>,
    mut sink: Sink,
    queue: &Queue,
) -> anyhow::Result<(Sink, BadRows)> {
    loop {
        match (messages.recv().await, &mut sink) {
            (None, _) => return Err(anyhow!("the reader ended before its input; this is a bug")),
            (Some(Message::End(read)), _) => return Ok((sink, read?)),
            (Some(Message::Carried(names)), Sink::Batch { carried, .. }) => *carried = names,
            (Some(Message::Carried(_)), Sink::Preview(_)) => {}
            (Some(Message::Rows(rows)), Sink::Preview(preview)) => preview.add(&rows?).await?,
            (Some(Message::Rows(rows)), Sink::Batch { load: Some(load), .. }) => load.add_chunk(&rows?).await?,
            (Some(Message::Rows(rows)), Sink::Batch { name, source, who, now, carried, load }) => {
                let begun = queue.begin_load(name.clone(), source, carried, who, *now).await?;
                load.insert(begun).add_chunk(&rows?).await?;
            }
        }
    }
}

/// Removes an unfinished load. If this fails or is interrupted, the next load does it.
async fn take_away(queue: &Queue, who: &str) {
    tokio::select! {
        taken = queue.drop_killed_loads(who) => {
            if let Err(error) = taken {
                tracing::debug!(%error, "the next load will remove the rows of this one");
            }
        }
        _ = tokio::signal::ctrl_c() => {}
    }
}

impl EnqueueArgs {
    /// What the intake is told.
    pub(in crate::cli) fn options(&self, settings: &Settings, usual_region: UsualRegion) -> IntakeOptions {
        let options = self.rows.options(settings, usual_region);
        IntakeOptions { priority: self.priority, limit: self.limit, ..options }
    }
}

impl Enqueued {
    /// The exit status.
    pub(in crate::cli) fn exit(&self, args: &EnqueueArgs) -> Exit {
        match self.outcome {
            EnqueueOutcome::Sealed(_) => Exit::Done,
            EnqueueOutcome::Previewed(_) if self.bad == 0 || args.skip_invalid => Exit::Done,
            EnqueueOutcome::NoRows if self.bad == 0 => Exit::Done,
            EnqueueOutcome::NoRows | EnqueueOutcome::Previewed(_) | EnqueueOutcome::Refused => Exit::Usage,
            EnqueueOutcome::Interrupted => Exit::Interrupted,
        }
    }

    /// Prints the result to `out` and the bad rows to `err`.
    ///
    /// # Errors
    /// Where `out` or `err` cannot be written.
    pub(in crate::cli) fn write(
        &self,
        args: &EnqueueArgs,
        out: &mut impl Write,
        err: &mut impl Write,
    ) -> io::Result<()> {
        let input = &self.input;
        say_bad(input, &self.slips, &self.shown, err)?;
        if let Some(path) = &self.rejected_file {
            let path = path.display();
            writeln!(err, "the rejected rows are in {path}, each with its reason: correct them and enqueue that file")?;
        }
        let bad = several(self.bad, "bad row");
        match &self.outcome {
            EnqueueOutcome::Sealed(it) => {
                let counts = counts(it.new, it.live, it.repeated);
                let (rows, rejected) = (several(it.read, "row"), grouped(it.rejected));
                writeln!(out, "batch {}: {rows}: {counts}, {rejected} rejected", it.name)
            }
            EnqueueOutcome::NoRows if self.bad == 0 => writeln!(out, "{input} has no rows: nothing was enqueued"),
            EnqueueOutcome::NoRows => writeln!(err, "{input}: nothing was enqueued: it has no good row"),
            EnqueueOutcome::Refused => {
                writeln!(
                    err,
                    "{input}: nothing was enqueued: {bad}. Correct the file, or add --skip-invalid to enqueue the rest"
                )
            }
            EnqueueOutcome::Previewed(it) => {
                let counts = counts(it.new, it.live, it.repeated);
                let rows = several(it.new + it.live + it.repeated, "row");
                match (self.bad, args.skip_invalid) {
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

    /// What to do next, for a person who has only enqueued.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub(in crate::cli) fn write_next(&self, out: &mut impl Write) -> io::Result<()> {
        let EnqueueOutcome::Sealed(batch) = &self.outcome else { return Ok(()) };
        let name = quoted(batch.name.as_str());
        writeln!(
            out,
            "next: `snapferry daemon` exports what is queued,\n      `snapferry report --batch {name}` shows the results"
        )
    }
}

fn counts(new: u64, live: u64, repeated: u64) -> String {
    format!("{} new, {} already live, {} repeated", grouped(new), grouped(live), grouped(repeated))
}

/// Names the bad rows.
pub(in crate::cli) fn say_bad(
    input: &str,
    slips: &[String],
    shown: &[String],
    err: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    slips.iter().chain(shown).try_for_each(|shown| writeln!(err, "{input}: {shown}"))
}

/// `fleet-20261123T180000Z`.
fn derived_name(stem: &str, now: Timestamp) -> anyhow::Result<BatchName> {
    let moment = now.to_string();
    let seconds = moment.split(['.', 'Z']).next().unwrap_or_default();
    let compact: String = seconds.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    Ok(BatchName::parse(&format!("{stem}-{compact}Z"))?)
}

/// A bar on standard error, if that is a terminal and the input is big or of unknown size.
fn progress_of(input: &CsvSource) -> ProgressBar {
    let (size, template) = match input.size() {
        Some(size) if size < WORTH_A_BAR => return ProgressBar::hidden(),
        Some(size) => (Some(size), "{bar:30} {percent}% of {total_bytes}, {msg}, {eta} left"),
        None => (None, "{spinner} {bytes} read, {msg}"),
    };
    let bar = ProgressBar::with_draw_target(size, crate::cli::terminal::stderr::display());
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
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
