//! Reads the records and measures how late the lists are while it does.

use super::lane_context::LaneContext;
use super::list_lag::ListLag;
use super::list_reader::{Completeness, ListReader, RecordsWanted};
use super::read_error::ReadError;
use super::state::TrackerState;
use std::sync::Arc;

pub(super) struct RecordReader {
    pub(super) context: Arc<LaneContext>,
    pub(super) reader: Arc<ListReader>,
    pub(super) lag: Arc<ListLag>,
}

impl RecordReader {
    /// Reads the records for what is wanted.
    pub(super) async fn read(&self, state: &mut TrackerState, wanted: RecordsWanted) -> Result<(), ReadError> {
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
