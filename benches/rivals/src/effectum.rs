//! Claim and complete of effectum: jobs that do nothing.

use crate::Measured;
use effectum::{Error, Job, JobRunner, Queue, RunningJob, Worker};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const AT_ONCE: u16 = 256;

#[tokio::main]
pub(crate) async fn measure(file: &Path, jobs: u64) -> Measured {
    // It asks for a WAL by a name that SQLite does not know; the mode stays with the file.
    rusqlite::Connection::open(file)?.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    let queue = Queue::new(file).await?;
    let waiting: Vec<Job> = (0..jobs).map(|_| Job::builder("nothing").build()).collect();
    for some in waiting.chunks(1000) {
        queue.add_jobs(some.to_vec()).await?;
    }
    let began = Instant::now();
    let worker = Worker::builder(&queue, Arc::new(()))
        .jobs([JobRunner::builder("nothing", nothing).build()])
        .min_concurrency(AT_ONCE / 2)
        .max_concurrency(AT_ONCE)
        .build()
        .await?;
    while worker.counts().finished < jobs {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(jobs as f64 / began.elapsed().as_secs_f64())
}

async fn nothing(_job: RunningJob, _context: Arc<()>) -> Result<(), Error> {
    Ok(())
}
