//! The engine alone: jobs a second from the queue to their success, each change durable before it is told.

use crate::figure::{Figure, Goal, Outcome, Pair};
use crate::files::{AT, Failed, grown, queued, runtime};
use snapferry::clock::{Clock as _, SystemClock};
use snapferry::domain::{
    Destination, Event, ExportRef, JobId, JobState, JobVersion, LaneId, OperationId, RecordArn, RunId, SnapshotArn,
};
use snapferry::queue::{AttemptAnswer, AttemptOutcome, Claimable, Queue, Selector, SentOperation, Transition};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

const JOBS: u64 = 20_000;
const CALLERS: usize = 256;

/// What a transaction of the loop beside it takes.
const BATCH: &str = "100";

/// Jobs that are claimed and finished in a big file.
const SOME: u32 = 4000;

pub(crate) fn figures() -> Vec<Figure> {
    vec![
        Figure {
            name: "store-raw",
            what: "20,000 jobs by 256 callers: intent, accepted, succeeded, with their history",
            against: "the same writes by a loop with prepared statements, 100 to a transaction, WAL, synchronous=FULL",
            goal: Goal::AtLeast(0.4),
            pair: beside_raw,
        },
        Figure {
            name: "store-big",
            what: "claim + finish of 4,000 jobs with 1,000,000 queued and 1,000,000 ended in the file",
            against: "the same with 4,000 queued in the file",
            goal: Goal::AtLeast(0.9),
            pair: big_beside_small,
        },
    ]
}

fn beside_raw(folder: &Path, run: usize) -> Outcome {
    let file = folder.join("raw.db");
    runtime()?.block_on(async {
        let queue = queued(&file, JOBS).await?;
        queue.begin_run(AT, "a benchmark").await?;
        queue.close().await;
        Ok::<_, Failed>(())
    })?;
    let theirs = || rival(&[&file.display().to_string(), BATCH]);
    in_turn(run, || engine(&folder.join("ours.db")), theirs)
}

fn in_turn(
    run: usize,
    mut ours: impl FnMut() -> Result<f64, Failed>,
    mut theirs: impl FnMut() -> Result<f64, Failed>,
) -> Outcome {
    let (ours, theirs) = if run.is_multiple_of(2) {
        let ours = ours()?;
        (ours, theirs()?)
    } else {
        let theirs = theirs()?;
        (ours()?, theirs)
    };
    Ok(Pair { ours, theirs, unit: "jobs/s", note: String::new(), kept: true })
}

/// Jobs a second of the store in a file of its own.
fn engine(file: &Path) -> Result<f64, Failed> {
    runtime()?.block_on(async {
        let queue = queued(file, JOBS).await?;
        let run = queue.begin_run(AT, "a benchmark").await?;
        let jobs = queue.jobs_page(&Selector::default(), None, u32::MAX).await?;
        let jobs = jobs.iter().map(|job| (job.id, job.snapshot_name.to_string())).collect();
        let rate = work(&queue, run, jobs).await?;
        queue.close().await;
        Ok(rate)
    })
}

fn big_beside_small(folder: &Path, run: usize) -> Outcome {
    let small = folder.join("small.db");
    runtime()?.block_on(async {
        let queue = queued(&small, u64::from(SOME)).await?;
        queue.begin_run(AT, "a benchmark").await?;
        queue.close().await;
        Ok::<_, Failed>(())
    })?;
    // An inventory has seen them.
    crate::files::sql(
        &small,
        "INSERT INTO snapshots (lane_id, name, kind, state, weight, inventory)
         SELECT 1, snapshot_name, 'instance', 'available', 1, 1 FROM jobs;
         INSERT INTO inventories VALUES (1, 1, 1);",
    )?;
    let big = grown(1_000_000)?;
    in_turn(run, || claimed(&big), || claimed(&small))
}

/// Claims and finishes some jobs, as many at once as a lane's worker reads ahead.
fn claimed(file: &Path) -> Result<f64, Failed> {
    runtime()?.block_on(async {
        let queue = Queue::open(file).await?;
        // That of its inventories.
        let run = RunId(1);
        let began = SystemClock::new();
        let mut done = 0;
        while done < SOME {
            let claimed: Vec<Claimable> = queue.claimable(LaneId(1), run, 250).await?;
            if claimed.is_empty() {
                return Err("nothing to claim".into());
            }
            done += u32::try_from(claimed.len())?;
            work(&queue, run, claimed.iter().map(|job| (job.job, job.snapshot.to_string())).collect()).await?;
        }
        let rate = f64::from(done) / began.elapsed().as_secs_f64();
        queue.close().await;
        Ok(rate)
    })
}

/// Takes jobs to their success by many callers, each with one job at a time; jobs a second.
async fn work(queue: &Queue, run: RunId, jobs: Vec<(JobId, String)>) -> Result<f64, Failed> {
    #[expect(clippy::cast_precision_loss, reason = "thousands of jobs")]
    let count = jobs.len() as f64;
    let waiting = Arc::new(Mutex::new(jobs.into_iter()));
    let began = SystemClock::new();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..CALLERS {
        let (queue, waiting) = (queue.clone(), Arc::clone(&waiting));
        callers.spawn(async move {
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((job, name)) = next else { return Ok::<_, snapferry::queue::QueueError>(()) };
                export(&queue, run, job, &name).await?;
            }
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(count / began.elapsed().as_secs_f64())
}

/// The writes of one job's way.
async fn export(queue: &Queue, run: RunId, job: JobId, name: &str) -> Result<(), snapferry::queue::QueueError> {
    let at = |state, attempt| JobVersion { state, attempt, used: attempt, max_attempts: 5 };
    let arn = format!("arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/{name}");
    let intent = Transition::new(job, &at(JobState::Queued, 0), Event::Intend, AT, "daemon")?;
    queue.transition(intent.intending(run, 1, Some(SnapshotArn::new(arn.clone())))).await?;

    let operation = OperationId::new(format!("00000000-0000-4000-8000-{:012}", job.0));
    let trace = ExportRef { operation: Some(operation.clone()), ..ExportRef::default() };
    let answer = AttemptAnswer {
        outcome: AttemptOutcome::Accepted,
        http_status: Some(200),
        request_id: Some(format!("request-{:026}", job.0)),
        failure: None,
    };
    let accepted = Transition::new(job, &at(JobState::Submitting, 1), Event::Accepted(trace), AT, "daemon")?;
    let sent = SentOperation { id: operation, created_at: Some(AT) };
    queue.transition(accepted.answered(answer, vec![sent]).poll_at(AT)).await?;

    let trace = ExportRef {
        record: Some(RecordArn::new(arn)),
        record_name: Some(format!("record-{:08}", job.0)),
        destination: Some(Destination { service: "Aws::EC2::Image".to_owned(), id: format!("ami-{:017x}", job.0) }),
        ..ExportRef::default()
    };
    queue.transition(Transition::new(job, &at(JobState::Exporting, 1), Event::Finished(trace), AT, "daemon")?).await
}

/// What a rival measures of itself.
fn rival(arguments: &[&str]) -> Result<f64, Failed> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build_rivals().map_err(|error| eprintln!("{error}")).ok());
    let program = built.as_ref().ok_or("benches/rivals was not built")?;
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        return Err(format!("rivals {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Builds `benches/rivals`, in the folder of our own build.
fn build_rivals() -> Result<PathBuf, Failed> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rivals");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--locked", "--quiet", "--target-dir"])
        .arg(&target)
        .current_dir(source)
        .status()?;
    if built.success() { Ok(target.join("release/snapferry-rivals")) } else { Err("benches/rivals: no build".into()) }
}
