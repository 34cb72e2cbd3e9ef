//! Gathers facts: each read of Lightsail once and no page beyond the first, the owner of the credentials, folders.

use super::facts::{CallerCheck, LaneFacts, Read};
use crate::clock::SharedClock;
use crate::domain::{Lane, OperationId, SnapshotName};
use crate::lightsail::{
    AccountAccess, CallError, Endpoints, ErrorClass, Lightsail, SharedHttp, Snapshot, SnapshotKind, caller_identity,
    check_endpoint, endpoints,
};
use rustix::fs::{Access, access};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The longest wait for a response: a person waits too.
const PATIENCE: Duration = Duration::from_secs(10);

/// Every read that Snapferry makes, in the order in which they are tried.
pub(super) const READS: [&str; 8] = [
    "GetInstanceSnapshots",
    "GetDiskSnapshots",
    "GetExportSnapshotRecords",
    "GetOperations",
    "GetOperationsForResource",
    "GetInstanceSnapshot",
    "GetDiskSnapshot",
    "GetOperation",
];

/// A name that no snapshot is likely to have: not found is an answer too.
const NOBODY: &str = "snapferry-doctor-asks";
const NO_OPERATION: &str = "00000000-0000-4000-8000-000000000000";

/// A lane to examine.
pub struct ExaminedLane {
    /// Which.
    pub lane: Lane,
    /// How its account is reached.
    pub access: AccountAccess,
    /// Its Lightsail, behind its read limit.
    pub api: Arc<dyn Lightsail>,
    /// The time.
    pub clock: SharedClock,
}

impl std::fmt::Debug for ExaminedLane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExaminedLane").field("lane", &self.lane).finish_non_exhaustive()
    }
}

/// Finds out whose the credentials of a lane's account are, where they are AWS credentials.
pub async fn identify(examined: &ExaminedLane) -> CallerCheck {
    let Endpoints { lightsail, sts } = endpoints(&examined.access, examined.lane.region).await;
    // Credentials of a stand-in are nothing to AWS, and those of AWS nothing to a stand-in.
    if lightsail.as_deref().is_some_and(is_of_aws) != sts.as_deref().is_some_and(is_of_aws) {
        return CallerCheck::NotAsked;
    }
    match caller_identity(&examined.access, examined.lane.region, PATIENCE, &SharedHttp::new()).await {
        Ok(identity) => CallerCheck::Told(identity),
        // A stand-in need not speak STS.
        Err(error) if !sts.as_deref().is_some_and(is_of_aws) && error.class != ErrorClass::Credentials => {
            CallerCheck::NotAsked
        }
        Err(error) => CallerCheck::Failed(error),
    }
}

fn is_of_aws(url: &str) -> bool {
    let host = url.split("://").nth(1).unwrap_or_default().split(['/', ':']).next().unwrap_or_default();
    [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|ending| host.ends_with(ending))
}

/// Examines a lane.
pub async fn examine(examined: &ExaminedLane) -> LaneFacts {
    let ExaminedLane { lane, access, clock, .. } = examined;
    let endpoint = endpoints(access, lane.region).await.lightsail.unwrap_or_default();
    let reachable = check_endpoint(access, &endpoint, PATIENCE, clock.as_ref()).await;
    let mut facts = LaneFacts { lane: lane.clone(), endpoint, reachable, reads: Vec::new(), account: None };
    if facts.reachable.is_ok() {
        try_reads(examined, &mut facts).await;
    }
    facts
}

async fn try_reads(examined: &ExaminedLane, facts: &mut LaneFacts) {
    let api = &examined.api;
    let Ok(nobody) = SnapshotName::parse(NOBODY) else { return };
    let (mut instance, mut disk) = (None, None);
    let mut operation = None;
    for action in READS {
        let began = examined.clock.elapsed();
        let result = match action {
            "GetInstanceSnapshots" => api.snapshots(SnapshotKind::Instance, None).await.map(|page| {
                instance = page.items.iter().find_map(|one| SnapshotName::parse(&one.name).ok());
                facts.observe(&page.items);
            }),
            "GetDiskSnapshots" => api.snapshots(SnapshotKind::Disk, None).await.map(|page| {
                disk = page.items.iter().find_map(|one| SnapshotName::parse(&one.name).ok());
                facts.observe(&page.items);
            }),
            "GetExportSnapshotRecords" => api.export_records(None).await.map(|page| {
                let account = page.items.into_iter().find_map(|record| record.account);
                facts.account = facts.account.take().or(account);
            }),
            "GetOperations" => api.operations(None, None).await.map(|page| {
                operation = page.items.into_iter().next().map(|operation| operation.id);
            }),
            "GetOperationsForResource" => {
                let name = instance.as_ref().or(disk.as_ref()).unwrap_or(&nobody);
                api.operations(Some(name), None).await.map(drop)
            }
            "GetInstanceSnapshot" => {
                let name = instance.as_ref().unwrap_or(&nobody);
                api.snapshot(name, SnapshotKind::Instance).await.map(drop)
            }
            "GetDiskSnapshot" => api.snapshot(disk.as_ref().unwrap_or(&nobody), SnapshotKind::Disk).await.map(drop),
            _ => {
                let id = operation.clone().unwrap_or_else(|| OperationId::new(NO_OPERATION));
                api.get_operation(&id).await.map(drop)
            }
        };
        let took = examined.clock.elapsed().saturating_sub(began);
        let result = result.or_else(answered);
        let in_vain = result.as_ref().is_err_and(|error| {
            matches!(
                error.class,
                ErrorClass::Credentials | ErrorClass::Unreachable | ErrorClass::SetupInProgress | ErrorClass::Ambiguous
            )
        });
        facts.reads.push(Read { action, took, result });
        if in_vain {
            return;
        }
    }
}

/// A refusal of what was requested is a response: the request itself is allowed.
fn answered(error: CallError) -> Result<(), CallError> {
    let of_the_lane = error.trouble().is_some() || matches!(error.class, ErrorClass::Throttled | ErrorClass::Ambiguous);
    if of_the_lane { Err(error) } else { Ok(()) }
}

impl LaneFacts {
    fn observe(&mut self, snapshots: &[Snapshot]) {
        let account = snapshots.iter().find_map(|snapshot| snapshot.account.clone());
        self.account = self.account.take().or(account);
    }
}

/// Whether a folder can be written, or made; the one that it is in has to be there.
pub fn check_folder(path: &Path) -> Result<(), String> {
    let wanted = Access::WRITE_OK | Access::EXEC_OK;
    match (std::fs::metadata(path), path.parent()) {
        (Ok(found), _) if !found.is_dir() => Err("is not a folder".to_owned()),
        (Ok(_), _) => access(path, wanted).map_err(|error| format!("cannot be written: {error}")),
        (Err(error), Some(parent)) if error.kind() == std::io::ErrorKind::NotFound => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            access(parent, wanted).map_err(|error| format!("cannot be made in {}: {error}", parent.display()))
        }
        (Err(error), _) => Err(format!("cannot be read: {error}")),
    }
}
