//! What would become of a file: its lanes are read, its rows are judged, and how long it takes is estimated.

use super::estimate::{Basis, Estimate, ExportLoad, Speed, TimeRange, Work, ahead, estimate};
use super::found::Memory;
use super::rows::{Outlook, PlannedRow, RowOutlooks};
use super::{LaneReader, LaneReading, Unread};
use crate::domain::{AccountNumber, Lane, SnapshotName, Timestamp, near_names};
use crate::lightsail::Snapshot;
use crate::queue::{EndedExport, KnownLane, Peek, QueueError};
use crate::settings::{LaneSettings, PollSettings};
use futures_util::StreamExt as _;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

/// Lanes that are read side by side; each keeps a limit of its own.
const SIDE_BY_SIDE: usize = 8;

/// Snapshots of an instance that are offered.
const OFFERED: usize = 3;

/// What would become of a file.
#[derive(Debug, Default)]
pub struct ExportPlan {
    /// Rows that cannot be used at all, and were passed over.
    pub rejected: u64,
    /// Its lanes, in the order of account and Region.
    pub lanes: Vec<LanePlan>,
    /// The rows that would fail, in the order of the file.
    pub failing: Vec<FailingRow>,
}

/// What would become of a file's rows in one lane.
#[derive(Debug)]
pub struct LanePlan {
    /// The lane.
    pub lane: Lane,
    /// Whose it is, where a snapshot of it tells.
    pub account_number: Option<AccountNumber>,
    /// Whose it is in the database; the daemon sends nothing where that is another's.
    pub stored_account_number: Option<AccountNumber>,
    /// Its rows.
    pub rows: RowOutlooks,
    /// The EBS copies that its exports make.
    pub copies: u64,
    /// What its exports store, at most: the size of every disk in them.
    pub gb: u64,
    /// Exports of a snapshot whose size Lightsail does not say.
    pub of_unknown_size: u64,
    /// How long they take.
    pub takes: TimeRange,
    /// How long each takes.
    pub each: TimeRange,
    /// What that rests on.
    pub basis: Basis,
    /// Exports a second: what it has learned, or else the ceiling of the settings.
    pub rate: f64,
    /// Whether it has learned that.
    pub learned: bool,
    /// EBS copies that may be under way.
    pub cap: u32,
    /// Jobs of other batches that may go first, or are in flight.
    pub jobs_ahead: u64,
    /// The reads of a run, least and most, about.
    pub reads: (u64, u64),
    /// Why it could not be read, where it could not.
    pub unread: Option<Unread>,
}

/// A row that would fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingRow {
    /// Its line.
    pub line: u64,
    /// Its snapshot.
    pub snapshot: SnapshotName,
    /// Where it is said to be.
    pub lane: Lane,
    /// Why.
    pub reason: FailureReason,
}

/// Why a row would fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureReason {
    /// The snapshot is in state error.
    Broken,
    /// There is none of that name.
    Missing {
        /// Lanes that have one of exactly that name.
        elsewhere: Vec<Lane>,
        /// Names in the row's own lane that are near, the nearest first; where it is an instance's or a disk's name, its
        /// snapshots, the newest first.
        near: Vec<String>,
        /// Whether the lane has no snapshot at all.
        empty_lane: bool,
    },
}

/// A lane as it was found.
struct InspectedLane {
    settings: LaneSettings,
    reading: Result<LaneReading, Unread>,
    memory: Memory,
    now: Timestamp,
    known: KnownLane,
}

/// A lane's part of the plan in the making.
#[derive(Default)]
struct LanePlanBuilder {
    rows: RowOutlooks,
    load: ExportLoad,
    copies: u64,
    lowest: Option<i64>,
    gb: u64,
    of_unknown_size: u64,
}

/// Plans `rows`, whose `lanes` are all of theirs. Where a snapshot is missing, it is sought in the `others` of the same account
/// too; one of those that cannot be read is passed over.
///
/// # Errors
/// [`QueueError`] when the database cannot be read. A lane that cannot be read stands in the plan.
pub async fn plan(
    rows: &[PlannedRow],
    lanes: Vec<LaneReader>,
    others: Vec<LaneReader>,
    peek: Option<&Peek>,
) -> Result<ExportPlan, QueueError> {
    let mut names: BTreeMap<&Lane, BTreeSet<&str>> = BTreeMap::new();
    for row in rows {
        names.entry(&row.lane).or_default().insert(row.snapshot.as_str());
    }
    let mut seen = BTreeMap::new();
    let mut reading =
        futures_util::stream::iter(lanes).map(|reader| async { (reader.read().await, reader) }).buffered(SIDE_BY_SIDE);
    while let Some((reading, reader)) = reading.next().await {
        let LaneReader { lane, clock, settings, .. } = reader;
        let of_lane = names.get(&lane).into_iter().flatten().copied();
        let memory = Memory::read(peek, &lane, of_lane).await?;
        let now = clock.now();
        let known = match peek {
            Some(peek) => peek.memory(&lane, now).await?,
            None => KnownLane::default(),
        };
        seen.insert(lane, InspectedLane { settings, reading, memory, now, known });
    }
    drop(reading);
    let (parts, failing) = judge(rows, &seen);
    let failing = explain(failing, &seen, others).await;
    let all_ends: Vec<EndedExport> = seen.values().flat_map(|lane| &lane.known.ends).copied().collect();
    let lanes = seen.into_iter().zip(parts).map(|((lane, seen), part)| lane_plan(lane, seen, &part, &all_ends));
    Ok(ExportPlan { rejected: 0, lanes: lanes.collect(), failing })
}

/// What becomes of each row: its lane's parts, in the lanes' order, and the rows that would fail.
fn judge<'r>(
    rows: &'r [PlannedRow],
    lanes: &BTreeMap<Lane, InspectedLane>,
) -> (Vec<LanePlanBuilder>, Vec<(&'r PlannedRow, Outlook)>) {
    let by_name: BTreeMap<&Lane, HashMap<&str, &Snapshot>> = lanes
        .iter()
        .filter_map(|(lane, seen)| Some((lane, seen.reading.as_ref().ok()?)))
        .map(|(lane, reading)| (lane, reading.snapshots.iter().map(|one| (one.name.as_str(), one)).collect()))
        .collect();
    let mut parts: BTreeMap<&Lane, LanePlanBuilder> =
        lanes.keys().map(|lane| (lane, LanePlanBuilder::default())).collect();
    let mut met = HashSet::new();
    let mut failing = Vec::new();
    for row in rows {
        let (Some(seen), Some(part)) = (lanes.get(&row.lane), parts.get_mut(&row.lane)) else { continue };
        let outlook = if seen.memory.is_live(row.snapshot.as_str()) {
            Outlook::Live
        } else if !met.insert((&row.lane, &row.snapshot)) {
            Outlook::Repeated
        } else if let (Ok(reading), Some(names)) = (&seen.reading, by_name.get(&row.lane)) {
            let found = names.get(row.snapshot.as_str()).copied();
            let export = found.map(|snapshot| seen.memory.export_of(snapshot, &reading.exports).0);
            let outlook = Outlook::of_snapshot(found.map(|it| &it.state).zip(export.as_ref()), row.existing);
            if let Some(snapshot) = found.filter(|_| outlook.is_export()) {
                part.export(snapshot, row.priority, seen.settings.export.max_in_flight);
            }
            outlook
        } else {
            Outlook::Unread
        };
        part.rows.add(outlook);
        if outlook.fails() {
            failing.push((row, outlook));
        }
    }
    (parts.into_values().collect(), failing)
}

impl LanePlanBuilder {
    fn export(&mut self, snapshot: &Snapshot, priority: i64, cap: u32) {
        self.lowest = Some(self.lowest.map_or(priority, |lowest| lowest.min(priority)));
        let copies = u64::from(snapshot.attached_disks) + 1;
        self.copies += copies;
        self.load = self.load.plus(ExportLoad::alike(1, copies, cap));
        self.gb += u64::from(snapshot.size_gb.unwrap_or_default()) + u64::from(snapshot.attached_gb);
        self.of_unknown_size += u64::from(snapshot.size_gb.is_none());
    }
}

/// Where what is missing may be instead.
async fn explain(
    failing: Vec<(&PlannedRow, Outlook)>,
    seen: &BTreeMap<Lane, InspectedLane>,
    others: Vec<LaneReader>,
) -> Vec<FailingRow> {
    let missing: BTreeSet<&Lane> =
        failing.iter().filter(|(_, outlook)| *outlook == Outlook::Missing).map(|(row, _)| &row.lane).collect();
    let accounts: BTreeSet<_> = missing.iter().map(|lane| &lane.account).collect();
    let others = others.into_iter().filter(|other| accounts.contains(&other.lane.account));
    let elsewhere: Vec<(Lane, Vec<Snapshot>)> = futures_util::stream::iter(others)
        .map(|other| async move {
            match other.read().await {
                Ok(reading) => Some((other.lane, reading.snapshots)),
                Err(error) => {
                    tracing::debug!(lane = %other.lane, %error, "missing snapshots were not sought here");
                    None
                }
            }
        })
        .buffered(SIDE_BY_SIDE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let read = |lane: &Lane| seen.get(lane).and_then(|seen| seen.reading.as_ref().ok());
    let of_file = seen.keys().filter_map(|lane| Some((lane, &read(lane)?.snapshots)));
    let mut lanes_of: HashMap<&str, Vec<&Lane>> = HashMap::new();
    if !missing.is_empty() {
        for (lane, snapshots) in of_file.chain(elsewhere.iter().map(|(lane, snapshots)| (lane, snapshots))) {
            for one in snapshots {
                lanes_of.entry(&one.name).or_default().push(lane);
            }
        }
    }
    let reason = |row: &PlannedRow, outlook| {
        if outlook != Outlook::Missing {
            return FailureReason::Broken;
        }
        let snapshots = read(&row.lane).map(|reading| reading.snapshots.as_slice()).unwrap_or_default();
        let mut near = made_of(row.snapshot.as_str(), snapshots);
        if near.is_empty() {
            near = near_names(row.snapshot.as_str(), snapshots.iter().map(|one| one.name.as_str()));
        }
        let elsewhere = lanes_of.get(row.snapshot.as_str()).into_iter().flatten();
        FailureReason::Missing {
            elsewhere: elsewhere.map(|lane| (*lane).clone()).collect(),
            near: near.into_iter().map(ToOwned::to_owned).collect(),
            empty_lane: read(&row.lane).is_some_and(|reading| reading.snapshots.is_empty()),
        }
    };
    let failing = failing.into_iter().map(|(row, outlook)| FailingRow {
        line: row.line,
        snapshot: row.snapshot.clone(),
        lane: row.lane.clone(),
        reason: reason(row, outlook),
    });
    failing.collect()
}

/// The newest snapshots that were made of an instance or a disk of that name.
fn made_of<'a>(source: &str, snapshots: &'a [Snapshot]) -> Vec<&'a str> {
    let mut made: Vec<&Snapshot> = snapshots.iter().filter(|one| one.source.as_deref() == Some(source)).collect();
    made.sort_by_key(|one| std::cmp::Reverse(one.created_at));
    made.into_iter().take(OFFERED).map(|one| one.name.as_str()).collect()
}

fn lane_plan(lane: Lane, seen: InspectedLane, part: &LanePlanBuilder, all_ends: &[EndedExport]) -> LanePlan {
    let InspectedLane { settings, reading, now, known, .. } = seen;
    let (ceiling, cap) = (settings.export.rate, settings.export.max_in_flight);
    let rate = known.learned_rate.map_or(ceiling, |learned| learned.min(ceiling));
    let ahead = ahead(part.load.exports, part.lowest, &known.left, cap);
    let work = Work { queued: part.load, ahead, ..Work::default() };
    let learned = known.learned_rate;
    // The rate of a lane that has nothing to do is that of what little it had to do.
    let ends = if work.ahead.exports == 0 { &[] } else { known.ends.as_slice() };
    let speed = Speed { ends, took: &known.ends, others: all_ends, ceiling, learned, cap };
    let Estimate { takes, each, basis } = estimate(now, &work, &speed);
    let (account_number, unread, pages) = match reading {
        Ok(reading) => (reading.account, None, (u64::from(reading.snapshot_pages), u64::from(reading.record_pages))),
        Err(unread) => (None, Some(unread), (0, 0)),
    };
    let reads = reads(part.rows.exports(), pages, takes, &settings.poll);
    LanePlan {
        lane,
        account_number,
        stored_account_number: known.account_number,
        rows: part.rows,
        copies: part.copies,
        gb: part.gb,
        of_unknown_size: part.of_unknown_size,
        takes,
        each,
        basis,
        rate,
        learned: learned.is_some(),
        cap,
        jobs_ahead: work.ahead.exports,
        reads,
        unread,
    }
}

/// The reads of a run, about: one inventory with one page of operations, then the records again and again until the end.
fn reads(exports: u64, (snapshots, records): (u64, u64), takes: TimeRange, poll: &PollSettings) -> (u64, u64) {
    let inventory = snapshots + records + 1;
    if exports == 0 {
        return (inventory, inventory);
    }
    let times = |span: Duration, pause: Duration| span.as_secs() / pause.as_secs().max(1) + 1;
    let following = |times: u64| inventory.saturating_add(times.saturating_mul(records.max(1)));
    (following(times(takes.least, poll.max)), following(times(takes.most, poll.min)))
}

impl ExportPlan {
    /// All rows that could be read.
    pub fn rows(&self) -> RowOutlooks {
        self.lanes.iter().fold(RowOutlooks::default(), |sum, lane| sum.plus(&lane.rows))
    }

    /// The EBS copies of all exports.
    pub fn copies(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.copies).sum()
    }

    /// What all exports store, at most, in GB.
    pub fn gb(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.gb).sum()
    }

    /// How long it takes: as long as its slowest lane, since they go side by side.
    pub fn takes(&self) -> TimeRange {
        self.lanes.iter().fold(TimeRange::default(), |span, lane| span.beside(lane.takes))
    }

    /// Whether a lane could not be read.
    pub fn is_partial(&self) -> bool {
        self.lanes.iter().any(|lane| lane.unread.is_some())
    }
}
