//! Reading Lightsail's lists, page by page, into the store.

mod list_reader;
mod observations;
mod read_error;
mod read_failures;
mod snapshot_search;

pub(super) use list_reader::{Completeness, LaneListReader, MOST_LISTED, RecordsWanted};
pub(super) use read_error::{FailedRead, ReadError};
pub(super) use read_failures::{Purpose, ReadFailures};
pub(super) use snapshot_search::{SearchResult, SnapshotSearch};
