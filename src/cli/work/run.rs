//! `snapferry run`: enqueue, drain with live progress, print the report.

use crate::cli::context::{Context, DiskArgs, Outputs, hear_signals, is_missing, signature};
use crate::cli::exit::{Exit, UsageError};
use crate::cli::steer::pausing::left_stopped;
use crate::cli::terminal::screen::{note, notes};
use crate::cli::views::report::{FormatArg, ReportArgs};
use crate::cli::work::enqueue::{EnqueueArgs, EnqueueOutcome, enqueue};
use crate::cli::work::progress;
use crate::cli::work::rehearsal::{Rehearsal, SPEED};
use crate::cli::work::takeover::TakeoverArgs;
use crate::clock::{Stop, stopped};
use crate::daemon::{Connect, Daemon, DaemonEnd, DaemonError, Until};
use crate::domain::{BatchId, BatchName};
use crate::intake::UsualRegion;
use crate::queue::{DatabaseLock, Held, LockError, Queue, TakeoverOptions};
use crate::report::{Output, quoted};
use anyhow::Context as _;
use clap::Args;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;

/// How often the progress of a running daemon is read.
const FOLLOW: Duration = Duration::from_millis(500);

/// Export every snapshot in a CSV file, show progress and print the report
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  snapferry run --rehearse fleet.csv         with a simulator, time sped up
  snapferry run fleet.csv                    the real export
  snapferry run --limit 3 fleet.csv          the first three rows only
  snapferry run fleet.csv --format csv -o report.csv

If interrupted, nothing is lost: run the same command again without --batch, or let `snapferry daemon` do the rest. If a daemon is \
already running, it exports the batch, and this command follows its progress.

Exit status: 0 every row exported; 1 could not run; 2 bad input, nothing was enqueued; 3 finished, but some jobs \
failed or wait for a person; 130 interrupted.")]
pub(in crate::cli) struct RunArgs {
    #[command(flatten)]
    enqueue: EnqueueArgs,
    /// Only the first N rows
    #[arg(long, value_name = "N", value_parser = crate::cli::terminal::parsers::rows)]
    limit: Option<u64>,
    /// Rehearse with the built-in simulator and a temporary database; no AWS account is touched
    #[arg(long)]
    rehearse: bool,
    #[command(flatten)]
    takeover: TakeoverArgs,
    #[command(flatten)]
    disk: DiskArgs,
    /// Format of the report
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    format: FormatArg,
    /// File for the report instead of stdout, written whole or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `snapferry enqueue`.
///
/// # Errors
/// When the input is bad, or it cannot be done.
pub(in crate::cli) async fn only_enqueue(args: &EnqueueArgs, context: &Context) -> anyhow::Result<Exit> {
    let region = context.usual_region(args.rows.account.as_ref()).await;
    // A dry run writes nothing and so creates no database: without one, every row is new.
    let nowhere = if args.dry_run && is_missing(context.settings.database.path()) {
        Some(tempfile::tempdir().context("cannot create a folder for the dry run")?)
    } else {
        None
    };
    let queue = match &nowhere {
        Some(folder) => Queue::open(&folder.path().join("dry-run.db")).await?,
        None => context.queue().await?,
    };
    let enqueued = enqueue(args, &context.settings, &queue, &context.clock, region).await?;
    queue.close().await;
    let mut out = std::io::stdout();
    let told = enqueued.write(args, &mut out, &mut notes()).and_then(|()| enqueued.write_next(&mut out));
    if let (Err(error), EnqueueOutcome::Sealed(batch)) = (&told, &enqueued.outcome) {
        // The work is done; only the message was lost.
        tracing::warn!("batch {} was enqueued, but stdout could not be written: {error}", batch.name);
        return Ok(enqueued.exit(args));
    }
    told.context("stdout could not be written")?;
    Ok(enqueued.exit(args))
}

/// Runs it.
///
/// # Errors
/// When the input is bad, or it cannot run or go on.
pub(in crate::cli) async fn run(args: &RunArgs, context: &Context) -> anyhow::Result<Exit> {
    // A report that cannot be written has to fail before the export, not days later.
    if let Some(path) = args.output.as_deref().filter(|path| *path != Path::new("-")) {
        drop(Output::create(path, context.settings.database.path())?);
    }
    let mut enqueue = args.enqueue.clone();
    enqueue.limit = args.limit;
    let region = context.usual_region(enqueue.rows.account.as_ref()).await;
    if args.rehearse {
        return rehearse(args, enqueue, context, region).await;
    }
    args.disk.check(context)?;
    let queue = context.queue().await?;
    work(args, &enqueue, context, queue, context.connect(), region, Interrupted::CanGoOn).await
}

/// What an interruption means.
#[derive(Clone, Copy)]
enum Interrupted {
    CanGoOn,
    EndsTheRehearsal,
}

async fn rehearse(
    args: &RunArgs,
    mut rows: EnqueueArgs,
    context: &Context,
    region: UsualRegion,
) -> anyhow::Result<Exit> {
    let (rehearsal, file) = Rehearsal::start(&rows, context, region.clone()).await?;
    rows.rows.file = file;
    note(&format!(
        "REHEARSAL: a simulator on this machine stands in for Lightsail, time runs {SPEED} times as fast, and the \
         database is temporary. No AWS account is touched."
    ));
    let hurried = Context {
        settings_file: None,
        settings: rehearsal.settings().clone(),
        clock: context.clock.clone(),
        progress: context.progress.clone(),
        coloured: context.coloured,
        person: context.person.clone(),
        own_folder: None,
    };
    let queue = hurried.queue().await?;
    let exit = work(args, &rows, &hurried, queue, rehearsal.connect(), region, Interrupted::EndsTheRehearsal).await;
    let (exports, duplicates) = rehearsal.end().await;
    note(&format!(
        "REHEARSAL: the simulator counts {exports} exports, {duplicates} of them duplicates. The ids above are made up. \
         For the real export, run the same command without --rehearse."
    ));
    exit
}

async fn work(
    args: &RunArgs,
    rows: &EnqueueArgs,
    context: &Context,
    queue: Queue,
    connect: Connect,
    region: UsualRegion,
    interrupted: Interrupted,
) -> anyhow::Result<Exit> {
    if args.takeover.is_given() && DatabaseLock::holder(queue.path(), Held::Daemon)?.is_some() {
        let text = "a daemon is running on this database: stop it and start it with --restored or --no-takeover-wait";
        return Err(UsageError(text.to_owned()).into());
    }
    let enqueued = enqueue(rows, &context.settings, &queue, &context.clock, region).await?;
    // The report is the result; what was enqueued is a note.
    enqueued.write(rows, &mut notes(), &mut notes())?;
    let EnqueueOutcome::Sealed(batch) = &enqueued.outcome else { return Ok(enqueued.exit(rows)) };
    let signals = hear_signals()?;
    let (halt, halted) = watch::channel(false);
    let display = tokio::spawn(progress::show(
        queue.clone(),
        batch.name.clone(),
        context.settings.clone(),
        context.clock.clone(),
        context.progress.clone(),
        halted,
    ));
    let ended = drain(context, &queue, connect, batch.id, args.takeover.options(), signals.stop.clone()).await;
    signals.work_is_over();
    let _ = halt.send(true);
    if let Ok(shown) = display.await {
        shown?;
    }
    if ended? == DaemonEnd::Stopped {
        note(&match interrupted {
            Interrupted::CanGoOn => format!(
                "interrupted, nothing is lost: `snapferry daemon` continues, `snapferry report --batch {}` shows how far it \
                 got",
                quoted(batch.name.as_str())
            ),
            Interrupted::EndsTheRehearsal => "rehearsal interrupted; its database was removed".to_owned(),
        });
        return Ok(Exit::Interrupted);
    }
    print_report(args, context, &queue, &batch.name).await?;
    for line in left_stopped(&queue, Some(batch.id)).await? {
        note(&line);
    }
    let unsuccessful = queue.unsuccessful(Some(batch.id)).await?;
    queue.close().await;
    Ok(if unsuccessful > 0 { Exit::Incomplete } else { Exit::Done })
}

/// Exports the batch, or follows the daemon that does.
async fn drain(
    context: &Context,
    queue: &Queue,
    connect: Connect,
    batch: BatchId,
    takeover: TakeoverOptions,
    mut stop: Stop,
) -> anyhow::Result<DaemonEnd> {
    let who = signature("run", context.clock.now());
    loop {
        let (settings, clock) = (context.settings.clone(), context.clock.clone());
        match Daemon::new(queue.clone(), settings, clock, connect.clone(), &who) {
            Ok(daemon) => return Ok(daemon.taking_over(takeover).run(Until::BatchDrained(batch), None, stop).await?),
            Err(DaemonError::Lock(LockError::Taken { holder, .. })) => {
                tracing::info!(holder, "a daemon is running; following its progress");
            }
            Err(error) => return Err(error.into()),
        }
        // If the daemon ends before the batch, this process takes over.
        if queue.unfinished(Some(batch)).await? == 0 {
            return Ok(DaemonEnd::Drained);
        }
        tokio::select! {
            () = context.clock.sleep(FOLLOW) => {}
            () = stopped(&mut stop) => return Ok(DaemonEnd::Stopped),
        }
    }
}

async fn print_report(args: &RunArgs, context: &Context, queue: &Queue, name: &BatchName) -> anyhow::Result<()> {
    let report = ReportArgs::of_batch(name, args.format, args.output.clone());
    let outputs: Outputs<'_> = (&mut std::io::stdout(), &mut notes());
    context.on(queue, async |session| report.run(session).await, outputs).await?;
    Ok(())
}
