//! Reads the records and measures how late the lists are while it does.

use crate::tracking::lane_context::LaneContext;
use crate::tracking::list_lag::ListLag;
use crate::tracking::lists::list_reader::{Completeness, ListReader, RecordsWanted};
use crate::tracking::lists::read_error::ReadError;
use crate::tracking::state::TrackerState;
use std::sync::Arc;

pub(in crate::tracking) struct RecordReader {
    pub(in crate::tracking) context: Arc<LaneContext>,
    pub(in crate::tracking) reader: Arc<ListReader>,
    pub(in crate::tracking) lag: Arc<ListLag>,
}

impl RecordReader {
    /// Reads the records for what is wanted.
    pub(in crate::tracking) async fn read(
        &self,
        state: &mut TrackerState,
        wanted: RecordsWanted,
    ) -> Result<(), ReadError> {
        let began = self.context.clock.elapsed();
        self.lag.before_reading(&mut state.watch).await?;
        let (pages, reading) = self.reader.read_records(wanted).await?;
        state.pages = pages;
        if reading == Completeness::Complete {
            state.read_through_at = Some(began);
        }
        Ok(self.lag.after_reading(&mut state.watch, began, reading).await?)
    }
}
