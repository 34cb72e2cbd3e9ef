//! One pass over the batch's rows, by pages: each row goes into its part and the totals, and the first ones also into
//! the page.

use super::digest::Digest;
use super::folder::{FolderError, WorkFolder};
use super::manifest::{BatchFacts, FILE, FORMAT, FORMAT_VERSION, Manifest, PageFacts, PartFacts};
use super::page::{CompletionPage, PAGE_FILE, write_page};
use super::page_rows::Rows;
use super::part::{HashedFile, KINDS, PartWriter};
use crate::domain::Timestamp;
use crate::queue::{BatchView, Queue, QueueError};
use crate::report::layout::words::time;
use std::io::{self, Write};
use std::path::Path;

/// Rows per page, each with its history.
const PAGE: u32 = 500;

/// Which report to write, and where.
#[derive(Debug, Clone)]
pub struct BundleRequest<'a> {
    /// The batch.
    pub batch: &'a BatchView,
    /// The report's folder; its parent exists.
    pub folder: &'a Path,
    /// The time.
    pub now: Timestamp,
    /// When the rows that have not ended will be done.
    pub forecast: Option<String>,
}

/// Why a completion report was not written. What was there before is untouched.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The database could not be read.
    #[error("the report could not be read from the database")]
    Read(#[from] QueueError),
    /// The folder cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// A completion report that is whole and synced, but has no name yet. If it is dropped, nothing is left of it.
#[derive(Debug)]
pub struct Prepared {
    workplace: WorkFolder,
    manifest: Manifest,
}

impl Prepared {
    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Gives the folder its name, in place of an older report of the same batch. After an error, nothing has changed.
    pub fn publish(self) -> Result<Manifest, FolderError> {
        self.workplace.publish()?;
        Ok(self.manifest)
    }
}

/// Writes a batch's completion report beside its place. If this is dropped or fails, nothing is left of it.
pub async fn prepare_bundle(queue: &Queue, request: &BundleRequest<'_>) -> Result<Prepared, BundleError> {
    let BundleRequest { batch, folder, .. } = request;
    let workplace = WorkFolder::begin(folder, BatchFacts::of(batch))?;
    let failed = |source| FolderError::Failed { path: workplace.target().to_owned(), source };
    let mut digest = Digest::new(batch);
    let mut rows = Rows::new(&batch.carried);
    let begin = |kind| PartWriter::begin(kind, workplace.path(), batch);
    let mut parts: Vec<PartWriter<'_>> = KINDS.into_iter().map(begin).collect::<io::Result<_>>().map_err(failed)?;
    let mut after = 0;
    loop {
        let page = queue.batch_page(batch.id, after, PAGE).await?;
        digest.add(&page);
        page.rows.iter().for_each(|row| rows.add(row));
        parts.iter_mut().try_for_each(|part| part.add(&page.rows)).map_err(failed)?;
        after = page.rows.last().map_or(after, |row| row.line);
        if page.rows.len() < PAGE as usize {
            break;
        }
    }
    let mut facts = Vec::new();
    for part in parts {
        facts.extend(part.finish().map_err(failed)?);
    }
    let manifest = finish(&workplace, request, &digest, &rows, facts).map_err(failed)?;
    queue.sound()?;
    Ok(Prepared { workplace, manifest })
}

/// Writes the page, and then the manifest.
fn finish(
    workplace: &WorkFolder,
    request: &BundleRequest<'_>,
    digest: &Digest,
    rows: &Rows,
    parts: Vec<PartFacts>,
) -> io::Result<Manifest> {
    let BundleRequest { batch, now, forecast, .. } = request;
    // Jobs change while their rows are read.
    let now = digest.last.map_or(*now, |last| last.max(*now));
    let mut file = HashedFile::create(workplace.path(), PAGE_FILE)?;
    let page = CompletionPage { batch, digest, rows, parts: &parts, now, forecast: forecast.as_deref() };
    let shown = write_page(&mut file, &page)?;
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        format_version: FORMAT_VERSION,
        snapferry_version: env!("CARGO_PKG_VERSION").to_owned(),
        written_at: now.to_string(),
        batch: BatchFacts::of(batch),
        ended: digest.counts.live() == 0,
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
