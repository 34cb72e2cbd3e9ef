//! `snapferry selftest`: a crash test on this machine's disk. The simulator runs in this process, daemons and enqueues run
//! as child processes and are killed in the middle of their work; [`crate::verdict`] judges what they leave.

mod collect;
mod fault_rules;
mod program;
mod round;
mod round_progress;
mod selftest_result;
mod workload;

use crate::cli::context::{Context, hear_signals};
use crate::cli::exit::Exit;
use crate::cli::terminal::screen::{note, notes};
use crate::clock::stopped;
use anyhow::Context as _;
use round::Round;
use round_progress::Progress;
use selftest_result::SelftestOutcome;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Crashes before a database is drained, judged and replaced by a new one: more would only make its lists longer.
const CRASHES_A_ROUND: u32 = 25;

/// How often and at what interval to try to remove a folder: a killed child may be in its last write.
const REMOVALS: u32 = 50;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(20);

/// Crash-test Snapferry on this machine and verify its guarantees
///
/// A Lightsail simulator stands in for AWS and misbehaves: lost and broken responses, errors after the effect, throttles,
/// late lists, failing exports. Daemons and enqueues run as processes on a database in a temporary folder, and are killed
/// in the middle of their work. Neither an AWS account nor your database is touched.
///
/// The same seed gives the same kills and faults; the timing of the processes still varies.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  snapferry selftest                       about a minute
  snapferry selftest --crashes 1000        half an hour
  snapferry selftest --dir /mnt/data       on the file system of that folder

Exit status: 0 every guarantee holds; 1 one does not (its folder is kept and named), or the test could not run; 130 \
interrupted.")]
pub(crate) struct SelftestArgs {
    /// Number of crashes
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    crashes: u32,
    /// Random seed [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Directory for the temporary folder [default: beside the database]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// JSON output
    #[arg(long)]
    json: bool,
}

/// Runs it.
pub(crate) async fn selftest(args: &SelftestArgs, context: &Context) -> anyhow::Result<Exit> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    if args.dir.is_none() {
        context.make_own_folder()?;
    }
    let beside = context.settings.database.path().parent().map(Path::to_owned);
    let place = args.dir.clone().or(beside).unwrap_or_default();
    let folder = tempfile::Builder::new()
        .prefix("snapferry-selftest-")
        .tempdir_in(&place)
        .with_context(|| format!("cannot create a folder in {}", place.display()))?;
    let mut stop = hear_signals()?.stop;
    let progress = Progress::start(&context.progress, args.crashes, context.clock.clone());
    let tried = tokio::select! {
        tried = rounds(args.crashes, seed, folder.path(), context, &progress) => Some(tried),
        () = stopped(&mut stop) => None,
    };
    progress.end();
    let Some(tried) = tried else {
        remove(folder).await;
        note("interrupted; the temporary folder was removed");
        return Ok(Exit::Interrupted);
    };
    let again = format!("seed {seed}: snapferry selftest --crashes {} --seed {seed}", args.crashes);
    let mut outcome = match tried {
        Ok(outcome) => outcome,
        Err(error) => {
            return Err(error.context(format!("the test did not finish; {} is kept, {again}", folder.keep().display())));
        }
    };
    if outcome.holds {
        remove(folder).await;
    } else {
        let kept = folder.keep();
        note(&format!("the evidence is kept in {}", kept.display()));
        note(&again);
        outcome.kept = Some(kept);
    }
    let (mut out, mut notes) = (std::io::stdout(), notes());
    let mut screen = context.screen(&mut out, &mut notes);
    if args.json {
        screen.say_json(&outcome)?;
    } else {
        screen.say(&outcome.text())?;
    }
    Ok(if outcome.holds { Exit::Done } else { Exit::Failed })
}

async fn rounds(
    crashes: u32,
    seed: u64,
    folder: &Path,
    context: &Context,
    progress: &Progress,
) -> anyhow::Result<SelftestOutcome> {
    let began = context.clock.elapsed();
    let mut seeds = fastrand::Rng::with_seed(seed);
    let mut outcome = SelftestOutcome::new(seed);
    while outcome.crashes() < crashes {
        let place = folder.join(format!("round-{}", outcome.rounds + 1));
        std::fs::create_dir(&place).with_context(|| format!("cannot create the folder {}", place.display()))?;
        let before = outcome.crashes();
        let mut round = Round::begin(place.clone(), seeds.u64(..)).await?;
        let lived = round.live((crashes - before).min(CRASHES_A_ROUND), |now| progress.show(before + now)).await;
        let evidence = round.end(lived).await?;
        outcome.take(&evidence, round.enqueues_killed);
        outcome.seconds = context.clock.elapsed().saturating_sub(began).as_secs();
        if !outcome.holds {
            round.write_down()?;
            return Ok(outcome);
        }
        drop(round);
        std::fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
    }
    Ok(outcome)
}

async fn remove(folder: TempDir) {
    let path = folder.keep();
    for _ in 0..REMOVALS {
        match std::fs::remove_dir_all(&path) {
            Ok(()) => return,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(_) => tokio::time::sleep(BETWEEN_REMOVALS).await,
        }
    }
    tracing::warn!("cannot remove the temporary folder {}", path.display());
}
