//! Databases and inputs to measure with, and the program as a process.

use snapferry::domain::{AccountLabel, BatchName, Existing, Lane, Region, SnapshotName, Timestamp};
use snapferry::queue::{LoadName, NewRow, Queue};
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// What can go wrong while measuring.
pub(crate) type Failed = Box<dyn Error>;

/// When everything happens that is not measured.
pub(crate) const AT: Timestamp = Timestamp(1_795_456_800_000);

pub(crate) const REGION: &str = "eu-west-1";

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

pub(crate) fn lane() -> Result<Lane, Failed> {
    Ok(Lane { account: AccountLabel::unnamed(), region: Region::parse(REGION)? })
}

/// A database with a batch of so many queued jobs.
pub(crate) async fn queued(path: &Path, jobs: u64) -> Result<Queue, Failed> {
    let queue = Queue::open(path).await?;
    let name = LoadName::Derived(BatchName::parse("batch")?);
    let mut load = queue.begin_load(name, "a benchmark", &[], "a benchmark", AT).await?;
    let place = lane()?;
    let mut line = 0;
    while line < jobs {
        let mut rows = Vec::new();
        while line < jobs && rows.len() < 1000 {
            line += 1;
            rows.push(NewRow {
                line,
                lane: place.clone(),
                snapshot: SnapshotName::parse(&format!("snap-{line:07}"))?,
                priority: 0,
                not_before: None,
                existing: Existing::Adopt,
                carried: Vec::new(),
            });
        }
        load.add(rows).await?;
    }
    load.seal(0, AT).await?;
    Ok(queue)
}

/// Runs SQL on a database that nobody has open.
pub(crate) fn sql(database: &Path, statements: &str) -> Result<(), Failed> {
    let mut shell = Command::new("sqlite3")
        .arg("-bail")
        .arg(database)
        .stdin(Stdio::piped())
        // What a PRAGMA answers is no line of the table.
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| shell(&error))?;
    shell.stdin.take().ok_or("no standard input")?.write_all(statements.as_bytes())?;
    if shell.wait()?.success() { Ok(()) } else { Err(format!("sqlite3 failed on {}", database.display()).into()) }
}

/// What a database answers.
pub(crate) fn ask(database: &Path, question: &str) -> Result<String, Failed> {
    let answer =
        Command::new("sqlite3").arg("-readonly").arg(database).arg(question).output().map_err(|error| shell(&error))?;
    Ok(String::from_utf8(answer.stdout)?.trim().to_owned())
}

pub(crate) fn shell(error: &std::io::Error) -> Failed {
    format!("the benchmark needs the command sqlite3 (the package sqlite3): {error}").into()
}

/// A database with so many queued jobs and as many that have succeeded, with their history. The two are made once for all
/// figures.
pub(crate) fn grown(jobs: u64) -> Result<PathBuf, Failed> {
    static SMALL: OnceLock<Option<tempfile::TempDir>> = OnceLock::new();
    static BIG: OnceLock<Option<tempfile::TempDir>> = OnceLock::new();
    let kept = if jobs < 1_000_000 { &SMALL } else { &BIG };
    let made = || -> Result<tempfile::TempDir, Failed> {
        let folder = tempfile::tempdir()?;
        grow(&folder.path().join("snapferry.db"), jobs)?;
        Ok(folder)
    };
    let folder = kept.get_or_init(|| match made() {
        Ok(folder) => Some(folder),
        Err(error) => {
            eprintln!("a database of {jobs} jobs could not be made: {error}");
            None
        }
    });
    let folder = folder.as_ref().ok_or("there is no database to measure with")?;
    Ok(folder.path().join("snapferry.db"))
}

fn grow(path: &Path, jobs: u64) -> Result<(), Failed> {
    runtime()?.block_on(async {
        let queue = queued(path, 0).await?;
        queue.begin_run(AT, "a benchmark").await?;
        queue.close().await;
        Ok::<_, Failed>(())
    })?;
    sql(path, &history(jobs))
}

/// Batch 1 has succeeded, batch 2 is queued; the lane has been listed and has everything that was asked for.
fn history(jobs: u64) -> String {
    let mut statements = format!(
        "PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;
         BEGIN;
         DELETE FROM batches; DELETE FROM lanes;
         INSERT INTO lanes (id, account, region, proven) VALUES (1, 'default', '{REGION}', 1);
         INSERT INTO batches (id, name, source, state, created_at, sealed_at, rows_read, rows_new, bundled)
         VALUES (1, 'over', 'over.csv', 'sealed', {at}, {at}, {jobs}, {jobs}, 0),
                (2, 'waiting', 'waiting.csv', 'sealed', {at}, {at}, {jobs}, {jobs}, NULL);
         CREATE TEMP TABLE n AS
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {jobs}) SELECT i FROM n;",
        at = AT.0
    );
    let _ = write!(
        statements,
        "INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, attempt, used, step,
                           operation_id, destination_service, destination_id, queued_at, submitted_at, finished_at)
         SELECT i, 1, 1, i, printf('over-%07d', i), 0, 'adopt', 'succeeded', 1, 1, 3,
                printf('00000000-0000-4000-8000-%012d', i), 'Aws::EC2::Image', printf('ami-%017x', i), {at}, {at}, {at} + i
         FROM n;
         INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, answered_at, outcome, http_status, request_id)
         SELECT i, 1, 1, {at}, 0, {at}, 'accepted', 200, printf('request-%026d', i) FROM n;
         INSERT INTO transitions (job_id, step, at, from_state, to_state, event, attempt, actor)
         SELECT i, step, {at} + step, from_state, to_state, event, 1, 'daemon'
         FROM n, (SELECT 1 AS step, 'queued' AS from_state, 'submitting' AS to_state, 'intend' AS event
                  UNION ALL SELECT 2, 'submitting', 'exporting', 'accepted'
                  UNION ALL SELECT 3, 'exporting', 'succeeded', 'finished');
         INSERT INTO ledger (lane_id, kind, key, snapshot_name, status, created_at, seen_at, job_id, attempt, unprocessed)
         SELECT 1, 'operation', printf('00000000-0000-4000-8000-%012d', i), printf('over-%07d', i), 'succeeded', {at}, {at},
                i, 1, 0
         FROM n;
         INSERT INTO jobs (id, lane_id, batch_id, line, snapshot_name, priority, existing, state, queued_at)
         SELECT {jobs} + i, 1, 2, i, printf('snap-%07d', i), 0, 'adopt', 'queued', {at} FROM n;
         INSERT INTO batch_rows (batch_id, line, job_id, disposition) SELECT batch_id, line, id, 'new' FROM jobs;
         INSERT INTO snapshots (lane_id, name, kind, state, weight, inventory)
         SELECT 1, printf('snap-%07d', i), 'instance', 'available', 1, 1 FROM n;
         INSERT INTO job_counts VALUES (1, 1, 'succeeded', {jobs}, {jobs}), (1, 2, 'queued', {jobs}, {jobs});
         INSERT INTO inventories VALUES (1, 2, 1);
         COMMIT;
         PRAGMA wal_checkpoint(TRUNCATE);",
        at = AT.0
    );
    statements
}

/// The order of a file's rows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// That of their names.
    Names,
    /// Any.
    None,
}

/// A CSV of so many snapshots.
pub(crate) fn csv(path: &Path, rows: u64, order: Order) -> Result<(), Failed> {
    let mut out = std::io::BufWriter::new(std::fs::File::create(path)?);
    writeln!(out, "snapshot_name,region")?;
    for row in 0..rows {
        // The one for no order is a permutation of 0..1,000,003, a prime.
        let number = if order == Order::Names { row } else { (row * 618_031) % 1_000_003 };
        writeln!(out, "nightly-{number:07},{REGION}")?;
    }
    Ok(out.flush()?)
}

/// The program on a database, with nothing of the user's.
pub(crate) fn snapferry(home: &Path, database: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_snapferry"));
    command
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .env("SNAPFERRY_DATABASE", format!("sqlite://{}", database.display()))
        .env("AWS_ACCESS_KEY_ID", "AKIASIM123456789012")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(command: &mut Command) -> Result<(), Failed> {
    let ended = command.status()?;
    if ended.success() { Ok(()) } else { Err(format!("{command:?} ended with {ended}").into()) }
}

/// A process that is ended with whoever has it.
pub(crate) struct Running(pub(crate) Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the kernel counts of a process.
#[derive(Clone, Copy, Default)]
pub(crate) struct Used {
    /// Seconds of processor time.
    pub(crate) cpu: f64,
    /// The most memory that it ever had, in MiB.
    pub(crate) peak: f64,
    /// Bytes that it sent to the disk.
    pub(crate) written: u64,
}

impl Running {
    /// What it has used so far; nothing once it has ended.
    pub(crate) fn used(&self) -> Option<Used> {
        let of = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).ok();
        let (stat, status, io) = (of("stat")?, of("status")?, of("io")?);
        let number = |text: &str, name: &str| -> Option<f64> {
            text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
        };
        // After the name in brackets: utime and stime are the 12th and the 13th, in hundredths of a second.
        let times: Vec<f64> =
            stat.rsplit(')').next()?.split_whitespace().skip(11).take(2).filter_map(|t| t.parse().ok()).collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of bytes")]
        Some(Used {
            cpu: times.iter().sum::<f64>() / 100.0,
            peak: number(&status, "VmHWM:")? / 1024.0,
            written: number(&io, "write_bytes:")? as u64,
        })
    }

    /// Waits for its end; what it had used shortly before.
    pub(crate) fn finish(mut self) -> Result<Used, Failed> {
        let mut last = Used::default();
        loop {
            if let Some(used) = self.used().filter(|used| used.peak > 0.0) {
                last = used;
            }
            if let Some(ended) = self.0.try_wait()? {
                return if ended.success() { Ok(last) } else { Err(format!("it ended with {ended}").into()) };
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}
