//! The snapshots there are at the start: generated, listed, or read from a CSV.

use crate::setup::config::LaneAddress;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The snapshots there are at the start.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Fleet {
    /// `snap-00001`, `snap-00002`, ...: every fifth a disk snapshot, every seventh of the others with one attached
    /// disk, every eleventh with two; every ninth a copy of an automatic snapshot; all available.
    Generated {
        /// How many in each lane.
        size: usize,
        /// In which lanes; empty: in every lane that is asked for.
        #[serde(default)]
        lanes: Vec<LaneAddress>,
    },
    /// These.
    Listed(Vec<FleetEntry>),
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetEntry {
    /// The account's 12 digits; nothing: in every account.
    #[serde(default)]
    pub account: Option<String>,
    /// The Region's code; nothing: in every Region.
    #[serde(default)]
    pub region: Option<String>,
    /// The snapshot's name.
    pub name: String,
    /// What it is a snapshot of.
    #[serde(default)]
    pub kind: SourceKind,
    /// Its state.
    #[serde(default)]
    pub state: StartState,
    /// How many disks are attached; only an instance has any.
    #[serde(default)]
    pub disks: u32,
    /// Its size in GB; 20 where nothing is said.
    #[serde(default = "default_size")]
    pub size_gb: u32,
    /// The size of each attached disk in GB; 8 where nothing is said.
    #[serde(default = "default_disk_size")]
    pub disk_gb: u32,
    /// The instance or disk that it was made of; one of its own where nothing is said.
    #[serde(default)]
    pub source: Option<String>,
    /// The blueprint of its instance; Ubuntu where nothing is said.
    #[serde(default)]
    pub blueprint: Option<String>,
    /// How much older than its lane it is; an hour or a little less where nothing is said.
    #[serde(default, with = "age")]
    pub age: Option<Duration>,
    /// Its tags, key and value; a key without a value has an empty one.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What a snapshot is a snapshot of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// An instance.
    #[default]
    Instance,
    /// A disk.
    Disk,
}

/// A snapshot's state at the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartState {
    /// Ready; `completed` for a disk.
    #[default]
    Available,
    /// Becomes available after the configured time.
    Pending,
    /// Never usable.
    Error,
}

/// A fleet's CSV could not be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "a fleet's CSV has the columns name, account, region, kind, state, disks, size_gb, disk_gb, source, blueprint, age and tags"
)]
pub struct BadFleet(#[from] csv::Error);

/// A row of the CSV: each cell but the name may be empty.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FleetRow {
    #[serde(default)]
    account: Option<String>,
    #[serde(default)]
    region: Option<String>,
    name: String,
    #[serde(default)]
    kind: Option<SourceKind>,
    #[serde(default)]
    state: Option<StartState>,
    #[serde(default)]
    disks: Option<u32>,
    #[serde(default)]
    size_gb: Option<u32>,
    #[serde(default)]
    disk_gb: Option<u32>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    blueprint: Option<String>,
    #[serde(default, with = "age")]
    age: Option<Duration>,
    #[serde(default)]
    tags: Option<String>,
}

fn default_size() -> u32 {
    20
}

fn default_disk_size() -> u32 {
    8
}

/// `env=prod;keep`: the pairs of a cell.
fn pairs(cell: &str) -> BTreeMap<String, String> {
    let pair = |text: &str| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        (key.trim().to_owned(), value.trim().to_owned())
    };
    cell.split(';').filter(|text| !text.trim().is_empty()).map(pair).collect()
}

/// An age as people write it: `30d`.
mod age {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::time::Duration;

    #[expect(clippy::ref_option, reason = "the form that serde calls")]
    pub(crate) fn serialize<S: Serializer>(age: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        match age {
            Some(age) => serializer.collect_str(&humantime::format_duration(*age)),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.filter(|text| !text.is_empty());
        text.map(|text| humantime::parse_duration(&text).map_err(serde::de::Error::custom)).transpose()
    }
}

impl Default for Fleet {
    fn default() -> Self {
        Self::Generated { size: 100, lanes: Vec::new() }
    }
}

impl FleetEntry {
    /// An available instance snapshot of 20 GB without attached disks, in every lane.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            account: None,
            region: None,
            name: name.to_owned(),
            kind: SourceKind::Instance,
            state: StartState::Available,
            disks: 0,
            size_gb: default_size(),
            disk_gb: default_disk_size(),
            source: None,
            blueprint: None,
            age: None,
            tags: BTreeMap::new(),
        }
    }

    fn is_in(&self, lane: &LaneAddress) -> bool {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        fits(&self.account, &lane.account) && fits(&self.region, &lane.region)
    }
}

impl Fleet {
    /// Reads a CSV with a header: `name`, and if wanted `account`, `region`, `kind`, `state`, `disks`, `size_gb`,
    /// `disk_gb`, `source`, `blueprint`, `age` (`30d`) and `tags` (`env=prod;keep`); an empty cell stands for the default.
    ///
    /// # Errors
    /// [`BadFleet`] with the line, for an unknown column, a missing name or a cell of another form.
    pub fn read_csv(input: impl std::io::Read) -> Result<Self, BadFleet> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
        let entry = |row: FleetRow| FleetEntry {
            account: row.account,
            region: row.region,
            name: row.name,
            kind: row.kind.unwrap_or_default(),
            state: row.state.unwrap_or_default(),
            disks: row.disks.unwrap_or_default(),
            size_gb: row.size_gb.unwrap_or_else(default_size),
            disk_gb: row.disk_gb.unwrap_or_else(default_disk_size),
            source: row.source,
            blueprint: row.blueprint,
            age: row.age,
            tags: row.tags.as_deref().map(pairs).unwrap_or_default(),
        };
        let entries: Result<Vec<_>, csv::Error> = reader.deserialize().map(|row| row.map(entry)).collect();
        Ok(Self::Listed(entries?))
    }

    /// The snapshots of one lane.
    pub(crate) fn in_lane(&self, lane: &LaneAddress) -> Vec<FleetEntry> {
        match self {
            Self::Generated { size, lanes } if lanes.is_empty() || lanes.contains(lane) => {
                (1..=*size).map(generated).collect()
            }
            Self::Generated { .. } => Vec::new(),
            Self::Listed(entries) => entries.iter().filter(|entry| entry.is_in(lane)).cloned().collect(),
        }
    }
}

fn generated(number: usize) -> FleetEntry {
    let size_gb = match number % 4 {
        0 => 160,
        1 => 20,
        2 => 40,
        _ => 80,
    };
    let (kind, disks) = match number {
        n if n % 5 == 0 => (SourceKind::Disk, 0),
        n if n % 11 == 0 => (SourceKind::Instance, 2),
        n if n % 7 == 0 => (SourceKind::Instance, 1),
        _ => (SourceKind::Instance, 0),
    };
    let tags = BTreeMap::from([("fleet".to_owned(), "generated".to_owned())]);
    FleetEntry { kind, disks, size_gb, tags, ..FleetEntry::named(&format!("snap-{number:05}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_with_names_alone_is_a_fleet_in_every_lane() {
        let fleet = Fleet::read_csv("name,kind,region\nweb-1,,\ndata,disk,eu-west-1\n".as_bytes()).expect("a fleet");
        let names = |region: &str| {
            let lane = LaneAddress { account: "123456789012".to_owned(), region: region.to_owned() };
            fleet.in_lane(&lane).into_iter().map(|entry| (entry.name, entry.kind)).collect::<Vec<_>>()
        };
        let both = [("web-1".to_owned(), SourceKind::Instance), ("data".to_owned(), SourceKind::Disk)];
        assert_eq!(names("us-east-1"), both[..1]);
        assert_eq!(names("eu-west-1"), both);
    }

    #[test]
    fn a_csv_says_what_each_snapshot_was_made_of_and_when() {
        let text = "name,disks,disk_gb,source,age,tags\nweb-1,2,64,web,30d,env=prod;keep\nweb-2,,,,,\n";
        let Fleet::Listed(entries) = Fleet::read_csv(text.as_bytes()).expect("a fleet") else { panic!("a list") };
        let first = &entries[0];
        assert_eq!((first.disks, first.disk_gb, first.source.as_deref()), (2, 64, Some("web")));
        assert_eq!(first.age, Some(Duration::from_hours(30 * 24)));
        let tags = [("env", "prod"), ("keep", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(first.tags, BTreeMap::from(tags));
        assert_eq!(entries[1], FleetEntry::named("web-2"));
        assert!(Fleet::read_csv("name,age\nweb-1,old\n".as_bytes()).is_err());
    }

    #[test]
    fn a_bad_cell_is_named_by_its_line() {
        let error = Fleet::read_csv("name,kind\nweb-1,tape\n".as_bytes()).map(|_| ()).expect_err("no such kind");
        assert!(std::error::Error::source(&error).is_some_and(|cause| cause.to_string().contains("line: 2")));
        assert!(Fleet::read_csv("nme\nweb-1\n".as_bytes()).is_err());
    }
}
