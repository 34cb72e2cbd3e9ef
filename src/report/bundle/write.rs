//! One pass over the batch's rows, by pages: each row goes into its part, its history into the sums, and as much of it
//! as a page can bear into the page.

use super::digest::Digest;
use super::folder::{FolderError, WorkFolder};
use super::manifest::{BatchFacts, FILE, FORMAT, FORMAT_VERSION, Manifest, PageFacts, PartFacts};
use super::page::{CompletionPage, PAGE_FILE, write_page};
use super::part::{HashedFile, KINDS, PartWriter};
use super::table::Rows;
use crate::domain::Timestamp;
use crate::queue::{BatchView, Queue, QueueError};
use crate::report::completion::columns::time;
use std::io::{self, Write};
use std::path::Path;

/// Rows that are held at once, each with its history.
const PAGE: u32 = 500;

/// What is to be written, and where.
#[derive(Debug, Clone)]
pub struct BundleRequest<'a> {
    /// The batch.
    pub batch: &'a BatchView,
    /// The folder that it becomes; it stands in one that is there.
    pub folder: &'a Path,
    /// The time.
    pub now: Timestamp,
    /// The program's version.
    pub version: &'a str,
    /// When the rows that have not ended will be done, in words.
    pub forecast: Option<String>,
}

/// Why a completion report was not written. What was in its place before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The database could not be read.
    #[error("the report could not be read from the database")]
    Read(#[from] QueueError),
    /// The folder cannot be had.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// A completion report that is whole and on the disk, but has not got its name yet. Dropped, nothing is left of it.
#[derive(Debug)]
pub struct Prepared {
    workplace: WorkFolder,
    manifest: Manifest,
}

impl Prepared {
    /// The batch's parts, as the manifest tells them.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Gives the folder its name; an older report of the same batch gives way in the same step.
    ///
    /// # Errors
    /// [`FolderError`], and then nothing has changed.
    pub fn publish(self) -> Result<Manifest, FolderError> {
        self.workplace.publish()?;
        Ok(self.manifest)
    }
}

/// Writes a batch's completion report beside its place. It may be dropped at any time.
///
/// # Errors
/// [`BundleError`], and then nothing is left of it.
pub async fn prepare_bundle(queue: &Queue, request: &BundleRequest<'_>) -> Result<Prepared, BundleError> {
    let BundleRequest { batch, folder, .. } = request;
    let workplace = WorkFolder::begin(folder, BatchFacts::of(batch))?;
    let failed = |source| FolderError::Failed { path: workplace.target().to_owned(), source };
    let mut digest = Digest::new(batch);
    let mut rows = Rows::new(&batch.carried);
    let begin = |kind| PartWriter::begin(kind, workplace.path(), &batch.carried);
    let mut parts: Vec<PartWriter> = KINDS.into_iter().map(begin).collect::<io::Result<_>>().map_err(failed)?;
    let mut after = 0;
    loop {
        let page = queue.batch_page(batch.id, after, PAGE).await?;
        digest.add(&page);
        for row in &page.rows {
            rows.add(row);
            let fits = |part: &&mut PartWriter| part.kind.states.contains(&row.job.state);
            if let Some(part) = parts.iter_mut().find(fits) {
                part.row(workplace.path(), &batch.carried, &batch.name, &row.job, &row.carried).map_err(failed)?;
            }
            after = row.line;
        }
        if page.rows.len() < PAGE as usize {
            break;
        }
    }
    let mut facts = Vec::new();
    for part in parts {
        facts.extend(part.finish().map_err(failed)?);
    }
    let manifest = finish(&workplace, request, &digest, &rows, facts).map_err(failed)?;
    Ok(Prepared { workplace, manifest })
}

/// Writes the page, and at last the manifest.
fn finish(
    workplace: &WorkFolder,
    request: &BundleRequest<'_>,
    digest: &Digest,
    rows: &Rows,
    parts: Vec<PartFacts>,
) -> io::Result<Manifest> {
    let BundleRequest { batch, now, version, forecast, .. } = request;
    // Jobs go on while their rows are read.
    let now = digest.last.map_or(*now, |last| last.max(*now));
    let mut file = HashedFile::create(workplace.path(), PAGE_FILE)?;
    let shown = write_page(
        &mut file,
        &CompletionPage { batch, digest, rows, parts: &parts, now, version, forecast: forecast.as_deref() },
    )?;
    let manifest = Manifest {
        format: FORMAT,
        format_version: FORMAT_VERSION,
        snapferry_version: (*version).to_owned(),
        written_at: now.to_string(),
        batch: BatchFacts::of(batch),
        ended: digest.live() == 0,
        began_at: time(digest.began),
        last_change_at: time(digest.last),
        rows: batch.rows,
        states: digest.counts.clone(),
        adopted: digest.adopted,
        parts,
        page: PageFacts { rows: shown, file: file.finish()? },
    };
    let mut file = HashedFile::create(workplace.path(), FILE)?;
    serde_json::to_writer_pretty(&mut file, &manifest)?;
    file.write_all(b"\n")?;
    file.finish()?;
    Ok(manifest)
}
