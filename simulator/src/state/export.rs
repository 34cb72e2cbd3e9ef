//! One export and its operations, as they are at a given time: a state is computed when it is requested.

use crate::api::shapes::{epoch, location, without_nulls};
use crate::setup::chance::{drawn_for, ec2_id, uuid};
use crate::setup::config::{LaneAddress, SimulatorConfig, SuccessWord};
use crate::setup::faults::OperationFailure;
use crate::setup::fleet::SourceKind;
use crate::state::lane_state::Beginning;
use crate::state::snapshot::SnapshotEntry;
use serde_json::{Value, json};
use std::time::Duration;

/// A point in time on both clocks: the time of day in milliseconds since 1970, and time since the simulator began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) wall_ms: i64,
    pub(crate) elapsed: Duration,
}

/// An export that has begun.
#[derive(Debug)]
pub(crate) struct Export {
    /// The snapshot's place in its lane.
    pub(crate) snapshot: usize,
    pub(crate) arn: String,
    pub(crate) begun: Now,
    pub(crate) failure: Option<OperationFailure>,
    pub(crate) destination_id: String,
    /// The operations' places in the lane.
    pub(crate) operations: Vec<usize>,
    pub(crate) by_hand: bool,
    record_name: String,
    pub(crate) takes: Duration,
    record_lag: Duration,
}

/// An operation of an export.
#[derive(Debug)]
pub(crate) struct ExportOperation {
    pub(crate) id: String,
    pub(crate) export: usize,
    pub(crate) about: About,
}

/// What an operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    Snapshot,
    Record,
}

/// How far something has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    NotStarted,
    Started,
    Succeeded,
    Failed,
}

impl Export {
    /// The lane's `nth` export, begun now.
    pub(crate) fn begin(
        config: &SimulatorConfig,
        lane: &LaneAddress,
        (place, snapshot): (usize, &SnapshotEntry),
        nth: usize,
        beginning: Beginning,
        now: Now,
    ) -> Self {
        let mut rng = drawn_for(config.seed, ("export", lane, &snapshot.arn, nth));
        let record_name = uuid(&mut rng);
        let prefix = if snapshot.kind == SourceKind::Instance { "ami" } else { "snap" };
        Self {
            snapshot: place,
            arn: format!("arn:aws:lightsail:{}:{}:ExportSnapshotRecord/{record_name}", lane.region, lane.account),
            begun: now,
            failure: beginning.failure,
            destination_id: ec2_id(&mut rng, prefix),
            operations: Vec::new(),
            by_hand: beginning.by_hand,
            record_name,
            takes: beginning.takes.unwrap_or(config.operation_time.draw(&mut rng)),
            record_lag: config.record_lag,
        }
    }

    /// When its copies are done, in the simulator's time.
    pub(crate) fn ends(&self) -> Duration {
        self.begun.elapsed.saturating_add(self.takes)
    }

    /// What an operation's `resourceName` is.
    pub(crate) fn subject<'a>(&'a self, about: About, snapshot: &'a SnapshotEntry) -> &'a str {
        match about {
            About::Snapshot => &snapshot.name,
            About::Record => &self.record_name,
        }
    }

    fn stage(&self, lag: Duration, now: Duration) -> Stage {
        match (now >= self.ends().saturating_add(lag), &self.failure) {
            (true, Some(_)) => Stage::Failed,
            (true, None) => Stage::Succeeded,
            // A tenth of the time it waits for its turn.
            (false, _) if now < self.begun.elapsed + self.takes / 10 => Stage::NotStarted,
            (false, _) => Stage::Started,
        }
    }

    /// The destination, once the record has succeeded.
    pub(crate) fn destination(&self, now: Duration) -> Option<&str> {
        (self.stage(self.record_lag, now) == Stage::Succeeded).then_some(self.destination_id.as_str())
    }

    pub(crate) fn record(&self, lane: &LaneAddress, snapshot: &SnapshotEntry, now: Duration) -> Value {
        let service = match snapshot.kind {
            SourceKind::Instance => "Aws::EC2::Image",
            SourceKind::Disk => "Aws::EC2::Snapshot",
        };
        without_nulls(json!({
            "name": self.record_name,
            "arn": self.arn,
            "createdAt": epoch(self.begun.wall_ms),
            "location": location(lane),
            "resourceType": "ExportSnapshotRecord",
            "state": match self.stage(self.record_lag, now) {
                Stage::NotStarted | Stage::Started => "Started",
                Stage::Succeeded => "Succeeded",
                Stage::Failed => "Failed",
            },
            "sourceInfo": snapshot.source(lane),
            "destinationInfo": self.destination(now).map(|id| json!({ "id": id, "service": service })),
        }))
    }

    pub(crate) fn operation(
        &self,
        operation: &ExportOperation,
        lane: &LaneAddress,
        snapshot: &SnapshotEntry,
        word: SuccessWord,
        now: Duration,
    ) -> Value {
        let (status, after) = match (self.stage(Duration::ZERO, now), word) {
            (Stage::NotStarted, _) => ("NotStarted", Duration::ZERO),
            (Stage::Started, _) => ("Started", self.takes / 10),
            (Stage::Failed, _) => ("Failed", self.takes),
            (Stage::Succeeded, SuccessWord::Succeeded) => ("Succeeded", self.takes),
            (Stage::Succeeded, SuccessWord::Completed) => ("Completed", self.takes),
        };
        let changed_ms = self.begun.wall_ms.saturating_add(i64::try_from(after.as_millis()).unwrap_or(i64::MAX));
        let failure = self.failure.as_ref().filter(|_| status == "Failed");
        without_nulls(json!({
            "id": operation.id,
            "resourceName": self.subject(operation.about, snapshot),
            "resourceType": match operation.about {
                About::Snapshot => snapshot.resource_type(),
                About::Record => "ExportSnapshotRecord",
            },
            "createdAt": epoch(self.begun.wall_ms),
            "location": location(lane),
            "isTerminal": matches!(status, "Failed" | "Succeeded" | "Completed"),
            "operationDetails": "",
            "operationType": "ExportSnapshot",
            "status": status,
            "statusChangedAt": epoch(changed_ms),
            "errorCode": failure.map(|failure| &failure.code),
            "errorDetails": failure.map(|failure| &failure.details),
        }))
    }
}
