//! From the SDK's answers to our plain data. Every member of an answer may be missing; none of that is an error.

use super::super::{ExportRecord, Operation, Page, PageToken, Snapshot, SnapshotKind, SnapshotState};
use crate::domain::{AccountNumber, Destination, EntryStatus, OperationId, RecordArn, SnapshotArn, Timestamp};
use aws_sdk_lightsail::primitives::DateTime;
use aws_sdk_lightsail::types;

/// A page of what `convert` makes of the items.
pub(super) fn page<A, B>(items: Option<Vec<A>>, next: Option<String>, convert: fn(A) -> Option<B>) -> Page<B> {
    let next = next.filter(|token| !token.is_empty()).map(PageToken::new);
    Page { items: items.unwrap_or_default().into_iter().filter_map(convert).collect(), next }
}

/// The operations of an acceptance that can be followed; one without an id is found through its record.
pub(super) fn operations_with_id(items: Option<Vec<types::Operation>>) -> Vec<Operation> {
    let has_id = |item: &types::Operation| item.id.as_deref().is_some_and(|id| !id.is_empty());
    items.unwrap_or_default().into_iter().filter(has_id).map(operation).collect()
}

pub(super) fn operation(from: types::Operation) -> Operation {
    let created_at = from.created_at.as_ref().and_then(timestamp);
    let id = from.id.filter(|id| !id.is_empty()).unwrap_or_else(|| stand_in(from.resource_name.as_deref(), created_at));
    Operation {
        id: OperationId::new(id),
        kind: from.operation_type.map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
        status: status(from.status.as_ref().map_or("", types::OperationStatus::as_str)),
        resource_name: from.resource_name,
        created_at,
        error_code: from.error_code,
        error_details: from.error_details,
    }
}

pub(super) fn record(from: types::ExportSnapshotRecord) -> ExportRecord {
    let created_at = from.created_at.as_ref().and_then(timestamp);
    let (source_name, source_arn) = from.source_info.map_or((None, None), |source| (source.name, source.arn));
    let account = from.arn.as_deref().and_then(AccountNumber::of_arn);
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let arn = filled(&from.arn).or_else(|| filled(&from.name));
    ExportRecord {
        arn: RecordArn::new(arn.unwrap_or_else(|| stand_in(source_name.as_deref(), created_at))),
        name: from.name,
        created_at,
        state: status(from.state.as_ref().map_or("", types::RecordState::as_str)),
        source_name,
        source_arn: source_arn.map(SnapshotArn::new),
        destination: from.destination_info.and_then(destination),
        account,
    }
}

/// A status that is an end counts whatever `isTerminal` says, and no other does.
fn status(word: &str) -> EntryStatus {
    match word {
        "Completed" | "Succeeded" => EntryStatus::Succeeded,
        "Failed" => EntryStatus::Failed,
        "NotStarted" | "Started" => EntryStatus::UnderWay,
        other => {
            tracing::debug!(status = other, "unknown status of an export; treating it as in progress");
            EntryStatus::UnderWay
        }
    }
}

/// A destination counts once it has an id: until then there is nothing to report.
fn destination(from: types::DestinationInfo) -> Option<Destination> {
    let id = from.id.filter(|id| !id.is_empty())?;
    Some(Destination { service: from.service.unwrap_or_default(), id })
}

/// A snapshot without a name cannot be exported, and is left out.
pub(super) fn instance_snapshot(from: types::InstanceSnapshot) -> Option<Snapshot> {
    let attached = || from.from_attached_disks.iter().flatten().filter(|disk| disk.is_system_disk != Some(true));
    let attached_disks = u32::try_from(attached().count()).unwrap_or(u32::MAX);
    let sizes = attached().filter_map(|disk| disk.size_in_gb).filter_map(|size| u32::try_from(size).ok());
    let attached_gb = sizes.fold(0, u32::saturating_add);
    let account = from.arn.as_deref().and_then(AccountNumber::of_arn);
    Some(Snapshot {
        name: from.name?,
        arn: from.arn.map(SnapshotArn::new),
        kind: SnapshotKind::Instance,
        state: snapshot_state(from.state.as_ref().map_or("", types::InstanceSnapshotState::as_str)),
        attached_disks,
        attached_gb,
        size_gb: from.size_in_gb.and_then(|size| u32::try_from(size).ok()),
        created_at: from.created_at.as_ref().and_then(timestamp),
        source: from.from_instance_name,
        from_auto: from.is_from_auto_snapshot.unwrap_or_default(),
        tags: tags(from.tags),
        account,
    })
}

/// As [`instance_snapshot`].
pub(super) fn disk_snapshot(from: types::DiskSnapshot) -> Option<Snapshot> {
    let account = from.arn.as_deref().and_then(AccountNumber::of_arn);
    Some(Snapshot {
        name: from.name?,
        arn: from.arn.map(SnapshotArn::new),
        kind: SnapshotKind::Disk,
        state: snapshot_state(from.state.as_ref().map_or("", types::DiskSnapshotState::as_str)),
        attached_disks: 0,
        attached_gb: 0,
        size_gb: from.size_in_gb.and_then(|size| u32::try_from(size).ok()),
        created_at: from.created_at.as_ref().and_then(timestamp),
        // A snapshot of a system disk names its instance instead.
        source: from.from_disk_name.or(from.from_instance_name),
        from_auto: from.is_from_auto_snapshot.unwrap_or_default(),
        tags: tags(from.tags),
        account,
    })
}

fn snapshot_state(word: &str) -> SnapshotState {
    match word {
        "pending" => SnapshotState::Pending,
        "available" | "completed" => SnapshotState::Available,
        "error" => SnapshotState::Error,
        other => SnapshotState::Other(other.to_owned()),
    }
}

fn tags(from: Option<Vec<types::Tag>>) -> Vec<(String, String)> {
    let pair = |tag: types::Tag| Some((tag.key?, tag.value.unwrap_or_default()));
    from.unwrap_or_default().into_iter().filter_map(pair).collect()
}

/// The nearest millisecond: a fraction of a second has gone through a float on the wire.
fn timestamp(from: &DateTime) -> Option<Timestamp> {
    let millis = (from.as_nanos() + 500_000).div_euclid(1_000_000);
    i64::try_from(millis).ok().map(Timestamp)
}

/// What stands for the id of an entry that came without one. To leave it out would make it look absent.
fn stand_in(name: Option<&str>, created_at: Option<Timestamp>) -> String {
    format!("unnamed:{}:{}", name.unwrap_or_default(), created_at.map_or(0, |moment| moment.0))
}
