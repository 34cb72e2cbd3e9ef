//! The snapshots that were found, as CSV that `enqueue` takes as it is, or as JSON. Lane by lane, as they come.

use crate::domain::Timestamp;
use crate::lightsail::{SnapshotKind, SnapshotState};
use crate::report::completion::csv_sheet::write_cells;
use crate::report::layout::json_array::JsonArray;
use crate::survey::{FoundSnapshot, SeenExport};
use serde::{Serialize, Serializer};
use std::io::Write;

/// The columns: the first three say what to export, the others are carried through to the report.
pub const DISCOVERED: [&str; 15] = [
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

/// In what form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiscoveredForm {
    /// With a header; cells that a spreadsheet would run are marked.
    Csv,
    /// One array.
    Json,
}

/// The list in the making.
pub struct DiscoveredSheet<'a> {
    sheet: DiscoveredLines<'a>,
    now: Timestamp,
}

enum DiscoveredLines<'a> {
    Csv(Box<csv::Writer<&'a mut (dyn Write + Send)>>),
    Json(JsonArray<&'a mut (dyn Write + Send)>),
}

/// A snapshot in these columns.
#[derive(Serialize)]
struct SnapshotLine<'a> {
    snapshot_name: &'a str,
    region: &'static str,
    account: &'a str,
    kind: &'static str,
    snapshot_state: &'a str,
    size_gb: Option<u32>,
    disks: u32,
    disks_gb: u32,
    source: Option<&'a str>,
    created_at: Option<String>,
    age_days: Option<u64>,
    #[serde(serialize_with = "as_object")]
    tags: &'a [(String, String)],
    exported: &'static str,
    exported_as: Option<&'a str>,
    job: Option<i64>,
}

impl<'a> SnapshotLine<'a> {
    fn of(found: &'a FoundSnapshot, now: Timestamp) -> Self {
        let snapshot = &found.snapshot;
        let (exported, exported_as) = match &found.export {
            SeenExport::No => ("no", None),
            SeenExport::Queued => ("queued", None),
            SeenExport::UnderWay => ("under_way", None),
            SeenExport::Done { destination } => ("yes", Some(destination.as_str())),
        };
        Self {
            snapshot_name: &snapshot.name,
            region: found.lane.region.as_str(),
            account: found.lane.account.as_str(),
            kind: match snapshot.kind {
                SnapshotKind::Instance => "instance",
                SnapshotKind::Disk => "disk",
            },
            snapshot_state: match &snapshot.state {
                SnapshotState::Pending => "pending",
                SnapshotState::Available => "available",
                SnapshotState::Error => "error",
                SnapshotState::Other(word) => word,
            },
            size_gb: snapshot.size_gb,
            disks: snapshot.attached_disks,
            disks_gb: snapshot.attached_gb,
            source: snapshot.source.as_deref(),
            created_at: snapshot.created_at.map(|at| at.to_string()),
            age_days: snapshot.created_at.map(|at| now.since(at).as_secs() / 86_400),
            tags: &snapshot.tags,
            exported,
            exported_as,
            job: found.job.map(|job| job.0),
        }
    }

    fn cells(&self) -> [String; 15] {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let pair =
            |(key, value): &(String, String)| if value.is_empty() { key.clone() } else { format!("{key}={value}") };
        [
            self.snapshot_name.to_owned(),
            self.region.to_owned(),
            self.account.to_owned(),
            self.kind.to_owned(),
            self.snapshot_state.to_owned(),
            number(self.size_gb.map(u64::from)),
            self.disks.to_string(),
            self.disks_gb.to_string(),
            text(self.source),
            text(self.created_at.as_deref()),
            number(self.age_days),
            self.tags.iter().map(pair).collect::<Vec<_>>().join(";"),
            self.exported.to_owned(),
            text(self.exported_as),
            self.job.map(|job| job.to_string()).unwrap_or_default(),
        ]
    }
}

fn as_object<S: Serializer>(tags: &&[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(tags.iter().map(|(key, value)| (key, value)))
}

impl<'a> DiscoveredSheet<'a> {
    /// Begins the list; ages are told as of `now`.
    pub fn begin(out: &'a mut (dyn Write + Send), form: DiscoveredForm, now: Timestamp) -> std::io::Result<Self> {
        let sheet = match form {
            DiscoveredForm::Csv => {
                let mut csv = Box::new(csv::Writer::from_writer(out));
                write_cells(&mut csv, DISCOVERED)?;
                csv.flush()?;
                DiscoveredLines::Csv(csv)
            }
            DiscoveredForm::Json => DiscoveredLines::Json(JsonArray::begin(out)?),
        };
        Ok(Self { sheet, now })
    }

    /// Adds a lane's snapshots, and hands them on.
    pub fn add(&mut self, found: &[FoundSnapshot]) -> std::io::Result<()> {
        let mut lines = found.iter().map(|one| SnapshotLine::of(one, self.now));
        match &mut self.sheet {
            DiscoveredLines::Csv(csv) => {
                lines.try_for_each(|line| write_cells(csv, line.cells()))?;
                csv.flush()
            }
            DiscoveredLines::Json(array) => {
                lines.try_for_each(|line| array.add(&line))?;
                array.flush()
            }
        }
    }

    /// Ends the list.
    pub fn end(self) -> std::io::Result<()> {
        match self.sheet {
            DiscoveredLines::Csv(mut csv) => csv.flush(),
            DiscoveredLines::Json(array) => array.end(),
        }
    }
}

impl std::fmt::Debug for DiscoveredSheet<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiscoveredSheet").field("now", &self.now).finish_non_exhaustive()
    }
}
