//! The snapshots that were found, lane by lane, as CSV that `enqueue` accepts as it is, or as JSON.

use crate::domain::Timestamp;
use crate::report::layout::sheet::{Format, Sheet};
use crate::report::layout::words::time;
use crate::survey::{FoundSnapshot, SeenExport};
use serde_json::Value;
use std::io::Write;

/// The columns: the first three say what to export, the others are copied to the report.
const DISCOVERED: [&str; 15] = [
    "snapshot_name",
    "region",
    "account",
    "kind",
    "snapshot_state",
    "size_gb",
    "disks",
    "disks_gb",
    "source",
    "created_at",
    "age_days",
    "tags",
    "exported",
    "exported_as",
    "job",
];

/// The list that is being written.
pub struct DiscoveredSheet<'a> {
    sheet: Sheet<&'a mut (dyn Write + Send)>,
    now: Timestamp,
}

/// A snapshot in these columns.
fn line(FoundSnapshot { lane, snapshot, export, job }: &FoundSnapshot, now: Timestamp) -> Value {
    let (exported, exported_as) = match export {
        SeenExport::No => ("no", None),
        SeenExport::Queued => ("queued", None),
        SeenExport::UnderWay => ("under_way", None),
        SeenExport::Done { destination } => ("yes", Some(destination.as_str())),
    };
    let (kind, state) = (snapshot.kind.as_str(), snapshot.state.as_str());
    let tags = snapshot.tags.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
    let cells: [Value; DISCOVERED.len()] = [
        snapshot.name.as_str().into(),
        lane.region.as_str().into(),
        lane.account.as_str().into(),
        kind.into(),
        state.into(),
        snapshot.size_gb.into(),
        snapshot.attached_disks.into(),
        snapshot.attached_gb.into(),
        snapshot.source.as_deref().into(),
        time(snapshot.created_at).into(),
        snapshot.created_at.map(|at| now.since(at).as_secs() / 86_400).into(),
        Value::Object(tags.collect()),
        exported.into(),
        exported_as.into(),
        job.map(|job| job.0).into(),
    ];
    Value::Object(DISCOVERED.map(str::to_owned).into_iter().zip(cells).collect())
}

impl<'a> DiscoveredSheet<'a> {
    /// Begins the list; `now` is the time for the snapshots' ages.
    pub fn begin(out: &'a mut (dyn Write + Send), format: Format, now: Timestamp) -> std::io::Result<Self> {
        Ok(Self { sheet: Sheet::begin(out, format, DISCOVERED)?, now })
    }

    /// Adds the snapshots of a lane.
    pub fn add(&mut self, found: &[FoundSnapshot]) -> std::io::Result<()> {
        self.sheet.lines(found.iter().map(|one| line(one, self.now)))
    }

    /// Ends the list.
    pub fn end(self) -> std::io::Result<()> {
        self.sheet.end().map(drop)
    }
}
