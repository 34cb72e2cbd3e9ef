//! Work for the daemons: files of snapshots, enqueued by child processes, some of which are killed meanwhile.

use super::fault_rules::REGIONS;
use super::round::Round;
use crate::domain::{AccountLabel, BatchName, Lane, Region, SnapshotName};
use crate::queue::BatchStage;
use crate::verdict::LaneSnapshot;
use anyhow::Context as _;
use lightsail_simulator::{FleetEntry, SnapshotChange, SourceKind};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// New snapshots in a file, and rows that repeat an earlier one.
const NEW: usize = 48;
const AGAIN: usize = 12;

/// Rows of a file whose enqueue will be killed: more than one chunk.
const LONG: usize = 2500;

/// The longest delay before a kill.
pub(super) const HESITATION_MS: u64 = 8;

/// How often to start an enqueue before it counts as impossible.
const STARTS: u32 = 20;

/// A file that was enqueued.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) name: BatchName,
    pub(super) file: Vec<LaneSnapshot>,
}

impl Round {
    /// Enqueues a file, killing some attempts, until its batch is complete. Returns the number of kills.
    pub(super) async fn bring_in(&mut self, kills: u32) -> anyhow::Result<u32> {
        let name = BatchName::parse(&format!("batch-{}", self.loaded.len() + 1)).context("a batch's name")?;
        let file = self.file(kills > 0)?;
        let rows: Vec<String> =
            file.iter().map(|subject| format!("{},{}\n", subject.name, subject.lane.region.as_str())).collect();
        let mut killed = 0;
        let mut starts = 0;
        while !self.is_whole(&name).await? {
            starts += 1;
            if starts > STARTS {
                self.astray.push(format!("batch {name}: still missing after {STARTS} enqueues"));
                break;
            }
            if self.enqueue(&name, &rows, killed < kills).await? {
                killed += 1;
            }
        }
        self.loaded.push(Loaded { name, file });
        Ok(killed)
    }

    /// Starts an enqueue once. Returns whether it was killed.
    async fn enqueue(&mut self, name: &BatchName, rows: &[String], kill: bool) -> anyhow::Result<bool> {
        let mut child = self.program.start(&["enqueue", "-", "--batch", name.as_str()])?;
        let mut pipe = child.stdin.take().context("no pipe to the enqueue")?;
        let until = if kill { self.rng.usize(..=rows.len()) } else { rows.len() };
        let text = format!("snapshot_name,region\n{}", rows.get(..until).unwrap_or_default().concat());
        // If it ends early, its status says why.
        let _ = pipe.write_all(text.as_bytes()).await;
        let _ = pipe.flush().await;
        let whole = until == rows.len();
        // Closing the pipe after a part would make it a shorter file.
        let open = (!whole).then_some(pipe);
        if kill {
            let longest = if whole { HESITATION_MS * 8 } else { HESITATION_MS };
            tokio::time::sleep(Duration::from_millis(self.rng.u64(..longest))).await;
            if child.try_wait().context("an enqueue's status")?.is_none() {
                child.kill().await.context("cannot kill an enqueue")?;
                return Ok(true);
            }
        }
        drop(open);
        let status = child.wait().await.context("an enqueue's status")?;
        if !status.success() {
            self.astray.push(format!("batch {name}: an enqueue that was not killed ended with {status}"));
        }
        Ok(false)
    }

    async fn is_whole(&self, name: &BatchName) -> anyhow::Result<bool> {
        let batch = self.queue.batch(name).await?;
        Ok(batch.is_some_and(|batch| batch.stage == BatchStage::Sealed))
    }

    /// The rows of a file: new snapshots, and some that are already live, exported, or in the file.
    fn file(&mut self, long: bool) -> anyhow::Result<Vec<LaneSnapshot>> {
        let mut file = Vec::new();
        for _ in 0..NEW {
            file.push(self.new_snapshot()?);
        }
        for _ in 0..AGAIN {
            let known = self.rng.usize(..self.known.len());
            file.extend(self.known.get(known).cloned());
        }
        while long && file.len() < LONG {
            let other = self.rng.usize(..file.len());
            file.extend(file.get(other).cloned());
        }
        self.rng.shuffle(&mut file);
        Ok(file)
    }

    fn new_snapshot(&mut self) -> anyhow::Result<LaneSnapshot> {
        let number = self.known.len();
        let region = REGIONS.get(number % REGIONS.len()).copied().unwrap_or_default();
        let region = Region::parse(region).context("a Region of the self-test")?;
        let name = SnapshotName::parse(&format!("snap-{number:05}")).context("a name of the self-test")?;
        let kind = if number % 5 == 4 { SourceKind::Disk } else { SourceKind::Instance };
        self.simulator
            .change_snapshot(SnapshotChange::Add(FleetEntry {
                region: Some(region.as_str().to_owned()),
                kind,
                disks: u32::from(kind == SourceKind::Instance && number % 7 == 3),
                ..FleetEntry::named(name.as_str())
            }))
            .context("a snapshot of the self-test")?;
        let subject = LaneSnapshot { lane: Lane { account: AccountLabel::unnamed(), region }, name };
        self.known.push(subject.clone());
        Ok(subject)
    }
}
