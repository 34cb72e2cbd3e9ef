//! One snapshot and its form on the wire.

use crate::api::shapes::{epoch, location, without_nulls};
use crate::setup::chance::{drawn_for, uuid};
use crate::setup::config::LaneAddress;
use crate::setup::fleet::{FleetEntry, SourceKind, StartState};
use serde_json::{Value, json};
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
            size_gb: entry.size_gb.unwrap_or(20),
            disk_gb: entry.disk_gb.unwrap_or(8),
            tags: entry.tag_pairs(),
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

    /// Its state now: a pending one becomes available.
    pub(crate) fn readiness(&self, now: Duration) -> StartState {
        let is_ready = self.state == StartState::Pending && now >= self.pending_until;
        if is_ready { StartState::Available } else { self.state }
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

    pub(crate) fn shape(&self, lane: &LaneAddress, now: Duration) -> Value {
        let instance = self.kind == SourceKind::Instance;
        let (state, progress) = match (self.readiness(now), instance) {
            (StartState::Available, true) => ("available", "100%"),
            (StartState::Available, false) => ("completed", "100%"),
            (StartState::Pending, _) => ("pending", "50%"),
            (StartState::Error, _) => ("error", "0%"),
        };
        let tags: Vec<_> = self.tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
        let of_instance = |member: Value| instance.then_some(member);
        let of_disk = |member: Value| (!instance).then_some(member);
        let attached: Vec<_> = (1..=self.disks).map(|disk| self.attached(lane, disk)).collect();
        without_nulls(json!({
            "name": self.name,
            "arn": self.arn,
            "supportCode": self.support_code,
            "createdAt": epoch(self.created_ms),
            "location": location(lane),
            "resourceType": self.resource_type(),
            "tags": tags,
            "state": state,
            "progress": progress,
            "sizeInGb": self.size_gb,
            "isFromAutoSnapshot": self.from_auto,
            "fromAttachedDisks": of_instance(attached.into()),
            "fromInstanceName": of_instance(self.from_name.as_str().into()),
            "fromInstanceArn": of_instance(self.origin_arn(lane).into()),
            "fromBlueprintId": of_instance(self.blueprint.as_str().into()),
            "fromBundleId": of_instance(BUNDLE.into()),
            "fromDiskName": of_disk(self.from_name.as_str().into()),
            "fromDiskArn": of_disk(self.origin_arn(lane).into()),
        }))
    }

    /// What a record says of it.
    pub(crate) fn source(&self, lane: &LaneAddress) -> Value {
        let instance = self.kind == SourceKind::Instance;
        let disks: Vec<_> = (0..=self.disks).map(|disk| self.disk(disk)).collect();
        without_nulls(json!({
            "resourceType": self.resource_type(),
            "createdAt": epoch(self.created_ms),
            "name": self.name,
            "arn": self.arn,
            "fromResourceName": self.from_name,
            "fromResourceArn": self.origin_arn(lane),
            "instanceSnapshotInfo": instance.then(|| json!({
                "fromBundleId": BUNDLE,
                "fromBlueprintId": self.blueprint,
                "fromDiskInfo": disks,
            })),
            "diskSnapshotInfo": (!instance).then(|| json!({ "sizeInGb": self.size_gb })),
        }))
    }

    fn origin_arn(&self, lane: &LaneAddress) -> String {
        let resource = if self.kind == SourceKind::Instance { "Instance" } else { "Disk" };
        format!("arn:aws:lightsail:{}:{}:{resource}/{}", lane.region, lane.account, self.from_name)
    }

    /// The system disk is disk 0.
    fn disk(&self, disk: u32) -> Value {
        let (name, path, size) = match disk {
            0 => (format!("{}-system", self.from_name), SYSTEM_DISK_PATH.to_owned(), self.size_gb),
            disk => (self.disk_name(disk), disk_path(disk), self.disk_gb),
        };
        json!({ "name": name, "path": path, "sizeInGb": size, "isSystemDisk": disk == 0 })
    }

    fn attached(&self, lane: &LaneAddress, disk: u32) -> Value {
        let name = self.disk_name(disk);
        json!({
            "arn": format!("arn:aws:lightsail:{}:{}:Disk/{name}", lane.region, lane.account),
            "name": name,
            "createdAt": epoch(self.created_ms),
            "location": location(lane),
            "resourceType": "Disk",
            "path": disk_path(disk),
            "sizeInGb": self.disk_gb,
            "isSystemDisk": false,
            "isAttached": true,
            "state": "in-use",
        })
    }

    fn disk_name(&self, disk: u32) -> String {
        format!("{}-disk-{disk}", self.from_name)
    }
}

fn disk_path(disk: u32) -> String {
    format!("/dev/xvd{}", char::from_u32(u32::from('e') + disk % 20).unwrap_or('z'))
}
