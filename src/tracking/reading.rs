//! Reading Lightsail's lists into the store: every page, and whose account it is.

use super::tracker::Tracker;
use crate::domain::{AccountNumber, Destination};
use crate::domain::{ErrorCode, Failure, LaneTrouble, RecordArn, SnapshotName};
use crate::lightsail::{
    CallError, ErrorClass, ExportRecord, Operation, Pages, READ_ACTIONS, ReadingError, RecordState, Snapshot,
    SnapshotKind, SnapshotState, Verdict,
};
use crate::points::{Between, Point, reached};
use crate::queue::{Block, EntryKey, EntryStatus, Identity, ListedSnapshot, QueueError, Sighting};
use std::collections::{HashMap, HashSet};

/// Why a reading did not come to its end.
#[derive(Debug)]
pub(super) enum Unread {
    /// The lane is blocked now, and says why.
    Blocked,
    /// A passing trouble: the next reading may do.
    Passing(Failed),
    /// The store failed.
    Broken(QueueError),
}

/// A read that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failed {
    /// The call, its code and its words.
    pub(super) text: String,
    /// Whether it is sure to last, as a policy does that denies it.
    pub(super) lasts: bool,
}

impl From<QueueError> for Unread {
    fn from(error: QueueError) -> Self {
        Self::Broken(error)
    }
}

/// How far a reading of one snapshot's operations came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// Every page was read: what it did not show was not there.
    Complete,
    /// It proves presence only.
    Incomplete,
}

/// What a reading of the records is for. Presence may stop it early, absence never.
#[derive(Debug)]
pub(super) enum Wanted {
    /// Whatever there is.
    All,
    /// A record of each of these snapshots' names, besides those that are known to have ended.
    Of(HashMap<SnapshotName, HashSet<RecordArn>>),
}

impl Wanted {
    /// Whether nothing is wanted any more, now that these were seen.
    fn are_all_among(&mut self, sightings: &[Sighting]) -> bool {
        let Self::Of(wanted) = self else { return false };
        for sighting in sightings {
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
const PAGE_RETRIES: u32 = 3;

/// "Up to a maximum of 200" operations, says the API reference of `GetOperations`, on a page or in all.
const MOST_LISTED: usize = 200;

/// The kind of operation that an export is; in no enum of the SDK.
const EXPORT: &str = "ExportSnapshot";

impl Tracker {
    /// Reads every page of the records; how many they were.
    pub(super) async fn read_records(&self) -> Result<u32, Unread> {
        self.read_records_for(&mut Wanted::All).await.map(|(pages, _)| pages)
    }

    /// Reads the records until all that is wanted was seen, or to their end; how many pages that took.
    pub(super) async fn read_records_for(&self, wanted: &mut Wanted) -> Result<(u32, Reading), Unread> {
        let mut pages = Pages::export_records(&self.api);
        let reading = loop {
            let Some(page) = self.next_of(&mut pages).await? else { break Reading::Complete };
            self.identify(page.iter().find_map(|record| record.account.clone())).await?;
            let sightings: Vec<Sighting> = page.into_iter().filter_map(sighting_of_record).collect();
            let all = wanted.are_all_among(&sightings);
            self.see(sightings).await?;
            if all {
                break Reading::Incomplete;
            }
        };
        Ok((pages.pages(), reading))
    }

    async fn see(&self, sightings: Vec<Sighting>) -> Result<(), QueueError> {
        self.queue.see(self.lane.id, &sightings, self.clock.now()).await.map(drop)
    }

    /// Reads every page of the lane's operations; how many there were.
    pub(super) async fn read_operations(&self) -> Result<usize, Unread> {
        let mut pages = Pages::operations(&self.api);
        let mut count = 0;
        while let Some(page) = self.next_of(&mut pages).await? {
            count += page.len();
            self.see(sightings_of_operations(page, None)).await?;
        }
        Ok(count)
    }

    /// Reads every page of the lane's operations for what could not be asked for by its name. Where that does not do well
    /// either, it does not keep the lane from the rest.
    pub(super) async fn read_operations_instead(&self) -> Result<Option<Failed>, Unread> {
        match self.read_operations().await {
            // It may be all that the service lists, and what was sought beyond: such a list proves nothing absent.
            Ok(count @ MOST_LISTED..) => {
                Ok(Some(Failed { text: format!("GetOperations: it ends after {count} operations"), lasts: false }))
            }
            Ok(_) => Ok(None),
            Err(Unread::Passing(failed)) => Ok(Some(failed)),
            Err(unread) => Err(unread),
        }
    }

    /// Reads every page of the operations on one snapshot. What goes wrong with this snapshot only does not keep the lane
    /// from the others.
    pub(super) async fn read_operations_of(&self, name: &SnapshotName) -> Result<Reading, Unread> {
        let mut pages = Pages::operations_for_resource(&self.api, name);
        loop {
            match next_page(&mut pages).await {
                Ok(Some(mut page)) => {
                    // It need not say again what it was asked for by.
                    for operation in &mut page {
                        operation.resource_name.get_or_insert_with(|| name.as_str().to_owned());
                    }
                    self.see_operations(page, None).await?;
                }
                Ok(None) => return Ok(Reading::Complete),
                Err(ReadingError::Call(error)) => return self.bear(pages.call(), &error).await,
                Err(error @ ReadingError::RepeatedToken { .. }) => {
                    tracing::debug!(lane = %self.lane.lane, snapshot = %name, %error, "a reading was given up");
                    return Ok(Reading::Incomplete);
                }
            }
        }
    }

    /// Bears an error that may be of what was asked for alone; what is the lane's ends the round.
    pub(super) async fn bear(&self, call: &'static str, error: &CallError) -> Result<Reading, Unread> {
        let lanes = matches!(
            error.class,
            ErrorClass::Credentials | ErrorClass::Unreachable | ErrorClass::Throttled | ErrorClass::SetupInProgress
        );
        if lanes {
            return Err(self.unread(call, error).await);
        }
        tracing::debug!(lane = %self.lane.lane, call, "a read failed: {error}");
        Ok(Reading::Incomplete)
    }

    /// Writes down operations that are exports. One that was asked for by its id is of the snapshot that is named.
    pub(super) async fn see_operations(
        &self,
        operations: Vec<Operation>,
        of: Option<&SnapshotName>,
    ) -> Result<(), Unread> {
        Ok(self.see(sightings_of_operations(operations, of)).await?)
    }

    /// Lists every snapshot of the lane.
    pub(super) async fn read_snapshots(&self) -> Result<(), Unread> {
        let listing = self.queue.next_listing(self.lane.id).await?;
        let seen_account = self.list_snapshots(listing).await?;
        if !seen_account {
            self.insist_on_an_account().await?;
        }
        Ok(self.queue.end_listing(self.lane.id, listing, self.clock.now()).await?)
    }

    /// Reads every snapshot once more into the listing that was just made: what either reading showed is there.
    pub(super) async fn read_snapshots_again(&self) -> Result<(), Unread> {
        let listing = self.last_listing().await?;
        self.list_snapshots(listing).await.map(drop)
    }

    /// Reads every page of both lists of snapshots into a listing; whether one of them showed whose they are.
    async fn list_snapshots(&self, listing: i64) -> Result<bool, Unread> {
        let instances = self.list_pages(listing, Pages::instance_snapshots(&self.api)).await?;
        let disks = self.list_pages(listing, Pages::disk_snapshots(&self.api)).await?;
        Ok(instances || disks)
    }

    /// Adds a snapshot that was asked for by its name to the last listing; its state.
    pub(super) async fn list_one(&self, snapshot: Snapshot) -> Result<Option<String>, Unread> {
        self.identify(snapshot.account.clone()).await?;
        let Some(row) = listed(snapshot) else { return Ok(None) };
        let state = row.state.clone();
        self.queue.list_snapshots(self.lane.id, self.last_listing().await?, &[row]).await?;
        Ok(Some(state))
    }

    async fn last_listing(&self) -> Result<i64, QueueError> {
        Ok(self.queue.next_listing(self.lane.id).await? - 1)
    }

    async fn list_pages(&self, listing: i64, mut pages: Pages<'_, Snapshot>) -> Result<bool, Unread> {
        let mut seen_account = false;
        while let Some(page) = self.next_of(&mut pages).await? {
            let account = page.iter().find_map(|snapshot| snapshot.account.clone());
            seen_account |= account.is_some();
            self.identify(account).await?;
            let rows: Vec<ListedSnapshot> = page.into_iter().filter_map(listed).collect();
            self.queue.list_snapshots(self.lane.id, listing, &rows).await?;
        }
        Ok(seen_account)
    }

    /// A lane that had an account must show it again before its snapshots are called missing.
    async fn insist_on_an_account(&self) -> Result<(), Unread> {
        let stored = self.queue.lane_record(self.lane.id).await?.and_then(|lane| lane.account_number);
        let Some(stored) = stored else {
            self.api.expect_account(None);
            return Ok(());
        };
        let mut pages = Pages::export_records(&self.api);
        while let Some(page) = self.next_of(&mut pages).await? {
            let account = page.iter().find_map(|record| record.account.clone());
            if account.is_some() {
                return self.identify(account).await;
            }
        }
        let message = format!(
            "this lane is of account {stored}, and now shows neither a snapshot nor an export, so whose it is cannot be \
             told; check the credentials of [accounts.{}]",
            self.lane.lane.account
        );
        self.block(LaneTrouble::Identity, message).await?;
        Err(Unread::Blocked)
    }

    /// Compares the account with the lane's before anything else is done with the page.
    async fn identify(&self, account: Option<AccountNumber>) -> Result<(), Unread> {
        let Some(account) = account else { return Ok(()) };
        let label = &self.lane.lane.account;
        let message = match self.queue.identify(self.lane.id, account.clone()).await? {
            Identity::Same => {
                self.api.expect_account(Some(account));
                return Ok(());
            }
            Identity::Other { stored } => {
                self.api.expect_account(Some(stored.clone()));
                format!(
                    "this lane is of account {stored}, and the credentials of {label:?} now show account {account}; restore \
                     them, or enqueue under another label",
                    label = label.as_str()
                )
            }
            Identity::Shared { label: other } => format!(
                "the labels {:?} and {:?} both stand for account {account} in {}; remove one of them",
                label.as_str(),
                other.as_str(),
                self.lane.lane.region
            ),
        };
        self.block(LaneTrouble::Identity, message).await?;
        Err(Unread::Blocked)
    }

    pub(super) async fn block(&self, trouble: LaneTrouble, message: String) -> Result<(), QueueError> {
        let block = Block { trouble, message: message.clone(), since: self.clock.now() };
        // Once, not at every probe.
        if self.queue.block(self.lane.id, block).await? {
            tracing::warn!(lane = %self.lane.lane, trouble = %trouble, "the lane is blocked: {message}");
        }
        Ok(())
    }

    /// The next page, or what its error means for the lane.
    async fn next_of<'a, T: 'a>(&self, pages: &mut Pages<'a, T>) -> Result<Option<Vec<T>>, Unread> {
        match next_page(pages).await {
            Ok(page) => {
                reached(Point::Between(Between::PageRead));
                Ok(page)
            }
            Err(ReadingError::Call(error)) => Err(self.unread(pages.call(), &error).await),
            Err(error @ ReadingError::RepeatedToken { .. }) => {
                Err(Unread::Passing(Failed { text: format!("{}: {error}", pages.call()), lasts: false }))
            }
        }
    }

    /// What a read that failed means for the lane.
    pub(super) async fn unread(&self, call: &'static str, error: &CallError) -> Unread {
        let trouble = match error.trouble() {
            Some(LaneTrouble::Denied) => {
                let text = format!("{}. {call}: {error}", error.advice(READ_ACTIONS));
                return Unread::Passing(Failed { text, lasts: true });
            }
            Some(trouble) if trouble.ends_with_a_reading() => trouble,
            Some(_) | None => return Unread::Passing(Failed { text: format!("{call}: {error}"), lasts: false }),
        };
        match self.block(trouble, error.with_advice(READ_ACTIONS)).await {
            Ok(()) => Unread::Blocked,
            Err(error) => Unread::Broken(error),
        }
    }
}

/// The next page, requested again where the failure may pass at once. The rate limiter spaces the retries.
async fn next_page<'a, T: 'a>(pages: &mut Pages<'a, T>) -> Result<Option<Vec<T>>, ReadingError> {
    let mut retries = PAGE_RETRIES;
    loop {
        match pages.next().await {
            Err(ReadingError::Call(error))
                if retries > 0 && matches!(error.class, ErrorClass::Throttled | ErrorClass::Ambiguous) =>
            {
                retries -= 1;
                pages.try_again();
            }
            page => return page,
        }
    }
}

fn sighting_of_record(record: ExportRecord) -> Option<Sighting> {
    let snapshot = SnapshotName::parse(record.source_name.as_deref()?).ok()?;
    let status = match record.state {
        RecordState::Succeeded => EntryStatus::Succeeded,
        RecordState::Failed => EntryStatus::Failed,
        RecordState::Started | RecordState::Other(_) => EntryStatus::UnderWay,
    };
    Some(Sighting {
        key: EntryKey::Record(record.arn),
        snapshot,
        snapshot_arn: record.source_arn,
        status,
        record_name: record.name,
        destination: record.destination.map(|one| Destination { service: one.service, id: one.id }),
        failure: None,
        created_at: record.created_at,
    })
}

fn sightings_of_operations(operations: Vec<Operation>, of: Option<&SnapshotName>) -> Vec<Sighting> {
    operations.into_iter().filter_map(|one| sighting_of_operation(one, of)).collect()
}

fn sighting_of_operation(operation: Operation, of: Option<&SnapshotName>) -> Option<Sighting> {
    let snapshot = match of {
        Some(name) => name.clone(),
        None if operation.kind == EXPORT => SnapshotName::parse(operation.resource_name.as_deref()?).ok()?,
        None => return None,
    };
    let status = match operation.verdict() {
        Verdict::Succeeded => EntryStatus::Succeeded,
        Verdict::Failed => EntryStatus::Failed,
        Verdict::UnderWay => EntryStatus::UnderWay,
        Verdict::Unclear => {
            tracing::warn!(
                operation = %operation.id, status = ?operation.status,
                "an operation has a status that was never seen before; it is followed on"
            );
            EntryStatus::UnderWay
        }
    };
    let failure = (status == EntryStatus::Failed).then(|| Failure {
        code: ErrorCode::new(operation.error_code.as_deref().unwrap_or(ErrorCode::OPERATION_FAILED)),
        message: operation
            .error_details
            .unwrap_or_else(|| "Lightsail says that the export failed, and gives no reason".to_owned()),
    });
    Some(Sighting {
        key: EntryKey::Operation(operation.id),
        snapshot,
        snapshot_arn: None,
        status,
        record_name: None,
        destination: None,
        failure,
        created_at: operation.created_at,
    })
}

fn listed(snapshot: Snapshot) -> Option<ListedSnapshot> {
    let name = SnapshotName::parse(&snapshot.name).ok()?;
    let kind = match snapshot.kind {
        SnapshotKind::Instance => "instance",
        SnapshotKind::Disk => "disk",
    };
    let state = match snapshot.state {
        SnapshotState::Available => "available".to_owned(),
        SnapshotState::Pending => "pending".to_owned(),
        SnapshotState::Error => "error".to_owned(),
        SnapshotState::Other(word) => word,
    };
    Some(ListedSnapshot {
        name,
        arn: snapshot.arn,
        kind,
        state,
        weight: snapshot.attached_disks.saturating_add(1),
        size_gb: snapshot.size_gb.map(i64::from),
        created_at: snapshot.created_at,
    })
}
