//! `snapferry run`: enqueue, drain with live progress, print the report.

use crate::cli::context::{Context, Outputs, hear_signals, is_missing, signature};
use crate::cli::exit::{Exit, UsageError};
use crate::cli::steer::pause_command::left_stopped;
use crate::cli::terminal::screen::{note, notes};
use crate::cli::views::report::ReportArgs;
use crate::cli::work::enqueue::{EnqueueArgs, EnqueueOutcome, enqueue};
use crate::cli::work::takeover_args::TakeoverArgs;
use crate::cli::work::{progress, rehearsal};
use crate::clock::{Stop, stopped};
use crate::daemon::{Connect, Daemon, DaemonEnd, DaemonError, Until};
use crate::domain::{AccountLabel, BatchId};
use crate::intake::UsualRegion;
use crate::queue::{BatchSummary, DatabaseLock, Held, LockError, Queue, TakeoverOptions};
use crate::report::{Format, Output, quoted};
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
pub(crate) struct RunArgs {
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
    /// Format of the report
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "table")]
    format: Format,
    /// File for the report instead of stdout, written whole or not at all
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// `snapferry enqueue`.
pub(crate) async fn only_enqueue(args: &EnqueueArgs, context: &Context) -> anyhow::Result<Exit> {
    let region = context.usual_region(args.rows.account.as_ref()).await;
    let nowhere = tempfile::tempdir().context("cannot create a temporary folder")?;
    // A dry run writes nothing and so creates no database: without one, every row is new.
    let queue = if args.dry_run && is_missing(context.settings.database.path()) {
        Queue::open(&nowhere.path().join("dry-run.db")).await?
    } else {
        context.queue().await?
    };
    let enqueued = enqueue(args, &context.settings, &queue, &context.clock, region).await?;
    queue.close().await;
    let mut out = std::io::stdout();
    let written = enqueued.write(args, &mut out, &mut notes()).and_then(|()| enqueued.write_next(&mut out));
    if let (Err(error), EnqueueOutcome::Sealed(batch)) = (&written, &enqueued.outcome) {
        // The work is done; only the message was lost.
        tracing::warn!("batch {} was enqueued, but stdout could not be written: {error}", batch.name);
        return Ok(enqueued.exit(args));
    }
    written.context("stdout could not be written")?;
    Ok(enqueued.exit(args))
}

/// `snapferry run`.
pub(crate) async fn run(args: &RunArgs, context: &Context) -> anyhow::Result<Exit> {
    // A report that cannot be written has to fail before the export, not days later.
    if let Some(path) = args.output.as_deref().filter(|path| *path != Path::new("-")) {
        drop(Output::create(path, context.settings.database.path())?);
    }
    let mut rows = args.enqueue.clone();
    rows.limit = args.limit;
    let region = context.usual_region(rows.rows.account.as_ref()).await;
    if args.rehearse {
        return rehearse(args, &rows, context, region).await;
    }
    args.takeover.check(context)?;
    let queue = context.queue().await?;
    if args.takeover.is_given() && DatabaseLock::holder(queue.path(), Held::Daemon)?.is_some() {
        let text = "a daemon is running on this database: stop it and start it with --restored or --no-takeover-wait";
        return Err(UsageError(text.to_owned()).into());
    }
    let enqueued = enqueue(&rows, &context.settings, &queue, &context.clock, region).await?;
    // The report is the result; what was enqueued is a note.
    enqueued.write(&rows, &mut notes(), &mut notes())?;
    let EnqueueOutcome::Sealed(batch) = &enqueued.outcome else { return Ok(enqueued.exit(&rows)) };
    let exit = export(args, context, queue, context.connect(), batch).await?;
    if exit == Exit::Interrupted {
        let batch = quoted(batch.name.as_str());
        note(&format!(
            "interrupted, nothing is lost: `snapferry daemon` continues, `snapferry report --batch {batch}` shows how far it got"
        ));
    }
    Ok(exit)
}

async fn rehearse(args: &RunArgs, rows: &EnqueueArgs, context: &Context, region: UsualRegion) -> anyhow::Result<Exit> {
    let folder = tempfile::Builder::new()
        .prefix("snapferry-rehearsal-")
        .tempdir()
        .context("cannot create a folder for the rehearsal")?;
    let settings = rehearsal::settings(&context.settings, folder.path());
    let hurried = Context { settings_file: None, settings, own_folder: None, ..context.clone() };
    let queue = hurried.queue().await?;
    let enqueued = enqueue(rows, &hurried.settings, &queue, &hurried.clock, region).await?;
    let EnqueueOutcome::Sealed(batch) = &enqueued.outcome else {
        enqueued.write(rows, &mut notes(), &mut notes())?;
        return Ok(enqueued.exit(rows));
    };
    note(&format!(
        "REHEARSAL: a simulator on this machine stands in for Lightsail, time runs {} times as fast, and the database \
         is temporary. No AWS account is touched.",
        rehearsal::SPEED
    ));
    enqueued.write(rows, &mut notes(), &mut notes())?;
    let accounts: Vec<AccountLabel> = hurried.settings.accounts().into_iter().collect();
    let simulator = rehearsal::start(&queue, &accounts).await?;
    let exit = export(args, &hurried, queue, rehearsal::connect(&simulator, accounts), batch).await?;
    if exit == Exit::Interrupted {
        note("rehearsal interrupted; its database was removed");
    }
    simulator.stop().await;
    let ledger = simulator.ledger();
    note(&format!(
        "REHEARSAL: the simulator counts {} exports, {} of them duplicates. The ids above are made up. For the real \
         export, run the same command without --rehearse.",
        ledger.exports, ledger.duplicates
    ));
    Ok(exit)
}

/// Exports a batch with live progress, and prints its report.
async fn export(
    args: &RunArgs,
    context: &Context,
    queue: Queue,
    connect: Connect,
    batch: &BatchSummary,
) -> anyhow::Result<Exit> {
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
        return Ok(Exit::Interrupted);
    }
    let report = ReportArgs::of_batch(&batch.name, args.format, args.output.clone());
    let outputs: Outputs<'_> = (&mut std::io::stdout(), &mut notes());
    context.on(&queue, async |session| report.run(session).await, outputs).await?;
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
