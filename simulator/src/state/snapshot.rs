//! One snapshot and how it looks on the wire.

use crate::api::shapes::{
    AttachedDiskShape, DiskInfoShape, Epoch, FromDiskShape, InstanceInfoShape, Location, SnapshotShape, SourceShape,
    TagShape,
};
use crate::setup::chance::{drawn_for, uuid};
use crate::setup::config::LaneAddress;
use crate::setup::fleet::{FleetEntry, SourceKind, StartState};
use std::collections::BTreeMap;
use std::time::Duration;

const BLUEPRINT: &str = "ubuntu_24_04";
const BUNDLE: &str = "medium_3_0";
const SYSTEM_DISK_PATH: &str = "/dev/sda1";
/// How much older than its lane each snapshot is, at least: an hour.
const AGE_MS: i64 = 3_600_000;

/// A snapshot. It stays in its lane after a delete, because records keep telling of it.
#[derive(Debug)]
pub(crate) struct SnapshotEntry {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) kind: SourceKind,
    pub(crate) disks: u32,
    pub(crate) gone: bool,
    state: StartState,
    size_gb: u32,
    disk_gb: u32,
    tags: BTreeMap<String, String>,
    from_name: String,
    blueprint: String,
    from_auto: bool,
    created_ms: i64,
    pending_until: Duration,
    support_code: String,
}

/// What decides about an export of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Ready,
    Pending,
    Broken,
}

impl SnapshotEntry {
    /// The snapshot `entry`, the lane's `nth` (from 0), made before `wall_ms`.
    pub(crate) fn new(
        seed: u64,
        lane: &LaneAddress,
        entry: FleetEntry,
        nth: usize,
        wall_ms: i64,
        pending_until: Duration,
    ) -> Self {
        let mut rng = drawn_for(seed, ("snapshot", lane, &entry.name, nth));
        let (resource, source) = match entry.kind {
            SourceKind::Instance => ("InstanceSnapshot", "instance"),
            SourceKind::Disk => ("DiskSnapshot", "disk"),
        };
        Self {
            arn: format!("arn:aws:lightsail:{}:{}:{resource}/{}", lane.region, lane.account, uuid(&mut rng)),
            kind: entry.kind,
            disks: if entry.kind == SourceKind::Disk { 0 } else { entry.disks },
            gone: false,
            state: entry.state,
            size_gb: entry.size_gb,
            disk_gb: entry.disk_gb,
            tags: entry.tags,
            from_name: entry.source.unwrap_or_else(|| format!("{source}-of-{}", entry.name)),
            blueprint: entry.blueprint.unwrap_or_else(|| BLUEPRINT.to_owned()),
            from_auto: nth % 9 == 8,
            // Each a little younger than the one before, so that an order by age is the order of the fleet.
            created_ms: match entry.age {
                Some(age) => wall_ms - i64::try_from(age.as_millis()).unwrap_or(i64::MAX).min(wall_ms),
                None => {
                    wall_ms - AGE_MS - i64::from(rng.u16(..1000))
                        + i64::try_from(nth).unwrap_or(i64::MAX).min(AGE_MS / 2)
                }
            },
            pending_until,
            support_code: format!("{:012}/{}", rng.u64(..1_000_000_000_000), entry.name),
            name: entry.name,
        }
    }

    /// The same, made only now.
    pub(crate) fn made_at(mut self, wall_ms: i64) -> Self {
        self.created_ms = wall_ms;
        self
    }

    pub(crate) fn readiness(&self, now: Duration) -> Readiness {
        match self.state {
            StartState::Available => Readiness::Ready,
            StartState::Pending if now >= self.pending_until => Readiness::Ready,
            StartState::Pending => Readiness::Pending,
            StartState::Error => Readiness::Broken,
        }
    }

    /// The blueprint of the instance that it was made of.
    pub(crate) fn blueprint(&self) -> Option<&str> {
        (self.kind == SourceKind::Instance).then_some(&self.blueprint)
    }

    /// How many EBS copies an export of it makes.
    pub(crate) fn copies(&self) -> u32 {
        self.disks.saturating_add(1)
    }

    pub(crate) fn resource_type(&self) -> &'static str {
        match self.kind {
            SourceKind::Instance => "InstanceSnapshot",
            SourceKind::Disk => "DiskSnapshot",
        }
    }

    pub(crate) fn shape<'a>(&'a self, lane: &'a LaneAddress, now: Duration) -> SnapshotShape<'a> {
        let instance = self.kind == SourceKind::Instance;
        let (state, progress) = match (self.readiness(now), instance) {
            (Readiness::Ready, true) => ("available", "100%"),
            (Readiness::Ready, false) => ("completed", "100%"),
            (Readiness::Pending, _) => ("pending", "50%"),
            (Readiness::Broken, _) => ("error", "0%"),
        };
        SnapshotShape {
            name: &self.name,
            arn: &self.arn,
            support_code: self.support_code.clone(),
            created_at: Epoch(self.created_ms),
            location: Location::of(lane),
            resource_type: self.resource_type(),
            tags: self.tags.iter().map(|(key, value)| TagShape { key, value }).collect(),
            state,
            progress,
            size_in_gb: self.size_gb,
            is_from_auto_snapshot: self.from_auto,
            from_attached_disks: instance.then(|| (1..=self.disks).map(|disk| self.attached(lane, disk)).collect()),
            from_instance_name: instance.then_some(self.from_name.as_str()),
            from_instance_arn: instance.then(|| self.origin_arn(lane)),
            from_blueprint_id: instance.then_some(self.blueprint.as_str()),
            from_bundle_id: instance.then_some(BUNDLE),
            from_disk_name: (!instance).then_some(self.from_name.as_str()),
            from_disk_arn: (!instance).then(|| self.origin_arn(lane)),
        }
    }

    /// What a record says of it.
    pub(crate) fn source(&self, lane: &LaneAddress) -> SourceShape<'_> {
        let instance = self.kind == SourceKind::Instance;
        SourceShape {
            resource_type: self.resource_type(),
            created_at: Epoch(self.created_ms),
            name: &self.name,
            arn: &self.arn,
            from_resource_name: &self.from_name,
            from_resource_arn: self.origin_arn(lane),
            instance_snapshot_info: instance.then(|| InstanceInfoShape {
                from_bundle_id: BUNDLE,
                from_blueprint_id: &self.blueprint,
                from_disk_info: (0..=self.disks).map(|disk| self.disk(disk)).collect(),
            }),
            disk_snapshot_info: (!instance).then_some(DiskInfoShape { size_in_gb: self.size_gb }),
        }
    }

    fn origin_arn(&self, lane: &LaneAddress) -> String {
        let resource = if self.kind == SourceKind::Instance { "Instance" } else { "Disk" };
        format!("arn:aws:lightsail:{}:{}:{resource}/{}", lane.region, lane.account, self.from_name)
    }

    /// The system disk is disk 0.
    fn disk(&self, disk: u32) -> FromDiskShape {
        let (name, path, size_in_gb) = match disk {
            0 => (format!("{}-system", self.from_name), SYSTEM_DISK_PATH.to_owned(), self.size_gb),
            disk => (self.disk_name(disk), disk_path(disk), self.disk_gb),
        };
        FromDiskShape { name, path, size_in_gb, is_system_disk: disk == 0 }
    }

    fn attached<'a>(&self, lane: &'a LaneAddress, disk: u32) -> AttachedDiskShape<'a> {
        let name = self.disk_name(disk);
        AttachedDiskShape {
            arn: format!("arn:aws:lightsail:{}:{}:Disk/{name}", lane.region, lane.account),
            name,
            created_at: Epoch(self.created_ms),
            location: Location::of(lane),
            resource_type: "Disk",
            path: disk_path(disk),
            size_in_gb: self.disk_gb,
            is_system_disk: false,
            is_attached: true,
            state: "in-use",
        }
    }

    fn disk_name(&self, disk: u32) -> String {
        format!("{}-disk-{disk}", self.from_name)
    }
}

fn disk_path(disk: u32) -> String {
    format!("/dev/xvd{}", char::from_u32(u32::from('e') + disk % 20).unwrap_or('z'))
}
