//! The files of the folder: each is hashed as it is written, and synced before the folder gets its name.

use super::manifest::{FileFacts, PartFacts};
use crate::domain::JobState;
use crate::queue::{BatchRow, BatchView};
use crate::report::completion::column_values::{columns, report_line};
use crate::report::layout::sheet::{Format, Sheet};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{BufWriter, Read as _, Write};
use std::path::Path;

/// A file that is hashed as it is written.
pub(super) struct HashedFile {
    name: &'static str,
    out: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl HashedFile {
    pub(super) fn create(folder: &Path, name: &'static str) -> std::io::Result<Self> {
        let file = File::create_new(folder.join(name))?;
        Ok(Self { name, out: BufWriter::new(file), hash: Sha256::new(), bytes: 0 })
    }

    /// Syncs it.
    pub(super) fn finish(self) -> std::io::Result<FileFacts> {
        let file = self.out.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.sync_all()?;
        Ok(FileFacts { file: self.name.to_owned(), bytes: self.bytes, sha256: hex(self.hash) })
    }
}

fn hex(hash: Sha256) -> String {
    hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

impl FileFacts {
    /// Whether the file in `folder` was changed since; one that was removed holds no work of anybody.
    pub(super) fn is_changed(&self, folder: &Path) -> std::io::Result<bool> {
        let mut file = match File::open(folder.join(&self.file)) {
            Ok(file) if file.metadata()?.len() != self.bytes => return Ok(true),
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error),
        };
        let (mut hash, mut chunk) = (Sha256::new(), vec![0; 1 << 16]);
        loop {
            match file.read(&mut chunk)? {
                0 => return Ok(hex(hash) != self.sha256),
                read => hash.update(chunk.get(..read).unwrap_or_default()),
            }
        }
    }
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.hash.update(bytes.get(..taken).unwrap_or_default());
        self.bytes += u64::try_from(taken).unwrap_or(u64::MAX);
        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// What a part holds, and whether it exists without rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartKind {
    name: &'static str,
    states: &'static [JobState],
    always: bool,
}

/// Each state belongs to one of them. Cancelled rows stand apart from failed ones: whoever enqueues failed.csv again
/// means the failures alone.
pub(super) const KINDS: [PartKind; 4] = [
    PartKind { name: "succeeded.csv", states: &[JobState::Succeeded], always: true },
    PartKind { name: "failed.csv", states: &[JobState::Failed], always: true },
    PartKind { name: "cancelled.csv", states: &[JobState::Cancelled], always: false },
    PartKind {
        name: "unfinished.csv",
        states: &[
            JobState::Queued,
            JobState::Submitting,
            JobState::Exporting,
            JobState::Unknown,
            JobState::NeedsReview,
        ],
        always: false,
    },
];

/// A part that is being written; its file is created with the first row, or at once.
pub(super) struct PartWriter<'a> {
    kind: PartKind,
    folder: &'a Path,
    batch: &'a BatchView,
    sheet: Option<Sheet<HashedFile>>,
    rows: u64,
}

impl<'a> PartWriter<'a> {
    pub(super) fn begin(kind: PartKind, folder: &'a Path, batch: &'a BatchView) -> std::io::Result<Self> {
        let mut part = Self { kind, folder, batch, sheet: None, rows: 0 };
        if kind.always {
            part.sheet()?;
        }
        Ok(part)
    }

    /// Adds those of the rows that belong to this part.
    pub(super) fn add(&mut self, rows: &[BatchRow]) -> std::io::Result<()> {
        let its: Vec<&BatchRow> = rows.iter().filter(|row| self.kind.states.contains(&row.job.state)).collect();
        if its.is_empty() {
            return Ok(());
        }
        self.rows += its.len() as u64;
        let BatchView { name, carried, .. } = self.batch;
        self.sheet()?.lines(its.into_iter().map(|row| report_line(&row.job, name, carried, &row.carried)))
    }

    /// Syncs the file; nothing where there is none.
    pub(super) fn finish(self) -> std::io::Result<Option<PartFacts>> {
        let Some(sheet) = self.sheet else { return Ok(None) };
        let facts = sheet.end()?.finish()?;
        Ok(Some(PartFacts { states: self.kind.states.to_vec(), rows: self.rows, file: facts }))
    }

    fn sheet(&mut self) -> std::io::Result<&mut Sheet<HashedFile>> {
        Ok(match &mut self.sheet {
            Some(sheet) => sheet,
            none @ None => {
                let file = HashedFile::create(self.folder, self.kind.name)?;
                none.insert(Sheet::begin(file, Format::Csv, columns(&self.batch.carried))?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_stands_in_one_part() {
        for state in JobState::ALL {
            assert_eq!(KINDS.iter().filter(|kind| kind.states.contains(&state)).count(), 1, "{state}");
        }
    }
}
