//! Everything the simulator knows, behind one lock: its lanes, the faults to come, and the calls so far.

use crate::setup::config::{LaneAddress, SimulatorConfig};
use crate::state::calls::Call;
use crate::state::change::{ByHand, ChangeError, SnapshotChange};
use crate::state::export::Now;
use crate::state::lane_state::{Beginning, LaneState};
use crate::state::ledger::Ledger;
use std::collections::HashMap;

/// The simulator's state.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) config: SimulatorConfig,
    pub(crate) calls: Vec<Call>,
    lanes: HashMap<LaneAddress, LaneState>,
}

impl World {
    pub(crate) fn new(config: SimulatorConfig) -> Self {
        Self { config, calls: Vec::new(), lanes: HashMap::new() }
    }

    /// The lane, made at its first call, beside the configuration.
    pub(crate) fn lane(&mut self, address: &LaneAddress, now: Now) -> (&mut LaneState, &mut SimulatorConfig) {
        let config = &mut self.config;
        let lane = self.lanes.entry(address.clone()).or_insert_with(|| LaneState::new(config, address.clone(), now));
        (lane, config)
    }

    pub(crate) fn export_by_hand(&mut self, export: &ByHand, now: Now) -> Result<(), ChangeError> {
        let address = self.address(export.account.as_deref(), Some(&export.region))?;
        let (lane, config) = self.lane(&address, now);
        let begun = lane.export(config, &export.name, Beginning::by_hand(), now);
        begun.map(|_| ()).map_err(|error| ChangeError::Refused(error.message))
    }

    pub(crate) fn change(&mut self, change: SnapshotChange, now: Now) -> Result<(), ChangeError> {
        let (entry, replaces) = match change {
            SnapshotChange::Delete { account, region, name } => {
                let address = self.address(account.as_deref(), Some(&region))?;
                let (lane, _) = self.lane(&address, now);
                return if lane.delete(&name) { Ok(()) } else { Err(ChangeError::Missing(name)) };
            }
            SnapshotChange::Add(entry) => (entry, false),
            SnapshotChange::Replace(entry) => (entry, true),
        };
        let address = self.address(entry.account.as_deref(), entry.region.as_deref())?;
        let (lane, config) = self.lane(&address, now);
        let name = entry.name.clone();
        if replaces && !lane.delete(&name) {
            return Err(ChangeError::Missing(name));
        }
        if lane.add(config, entry, now) { Ok(()) } else { Err(ChangeError::Taken(name)) }
    }

    pub(crate) fn ledger(&self, now: Now) -> Ledger {
        let lanes = self.lanes.iter().map(|(address, lane)| (address.to_string(), lane.ledger(now.elapsed)));
        let throttled = self.calls.iter().filter(|call| call.answer == "ThrottlingException").count();
        let mut ledger =
            Ledger { calls: self.calls.len(), throttled, lanes: lanes.collect(), exports: 0, duplicates: 0 };
        for snapshot in ledger.lanes.values().flat_map(|lane| lane.snapshots.values()) {
            ledger.exports += snapshot.exports;
            ledger.duplicates += snapshot.duplicates;
        }
        ledger
    }

    fn address(&self, account: Option<&str>, region: Option<&str>) -> Result<LaneAddress, ChangeError> {
        let account = account.unwrap_or(&self.config.default_account).to_owned();
        let region = region.ok_or(ChangeError::NoRegion)?.to_owned();
        Ok(LaneAddress { account, region })
    }
}
