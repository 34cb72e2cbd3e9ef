//! The snapshots there are at the start: generated, listed, or read from a CSV.

use crate::setup::config::LaneAddress;
use serde::{Deserialize, Deserializer, Serialize};
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
        /// In which lanes; empty: in every lane that is called.
        #[serde(default)]
        lanes: Vec<LaneAddress>,
    },
    /// These.
    Listed(Vec<FleetEntry>),
}

/// One snapshot; in a CSV each cell but the name may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FleetEntry {
    /// The account's 12 digits; in every account where none is given.
    pub account: Option<String>,
    /// The Region's code; in every Region where none is given.
    pub region: Option<String>,
    /// The snapshot's name.
    pub name: String,
    /// What it is a snapshot of.
    #[serde(default, deserialize_with = "or_default")]
    pub kind: SourceKind,
    /// Its state.
    #[serde(default, deserialize_with = "or_default")]
    pub state: StartState,
    /// How many disks are attached; only an instance has any.
    #[serde(default, deserialize_with = "or_default")]
    pub disks: u32,
    /// Its size in GB; 20 by default.
    pub size_gb: Option<u32>,
    /// The size of each attached disk in GB; 8 by default.
    pub disk_gb: Option<u32>,
    /// The instance or disk that it was made of; one of its own by default.
    pub source: Option<String>,
    /// The blueprint of its instance; Ubuntu by default.
    pub blueprint: Option<String>,
    /// How much older than its lane it is, such as `30d`; an hour or a little less by default.
    #[serde(default, with = "humantime_serde")]
    pub age: Option<Duration>,
    /// Its tags: `env=prod;keep`. A key without a value has an empty one.
    #[serde(default)]
    pub tags: String,
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

/// The value, or the default where a cell is empty.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
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
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Its tags, key and value.
    pub(crate) fn tag_pairs(&self) -> BTreeMap<String, String> {
        let pair = |text: &str| {
            let (key, value) = text.split_once('=').unwrap_or((text, ""));
            (key.trim().to_owned(), value.trim().to_owned())
        };
        self.tags.split(';').filter(|text| !text.trim().is_empty()).map(pair).collect()
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
        Ok(Self::Listed(reader.deserialize().collect::<Result<_, csv::Error>>()?))
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
    let tags = "fleet=generated".to_owned();
    FleetEntry { kind, disks, size_gb: Some(size_gb), tags, ..FleetEntry::named(&format!("snap-{number:05}")) }
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
        assert_eq!((first.disks, first.disk_gb, first.source.as_deref()), (2, Some(64), Some("web")));
        assert_eq!(first.age, Some(Duration::from_hours(30 * 24)));
        let tags = [("env", "prod"), ("keep", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(first.tag_pairs(), BTreeMap::from(tags));
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
