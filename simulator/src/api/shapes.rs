//! The structures of the wire, as Lightsail names them. Absent members are left out, never null.

use crate::setup::config::LaneAddress;
use serde::{Serialize, Serializer};

/// A moment in milliseconds since 1970, sent as seconds with a fraction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Epoch(pub(crate) i64);

impl Serialize for Epoch {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age fit an f64 for 200,000 years")]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0 as f64 / 1000.0)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Location<'a> {
    availability_zone: &'static str,
    region_name: &'a str,
}

impl<'a> Location<'a> {
    pub(crate) fn of(lane: &'a LaneAddress) -> Self {
        Self { availability_zone: "all", region_name: &lane.region }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OperationShape<'a> {
    pub(crate) id: &'a str,
    pub(crate) resource_name: &'a str,
    pub(crate) resource_type: &'static str,
    pub(crate) created_at: Epoch,
    pub(crate) location: Location<'a>,
    pub(crate) is_terminal: bool,
    pub(crate) operation_details: &'a str,
    pub(crate) operation_type: &'static str,
    pub(crate) status: &'static str,
    pub(crate) status_changed_at: Epoch,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error_details: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordShape<'a> {
    pub(crate) name: &'a str,
    pub(crate) arn: &'a str,
    pub(crate) created_at: Epoch,
    pub(crate) location: Location<'a>,
    pub(crate) resource_type: &'static str,
    pub(crate) state: &'static str,
    pub(crate) source_info: SourceShape<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) destination_info: Option<DestinationShape<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceShape<'a> {
    pub(crate) resource_type: &'static str,
    pub(crate) created_at: Epoch,
    pub(crate) name: &'a str,
    pub(crate) arn: &'a str,
    pub(crate) from_resource_name: &'a str,
    pub(crate) from_resource_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) instance_snapshot_info: Option<InstanceInfoShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) disk_snapshot_info: Option<DiskInfoShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the wire's names")]
pub(crate) struct InstanceInfoShape<'a> {
    pub(crate) from_bundle_id: &'static str,
    pub(crate) from_blueprint_id: &'a str,
    pub(crate) from_disk_info: Vec<FromDiskShape>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FromDiskShape {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) size_in_gb: u32,
    pub(crate) is_system_disk: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DiskInfoShape {
    pub(crate) size_in_gb: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DestinationShape<'a> {
    pub(crate) id: &'a str,
    pub(crate) service: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TagShape<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AttachedDiskShape<'a> {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) created_at: Epoch,
    pub(crate) location: Location<'a>,
    pub(crate) resource_type: &'static str,
    pub(crate) path: String,
    pub(crate) size_in_gb: u32,
    pub(crate) is_system_disk: bool,
    pub(crate) is_attached: bool,
    pub(crate) state: &'static str,
}

/// A snapshot of either kind; what belongs to the other is left out.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SnapshotShape<'a> {
    pub(crate) name: &'a str,
    pub(crate) arn: &'a str,
    pub(crate) support_code: String,
    pub(crate) created_at: Epoch,
    pub(crate) location: Location<'a>,
    pub(crate) resource_type: &'static str,
    pub(crate) tags: Vec<TagShape<'a>>,
    pub(crate) state: &'static str,
    pub(crate) progress: &'static str,
    pub(crate) size_in_gb: u32,
    pub(crate) is_from_auto_snapshot: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_attached_disks: Option<Vec<AttachedDiskShape<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_instance_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_instance_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_blueprint_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_bundle_id: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_disk_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_disk_arn: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegionShape {
    pub(crate) name: &'static str,
    pub(crate) display_name: &'static str,
    pub(crate) continent_code: String,
    pub(crate) description: String,
    pub(crate) availability_zones: Vec<ZoneShape>,
    pub(crate) relational_database_availability_zones: [ZoneShape; 0],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ZoneShape {
    pub(crate) zone_name: String,
    pub(crate) state: &'static str,
}
