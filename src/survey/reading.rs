//! Reading a lane: its snapshots and its export records, every page. A page that fails for a passing trouble is requested again.

use super::Exports;
use crate::clock::SharedClock;
use crate::domain::{AccountNumber, Lane, backoff};
use crate::lightsail::{CallError, ErrorClass, Lightsail, Pages, READ_ACTIONS, ReadingError, Snapshot, SnapshotKind};
use crate::settings::LaneSettings;
use std::sync::Arc;

/// A lane that can be read.
pub struct LaneReader {
    /// The lane.
    pub lane: Lane,
    /// Its Lightsail, behind its read limit.
    pub api: Arc<dyn Lightsail>,
    /// For the waits.
    pub clock: SharedClock,
    /// Its settings.
    pub settings: LaneSettings,
}

/// What a lane was seen to have.
#[derive(Debug, Default)]
pub struct LaneReading {
    /// Its snapshots of both kinds, in the order of their names.
    pub snapshots: Vec<Snapshot>,
    /// What its records show.
    pub exports: Exports,
    /// Whose lane it is, once an ARN has shown it.
    pub account: Option<AccountNumber>,
    /// The pages that the snapshots took: calls.
    pub snapshot_pages: u32,
    /// The pages that the records took: calls.
    pub record_pages: u32,
}

/// Why a lane could not be read to the end, with the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {error}{}", advice(error), reached_by.as_ref().map(|way| format!(" ({way})")).unwrap_or_default())]
pub struct Unread {
    /// What went wrong.
    pub error: ReadingError,
    /// The profile, role and endpoint that were used, as far as they are set.
    pub reached_by: Option<String>,
}

impl LaneReader {
    /// Reads every page, the lists side by side.
    ///
    /// # Errors
    /// [`Unread`], where one of the lists could not be read to its end: half a list would say that the rest is not there.
    pub async fn read(&self) -> Result<LaneReading, Unread> {
        let (mut instances, mut disks) = (Vec::new(), Vec::new());
        let mut exports = Exports::default();
        let (instance_pages, disk_pages, record_pages) = futures_util::future::try_join3(
            self.list(Pages::snapshots(&*self.api, SnapshotKind::Instance), |page| instances.extend(page)),
            self.list(Pages::snapshots(&*self.api, SnapshotKind::Disk), |page| disks.extend(page)),
            self.list(Pages::export_records(&*self.api), |page| page.iter().for_each(|record| exports.add(record))),
        )
        .await
        .map_err(|error| Unread { error, reached_by: None })?;
        let mut snapshots = instances;
        snapshots.append(&mut disks);
        snapshots.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(LaneReading {
            account: snapshots.iter().find_map(|snapshot| snapshot.account.clone()),
            snapshots,
            exports,
            snapshot_pages: instance_pages.saturating_add(disk_pages),
            record_pages,
        })
    }

    async fn list<'p, T: 'p>(
        &self,
        mut pages: Pages<'p, T>,
        mut each: impl FnMut(Vec<T>),
    ) -> Result<u32, ReadingError> {
        let (mut failed, retry) = (0, self.settings.export.retry());
        loop {
            match pages.next().await {
                Ok(Some(page)) => {
                    failed = 0;
                    each(page);
                }
                Ok(None) => return Ok(pages.pages()),
                Err(ReadingError::Call(error)) if may_pass(&error) && failed + 1 < retry.max_attempts => {
                    failed += 1;
                    tracing::debug!(lane = %self.lane, code = %error.code, "a page could not be read; it is requested again");
                    self.clock.sleep(backoff(&retry, failed, fastrand::f64())).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl std::fmt::Debug for LaneReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaneReader").field("lane", &self.lane).finish_non_exhaustive()
    }
}

/// A read has no effect, so it may be repeated whenever that can help.
fn may_pass(error: &CallError) -> bool {
    error.trouble().is_none() && error.class != ErrorClass::Permanent
}

fn advice(error: &ReadingError) -> String {
    match error {
        ReadingError::RepeatedToken { .. } => "the pages of a list lead in a circle; try again".to_owned(),
        ReadingError::Call(error) => error.advice(READ_ACTIONS),
    }
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
