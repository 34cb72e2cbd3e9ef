//! Reads Lightsail's lists page by page into the store. Each page is written before the next one is requested, so what came
//! before a page that fails stays written.

use super::{FailedRead, ReadError, observations};
use crate::domain::{LaneTrouble, OperationId, RecordArn, SnapshotName};
use crate::lightsail::{CallError, ErrorClass, Pages, ReadingError, Snapshot, SnapshotKind};
use crate::points::{Between, Point, reached};
use crate::queue::{EntryKey, ListedSnapshot, Observation, QueueError};
use crate::tracking::lane_context::TrackingContext;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Whether every page was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tracking) enum Completeness {
    /// What it did not show was not there.
    Complete,
    /// It proves presence only.
    Incomplete,
}

/// What a reading of the records is for. Presence may end it early, absence never.
#[derive(Debug)]
pub(in crate::tracking) enum RecordsWanted {
    /// Every record.
    All,
    /// A record of each of these names, other than those that are known to have ended.
    Of(HashMap<SnapshotName, HashSet<RecordArn>>),
}

impl RecordsWanted {
    /// Takes away what a page showed; whether nothing is wanted any more.
    fn are_all_among(&mut self, page: &[Observation]) -> bool {
        let Self::Of(wanted) = self else { return false };
        for sighting in page {
            let EntryKey::Record(arn) = &sighting.key else { continue };
            if wanted.get(&sighting.snapshot).is_some_and(|ended| !ended.contains(arn)) {
                wanted.remove(&sighting.snapshot);
            }
        }
        wanted.is_empty()
    }
}

/// How often a page that failed is requested again before the whole reading fails. A long list would never be read to its end
/// through a network that loses one response in ten.
pub(super) const PAGE_RETRIES: u32 = 3;

/// "Up to a maximum of 200" operations, says the API reference of `GetOperations`, on a page or in all.
pub(in crate::tracking) const MOST_LISTED: usize = 200;

/// The reader of a lane's lists.
pub(in crate::tracking) struct LaneListReader(pub(in crate::tracking) Arc<TrackingContext>);

impl LaneListReader {
    /// Reads the records until all that is wanted was seen, or to their end; tells how many pages that took.
    pub(in crate::tracking) async fn read_records(
        &self,
        mut wanted: RecordsWanted,
    ) -> Result<(u32, Completeness), ReadError> {
        let mut pages = Pages::export_records(&*self.0.api);
        while let Some(page) = self.next_page(&mut pages).await? {
            self.0.check_account(page.iter().find_map(|record| record.account.clone())).await?;
            let observed: Vec<Observation> = page.into_iter().filter_map(observations::of_record).collect();
            let all_seen = wanted.are_all_among(&observed);
            self.write(observed).await?;
            if all_seen {
                return Ok((pages.pages(), Completeness::Incomplete));
            }
        }
        Ok((pages.pages(), Completeness::Complete))
    }

    /// Reads all of the lane's operations; tells how many there are.
    pub(in crate::tracking) async fn read_operations(&self) -> Result<usize, ReadError> {
        let mut pages = Pages::operations(&*self.0.api, None);
        let mut count = 0;
        while let Some(page) = self.next_page(&mut pages).await? {
            count += page.len();
            self.write(observations::of_operations(page, None)).await?;
        }
        Ok(count)
    }

    /// Reads all operations of one snapshot. An error of this snapshot alone does not keep the lane from the others.
    pub(in crate::tracking) async fn read_operations_of(&self, name: &SnapshotName) -> Result<Completeness, ReadError> {
        let mut pages = Pages::operations(&*self.0.api, Some(name));
        loop {
            match request_page(&mut pages).await {
                Ok(Some(mut page)) => {
                    // An operation need not repeat the name that it was requested by.
                    for operation in &mut page {
                        operation.resource_name.get_or_insert_with(|| name.as_str().to_owned());
                    }
                    self.write(observations::of_operations(page, None)).await?;
                }
                Ok(None) => return Ok(Completeness::Complete),
                Err(ReadingError::Call(error)) => return self.tolerate(pages.call(), &error).await,
                Err(error @ ReadingError::RepeatedToken { .. }) => {
                    tracing::debug!(lane = %self.0.lane.lane, snapshot = %name, %error, "incomplete list of operations");
                    return Ok(Completeness::Incomplete);
                }
            }
        }
    }

    /// Reads one operation; tells of an error that may be this operation's alone. Not found means unknown, not failed.
    pub(in crate::tracking) async fn read_operation(
        &self,
        operation: &OperationId,
        of: &SnapshotName,
    ) -> Result<Option<FailedRead>, ReadError> {
        let error = match self.0.api.get_operation(operation).await {
            Ok(found) => {
                self.write(observations::of_operations(found.into_iter().collect(), Some(of))).await?;
                return Ok(None);
            }
            Err(error) => error,
        };
        self.tolerate("GetOperation", &error).await?;
        match self.0.read_error("GetOperation", &error).await {
            ReadError::Transient(failed) => Ok(Some(failed)),
            ended @ (ReadError::LaneBlocked | ReadError::Store(_)) => Err(ended),
        }
    }

    /// Tolerates an error that may concern one snapshot or operation alone; one of the whole lane ends the round.
    pub(in crate::tracking) async fn tolerate(
        &self,
        call: &'static str,
        error: &CallError,
    ) -> Result<Completeness, ReadError> {
        let is_of_lane = matches!(
            error.class,
            ErrorClass::Credentials | ErrorClass::Unreachable | ErrorClass::Throttled | ErrorClass::SetupInProgress
        );
        if is_of_lane {
            return Err(self.0.read_error(call, error).await);
        }
        tracing::debug!(lane = %self.0.lane.lane, call, "a read failed: {error}");
        Ok(Completeness::Incomplete)
    }

    /// Reads every snapshot of the lane into a new inventory.
    pub(in crate::tracking) async fn read_snapshots(&self) -> Result<(), ReadError> {
        let inventory = self.0.queue.next_inventory(self.0.lane.id).await?;
        if !self.list_snapshots(inventory).await? {
            self.require_account().await?;
        }
        Ok(self.0.queue.end_inventory(self.0.lane.id, inventory, self.0.clock.now()).await?)
    }

    /// Reads every snapshot once more into the last inventory: what either reading showed is there.
    pub(in crate::tracking) async fn read_snapshots_again(&self) -> Result<(), ReadError> {
        let inventory = self.last_listing().await?;
        self.list_snapshots(inventory).await.map(drop)
    }

    /// Adds a snapshot that was requested by its name to the last inventory; tells its state.
    pub(in crate::tracking) async fn add_snapshot(&self, snapshot: Snapshot) -> Result<Option<String>, ReadError> {
        self.0.check_account(snapshot.account.clone()).await?;
        let Some(row) = observations::of_snapshot(snapshot) else { return Ok(None) };
        let state = row.state.clone();
        self.0.queue.record_snapshots(self.0.lane.id, self.last_listing().await?, &[row]).await?;
        Ok(Some(state))
    }

    /// Reads both lists of snapshots into an inventory; whether one of them showed the account.
    async fn list_snapshots(&self, inventory: i64) -> Result<bool, ReadError> {
        let mut seen_account = false;
        for kind in [SnapshotKind::Instance, SnapshotKind::Disk] {
            let mut pages = Pages::snapshots(&*self.0.api, kind);
            while let Some(page) = self.next_page(&mut pages).await? {
                let account = page.iter().find_map(|snapshot| snapshot.account.clone());
                seen_account |= account.is_some();
                self.0.check_account(account).await?;
                let rows: Vec<ListedSnapshot> = page.into_iter().filter_map(observations::of_snapshot).collect();
                self.0.queue.record_snapshots(self.0.lane.id, inventory, &rows).await?;
            }
        }
        Ok(seen_account)
    }

    async fn last_listing(&self) -> Result<i64, QueueError> {
        Ok(self.0.queue.next_inventory(self.0.lane.id).await? - 1)
    }

    /// A lane whose account is known has to show it again before its snapshots count as missing.
    async fn require_account(&self) -> Result<(), ReadError> {
        let stored = self.0.queue.lane_record(self.0.lane.id).await?.and_then(|lane| lane.account_number);
        let Some(stored) = stored else {
            self.0.api.expect_account(None);
            return Ok(());
        };
        let mut pages = Pages::export_records(&*self.0.api);
        while let Some(page) = self.next_page(&mut pages).await? {
            let account = page.iter().find_map(|record| record.account.clone());
            if account.is_some() {
                return self.0.check_account(account).await;
            }
        }
        let message = format!(
            "this lane is of account {stored}, and now shows neither a snapshot nor an export, so its account cannot be \
             checked; check the credentials of [accounts.{}]",
            self.0.lane.lane.account
        );
        self.0.block(LaneTrouble::Identity, message).await?;
        Err(ReadError::LaneBlocked)
    }

    async fn write(&self, observed: Vec<Observation>) -> Result<(), QueueError> {
        self.0.queue.record_observations(self.0.lane.id, &observed, self.0.clock.now()).await.map(drop)
    }

    /// The next page, or what its error means for the lane.
    async fn next_page<'a, T: 'a>(&self, pages: &mut Pages<'a, T>) -> Result<Option<Vec<T>>, ReadError> {
        match request_page(pages).await {
            Ok(page) => {
                reached(Point::Between(Between::PageRead));
                Ok(page)
            }
            Err(ReadingError::Call(error)) => Err(self.0.read_error(pages.call(), &error).await),
            Err(error @ ReadingError::RepeatedToken { .. }) => {
                Err(ReadError::Transient(FailedRead::passing(format!("{}: {error}", pages.call()))))
            }
        }
    }
}

/// The next page, requested again where the failure may pass at once. The rate limiter spaces the retries.
async fn request_page<'a, T: 'a>(pages: &mut Pages<'a, T>) -> Result<Option<Vec<T>>, ReadingError> {
    let mut retries = PAGE_RETRIES;
    loop {
        match pages.next().await {
            Err(ReadingError::Call(error)) if retries > 0 && may_pass_at_once(&error) => {
                retries -= 1;
            }
            page => return page,
        }
    }
}

pub(super) fn may_pass_at_once(error: &CallError) -> bool {
    matches!(error.class, ErrorClass::Throttled | ErrorClass::Ambiguous)
}
