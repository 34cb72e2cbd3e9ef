//! The CSV file of `enqueue` and `plan`, read on its own thread: a read of standard input cannot be cancelled and must not
//! keep the process from ending.

use crate::cli::exit::UsageError;
use crate::domain::{Existing, Lane};
use crate::intake::{Intake, IntakeOptions, IntakeRecord, RejectReason, Rejected, RejectsWriter, Row};
use crate::queue::NewRow;
use crate::report::{folder_of, several};
use crate::settings::Settings;
use anyhow::Context;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// Rows in one transaction, which takes about 10 ms.
const CHUNK_ROWS: usize = 2000;

/// Bytes of cells in a chunk, at most: a row may have 64 KiB.
const CHUNK_BYTES: usize = 1 << 20;

/// Chunks that may wait for the database.
const CHUNKS: usize = 1;

/// Reasons whose bad rows are printed, and how many rows for each: a fault of every row is corrected in one place.
const REASONS: usize = 10;
const ALIKE: u64 = 3;

/// Where the rows come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CsvSource {
    Stdin,
    File(PathBuf),
}

/// What a bad row means for the good ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadRowPolicy {
    /// None of them is enqueued.
    Refuse,
    /// They are enqueued, and the bad ones are written to a file.
    PassOver,
    /// They are only counted.
    Count,
}

/// What the thread sends, in this order: the copied columns, rows, the end.
pub(crate) enum Message<T> {
    Carried(Vec<String>),
    Rows(T),
    End(anyhow::Result<BadRows>),
}

/// The rows that cannot be enqueued.
#[derive(Debug, Default)]
pub(crate) struct BadRows {
    pub(crate) count: u64,
    /// Columns that may be misspelt, in words.
    slips: Vec<String>,
    kinds: Vec<BadRowKind>,
    /// All of them, to be placed beside the input.
    pub(crate) file: Option<RejectedFile>,
}

/// Bad rows with the same column and reason.
#[derive(Debug)]
struct BadRowKind {
    column: Option<String>,
    reason: RejectReason,
    count: u64,
    /// The first of them, in words.
    shown: Vec<String>,
}

/// The rejected rows in a file without a name yet, so that nothing is left of it if the process ends.
#[derive(Debug)]
pub(crate) struct RejectedFile {
    written: File,
    path: PathBuf,
}

/// What to read, and how.
pub(crate) struct CsvReading {
    pub(crate) input: CsvSource,
    pub(crate) options: IntakeOptions,
    pub(crate) policy: BadRowPolicy,
    pub(crate) settings: Settings,
    /// For every lane, in place of the settings.
    pub(crate) existing: Option<Existing>,
}

impl CsvSource {
    pub(crate) fn new(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    /// Its name in messages.
    pub(crate) fn label(&self) -> String {
        match self {
            Self::Stdin => "stdin".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// The beginning of the batch's name.
    pub(crate) fn stem(&self) -> String {
        let stem = match self {
            Self::Stdin => return "stdin".to_owned(),
            Self::File(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let plain: String = stem.trim().chars().map(|c| if c.is_control() { '_' } else { c }).take(150).collect();
        if plain.is_empty() { "batch".to_owned() } else { plain }
    }

    pub(crate) fn open(&self) -> anyhow::Result<Box<dyn Read + Send>> {
        match self {
            Self::Stdin => Ok(Box::new(io::stdin())),
            Self::File(path) if path.is_dir() => {
                Err(UsageError(format!("{} is a folder; name a CSV file in it", path.display())).into())
            }
            Self::File(path) => match File::open(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Err(UsageError(format!(
                    "there is no file {}; give the path of a CSV file, or - for standard input",
                    path.display()
                ))
                .into()),
                Err(error) => Err(error).with_context(|| format!("cannot open {}", path.display())),
            },
        }
    }

    /// Beside the input, or in the working folder if the input is a pipe.
    fn rejected_path(&self) -> PathBuf {
        let mut path = match self {
            Self::Stdin => Path::new("stdin").as_os_str().to_owned(),
            Self::File(path) if path.is_file() => path.as_os_str().to_owned(),
            Self::File(path) => path.file_name().unwrap_or_default().to_owned(),
        };
        path.push(".rejected.csv");
        PathBuf::from(path)
    }
}

impl CsvReading {
    /// Reads on its own thread, which also applies `take` to the rows, and sends what it finds.
    pub(crate) fn start<T: Send + 'static>(
        self,
        take: impl Fn(Vec<NewRow>) -> T + Send + 'static,
    ) -> anyhow::Result<mpsc::Receiver<Message<T>>> {
        let (sender, receiver) = mpsc::channel(CHUNKS);
        std::thread::Builder::new()
            .name("intake".to_owned())
            .spawn(move || {
                let ended = self.read(&sender, take);
                // The receiver may be gone: then nobody waits for the rows.
                let _ = sender.blocking_send(Message::End(ended));
            })
            .context("cannot start a thread to read the input")?;
        Ok(receiver)
    }

    fn read<T>(&self, sender: &mpsc::Sender<Message<T>>, take: impl Fn(Vec<NewRow>) -> T) -> anyhow::Result<BadRows> {
        let label = || self.input.label();
        let mut intake = Intake::new(self.input.open()?, self.options.clone()).with_context(label)?;
        let slip = |(given, meant)| {
            format!("unrecognized column {given:?} (copied to the report only); did you mean {meant:?}?")
        };
        let mut bad = BadRows { slips: intake.likely_slips().map(slip).collect(), ..BadRows::default() };
        let mut rejects = None;
        let mut lanes = HashMap::new();
        if sender.blocking_send(Message::Carried(intake.carried_columns().to_vec())).is_err() {
            return Ok(bad);
        }
        let mut more = true;
        while more {
            let mut rows = Vec::with_capacity(CHUNK_ROWS);
            let mut bytes = 0;
            while more && rows.len() < CHUNK_ROWS && bytes < CHUNK_BYTES {
                match intake.next().transpose().with_context(label)? {
                    None => more = false,
                    Some(IntakeRecord::Accepted(_)) if self.refuses(&bad) => {}
                    Some(IntakeRecord::Accepted(row)) => {
                        bytes += row.carried.iter().map(String::len).sum::<usize>();
                        rows.push(self.new_row(row, &mut lanes));
                    }
                    Some(IntakeRecord::Rejected(rejected)) => {
                        bad.take(&rejected);
                        if self.policy == BadRowPolicy::PassOver {
                            self.write_rejected(&mut rejects, intake.header(), &rejected)?;
                        }
                    }
                }
            }
            if rows.is_empty() || self.refuses(&bad) {
                continue;
            }
            if sender.blocking_send(Message::Rows(take(rows))).is_err() {
                return Ok(bad);
            }
        }
        if let Some(rejects) = rejects {
            let path = self.input.rejected_path();
            let written = rejects.finish().with_context(|| cannot_write(&path))?;
            bad.file = Some(RejectedFile { written, path });
        }
        Ok(bad)
    }

    /// Whether the good rows will not be enqueued.
    fn refuses(&self, bad: &BadRows) -> bool {
        self.policy == BadRowPolicy::Refuse && bad.count > 0
    }

    fn new_row(&self, row: Row, lanes: &mut HashMap<Lane, Existing>) -> NewRow {
        let lane = Lane { account: row.account, region: row.region };
        let existing = self.existing.or_else(|| lanes.get(&lane).copied()).unwrap_or_else(|| {
            let set = self.settings.for_lane(&lane).export.existing;
            lanes.insert(lane.clone(), set);
            set
        });
        NewRow {
            line: row.line,
            lane,
            snapshot: row.snapshot,
            priority: row.priority,
            not_before: row.not_before,
            existing,
            carried: row.carried,
        }
    }

    fn write_rejected(
        &self,
        rejects: &mut Option<RejectsWriter<File>>,
        header: &[String],
        rejected: &Rejected,
    ) -> anyhow::Result<()> {
        let path = self.input.rejected_path();
        if rejects.is_none() {
            let writer = tempfile::tempfile_in(folder_of(&path)).and_then(|file| RejectsWriter::new(file, header));
            *rejects = Some(writer.with_context(|| cannot_write(&path))?);
        }
        let Some(writer) = rejects else { return Ok(()) };
        writer.write(rejected).with_context(|| cannot_write(&path))
    }
}

impl BadRows {
    fn take(&mut self, rejected: &Rejected) {
        self.count += 1;
        let same = |kind: &&mut BadRowKind| kind.column == rejected.column && kind.reason == rejected.reason;
        if let Some(kind) = self.kinds.iter_mut().find(same) {
            kind.count += 1;
            if kind.count <= ALIKE {
                kind.shown.push(rejected.to_string());
            }
        } else if self.kinds.len() < REASONS {
            let (column, reason) = (rejected.column.clone(), rejected.reason.clone());
            self.kinds.push(BadRowKind { column, reason, count: 1, shown: vec![rejected.to_string()] });
        }
    }

    /// Prints the first bad rows for each reason, each with its line and column, and how many more there are.
    pub(crate) fn write(&self, input: &str, err: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let mut lines = self.slips.clone();
        let mut left = self.count;
        for kind in &self.kinds {
            left -= kind.count;
            lines.extend(kind.shown.iter().cloned());
            if kind.count > ALIKE {
                lines.push(format!("and {} for the same reason", several(kind.count - ALIKE, "more bad row")));
            }
        }
        if left > 0 {
            lines.push(format!("and {}", several(left, "more bad row")));
        }
        lines.iter().try_for_each(|line| writeln!(err, "{input}: {line}"))
    }
}

impl RejectedFile {
    /// Puts the whole file in its place, and returns the path. A file that is there already may have been corrected by a
    /// person: it stays, and this one takes the next free name, unless both are the same.
    pub(crate) fn persist(mut self) -> anyhow::Result<PathBuf> {
        let placed = self.place();
        placed.with_context(|| cannot_write(&self.path))
    }

    fn place(&mut self) -> io::Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt;
        // The permissions of any new file: the umask applies.
        let usual = std::fs::Permissions::from_mode(0o666);
        let folder = folder_of(&self.path);
        let mut named = tempfile::Builder::new().prefix(".snapferry-").permissions(usual).tempfile_in(folder)?;
        self.written.rewind()?;
        io::copy(&mut self.written, &mut named)?;
        named.as_file().sync_all()?;
        let mut path = self.path.clone();
        for number in 2_u32.. {
            named = match named.persist_noclobber(&path) {
                Ok(_) => break,
                Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => error.file,
                Err(error) => return Err(error.error),
            };
            if is_same(&mut self.written, &path).unwrap_or(false) {
                break;
            }
            let mut next = self.path.with_extension("").into_os_string();
            next.push(format!("-{number}.csv"));
            path = PathBuf::from(next);
        }
        Ok(path)
    }
}

/// Whether the file at `path` holds what `file` does.
fn is_same(file: &mut File, path: &Path) -> io::Result<bool> {
    let other = File::open(path)?;
    if other.metadata()?.len() != file.metadata()?.len() {
        return Ok(false);
    }
    file.rewind()?;
    Ok(bytes(file).eq(bytes(other)))
}

/// The bytes of a file, up to an error.
fn bytes(file: impl Read) -> impl Iterator<Item = u8> {
    BufReader::new(file).bytes().map_while(Result::ok)
}

fn cannot_write(path: &Path) -> String {
    format!("nothing was enqueued: cannot write the rejected rows to {}", path.display())
}
