//! Automatic completion reports: one for each ending of a batch. A report is noted in the database once it is written, so a daemon
//! that was killed in between writes it at its next start.

use super::service::{BackgroundService, in_one_line, longer};
use crate::clock::{SharedClock, Stop, stopped};
use crate::domain::BatchId;
use crate::queue::{Ending, Queue, QueueError};
use crate::report::{BundleError, BundleRequest, FolderError, folder_names, prepare_bundle};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often to look for batches that have ended.
const LOOK: Duration = Duration::from_secs(1);

/// After a round that took long, the database is left alone for this many times as long.
const REST: u32 = 20;

/// The longest rest between two rounds.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// How many reports of a batch that somebody has edited are kept beside the newest.
const BESIDE: u32 = 9;

/// Writes the reports of batches that have ended.
#[derive(Clone)]
pub(super) struct Bundles {
    pub(super) queue: Queue,
    pub(super) clock: SharedClock,
    pub(super) folder: PathBuf,
    pub(super) troubles: FailedBundles,
}

/// Reports that could not be written: when to retry, after which wait, and why.
#[derive(Debug, Default, Clone)]
pub(super) struct FailedBundles(HashMap<BatchId, (Duration, Duration, String)>);

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("the folder {path:?} cannot be created")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Bundle(#[from] BundleError),
    #[error("a part of Snapferry panicked, which is a bug")]
    Part(#[source] tokio::task::JoinError),
}

impl BackgroundService for Bundles {
    const WHAT: &'static str = "writing completion reports";

    async fn once(&mut self, stop: &Stop) -> Result<Duration, QueueError> {
        let began = self.clock.elapsed();
        self.write_due(stop).await?;
        Ok(LOOK.max(self.clock.elapsed().saturating_sub(began) * REST).min(LONGEST_REST))
    }
}

impl Bundles {
    /// Writes what is due, once.
    pub(super) async fn write_due(&mut self, stop: &Stop) -> Result<(), QueueError> {
        let mut after = None;
        while let Some(ending) = self.queue.next_ending(after).await? {
            after = Some(ending.batch);
            if *stop.borrow() {
                return Ok(());
            }
            if self.troubles.has_to_wait(ending.batch, self.clock.elapsed()) {
                continue;
            }
            match self.write(&ending, stop).await {
                Ok(Some(path)) => {
                    self.troubles.0.remove(&ending.batch);
                    self.queue.note_bundled(&ending, self.clock.now()).await?;
                    tracing::info!(batch = %ending.name, folder = %path.display(), "completion report written");
                }
                // Stopped, or the batch was retried: it will end again.
                Ok(None) => {}
                Err(trouble) => self.troubles.note(&ending, &trouble, self.clock.elapsed()),
            }
        }
        Ok(())
    }

    /// Writes a report and returns its folder, unless it was stopped or overtaken.
    async fn write(&self, ending: &Ending, stop: &Stop) -> Result<Option<PathBuf>, Trouble> {
        make(&self.folder)?;
        let (this, ending, mut stop) = (self.clone(), ending.clone(), stop.clone());
        let runtime = tokio::runtime::Handle::current();
        // Writing and syncing block; the lanes need their threads.
        let written = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                tokio::select! {
                    written = this.write_here(&ending) => written,
                    () = stopped(&mut stop) => Ok(None),
                }
            })
        });
        Ok(written.await.map_err(Trouble::Part)??)
    }

    async fn write_here(&self, ending: &Ending) -> Result<Option<PathBuf>, BundleError> {
        let Some(batch) = self.queue.batch(&ending.name).await? else { return Ok(None) };
        let mut refused = None;
        let mut names = folder_names(&batch);
        names.extend((2..=BESIDE).filter_map(|number| Some(format!("{}-{number}", names.last()?))).collect::<Vec<_>>());
        for name in names {
            let folder = self.folder.join(name);
            let now = self.clock.now();
            // The batch has ended: there is nothing to forecast.
            let request = BundleRequest { batch: &batch, folder: &folder, now, forecast: None };
            match prepare_bundle(&self.queue, &request).await {
                Ok(prepared) => {
                    if !self.queue.still_ended(ending).await? {
                        return Ok(None);
                    }
                    prepared.publish()?;
                    return Ok(Some(folder));
                }
                // A report of another database's batch of that name, or one that somebody has edited: use the next name.
                Err(error @ BundleError::Folder(FolderError::OtherBatch { .. } | FolderError::Changed { .. })) => {
                    refused = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        refused.map_or(Ok(None), Err)
    }
}

/// Creates the folder of all reports. Its parent must exist: it may be a mount that is missing.
fn make(folder: &Path) -> Result<(), Trouble> {
    match std::fs::create_dir(folder) {
        Err(source) if !folder.is_dir() => Err(Trouble::Folder { path: folder.to_owned(), source }),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl FailedBundles {
    fn has_to_wait(&self, batch: BatchId, now: Duration) -> bool {
        self.0.get(&batch).is_some_and(|(until, ..)| now < *until)
    }

    /// Logs the trouble, once for as long as it stays the same.
    fn note(&mut self, ending: &Ending, trouble: &Trouble, now: Duration) {
        let said = in_one_line(trouble);
        let before = self.0.remove(&ending.batch);
        let wait = longer(before.as_ref().map(|(_, wait, _)| *wait));
        if before.is_none_or(|(.., before)| before != said) {
            tracing::warn!(
                batch = %ending.name,
                "its completion report cannot be written: {said}; retrying; `snapferry report --bundle DIR --batch` writes it \
                 elsewhere"
            );
        }
        self.0.insert(ending.batch, (now + wait, wait, said));
    }
}
