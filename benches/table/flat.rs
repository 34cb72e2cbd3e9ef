//! What must not grow with the queue: memory, the first page, the start; and what an idle daemon costs.

use crate::figure::{Figure, Goal, Outcome, Pair};
use crate::files::{Failed, Order, Running, Used, ask, csv, grown, queued, run, runtime, snapferry, sql};
use snapferry::clock::{Clock as _, SystemClock};
use std::fmt::Write as _;
use std::io::BufRead as _;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

const MANY: u64 = 1_000_000;
const FEW: u64 = 1000;

/// Exports that a daemon has begun when its memory is read.
const EXPORTS: u32 = 100;

/// Seconds that it may take to them.
const PATIENCE: u32 = 180;

/// How long a daemon's last job has ended before it is idle.
const A_WHILE: Duration = Duration::from_secs(20);

/// How long an idle daemon is watched.
const A_MINUTE: Duration = Duration::from_mins(1);

/// The share of a core that an idle daemon may use.
const IDLE: f64 = 0.002;

pub(crate) fn figures() -> Vec<Figure> {
    vec![
        Figure {
            name: "flat-daemon",
            what: "peak memory of a daemon with 1,000,000 queued jobs, through its inventory to its 100th export",
            against: "the same with 1,000",
            goal: Goal::Once(1.2),
            pair: daemon,
        },
        Figure {
            name: "flat-enqueue",
            what: "peak memory of enqueue of 1,000,000 rows",
            against: "the same with 1,000",
            goal: Goal::Once(1.2),
            pair: enqueue,
        },
        Figure {
            name: "flat-report",
            what: "peak memory of report --format csv at 1,000,000 jobs",
            against: "the same at 1,000",
            goal: Goal::Once(1.2),
            pair: report,
        },
        Figure {
            name: "flat-status",
            what: "status at 1,000,000 queued and 1,000,000 ended jobs",
            against: "at 1,000 of each",
            goal: Goal::AtMost(2.0),
            pair: |folder, run| timed(folder, run, &["status"]),
        },
        Figure {
            name: "flat-jobs",
            what: "the first page of jobs at 1,000,000 queued and 1,000,000 ended jobs",
            against: "at 1,000 of each",
            goal: Goal::AtMost(2.0),
            pair: |folder, run| timed(folder, run, &["jobs"]),
        },
        Figure {
            name: "flat-restart",
            what: "processor time of a start with 100,000 jobs in flight, 1,000 of them without an answer, until its first \
                   call of any kind",
            against: "1 s",
            goal: Goal::AtMost(1.0),
            pair: restart,
        },
        Figure {
            name: "flat-idle",
            what: "processor time of an idle daemon in a minute, and no byte to the disk",
            against: "0.2 % of a core",
            goal: Goal::Once(1.0),
            pair: idle,
        },
    ]
}

fn peaks(ours: f64, theirs: f64) -> Pair {
    Pair { ours, theirs, unit: "MiB", note: String::new(), kept: true }
}

fn daemon(folder: &Path, _run: usize) -> Outcome {
    let peak = |jobs: u64| -> Result<f64, Failed> {
        let database = folder.join(format!("{jobs}.db"));
        let grown = grown(jobs)?;
        std::fs::copy(&grown, &database)?;
        // Without its counter file it would be a copy, and the daemon would wait.
        std::fs::copy(format!("{}.sent", grown.display()), format!("{}.sent", database.display()))?;
        let simulator = Simulated::start(folder, jobs)?;
        let daemon = simulator.daemon(folder, &database)?;
        // Its start, its inventory of the whole lane, and its first exports.
        for _ in 0..PATIENCE {
            std::thread::sleep(Duration::from_secs(1));
            let used = daemon.used().ok_or("the daemon has ended")?;
            let sent: u32 = ask(&database, "SELECT count(*) FROM attempts WHERE run_id = 2")?.parse()?;
            if sent >= EXPORTS {
                return Ok(used.peak);
            }
        }
        Err("the daemon sent nothing".into())
    };
    Ok(peaks(peak(MANY)?, peak(FEW)?))
}

fn enqueue(folder: &Path, _run: usize) -> Outcome {
    let peak = |rows: u64| -> Result<f64, Failed> {
        let (input, database) = (folder.join(format!("{rows}.csv")), folder.join(format!("{rows}.db")));
        csv(&input, rows, Order::Names)?;
        let running = Running(snapferry(folder, &database, &["enqueue", &input.display().to_string()]).spawn()?);
        Ok(running.finish()?.peak)
    };
    Ok(peaks(peak(MANY)?, peak(FEW)?))
}

fn report(folder: &Path, _run: usize) -> Outcome {
    let peak = |jobs: u64| -> Result<f64, Failed> {
        let running = Running(snapferry(folder, &grown(jobs)?, &["report", "--format", "csv"]).spawn()?);
        Ok(running.finish()?.peak)
    };
    Ok(peaks(peak(MANY)?, peak(FEW)?))
}

/// How long a command takes that only looks.
fn timed(folder: &Path, number: usize, arguments: &[&str]) -> Outcome {
    let took = |jobs: u64| -> Result<f64, Failed> {
        let database = grown(jobs)?;
        let began = SystemClock::new();
        for _ in 0..10 {
            run(&mut snapferry(folder, &database, arguments))?;
        }
        Ok(began.elapsed().as_secs_f64() * 100.0)
    };
    grown(MANY)?;
    grown(FEW)?;
    let (ours, theirs) = if number.is_multiple_of(2) {
        let ours = took(MANY)?;
        (ours, took(FEW)?)
    } else {
        let theirs = took(FEW)?;
        (took(MANY)?, theirs)
    };
    Ok(Pair { ours, theirs, unit: "ms", note: String::new(), kept: true })
}

fn restart(folder: &Path, _run: usize) -> Outcome {
    const JOBS: u64 = 100_000;
    let database = folder.join("restart.db");
    runtime()?.block_on(async {
        let queue = queued(&database, JOBS).await?;
        queue.begin_run(crate::files::AT, "a benchmark").await?;
        queue.close().await;
        Ok::<_, Failed>(())
    })?;
    sql(&database, in_flight())?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let began = SystemClock::new();
    let daemon = Running(
        snapferry(folder, &database, &["daemon"])
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_REGION", "eu-west-1")
            .spawn()?,
    );
    let _call = listener.accept()?;
    let (took, used) = (began.elapsed(), daemon.used().ok_or("the daemon has ended")?);
    let note = format!("{:.2} s by the clock", took.as_secs_f64());
    Ok(Pair { ours: used.cpu, theirs: 1.0, unit: "s", note, kept: true })
}

/// Makes all of a batch's jobs ones in flight.
fn in_flight() -> &'static str {
    "PRAGMA synchronous = OFF;
     BEGIN;
     INSERT INTO attempts (job_id, number, run_id, intended_at, baseline, answered_at, outcome)
     SELECT id, 1, 1, queued_at, 0, iif(id > 1000, queued_at, NULL), iif(id > 1000, 'accepted', 'pending') FROM jobs;
     INSERT INTO transitions (job_id, step, at, from_state, to_state, event, attempt, actor)
     SELECT id, 1, queued_at, 'queued', 'submitting', 'intend', 1, 'daemon' FROM jobs;
     INSERT INTO transitions (job_id, step, at, from_state, to_state, event, attempt, actor)
     SELECT id, 2, queued_at, 'submitting', 'exporting', 'accepted', 1, 'daemon' FROM jobs WHERE id > 1000;
     UPDATE jobs SET state = iif(id > 1000, 'exporting', 'submitting'), attempt = 1, used = 1, step = iif(id > 1000, 2, 1),
                     submitted_at = queued_at, next_poll_at = iif(id > 1000, queued_at, NULL);
     DELETE FROM job_counts;
     INSERT INTO job_counts SELECT lane_id, batch_id, state, count(*), sum(weight) FROM jobs GROUP BY 1, 2, 3;
     COMMIT;
     PRAGMA wal_checkpoint(TRUNCATE);"
}

fn idle(folder: &Path, _run: usize) -> Outcome {
    let database = folder.join("idle.db");
    let simulator = Simulated::start(folder, FEW)?;
    // A lane that has had work, and has none now.
    let input = folder.join("one.csv");
    std::fs::write(&input, "snapshot_name,region\nsnap-0000001,eu-west-1\n")?;
    run(&mut snapferry(folder, &database, &["enqueue", &input.display().to_string()]))?;
    let daemon = simulator.daemon(folder, &database)?;
    std::thread::sleep(A_WHILE);
    let before = daemon.used().ok_or("the daemon has ended")?;
    std::thread::sleep(A_MINUTE);
    let after: Used = daemon.used().ok_or("the daemon has ended")?;
    let written = after.written - before.written;
    let note = format!("{written} bytes written in a minute");
    let share = (after.cpu - before.cpu) / A_MINUTE.as_secs_f64();
    Ok(Pair { ours: share * 100.0, theirs: IDLE * 100.0, unit: "%", note, kept: written == 0 })
}

/// The simulator as a process of its own.
struct Simulated {
    _process: Running,
    endpoint: String,
}

impl Simulated {
    fn start(folder: &Path, jobs: u64) -> Result<Self, Failed> {
        let mut fleet = String::from("name\n");
        for number in 1..=jobs {
            let _ = writeln!(fleet, "snap-{number:07}");
        }
        let file = folder.join("fleet.csv");
        std::fs::write(&file, fleet)?;
        let arguments = ["simulate", "--listen", "127.0.0.1:0", "--page-size", "1000", "--fleet-csv"];
        let mut command = snapferry(folder, &folder.join("none.db"), &arguments);
        let mut process = Running(command.arg(&file).stdout(Stdio::piped()).spawn()?);
        let output = process.0.stdout.take().ok_or("no standard output")?;
        let mut endpoint = String::new();
        std::io::BufReader::new(output).read_line(&mut endpoint)?;
        Ok(Self { _process: process, endpoint: endpoint.trim().to_owned() })
    }

    fn daemon(&self, folder: &Path, database: &Path) -> Result<Running, Failed> {
        let mut command = snapferry(folder, database, &["daemon"]);
        command.env("AWS_ENDPOINT_URL", &self.endpoint).env("AWS_REGION", "eu-west-1");
        command.env("SNAPFERRY_READ__RATE", "1000").env("SNAPFERRY_EXPORT__MAX_IN_FLIGHT", "1000");
        Ok(Running(command.spawn()?))
    }
}
