//! Finds snapshots that an inventory's lists did not show. Lists move while they are paged through, so each is requested by
//! its name before it counts as missing, and its likeliest misspelling is looked up.

use super::list_reader::{PAGE_RETRIES, may_pass_at_once};
use super::{LaneListReader, ReadError};
use crate::domain::{ErrorCode, Failure, SnapshotName, is_snapshot_of, looks_automatic, near_names};
use crate::lightsail::{CallError, ErrorClass, Snapshot, SnapshotKind};
use crate::queue::QueueError;
use crate::tracking::lane_context::TrackingContext;

/// Names that are compared with a missing one, at most, so that memory does not grow with the lane.
const COMPARED: u32 = 10_000;

/// Snapshots that one inventory requests by their names, two reads each. Where more are missing, the whole lane is read once
/// more instead.
const REQUESTED: u32 = 50;

/// Snapshots of one instance that are read, at most.
const OF_INSTANCE: u32 = 1000;

/// The search of one inventory.
pub(in crate::tracking) struct SnapshotSearch<'a> {
    reader: &'a LaneListReader,
    context: &'a TrackingContext,
    requested: u32,
    read_again: bool,
    /// The names to compare with, once one is missing.
    names: Option<Vec<String>>,
}

/// The result for a snapshot that the lists did not show.
pub(in crate::tracking) enum SearchResult {
    /// It is there, in this state.
    There(String),
    Gone,
    /// It could not be read.
    Unclear,
}

impl<'a> SnapshotSearch<'a> {
    pub(in crate::tracking) fn new(reader: &'a LaneListReader) -> Self {
        Self { reader, context: &reader.0, requested: 0, read_again: false, names: None }
    }

    /// Reads the lists again where more are missing than may be requested by name.
    pub(in crate::tracking) async fn expect_missing(&mut self, many: usize) -> Result<(), ReadError> {
        if u32::try_from(many).unwrap_or(u32::MAX) > REQUESTED.saturating_sub(self.requested) {
            self.read_again().await?;
        }
        Ok(())
    }

    /// Requests a snapshot by its name, or reads the lists again where Lightsail refuses that. Presence wins.
    pub(in crate::tracking) async fn find(&mut self, name: &SnapshotName) -> Result<SearchResult, ReadError> {
        if self.read_again
            && let Some(state) = self.listed_state(name).await?
        {
            return Ok(SearchResult::There(state));
        }
        if self.requested >= REQUESTED {
            return Ok(SearchResult::Gone);
        }
        self.requested += 1;
        for (kind, call) in [(SnapshotKind::Instance, "GetInstanceSnapshot"), (SnapshotKind::Disk, "GetDiskSnapshot")] {
            match self.request(name, kind).await {
                Ok(Some(snapshot)) => {
                    let state = self.reader.add_snapshot(snapshot).await?;
                    return Ok(state.map_or(SearchResult::Unclear, SearchResult::There));
                }
                Ok(None) => {}
                Err(error) if matches!(error.class, ErrorClass::Permanent | ErrorClass::Unfamiliar) => {
                    self.read_again().await?;
                    return Ok(self.listed_state(name).await?.map_or(SearchResult::Gone, SearchResult::There));
                }
                Err(error) if error.trouble().is_some() => return Err(self.context.read_error(call, &error).await),
                Err(error) => return self.reader.tolerate(call, &error).await.map(|_| SearchResult::Unclear),
            }
        }
        Ok(SearchResult::Gone)
    }

    /// A snapshot by its name, requested again as a page is.
    async fn request(&self, name: &SnapshotName, kind: SnapshotKind) -> Result<Option<Snapshot>, CallError> {
        let mut retries = PAGE_RETRIES;
        loop {
            match self.context.api.snapshot(name, kind).await {
                Err(error) if retries > 0 && may_pass_at_once(&error) => retries -= 1,
                found => return found,
            }
        }
    }

    /// The failure of a job whose snapshot is gone, with the name that may have been meant.
    pub(in crate::tracking) async fn missing(&mut self, name: &SnapshotName) -> Result<Failure, QueueError> {
        let wanted = name.as_str();
        let lane = self.context.lane.id;
        // The name of an instance leads to its snapshots, of which the last in order is the newest by the console's names.
        let of_instance = self.context.queue.snapshot_names(lane, &format!("{wanted}-"), OF_INSTANCE).await?;
        if let Some(newest) = of_instance.iter().rfind(|name| is_snapshot_of(name, wanted)) {
            return Ok(not_found(wanted, Some(newest), false));
        }
        if self.names.is_none() {
            self.names = Some(self.context.queue.snapshot_names(lane, "", COMPARED).await?);
        }
        let names = self.names.as_deref().unwrap_or_default();
        if names.len() < COMPARED as usize {
            return Ok(not_found(wanted, near(wanted, names), names.is_empty()));
        }
        // Of so many, only those that begin alike.
        let begins: String = wanted.chars().take(wanted.chars().count() / 2).collect();
        let names = self.context.queue.snapshot_names(lane, &begins, COMPARED).await?;
        Ok(not_found(wanted, near(wanted, &names), false))
    }

    async fn listed_state(&self, name: &SnapshotName) -> Result<Option<String>, QueueError> {
        self.context.queue.snapshot_state(self.context.lane.id, name).await
    }

    /// Reads the lists once more, once in an inventory.
    async fn read_again(&mut self) -> Result<(), ReadError> {
        if !self.read_again {
            self.read_again = true;
            self.reader.read_snapshots_again().await?;
        }
        Ok(())
    }
}

fn near<'a>(wanted: &str, names: &'a [String]) -> Option<&'a str> {
    near_names(wanted, names.iter().map(String::as_str)).into_iter().next()
}

fn not_found(wanted: &str, near: Option<&str>, empty: bool) -> Failure {
    let mut message = match near {
        _ if empty => "this account has no snapshot in this Region; is it the right one?".to_owned(),
        Some(name) => format!("no snapshot of that name in this account and Region; did you mean {name:?}?"),
        None => "no snapshot of that name in this account and Region".to_owned(),
    };
    if near.is_none() || looks_automatic(wanted) {
        message.push_str(" (automatic snapshots must be copied first)");
    }
    Failure::new(ErrorCode::SNAPSHOT_NOT_FOUND, message)
}
