//! What the reading operations answer.

use crate::api::errors::ErrorAnswer;
use crate::api::paging::Listing;
use crate::setup::config::{ListOrder, SimulatorConfig};
use crate::setup::fleet::SourceKind;
use crate::state::export::{Export, ExportOperation};
use crate::state::lane_state::LaneState;
use serde::Serialize;
use serde_json::{Map, Value};
use std::num::NonZeroUsize;
use std::time::Duration;

/// A call's input: a JSON object.
pub(crate) type CallInput = Map<String, Value>;

/// A reader of one lane at one time.
pub(crate) struct ListReader<'a> {
    pub(crate) lane: &'a LaneState,
    pub(crate) config: &'a SimulatorConfig,
    pub(crate) now: Duration,
}

/// The text member `key` of a call's input, if it is there and not null.
///
/// # Errors
/// `SerializationException` where it is no text.
pub(crate) fn text<'a>(input: &'a CallInput, key: &str) -> Result<Option<&'a str>, ErrorAnswer> {
    match input.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str() {
            None => Err(ErrorAnswer::serialization(format!("{key} is not a string"))),
            text => Ok(text),
        },
    }
}

/// The text member `key`, which must be there.
///
/// # Errors
/// `InvalidInputException` where it is missing or empty, `SerializationException` where it is no text.
pub(crate) fn required<'a>(input: &'a CallInput, key: &str) -> Result<&'a str, ErrorAnswer> {
    text(input, key)?
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ErrorAnswer::invalid(format!("{key} must not be empty.")))
}

impl ListReader<'_> {
    /// The JSON answer to a reading operation.
    ///
    /// # Errors
    /// The error that Lightsail would answer with; `UnknownOperationException` for an operation not played here.
    pub(crate) fn answer(&self, operation: &str, input: &CallInput) -> Result<String, ErrorAnswer> {
        match operation {
            "GetOperation" => {
                let id = required(input, "operationId")?;
                let found = self.lane.operation(id).and_then(|operation| self.operation(operation));
                let found = found.ok_or_else(|| ErrorAnswer::not_found("Operation", id))?;
                Ok(json("operation", &found, None))
            }
            "GetOperations" => {
                let listed = self.lane.operations.partition_point(|operation| self.is_operation_listed(operation));
                self.operations("GetOperations", "", listed, &|place| place, input)
            }
            "GetOperationsForResource" => {
                let name = required(input, "resourceName")?;
                let places = self.lane.operations_of(name).ok_or_else(|| ErrorAnswer::not_found("Resource", name))?;
                let at = |place: &usize| self.lane.operations.get(*place);
                let listed = places.partition_point(|place| at(place).is_some_and(|one| self.is_operation_listed(one)));
                let place = |nth: usize| places.get(nth).copied().unwrap_or(usize::MAX);
                self.operations("GetOperationsForResource", name, listed, &place, input)
            }
            "GetExportSnapshotRecords" => self.records(input),
            "GetInstanceSnapshots" => self.snapshots("instanceSnapshots", SourceKind::Instance, input),
            "GetDiskSnapshots" => self.snapshots("diskSnapshots", SourceKind::Disk, input),
            "GetInstanceSnapshot" => self.snapshot("instanceSnapshot", SourceKind::Instance, input),
            "GetDiskSnapshot" => self.snapshot("diskSnapshot", SourceKind::Disk, input),
            _ => Err(ErrorAnswer::unknown_operation()),
        }
    }

    /// The operations that `ExportSnapshot` answers with.
    pub(crate) fn begun(&self, operations: &[usize]) -> String {
        let operations = operations.iter().filter_map(|place| self.lane.operations.get(*place));
        let shapes: Vec<_> = operations.filter_map(|operation| self.operation(operation)).collect();
        json("operations", &shapes, None)
    }

    fn operation(&self, operation: &ExportOperation) -> Option<Value> {
        let export = self.lane.exports.get(operation.export)?;
        let snapshot = self.lane.source_of(export)?;
        Some(export.operation(operation, &self.lane.address, snapshot, self.config.success_word, self.now))
    }

    /// Exports begin in the order of time, so what a late list shows is a first part of what there is.
    fn is_listed(&self, export: &Export) -> bool {
        export.begun.elapsed.saturating_add(self.config.faults.late_lists) <= self.now
    }

    fn is_operation_listed(&self, operation: &ExportOperation) -> bool {
        self.lane.exports.get(operation.export).is_some_and(|export| self.is_listed(export))
    }

    fn listing<'a>(&'a self, operation: &'a str, about: &'a str) -> Listing<'a> {
        let (order, page_size) = (self.config.order, self.config.page_size);
        Listing { lane: &self.lane.address, about: (operation, about), order, page_size }
    }

    /// A page of the first `listed` operations, whose places in the lane are `place_of` each.
    fn operations(
        &self,
        call: &str,
        about: &str,
        listed: usize,
        place_of: &dyn Fn(usize) -> usize,
        input: &CallInput,
    ) -> Result<String, ErrorAnswer> {
        let most = self.config.operations_listed.filter(|_| call == "GetOperations").map_or(listed, NonZeroUsize::get);
        let is_shown = |nth: usize| match self.config.order {
            ListOrder::NewestFirst => nth >= listed.saturating_sub(most),
            ListOrder::OldestFirst | ListOrder::Slipping => nth < most,
        };
        let page = self.listing(call, about).page(text(input, "pageToken")?, listed, is_shown)?;
        let found = page.places.into_iter().filter_map(|nth| self.lane.operations.get(place_of(nth)));
        let shapes: Vec<_> = found.filter_map(|operation| self.operation(operation)).collect();
        Ok(json("operations", &shapes, page.next))
    }

    fn records(&self, input: &CallInput) -> Result<String, ErrorAnswer> {
        let exports = &self.lane.exports;
        let listed = exports.partition_point(|export| self.is_listed(export));
        let listing = self.listing("GetExportSnapshotRecords", "");
        let page = listing.page(text(input, "pageToken")?, listed, |_| true)?;
        let found = page.places.into_iter().filter_map(|place| exports.get(place));
        let shapes: Vec<_> = found
            .filter_map(|export| Some(export.record(&self.lane.address, self.lane.source_of(export)?, self.now)))
            .collect();
        Ok(json("exportSnapshotRecords", &shapes, page.next))
    }

    fn snapshots(&self, key: &str, kind: SourceKind, input: &CallInput) -> Result<String, ErrorAnswer> {
        let places = self.lane.of_kind(kind);
        let at = |place: usize| places.get(place).and_then(|place| self.lane.snapshots.get(*place));
        let is_there = |place| at(place).is_some_and(|snapshot| !snapshot.gone);
        let page = self.listing(key, "").page(text(input, "pageToken")?, places.len(), is_there)?;
        let found = page.places.into_iter().filter_map(at);
        let shapes: Vec<_> = found.map(|snapshot| snapshot.shape(&self.lane.address, self.now)).collect();
        Ok(json(key, &shapes, page.next))
    }

    fn snapshot(&self, key: &str, kind: SourceKind, input: &CallInput) -> Result<String, ErrorAnswer> {
        let name = required(input, &format!("{key}Name"))?;
        let found = self.lane.snapshot(name).filter(|snapshot| snapshot.kind == kind);
        let found = found.ok_or_else(|| ErrorAnswer::not_found("Snapshot", name))?;
        Ok(json(key, &found.shape(&self.lane.address, self.now), None))
    }
}

/// An object of one member; `next` becomes `nextPageToken`.
fn json(key: &str, value: &impl Serialize, next: Option<String>) -> String {
    // Plain structures with text keys: there is nothing that could fail.
    let value = serde_json::to_string(value).unwrap_or_default();
    let next = next.map(|token| format!(",\"nextPageToken\":\"{token}\"")).unwrap_or_default();
    format!("{{\"{key}\":{value}{next}}}")
}
