//! The structures of the wire, as Lightsail names them. Absent members are left out, never null.

use super::config::LaneAddress;
use serde::{Serialize, Serializer};

/// A moment in milliseconds since 1970, sent as seconds with a fraction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epoch(pub(super) i64);

impl Serialize for Epoch {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit an f64 for 200,000 years")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 1000.0)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location<'a> {
    availability_zone: &'static str,
    region_name: &'a str,
}

impl<'a> Location<'a> {
    pub(super) fn of(lane: &'a LaneAddress) -> Self {
        Self { availability_zone: "all", region_name: &lane.region }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OperationShape<'a> {
    pub(super) id: &'a str,
    pub(super) resource_name: &'a str,
    pub(super) resource_type: &'static str,
    pub(super) created_at: Epoch,
    pub(super) location: Location<'a>,
    pub(super) is_terminal: bool,
    pub(super) operation_details: &'a str,
    pub(super) operation_type: &'static str,
    pub(super) status: &'static str,
    pub(super) status_changed_at: Epoch,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_details: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RecordShape<'a> {
    pub(super) name: &'a str,
    pub(super) arn: &'a str,
    pub(super) created_at: Epoch,
    pub(super) location: Location<'a>,
    pub(super) resource_type: &'static str,
    pub(super) state: &'static str,
    pub(super) source_info: SourceShape<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destination_info: Option<DestinationShape<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SourceShape<'a> {
    pub(super) resource_type: &'static str,
    pub(super) created_at: Epoch,
    pub(super) name: &'a str,
    pub(super) arn: &'a str,
    pub(super) from_resource_name: &'a str,
    pub(super) from_resource_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) instance_snapshot_info: Option<InstanceInfoShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) disk_snapshot_info: Option<DiskInfoShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the wire's names")]
pub(super) struct InstanceInfoShape<'a> {
    pub(super) from_bundle_id: &'static str,
    pub(super) from_blueprint_id: &'a str,
    pub(super) from_disk_info: Vec<FromDiskShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FromDiskShape {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) size_in_gb: u32,
    pub(super) is_system_disk: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DiskInfoShape {
    pub(super) size_in_gb: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DestinationShape<'a> {
    pub(super) id: &'a str,
    pub(super) service: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TagShape<'a> {
    pub(super) key: &'a str,
    pub(super) value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AttachedDiskShape<'a> {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) created_at: Epoch,
    pub(super) location: Location<'a>,
    pub(super) resource_type: &'static str,
    pub(super) path: String,
    pub(super) size_in_gb: u32,
    pub(super) is_system_disk: bool,
    pub(super) is_attached: bool,
    pub(super) state: &'static str,
}

/// A snapshot of either kind; what belongs to the other is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SnapshotShape<'a> {
    pub(super) name: &'a str,
    pub(super) arn: &'a str,
    pub(super) support_code: String,
    pub(super) created_at: Epoch,
    pub(super) location: Location<'a>,
    pub(super) resource_type: &'static str,
    pub(super) tags: Vec<TagShape<'a>>,
    pub(super) state: &'static str,
    pub(super) progress: &'static str,
    pub(super) size_in_gb: u32,
    pub(super) is_from_auto_snapshot: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_attached_disks: Option<Vec<AttachedDiskShape<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_instance_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_instance_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_blueprint_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_bundle_id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_disk_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from_disk_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RegionShape {
    pub(super) name: &'static str,
    pub(super) display_name: &'static str,
    pub(super) continent_code: String,
    pub(super) description: String,
    pub(super) availability_zones: Vec<ZoneShape>,
    pub(super) relational_database_availability_zones: [ZoneShape; 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ZoneShape {
    pub(super) zone_name: String,
    pub(super) state: &'static str,
}
