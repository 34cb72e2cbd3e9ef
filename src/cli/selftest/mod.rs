//! `snapferry selftest`: the promises tried on this machine's own disk. A simulator in this process, daemons and
//! enqueues as child processes, and kills in the middle of their work; what is left is for [`crate::verdict`] to judge.

mod faults;
mod gather;
mod load;
mod outcome;
mod program;
mod progress;
mod round;

use super::context::{Context, hear_signals};
use super::exit::Exit;
use super::screen::note;
use crate::clock::stopped;
use anyhow::Context as _;
use outcome::Outcome;
use progress::Progress;
use round::Round;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Crashes in a database before it is drained, judged and left for a new one: more would only make its lists longer.
const CRASHES_A_ROUND: u32 = 25;

/// How often, and how far apart, a folder is tried to be removed: a child that was killed may be in its last write.
const REMOVALS: u32 = 50;
const BETWEEN_REMOVALS: Duration = Duration::from_millis(20);

/// Kill Snapferry again and again on this machine's disk, and hold what is left against its promises
///
/// A built-in simulator of Lightsail stands in for AWS and misbehaves: lost and broken answers, errors after the
/// effect, throttles, late lists, exports that fail. Daemons and enqueues run as processes of their own on a database in a
/// temporary folder, and are killed in the middle of their work. No AWS account is touched, nor your database.
///
/// With a seed the same moments and faults are drawn again; how processes are timed stays the machine's own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  snapferry selftest                       about a minute
  snapferry selftest --crashes 1000        half an hour
  snapferry selftest --dir /mnt/data       on the file system of that folder

Exit status: 0 every promise holds; 1 one does not (its folder is kept and named), or it could not be \
tried; 130 interrupted.")]
pub(super) struct SelftestArgs {
    /// How often to kill
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..))]
    crashes: u32,
    /// What all chance is drawn from [default: another one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where to make the temporary folder [default: beside the database]
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

/// Runs it.
///
/// # Errors
/// When it cannot be tried: no folder, no port, no child process.
pub(super) async fn selftest(args: &SelftestArgs, context: &Context) -> anyhow::Result<Exit> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000_000));
    if args.dir.is_none() {
        context.make_own_folder()?;
    }
    let beside = context.settings.database.path().parent().map(Path::to_owned);
    let place = args.dir.clone().or(beside).unwrap_or_default();
    let folder = tempfile::Builder::new()
        .prefix("snapferry-selftest-")
        .tempdir_in(&place)
        .with_context(|| format!("cannot make a folder in {}", place.display()))?;
    let mut stop = hear_signals()?;
    let progress = Progress::start(&context.progress, args.crashes, context.clock.clone());
    let tried = tokio::select! {
        tried = rounds(args.crashes, seed, folder.path(), context, &progress) => Some(tried),
        () = stopped(&mut stop) => None,
    };
    progress.end();
    let Some(tried) = tried else {
        remove(folder).await;
        note("interrupted; the temporary folder is gone");
        return Ok(Exit::Interrupted);
    };
    let again = format!("seed {seed}: snapferry selftest --crashes {} --seed {seed}", args.crashes);
    let mut outcome = match tried {
        Ok(outcome) => outcome,
        Err(error) => {
            return Err(error.context(format!("not tried to the end; {} is kept, {again}", folder.keep().display())));
        }
    };
    let holds = outcome.verdict.holds();
    if holds {
        remove(folder).await;
    } else {
        let kept = folder.keep();
        note(&format!("what it left is kept in {}", kept.display()));
        note(&again);
        outcome.kept = Some(kept);
    }
    let mut out = std::io::stdout().lock();
    if args.json { outcome.write_json(&mut out) } else { outcome.write_text(&mut out) }
        .and_then(|()| out.flush())
        .context("the verdict could not be written to stdout")?;
    Ok(if holds { Exit::Done } else { Exit::Failed })
}

async fn rounds(
    crashes: u32,
    seed: u64,
    folder: &Path,
    context: &Context,
    progress: &Progress,
) -> anyhow::Result<Outcome> {
    let began = context.clock.elapsed();
    let mut seeds = fastrand::Rng::with_seed(seed);
    let mut outcome = Outcome::new(seed);
    while outcome.crashes() < crashes {
        let place = folder.join(format!("round-{}", outcome.rounds + 1));
        std::fs::create_dir(&place).with_context(|| format!("cannot make the folder {}", place.display()))?;
        let wanted = (crashes - outcome.crashes()).min(CRASHES_A_ROUND);
        let mut round = Round::begin(place.clone(), seeds.u64(..)).await?;
        let lived = round.live(wanted, progress).await;
        let evidence = round.end(lived).await?;
        outcome.take(&evidence, round.enqueues_killed());
        outcome.took = context.clock.elapsed().saturating_sub(began);
        if !outcome.verdict.holds() {
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
    tracing::warn!("the temporary folder {} could not be removed", path.display());
}
