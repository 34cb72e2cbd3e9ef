//! The files of the folder: each is hashed as it is written, and on the disk before the folder gets its name.

use super::manifest::{FileFacts, PartFacts};
use crate::domain::{BatchName, JobState};
use crate::queue::JobView;
use crate::report::completion::csv_sheet::CsvSheet;
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

    /// Brings it to the disk.
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
    /// Whether the file in `folder` is no longer what was written; one that is gone holds nobody's work.
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

/// What a part holds, and whether it is there without a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartKind {
    name: &'static str,
    pub(super) states: &'static [JobState],
    always: bool,
}

/// Every state stands in one of them. What was called off stands apart from what failed: whoever enqueues failed.csv
/// again means the failures alone.
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

/// A part in the making; the file comes with its first row, or at once.
pub(super) struct PartWriter {
    pub(super) kind: PartKind,
    sheet: Option<CsvSheet<HashedFile>>,
    rows: u64,
}

impl PartWriter {
    pub(super) fn begin(kind: PartKind, folder: &Path, carried: &[String]) -> std::io::Result<Self> {
        let sheet = if kind.always { Some(open(kind, folder, carried)?) } else { None };
        Ok(Self { kind, sheet, rows: 0 })
    }

    pub(super) fn row(
        &mut self,
        folder: &Path,
        names: &[String],
        batch: &BatchName,
        job: &JobView,
        carried: &[String],
    ) -> std::io::Result<()> {
        let sheet = match &mut self.sheet {
            Some(sheet) => sheet,
            none @ None => none.insert(open(self.kind, folder, names)?),
        };
        self.rows += 1;
        sheet.line(batch, job, carried)
    }

    /// Brings it to the disk; nothing where there is no file.
    pub(super) fn finish(self) -> std::io::Result<Option<PartFacts>> {
        let Some(sheet) = self.sheet else { return Ok(None) };
        let facts = sheet.end()?.finish()?;
        Ok(Some(PartFacts { states: self.kind.states.to_vec(), rows: self.rows, file: facts }))
    }
}

fn open(kind: PartKind, folder: &Path, carried: &[String]) -> std::io::Result<CsvSheet<HashedFile>> {
    let mut sheet = CsvSheet::new(HashedFile::create(folder, kind.name)?);
    sheet.header(carried)?;
    Ok(sheet)
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
