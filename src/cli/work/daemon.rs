//! `snapferry daemon`: sends and tracks exports until it is stopped.

use crate::cli::context::{Context, hear_signals, signature};
use crate::cli::exit::Exit;
use crate::cli::steer::pause_command::left_stopped;
use crate::cli::work::takeover_args::TakeoverArgs;
use crate::daemon::{Daemon, DaemonEnd, Until};
use clap::Args;
use std::time::Duration;

/// Run the export daemon
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  snapferry daemon                         run until SIGTERM or Ctrl-C
  snapferry daemon --drain                 stop when no job is left to do
  snapferry daemon --drain --max-wait 8h   ... or after eight hours

Exit status: 0 stopped as asked; 1 could not run, e.g. because another daemon uses the database; 3 drained, but some \
jobs failed or wait for a person, or --max-wait was over first; 130 drain interrupted, nothing is lost.")]
pub(crate) struct DaemonArgs {
    /// Stop when every job has ended or waits for a person (in review, paused, or behind a circuit breaker whose probe failed)
    #[arg(long)]
    drain: bool,
    /// Longest time that --drain may take, e.g. 90m or 8h
    #[arg(long, value_name = "D", requires = "drain", value_parser = crate::cli::terminal::parsers::span)]
    max_wait: Option<Duration>,
    #[command(flatten)]
    takeover: TakeoverArgs,
    /// Exit at once when standard input ends, for a parent process that must not leave a daemon behind.
    #[arg(long, hide = true)]
    end_with_stdin: bool,
}

/// Runs the daemon.
pub(crate) async fn daemon(args: &DaemonArgs, context: &Context) -> anyhow::Result<Exit> {
    if args.end_with_stdin {
        // Not a thread of the runtime, which would wait for it.
        std::thread::spawn(|| {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            std::process::exit(130);
        });
    }
    let signals = hear_signals()?;
    args.takeover.check(context)?;
    let queue = context.queue().await?;
    let who = signature("daemon", context.clock.now());
    let (settings, clock) = (context.settings.clone(), context.clock.clone());
    let daemon =
        Daemon::new(queue.clone(), settings, clock, context.connect(), &who)?.taking_over(args.takeover.options());
    let until = if args.drain { Until::Drained } else { Until::Stopped };
    let ended = daemon.run(until, args.max_wait, signals.stop).await?;
    if args.drain {
        for line in left_stopped(&queue, None).await? {
            tracing::warn!("{line}");
        }
    }
    let unsuccessful = if args.drain { queue.unsuccessful(None).await? } else { 0 };
    queue.close().await;
    Ok(match ended {
        DaemonEnd::Stopped if args.drain => Exit::Interrupted,
        DaemonEnd::OutOfTime => Exit::Incomplete,
        DaemonEnd::Stopped | DaemonEnd::Drained if unsuccessful > 0 => Exit::Incomplete,
        DaemonEnd::Stopped | DaemonEnd::Drained => Exit::Done,
    })
}
