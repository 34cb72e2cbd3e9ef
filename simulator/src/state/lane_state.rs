//! What one account has in one Region, with an index for each way it is read.

use crate::api::errors::ErrorAnswer;
use crate::setup::chance::{drawn_for, uuid};
use crate::setup::config::{CopyCap, ExportAnswer, LaneAddress, SimulatorConfig};
use crate::setup::faults::OperationFailure;
use crate::setup::fleet::{FleetEntry, SourceKind, StartState};
use crate::setup::rate_limit::Bucket;
use crate::state::export::{About, Export, ExportOperation, Now};
use crate::state::snapshot::SnapshotEntry;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

/// How long an export of another client takes, unless it is ended.
const ENDLESS: Duration = Duration::from_hours(24 * 365);

/// The state of a lane. Places in its lists never change: what is deleted is only marked.
#[derive(Debug, Default)]
pub(crate) struct LaneState {
    pub(crate) address: LaneAddress,
    pub(crate) snapshots: Vec<SnapshotEntry>,
    pub(crate) exports: Vec<Export>,
    pub(crate) operations: Vec<ExportOperation>,
    pub(crate) export_limit: Bucket,
    pub(crate) read_limit: Bucket,
    by_name: HashMap<String, usize>,
    by_kind: HashMap<SourceKind, Vec<usize>>,
    operation_by_id: HashMap<String, usize>,
    operations_of: HashMap<String, Vec<usize>>,
    /// The copies under way: when they end, and how many.
    copies: BinaryHeap<Reverse<(Duration, u32)>>,
    /// The exports that other clients have in progress.
    others: Vec<usize>,
    /// How many calls there were of each operation for each name.
    seen: HashMap<(String, Option<String>), u64>,
}

/// How an export begins.
#[derive(Debug, Default)]
pub(crate) struct Beginning {
    /// How its operation fails, where it is to fail.
    pub(crate) failure: Option<OperationFailure>,
    /// How long it takes; as configured by default.
    pub(crate) takes: Option<Duration>,
    /// Whether somebody begins it in the console.
    pub(crate) by_hand: bool,
}

impl Beginning {
    pub(crate) fn by_hand() -> Self {
        Self { by_hand: true, ..Self::default() }
    }
}

impl LaneState {
    /// A lane with the snapshots that the configuration gives it.
    pub(crate) fn new(config: &SimulatorConfig, address: LaneAddress, now: Now) -> Self {
        let fleet = config.fleet.in_lane(&address);
        let mut lane = Self { address, ..Self::default() };
        for entry in fleet {
            lane.put(config, entry, now);
        }
        lane
    }

    /// Adds a snapshot that is made now; false where one of that name is there.
    pub(crate) fn add(&mut self, config: &SimulatorConfig, entry: FleetEntry, now: Now) -> bool {
        self.put(config, FleetEntry { age: Some(Duration::ZERO), ..entry }, now)
    }

    fn put(&mut self, config: &SimulatorConfig, entry: FleetEntry, now: Now) -> bool {
        if self.by_name.contains_key(&entry.name) {
            return false;
        }
        let place = self.snapshots.len();
        let pending_until = now.elapsed.saturating_add(config.pending_time);
        let snapshot = SnapshotEntry::new(config.seed, &self.address, entry, place, now.wall_ms, pending_until);
        self.by_name.insert(snapshot.name.clone(), place);
        self.by_kind.entry(snapshot.kind).or_default().push(place);
        self.snapshots.push(snapshot);
        true
    }

    /// Deletes a snapshot; false where there is none of that name.
    pub(crate) fn delete(&mut self, name: &str) -> bool {
        let snapshot = self.by_name.remove(name).and_then(|place| self.snapshots.get_mut(place));
        if let Some(snapshot) = snapshot {
            snapshot.gone = true;
            return true;
        }
        false
    }

    /// Begins an export and gives its place in the lane.
    ///
    /// # Errors
    /// What Lightsail would answer: there is no such snapshot, its blueprint cannot be exported, it is not ready, or too many copies are under way.
    pub(crate) fn export(
        &mut self,
        config: &SimulatorConfig,
        name: &str,
        mut beginning: Beginning,
        now: Now,
    ) -> Result<usize, ErrorAnswer> {
        let found = self.by_name.get(name).and_then(|place| Some((*place, self.snapshots.get(*place)?)));
        let Some((place, snapshot)) = found else { return Err(ErrorAnswer::not_found("Snapshot", name)) };
        let unexportable = &config.not_exported;
        let refused = |id: &str| unexportable.blueprints.iter().any(|begins| id.starts_with(begins.as_str()));
        if snapshot.blueprint().is_some_and(refused) {
            return Err(unexportable.error.clone());
        }
        match snapshot.readiness(now.elapsed) {
            StartState::Available => {}
            StartState::Pending => {
                let wait = format!("{name} is pending. Please wait for it to complete before trying again.");
                return Err(ErrorAnswer::invalid(wait));
            }
            StartState::Error => return Err(ErrorAnswer::invalid(format!("{name} is in state error."))),
        }
        let copies = snapshot.copies();
        while self.copies.peek().is_some_and(|Reverse((ends, _))| *ends <= now.elapsed) {
            self.copies.pop();
        }
        let under_way: u32 = self.copies.iter().map(|Reverse((_, copies))| *copies).sum();
        let others = config.faults.other_copies.saturating_add(u32::try_from(self.others.len()).unwrap_or(u32::MAX));
        let full = |cap: &&CopyCap| under_way.saturating_add(others).saturating_add(copies) > cap.max;
        match config.copies.as_ref().filter(full) {
            Some(CopyCap { failure: None, error, .. }) => return Err(error.clone()),
            Some(CopyCap { failure, .. }) => beginning.failure.clone_from(failure),
            None => {}
        }
        let failure = &beginning.failure;
        let fails_for_the_cap = config.copies.as_ref().is_some_and(|cap| failure.is_some() && *failure == cap.failure);
        let nth = self.begin(config, place, beginning, now);
        if !fails_for_the_cap {
            self.copies.extend(self.exports.get(nth).map(|export| Reverse((export.ends(), copies))));
        }
        Ok(nth)
    }

    /// Begins and ends exports of other clients, until they have as many in progress as they should.
    pub(crate) fn keep_others(&mut self, config: &SimulatorConfig, now: Now) {
        let wanted = config.faults.other_exports as usize;
        while self.others.len() > wanted {
            let export = self.others.pop().and_then(|place| self.exports.get_mut(place));
            if let Some(export) = export {
                export.takes = now.elapsed.saturating_sub(export.begun.elapsed);
            }
        }
        while self.others.len() < wanted {
            let name = format!("other-client-{:05}", self.snapshots.len());
            self.add(config, FleetEntry::named(&name), now);
            let Some(place) = self.by_name.get(&name).copied() else { return };
            let nth = self.begin(config, place, Beginning { takes: Some(ENDLESS), ..Beginning::by_hand() }, now);
            self.others.push(nth);
        }
    }

    fn begin(&mut self, config: &SimulatorConfig, place: usize, beginning: Beginning, now: Now) -> usize {
        let nth = self.exports.len();
        let Some(snapshot) = self.snapshots.get(place) else { return nth };
        let mut export = Export::begin(config, &self.address, (place, snapshot), nth, beginning, now);
        let abouts: &[About] = match config.export_answer {
            ExportAnswer::One | ExportAnswer::None => &[About::Snapshot],
            ExportAnswer::Pair => &[About::Snapshot, About::Record],
        };
        for about in abouts {
            let id = uuid(&mut drawn_for(config.seed, ("operation", &self.address, self.operations.len())));
            let operation = self.operations.len();
            let subject = export.subject(*about, snapshot).to_owned();
            self.operation_by_id.insert(id.clone(), operation);
            self.operations_of.entry(subject).or_default().push(operation);
            self.operations.push(ExportOperation { id, export: nth, about: *about });
            export.operations.push(operation);
        }
        self.exports.push(export);
        nth
    }

    pub(crate) fn snapshot(&self, name: &str) -> Option<&SnapshotEntry> {
        self.by_name.get(name).and_then(|place| self.snapshots.get(*place))
    }

    pub(crate) fn source_of(&self, export: &Export) -> Option<&SnapshotEntry> {
        self.snapshots.get(export.snapshot)
    }

    pub(crate) fn of_kind(&self, kind: SourceKind) -> &[usize] {
        self.by_kind.get(&kind).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn operation(&self, id: &str) -> Option<&ExportOperation> {
        self.operation_by_id.get(id).and_then(|place| self.operations.get(*place))
    }

    /// The operations of a resource; nothing where it never had any and is no snapshot.
    pub(crate) fn operations_of(&self, name: &str) -> Option<&[usize]> {
        match self.operations_of.get(name) {
            Some(places) => Some(places),
            None => self.by_name.contains_key(name).then_some(&[]),
        }
    }

    /// Counts a call; how many of its kind and name there were before.
    pub(crate) fn count(&mut self, operation: &str, name: Option<&str>) -> u64 {
        let count = self.seen.entry((operation.to_owned(), name.map(str::to_owned))).or_default();
        *count += 1;
        *count - 1
    }
}
