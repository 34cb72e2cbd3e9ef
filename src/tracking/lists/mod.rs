//! Reading Lightsail's lists, page by page, into the store.

pub(in crate::tracking) mod lane_identity;
pub(in crate::tracking) mod list_reader;
pub(in crate::tracking) mod observations;
pub(in crate::tracking) mod read_error;
pub(in crate::tracking) mod read_failures;
pub(in crate::tracking) mod record_reader;
pub(in crate::tracking) mod snapshot_search;
