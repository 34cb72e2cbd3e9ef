//! What has been exported, how often: the simulator's own account of it, against which a client's report is held.

use crate::state::lane_state::LaneState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// All exports of all lanes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// Exports that began, by hand too.
    pub exports: usize,
    /// Exports beyond the first of the same snapshot (not just the same name), those left out that failed.
    pub duplicates: usize,
    /// Calls that arrived.
    pub calls: usize,
    /// Calls that were throttled.
    pub throttled: usize,
    /// Each lane that was called, by `ACCOUNT/REGION`.
    pub lanes: BTreeMap<String, LaneLedger>,
}

/// The exports of one lane.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneLedger {
    /// The account's 12 digits.
    pub account: String,
    /// The Region's code.
    pub region: String,
    /// Each snapshot that was exported, by its name.
    pub snapshots: BTreeMap<String, SnapshotLedger>,
}

/// The exports of what carried one name, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotLedger {
    /// How many began.
    pub exports: usize,
    /// How many of them somebody began by hand.
    pub by_hand: usize,
    /// How many of them fail, or have failed.
    pub failures: usize,
    /// As in [`Ledger::duplicates`].
    pub duplicates: usize,
    /// Their operations.
    pub operation_ids: Vec<String>,
    /// Their records.
    pub record_arns: Vec<String>,
    /// What they became, as far as they have succeeded by now.
    pub destination_ids: Vec<String>,
    /// When they end, in milliseconds since the simulator began.
    #[serde(default)]
    pub ends_ms: Vec<u64>,
}

impl LaneState {
    pub(crate) fn ledger(&self, now: Duration) -> LaneLedger {
        let mut snapshots: BTreeMap<String, SnapshotLedger> = BTreeMap::new();
        let mut kept: HashMap<usize, usize> = HashMap::new();
        for (export, snapshot) in self.exports.iter().filter_map(|export| Some((export, self.source_of(export)?))) {
            let entry = snapshots.entry(snapshot.name.clone()).or_default();
            entry.exports += 1;
            entry.by_hand += usize::from(export.by_hand);
            if export.failure.is_some() {
                entry.failures += 1;
            } else {
                let kept = kept.entry(export.snapshot).or_default();
                *kept += 1;
                entry.duplicates += usize::from(*kept > 1);
            }
            let operations = export.operations.iter().filter_map(|place| self.operations.get(*place));
            entry.operation_ids.extend(operations.map(|operation| operation.id.clone()));
            entry.record_arns.push(export.arn.clone());
            entry.ends_ms.push(u64::try_from(export.ends().as_millis()).unwrap_or(u64::MAX));
            entry.destination_ids.extend(export.destination(now).map(str::to_owned));
        }
        LaneLedger { account: self.address.account.clone(), region: self.address.region.clone(), snapshots }
    }
}
