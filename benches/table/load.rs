//! Bringing a million rows in.

use crate::figure::{Figure, Goal, Outcome, Pair};
use crate::files::{Failed, Order, Running, csv, queued, run, runtime, shell, snapferry};
use snapferry::clock::{Clock as _, SystemClock};
use snapferry::domain::LaneId;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

const ROWS: u64 = 1_000_000;

/// The longest that a commit of a running daemon may be kept waiting.
const LONGEST: f64 = 250.0;

pub(crate) fn figures() -> Vec<Figure> {
    vec![
        Figure {
            name: "load-import",
            what: "enqueue of 1,000,000 rows in the order of their names",
            against: "sqlite3 .import of the same file into a table with the same unique index, WAL, synchronous=FULL",
            goal: Goal::AtMost(2.5),
            pair: |folder, run| beside_import(folder, run, Order::Names),
        },
        Figure {
            name: "load-shuffled",
            what: "enqueue of 1,000,000 rows in no order",
            against: "sqlite3 .import of the same file into a table with the same unique index, WAL, synchronous=FULL",
            goal: Goal::Told,
            pair: |folder, run| beside_import(folder, run, Order::None),
        },
        Figure {
            name: "load-again",
            what: "enqueue of the same file once more: 1,000,000 duplicates",
            against: "its first enqueue",
            goal: Goal::AtMost(1.0),
            pair: again,
        },
        Figure {
            name: "load-delay",
            what: "the longest commit of a running daemon's writer while another process enqueues 1,000,000 rows",
            against: "250 ms",
            goal: Goal::AtMost(1.0),
            pair: delay,
        },
    ]
}

/// The inputs, made once.
fn input(order: Order) -> Result<PathBuf, Failed> {
    static MADE: OnceLock<Option<tempfile::TempDir>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().ok()?;
        csv(&folder.path().join("names.csv"), ROWS, Order::Names).ok()?;
        csv(&folder.path().join("none.csv"), ROWS, Order::None).ok()?;
        Some(folder)
    });
    let name = if order == Order::Names { "names.csv" } else { "none.csv" };
    Ok(made.as_ref().ok_or("the input could not be written")?.path().join(name))
}

fn enqueue(folder: &Path, database: &Path, input: &Path) -> Result<f64, Failed> {
    let began = SystemClock::new();
    run(&mut snapferry(folder, database, &["enqueue", &input.display().to_string()]))?;
    Ok(began.elapsed().as_secs_f64())
}

fn beside_import(folder: &Path, number: usize, order: Order) -> Outcome {
    let input = input(order)?;
    let ours = || enqueue(folder, &folder.join("ours.db"), &input);
    let theirs = || {
        let began = SystemClock::new();
        let imported = Command::new("sqlite3")
            .args(["-bail", "-cmd", "PRAGMA journal_mode = WAL", "-cmd", "PRAGMA synchronous = FULL"])
            .args(["-cmd", "CREATE TABLE jobs (snapshot_name TEXT NOT NULL, region TEXT NOT NULL)"])
            .args(["-cmd", "CREATE UNIQUE INDEX jobs_live ON jobs (region, snapshot_name)"])
            .arg(folder.join("theirs.db"))
            .arg(format!(".import --csv --skip 1 {} jobs", input.display()))
            .stdout(Stdio::null())
            .status()
            .map_err(|error| shell(&error))?;
        if !imported.success() {
            return Err("sqlite3 could not import".into());
        }
        Ok::<_, Failed>(began.elapsed().as_secs_f64())
    };
    let (ours, theirs) = if number.is_multiple_of(2) {
        let ours = ours()?;
        (ours, theirs()?)
    } else {
        let theirs = theirs()?;
        (ours()?, theirs)
    };
    Ok(Pair { ours, theirs, unit: "s", note: String::new(), kept: true })
}

fn again(folder: &Path, _run: usize) -> Outcome {
    let database = folder.join("ours.db");
    let input = input(Order::Names)?;
    let first = enqueue(folder, &database, &input)?;
    let second = enqueue(folder, &database, &input)?;
    Ok(Pair { ours: second, theirs: first, unit: "s", note: String::new(), kept: true })
}

/// The writer of this process is that of a daemon: it commits again and again, and each time waits its turn.
fn delay(folder: &Path, _run: usize) -> Outcome {
    let database = folder.join("ours.db");
    let input = input(Order::None)?;
    runtime()?.block_on(async {
        let queue = queued(&database, 1).await?;
        let mut load = Running(snapferry(folder, &database, &["enqueue", &input.display().to_string()]).spawn()?);
        let (mut longest, mut commits, mut all) = (Duration::ZERO, 0_u32, Duration::ZERO);
        let ended = loop {
            let began = SystemClock::new();
            queue.learn_rate(LaneId(1), 1.0 + f64::from(commits)).await?;
            let took = began.elapsed();
            longest = longest.max(took);
            all += took;
            commits += 1;
            tokio::time::sleep(Duration::from_millis(5)).await;
            if let Some(ended) = load.0.try_wait()? {
                break ended;
            }
        };
        if !ended.success() {
            return Err(format!("the load ended with {ended}").into());
        }
        queue.close().await;
        let note = format!("{commits} commits, {:.1} ms on average", all.as_secs_f64() * 1000.0 / f64::from(commits));
        Ok(Pair { ours: longest.as_secs_f64() * 1000.0, theirs: LONGEST, unit: "ms", note, kept: true })
    })
}
