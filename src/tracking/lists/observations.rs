//! From Lightsail's lists to rows of the store. Pure.

use crate::domain::{EntryStatus, ErrorCode, Failure, SnapshotName};
use crate::lightsail::{ExportRecord, Operation, Snapshot};
use crate::queue::{EntryKey, ListedSnapshot, Observation};

/// The kind of operation that an export is; in no enum of the SDK.
const EXPORT: &str = "ExportSnapshot";

/// A record as a row; none where it names no snapshot.
pub(in crate::tracking) fn of_record(record: ExportRecord) -> Option<Observation> {
    let snapshot = SnapshotName::parse(record.source_name.as_deref()?).ok()?;
    Some(Observation {
        key: EntryKey::Record(record.arn),
        snapshot,
        snapshot_arn: record.source_arn,
        status: record.state,
        record_name: record.name,
        destination: record.destination,
        failure: None,
        created_at: record.created_at,
    })
}

/// The exports among operations. An operation that was requested by its id is of the snapshot that is given.
pub(in crate::tracking) fn of_operations(operations: Vec<Operation>, of: Option<&SnapshotName>) -> Vec<Observation> {
    operations.into_iter().filter_map(|one| of_operation(one, of)).collect()
}

fn of_operation(operation: Operation, of: Option<&SnapshotName>) -> Option<Observation> {
    let snapshot = match of {
        Some(name) => name.clone(),
        None if operation.kind == EXPORT => SnapshotName::parse(operation.resource_name.as_deref()?).ok()?,
        None => return None,
    };
    let failure = (operation.status == EntryStatus::Failed).then(|| Failure {
        code: ErrorCode::new(operation.error_code.as_deref().unwrap_or(ErrorCode::OPERATION_FAILED)),
        message: operation
            .error_details
            .unwrap_or_else(|| "Lightsail says that the export failed, and gives no reason".to_owned()),
    });
    Some(Observation {
        key: EntryKey::Operation(operation.id),
        snapshot,
        snapshot_arn: None,
        status: operation.status,
        record_name: None,
        destination: None,
        failure,
        created_at: operation.created_at,
    })
}

/// A snapshot as a row; none where its name is not valid.
pub(in crate::tracking) fn of_snapshot(snapshot: Snapshot) -> Option<ListedSnapshot> {
    let name = SnapshotName::parse(&snapshot.name).ok()?;
    Some(ListedSnapshot {
        name,
        arn: snapshot.arn,
        kind: snapshot.kind.as_str(),
        state: snapshot.state.as_str().to_owned(),
        weight: snapshot.attached_disks.saturating_add(1),
        size_gb: snapshot.size_gb.map(i64::from),
        created_at: snapshot.created_at,
    })
}
