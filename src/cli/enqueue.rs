//! `snapferry enqueue`: a CSV becomes a batch, whole or not at all. It never calls AWS.

use super::exit::Exit;
use super::input::{BadRowPolicy, BadRows, Input, Message, Reading};
use crate::clock::SharedClock;
use crate::domain::{AccountLabel, BatchName, Existing, Region, Timestamp};
use crate::intake::{IntakeOptions, PRIORITIES, UsualRegion};
use crate::queue::{BatchLoad, BatchSummary, Chunk, LoadName, Preview, Previewed, Queue, QueueError};
use crate::report::quoted;
use crate::settings::Settings;
use anyhow::{Context, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, Write};
use std::path::PathBuf;

/// Inputs smaller than this are read before a bar could be looked at.
const WORTH_A_BAR: u64 = 4 << 20;

/// Put the snapshots of a CSV into the queue, as a batch
///
/// Each row names a snapshot: in the column snapshot_name, and if wanted region, account, priority (-1000 to 1000, the
/// higher goes first) and not_before (RFC 3339). Usual names of the first three are taken too (Snapshot Name, name,
/// aws_region, Account ID). Other columns are copied to the report only. A file is refused whole where such a column
/// names another Region or account than its row would be exported in: rename it, or give --copy-column. Without a
/// header it is a plain list of names.
///
/// A snapshot that is queued or under way already gets no second job: its row points to the one there is, so the same
/// file can be enqueued again. With a bad row nothing is enqueued, unless --skip-invalid. A running daemon starts on
/// the rows within a second. A file without rows makes no batch.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::doc_markdown, reason = "this is what --help prints")]
pub struct EnqueueArgs {
    /// The CSV; - is standard input
    #[arg(value_name = "FILE|-")]
    pub file: PathBuf,
    /// What the batch is called [default: the file's name and the time, as in fleet-20261123T180000Z]
    #[arg(long, value_name = "NAME", value_parser = BatchName::parse)]
    pub batch: Option<BatchName>,
    /// The account of rows that name none, as the settings call it
    #[arg(long, value_name = "ACCOUNT", value_parser = AccountLabel::parse)]
    pub account: Option<AccountLabel>,
    /// The Region of rows that name none [default: that of the AWS configuration]
    #[arg(long, value_name = "REGION", value_parser = Region::parse)]
    pub region: Option<Region>,
    /// The priority of rows that have none, -1000 to 1000; the higher goes first
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true,
          value_parser = clap::value_parser!(i64).range(PRIORITIES))]
    pub priority: i64,
    /// Export what has been exported before once more, whatever the settings say
    #[arg(long)]
    pub export_again: bool,
    /// Only copy this column to the report, although it looks like a Region or an account; can be repeated
    #[arg(long = "copy-column", value_name = "COLUMN")]
    pub copy_columns: Vec<String>,
    /// Say what would happen, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Enqueue the good rows and write the bad ones, with their reasons, to FILE.rejected.csv; to FILE.rejected-2.csv and
    /// so on where there is one already
    #[arg(long)]
    pub skip_invalid: bool,
    /// Take so many rows and no more: for `run --limit`.
    #[arg(skip)]
    pub limit: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  snapferry enqueue fleet.csv --region eu-west-1
  snapferry enqueue fleet.csv --dry-run
  snapferry enqueue fleet.csv --skip-invalid --batch spring-move
  snapferry discover --newest 1 | snapferry enqueue -

Exit status: 0 enqueued (or nothing to enqueue), 1 it could not be done, 2 bad input (nothing was enqueued), \
130 interrupted (nothing was enqueued)";

/// What came of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enqueued {
    /// What messages call the input.
    pub input: String,
    /// What came of it.
    pub outcome: Outcome,
    /// How many rows are bad.
    pub bad: u64,
    /// The first of the bad rows, each with its line, column and reason, and how many there are besides.
    pub shown: Vec<String>,
    /// Columns that may be meant for others, in words.
    pub slips: Vec<String>,
    /// Where the bad rows were written to.
    pub rejected_file: Option<PathBuf>,
}

/// What came of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// There is a batch.
    Sealed(BatchSummary),
    /// It has no good row: there is no batch.
    NoRows,
    /// It has a bad row: there is no batch.
    Refused,
    /// It was only a question.
    Previewed(Previewed),
    /// A person called it off: there is no batch.
    Interrupted,
}

/// Loads the input as a batch. `usual_region` is that of the AWS configuration.
///
/// # Errors
/// An input that cannot be read, a batch's name that is taken, a database that fails; nothing is enqueued then.
/// [`Exit::of_error`] tells the exit status.
pub async fn enqueue(
    args: &EnqueueArgs,
    settings: &Settings,
    queue: &Queue,
    clock: &SharedClock,
    usual_region: UsualRegion,
) -> anyhow::Result<Enqueued> {
    let input = Input::new(&args.file);
    let label = input.label();
    let now = clock.now();
    let name = match &args.batch {
        Some(name) => LoadName::Given(name.clone()),
        None => LoadName::Derived(derived_name(&input.stem(), now)?),
    };
    let who = super::context::signature("enqueue", clock.now());
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
    let progress = progress_of(&input);
    let reading = args.reading(input, settings, usual_region, progress.clone());
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
            return Ok(done(Outcome::Interrupted, BadRows::default(), None));
        }
        Err(error) => {
            take_away(queue, &who).await;
            return Err(error);
        }
    };
    let load = match sink {
        Sink::Preview(preview) => return Ok(done(Outcome::Previewed(preview.counts()), bad, None)),
        Sink::Batch { load, .. } => load,
    };
    if bad.count > 0 && !args.skip_invalid {
        if let Some(load) = load {
            load.abandon().await?;
        }
        return Ok(done(Outcome::Refused, bad, None));
    }
    // Before the batch is sealed: should this fail, nothing is enqueued.
    let rejected_file = bad.file.take().map(super::input::RejectedFile::persist).transpose()?;
    let outcome = match load {
        Some(load) => Outcome::Sealed(load.seal(bad.count, clock.now()).await?),
        None => Outcome::NoRows,
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
            (None, _) => return Err(anyhow!("the input's reader ended before the input did; this is a bug")),
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

/// Takes away a load that came to nothing. Where this fails too, or is interrupted, the next load will do it.
async fn take_away(queue: &Queue, who: &str) {
    tokio::select! {
        taken = queue.drop_killed_loads(who) => {
            if let Err(error) = taken {
                tracing::debug!(%error, "the load's rows are left for the next load to take away");
            }
        }
        _ = tokio::signal::ctrl_c() => {}
    }
}

impl EnqueueArgs {
    /// What the intake is told.
    pub(super) fn options(&self, settings: &Settings, usual_region: UsualRegion) -> IntakeOptions {
        IntakeOptions {
            account: self.account.clone(),
            region: self.region,
            usual_region,
            regions: settings.regions(),
            accounts: settings.accounts(),
            priority: self.priority,
            copied: self.copy_columns.clone(),
            limit: self.limit,
        }
    }

    fn reading(&self, input: Input, settings: &Settings, usual_region: UsualRegion, progress: ProgressBar) -> Reading {
        Reading {
            input,
            options: self.options(settings, usual_region),
            policy: match (self.skip_invalid, self.dry_run) {
                (_, true) => BadRowPolicy::Count,
                (true, false) => BadRowPolicy::PassOver,
                (false, false) => BadRowPolicy::Refuse,
            },
            settings: settings.clone(),
            existing: self.export_again.then_some(Existing::ExportAgain),
            progress,
        }
    }
}

impl Enqueued {
    /// The exit status.
    #[must_use]
    pub fn exit(&self, args: &EnqueueArgs) -> Exit {
        match self.outcome {
            Outcome::Sealed(_) => Exit::Done,
            Outcome::Previewed(_) if self.bad == 0 || args.skip_invalid => Exit::Done,
            Outcome::NoRows if self.bad == 0 => Exit::Done,
            Outcome::NoRows | Outcome::Previewed(_) | Outcome::Refused => Exit::Usage,
            Outcome::Interrupted => Exit::Interrupted,
        }
    }

    /// Tells a person what came of it: the result to `out`, the bad rows to `err`.
    ///
    /// # Errors
    /// Where `out` or `err` cannot be written.
    pub fn write(&self, args: &EnqueueArgs, out: &mut impl Write, err: &mut impl Write) -> io::Result<()> {
        let input = &self.input;
        say_bad(input, &self.slips, &self.shown, err)?;
        if let Some(path) = &self.rejected_file {
            let path = path.display();
            writeln!(
                err,
                "the rejected rows are in {path}, each with its reason: put them right and enqueue that file"
            )?;
        }
        let bad = self.bad;
        match &self.outcome {
            Outcome::Sealed(it) => {
                let (rows, name) = (plural(it.read), &it.name);
                let (new, live, repeated, rejected) = (it.new, it.live, it.repeated, it.rejected);
                writeln!(
                    out,
                    "batch {name}: {} {rows}: {new} new, {live} already live, {repeated} repeated, {rejected} rejected",
                    it.read
                )
            }
            Outcome::NoRows if bad == 0 => writeln!(out, "{input} has no rows: nothing was enqueued"),
            Outcome::NoRows => writeln!(err, "{input}: nothing was enqueued: it has no good row"),
            Outcome::Refused => writeln!(
                err,
                "{input}: nothing was enqueued: {bad} bad {}. Put right what is bad, or give --skip-invalid to enqueue \
                 the rest",
                plural(bad)
            ),
            Outcome::Previewed(it) => {
                let (new, live, repeated) = (it.new, it.live, it.repeated);
                let read = new + live + repeated + bad;
                writeln!(
                    out,
                    "dry run, nothing was written: {read} {}: {new} new, {live} already live, {repeated} repeated, \
                     {bad} bad",
                    plural(read)
                )?;
                match (bad, args.skip_invalid) {
                    (0, _) => Ok(()),
                    (_, true) => writeln!(out, "the bad ones would be passed over"),
                    (_, false) => writeln!(out, "nothing would be enqueued, as some are bad; --skip-invalid would"),
                }
            }
            Outcome::Interrupted => writeln!(err, "{input}: interrupted; nothing was enqueued"),
        }
    }

    /// What to do next, for a person who has enqueued and no more.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    pub fn write_next(&self, out: &mut impl Write) -> io::Result<()> {
        let Outcome::Sealed(batch) = &self.outcome else { return Ok(()) };
        let name = quoted(batch.name.as_str());
        writeln!(
            out,
            "next: `snapferry daemon` exports what is queued,\n      `snapferry report --batch {name}` tells how it went"
        )
    }
}

/// Names the bad rows.
pub(super) fn say_bad(
    input: &str,
    slips: &[String],
    shown: &[String],
    err: &mut (impl Write + ?Sized),
) -> io::Result<()> {
    slips.iter().chain(shown).try_for_each(|shown| writeln!(err, "{input}: {shown}"))
}

fn plural(rows: u64) -> &'static str {
    if rows == 1 { "row" } else { "rows" }
}

/// `fleet-20261123T180000Z`.
fn derived_name(stem: &str, now: Timestamp) -> anyhow::Result<BatchName> {
    let moment = now.to_string();
    let seconds = moment.split(['.', 'Z']).next().unwrap_or_default();
    let compact: String = seconds.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    Ok(BatchName::parse(&format!("{stem}-{compact}Z"))?)
}

/// A bar on standard error where that is a terminal and the input is big, or has no size that is known.
pub(super) fn progress_of(input: &Input) -> ProgressBar {
    let (size, template) = match input.size() {
        Some(size) if size < WORTH_A_BAR => return ProgressBar::hidden(),
        Some(size) => (Some(size), "{bar:30} {percent}% of {total_bytes}, {msg}, {eta} left"),
        None => (None, "{spinner} {bytes} read, {msg}"),
    };
    let bar = ProgressBar::with_draw_target(size, super::stderr::display());
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
            assert_eq!(Input::new(path.as_ref()).stem(), stem);
        }
    }
}
