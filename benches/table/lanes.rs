//! Many lanes in one daemon: what an idle one costs, what a job costs more in many than in few, and a whole fleet.

use crate::figure::{Figure, Goal, Outcome, Pair};
use crate::files::{Failed, Running, Used, ask, run, snapferry};
use snapferry::clock::{Clock as _, SystemClock};
use std::fmt::Write as _;
use std::io::BufRead as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const REGIONS: [&str; 16] = [
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-northeast-1",
    "ap-northeast-2",
    "ca-central-1",
    "eu-north-1",
];

/// Longer than a lane whose last job has ended looks once more.
const A_WHILE: Duration = Duration::from_secs(75);

/// How long an idle daemon is watched.
const A_MINUTE: Duration = Duration::from_mins(1);

/// Seconds that a fleet may take.
const PATIENCE: u32 = 1800;

pub(crate) fn figures() -> Vec<Figure> {
    vec![
        Figure {
            name: "lanes-idle",
            what: "processor time of an idle daemon with 1,000 lanes in a minute, and no byte to the disk",
            against: "1 % of a core",
            goal: Goal::Once(1.0),
            pair: idle,
        },
        Figure {
            name: "lanes-job",
            what: "processor time of a job with 2,000 jobs in 1,000 lanes, from the daemon's start to its end",
            against: "with 2,000 jobs in 10 lanes",
            goal: Goal::AtMost(3.0),
            pair: job,
        },
        Figure {
            name: "lanes-memory",
            what: "peak memory that each of 1,000 lanes with one job each adds to that of 10",
            against: "60 KB",
            goal: Goal::Once(1.0),
            pair: memory,
        },
        Figure {
            name: "lanes-fleet",
            what: "peak memory of a daemon in which 16,000 lanes (1,000 accounts in 16 Regions) export one job each, from its start to its end",
            against: "1.5 GiB, and 2 cores",
            goal: Goal::Once(1.0),
            pair: fleet,
        },
    ]
}

fn idle(folder: &Path, _run: usize) -> Outcome {
    let fleet = Fleet::new(folder, 100, 10, 1)?;
    let daemon = Running(fleet.command(&["daemon"]).spawn()?);
    for _ in 0..PATIENCE {
        if ask(&fleet.database(), "SELECT count(*) FROM jobs WHERE state <> 'succeeded'")? == "0" {
            break;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    std::thread::sleep(A_WHILE);
    let before = daemon.used().ok_or("the daemon has ended")?;
    std::thread::sleep(A_MINUTE);
    let after = daemon.used().ok_or("the daemon has ended")?;
    let written = after.written - before.written;
    let share = (after.cpu - before.cpu) / A_MINUTE.as_secs_f64();
    let note = format!("{written} bytes written in a minute");
    Ok(Pair { ours: share * 100.0, theirs: 1.0, unit: "%", note, kept: written == 0 })
}

fn job(folder: &Path, _run: usize) -> Outcome {
    const JOBS: f64 = 2000.0;
    let (many, took) = Fleet::new(&folder.join("many"), 100, 10, 2)?.drain()?;
    let (few, took_few) = Fleet::new(&folder.join("few"), 1, 10, 200)?.drain()?;
    let note = format!("{took:.1} s and {took_few:.1} s by the clock");
    Ok(Pair { ours: many.cpu * 1000.0 / JOBS, theirs: few.cpu * 1000.0 / JOBS, unit: "ms", note, kept: true })
}

fn memory(folder: &Path, _run: usize) -> Outcome {
    let (many, _) = Fleet::new(&folder.join("many"), 100, 10, 1)?.drain()?;
    let (few, _) = Fleet::new(&folder.join("few"), 1, 10, 1)?.drain()?;
    let note = format!("{:.1} MiB and {:.1} MiB", many.peak, few.peak);
    let each = (many.peak - few.peak) * 1_048.576 / 990.0;
    Ok(Pair { ours: each, theirs: 60.0, unit: "KB", note, kept: true })
}

fn fleet(folder: &Path, _run: usize) -> Outcome {
    let (used, took) = Fleet::new(folder, 1000, 16, 1)?.drain()?;
    let note = format!("{took:.1} s by the clock, {:.1} s of processor time", used.cpu);
    Ok(Pair { ours: used.peak, theirs: 1536.0, unit: "MiB", note, kept: used.cpu <= 2.0 * took })
}

/// Accounts with profiles of their own, each with lanes in as many Regions, and a simulator in a process of its own.
struct Fleet {
    folder: PathBuf,
    endpoint: String,
    _simulator: Running,
}

impl Fleet {
    fn new(folder: &Path, accounts: u32, regions: usize, jobs: u32) -> Result<Self, Failed> {
        std::fs::create_dir_all(folder.join(".aws"))?;
        let (mut keys, mut rows) = (String::new(), "snapshot_name,account,region\n".to_owned());
        // Its calls are what is measured, not their limits.
        let mut settings = "[export]\nrate = 100\nburst = 20\nmax_in_flight = 1000\n".to_owned();
        for account in 0..accounts {
            writeln!(settings, "[accounts.a{account}]\nprofile = \"p{account}\"")?;
            let id = 100_000_000_000 + u64::from(account);
            writeln!(keys, "[p{account}]\naws_access_key_id = AKIASIM{id}\naws_secret_access_key = any")?;
            for region in REGIONS.iter().take(regions) {
                for job in 1..=jobs {
                    writeln!(rows, "snap-{job:05},a{account},{region}")?;
                }
            }
        }
        std::fs::write(folder.join(".aws/credentials"), keys)?;
        std::fs::write(folder.join("snapferry.toml"), settings)?;
        std::fs::write(folder.join("snapshots.csv"), rows)?;
        let snapshots = jobs.to_string();
        let arguments = ["simulate", "--listen", "127.0.0.1:0", "--operation-time", "2s", "--fleet", &snapshots];
        let mut simulator =
            Running(snapferry(folder, &folder.join("none.db"), &arguments).stdout(Stdio::piped()).spawn()?);
        let output = simulator.0.stdout.take().ok_or("no standard output")?;
        let mut endpoint = String::new();
        std::io::BufReader::new(output).read_line(&mut endpoint)?;
        let fleet = Self { folder: folder.to_owned(), endpoint: endpoint.trim().to_owned(), _simulator: simulator };
        run(fleet.command(&["enqueue"]).arg(folder.join("snapshots.csv")))?;
        Ok(fleet)
    }

    fn database(&self) -> PathBuf {
        self.folder.join("queue.db")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = snapferry(&self.folder, &self.database(), arguments);
        command.arg("--config").arg(self.folder.join("snapferry.toml"));
        command.env("AWS_ENDPOINT_URL_LIGHTSAIL", &self.endpoint);
        command
    }

    /// Exports everything; what the daemon has used, and how many seconds it took.
    fn drain(&self) -> Result<(Used, f64), Failed> {
        let began = SystemClock::new();
        let used = Running(self.command(&["daemon", "--drain"]).spawn()?).finish()?;
        Ok((used, began.elapsed().as_secs_f64()))
    }
}
