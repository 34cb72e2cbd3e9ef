//! One database from its creation to its last job: daemons that are killed in the middle of their work, one that drains, and
//! then the evidence.

use super::fault_rules::{self, EXPORT_TAKES, LIMITS, SETTLING};
use super::program::Program;
use super::workload::{HESITATION_MS, Loaded};
use crate::cli::work::simulate::start_simulator;
use crate::queue::Queue;
use crate::verdict::{LaneSnapshot, Life, RunEvidence};
use anyhow::Context as _;
use lightsail_simulator::{Fleet, Handle, SimulatorConfig, Spread};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::process::Child;

/// How many calls a daemon makes before it is killed; every sixth one lives longer.
const SHORT_LIFE: std::ops::Range<usize> = 1..70;
const LONG_LIFE: std::ops::Range<usize> = 70..220;

/// Jobs that exist when a daemon starts, besides one for each of its calls, so that it is killed during work.
const WORK: u64 = 40;

/// The longest time before a daemon is killed, however few calls it made.
const LIFETIME: Duration = Duration::from_secs(30);

/// The longest time of the last drain, even on a busy machine.
const DRAIN: &str = "30m";

/// A running round.
pub(super) struct Round {
    pub(super) folder: PathBuf,
    pub(super) simulator: Handle,
    pub(super) queue: Queue,
    pub(super) program: Program,
    pub(super) rng: fastrand::Rng,
    /// The existing snapshots, in the order of their creation.
    pub(super) known: Vec<LaneSnapshot>,
    pub(super) loaded: Vec<Loaded>,
    pub(super) lives: Vec<Life>,
    pub(super) astray: Vec<String>,
    pub(super) enqueues_killed: u32,
}

impl Round {
    pub(super) async fn begin(folder: PathBuf, seed: u64) -> anyhow::Result<Self> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let config = SimulatorConfig {
            seed: rng.u64(..),
            fleet: Fleet::Listed(Vec::new()),
            operation_time: EXPORT_TAKES.parse::<Spread>().context("the self-test's durations")?,
            faults: fault_rules::faults()?,
            ..SimulatorConfig::default()
        };
        let simulator = start_simulator(config, (Ipv4Addr::LOCALHOST, 0).into()).await?;
        let database = folder.join("selftest.db");
        let program = Program::new(&folder, &database, simulator.endpoint())?;
        let queue = Queue::open(&database).await?;
        Ok(Self {
            folder,
            simulator,
            queue,
            program,
            rng,
            known: Vec::new(),
            loaded: Vec::new(),
            lives: Vec::new(),
            astray: Vec::new(),
            enqueues_killed: 0,
        })
    }

    /// Kills `wanted` times, or until something goes wrong.
    pub(super) async fn live(&mut self, wanted: u32, show: impl Fn(u32)) -> anyhow::Result<()> {
        let mut crashes = 0;
        while crashes < wanted && self.astray.is_empty() {
            let calls = if self.rng.u8(..6) == 0 { LONG_LIFE } else { SHORT_LIFE };
            let calls = self.rng.usize(calls);
            // Rows are enqueued before a daemon starts, or while it runs.
            let before = self.rng.bool();
            let left = wanted.saturating_sub(crashes);
            if before {
                crashes += self.top_up(calls, left).await?;
            }
            let from = *self.simulator.arrived().borrow();
            let child = self.program.start(&["daemon", "--end-with-stdin"])?;
            if !before {
                crashes += self.top_up(calls, left).await?;
            }
            let calls = if crashes < wanted { calls } else { 1 };
            crashes = (crashes + 1).min(wanted);
            self.let_live(child, calls).await?;
            self.note_life(from, true).await?;
            show(crashes);
        }
        Ok(())
    }

    /// Ensures that there is work for so many calls. Returns the number of kills on the way, at most `kills`.
    async fn top_up(&mut self, calls: usize, kills: u32) -> anyhow::Result<u32> {
        let wanted = WORK + calls as u64;
        let mut killed = 0;
        while self.queue.unfinished(None).await? < wanted && self.astray.is_empty() {
            // The last kill is of a daemon.
            let kill = u32::from(self.rng.u8(..4) == 0 && killed + 1 < kills);
            killed += self.bring_in(kill).await?;
        }
        self.enqueues_killed += killed;
        Ok(killed)
    }

    /// Lets a daemon make so many more calls, then kills it.
    async fn let_live(&mut self, mut child: Child, calls: usize) -> anyhow::Result<()> {
        // Held until the end: the daemon exits when it closes.
        let _pipe = child.stdin.take();
        let mut arrived = self.simulator.arrived();
        let until = arrived.borrow().saturating_add(calls);
        let hesitation = Duration::from_millis(self.rng.u64(..HESITATION_MS));
        let moment = async {
            // It fails only when the simulator ends, which lives as long as this round.
            let _ = arrived.wait_for(|calls| *calls >= until).await;
            tokio::time::sleep(hesitation).await;
        };
        tokio::select! {
            ended = child.wait() => {
                let status = ended.context("a daemon's status")?;
                self.astray.push(format!("a daemon that was not killed ended with {status}"));
            }
            _ = tokio::time::timeout(LIFETIME, moment) => child.kill().await.context("cannot kill a daemon")?,
        }
        Ok(())
    }

    async fn note_life(&mut self, from: usize, crashed: bool) -> anyhow::Result<()> {
        self.simulator.quiet().await.context("the simulator does not answer")?;
        let life = self.census(from, crashed).await?;
        self.lives.push(life);
        Ok(())
    }

    /// Drains with a last daemon, and gathers the evidence.
    pub(super) async fn end(&mut self, lived: anyhow::Result<()>) -> anyhow::Result<RunEvidence> {
        if lived.is_ok() {
            self.drain().await?;
        } else {
            self.write_down()?;
        }
        lived?;
        let log = std::fs::read_to_string(self.program.log()).unwrap_or_default();
        self.astray.extend(log.lines().filter(|line| line.contains("panicked at")).map(str::to_owned));
        let mut evidence = self.gather().await?;
        evidence.limits = LIMITS;
        evidence.settling = SETTLING;
        evidence.troubles = fault_rules::troubles();
        evidence.astray.clone_from(&self.astray);
        Ok(evidence)
    }

    /// Drains the queue.
    async fn drain(&mut self) -> anyhow::Result<()> {
        let from = *self.simulator.arrived().borrow();
        let mut child = self.program.start(&["daemon", "--drain", "--max-wait", DRAIN, "--end-with-stdin"])?;
        let _pipe = child.stdin.take();
        let status = child.wait().await.context("a daemon's status")?;
        self.note_life(from, false).await?;
        // What became of the jobs is for the verdict.
        if !matches!(status.code(), Some(0 | 3)) {
            self.astray.push(format!("the last daemon ended with {status}"));
        }
        let left = self.queue.unfinished(None).await?;
        if left > 0 {
            self.astray.push(format!("{left} jobs had not ended within {DRAIN}"));
        }
        Ok(())
    }

    /// Writes the ledger and calls of the simulator beside the database.
    pub(super) fn write_down(&self) -> anyhow::Result<()> {
        let ledger = serde_json::to_string_pretty(&self.simulator.ledger())?;
        let calls: Result<String, _> =
            self.simulator.calls().iter().map(|call| serde_json::to_string(call).map(|line| line + "\n")).collect();
        for (name, text) in [("ledger.json", ledger), ("calls.jsonl", calls?)] {
            let path = self.folder.join(name);
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}
