//! What every part of a lane's tracking works with.

use super::lists::{FailedRead, ReadError};
use crate::clock::SharedClock;
use crate::domain::{AccountNumber, JobId, LaneTrouble, RunId, Timestamp};
use crate::lightsail::{CallError, Lightsail, READ_ACTIONS};
use crate::queue::{AccountMatch, Block, LaneRecord, Queue, QueueError, Transition};
use crate::settings::LaneSettings;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The actor of every transition that no person made.
pub(super) const ACTOR: &str = "daemon";

/// A lane, its store, its client and its settings.
pub(super) struct TrackingContext {
    pub(super) queue: Queue,
    pub(super) api: Arc<dyn Lightsail>,
    pub(super) clock: SharedClock,
    pub(super) run: RunId,
    pub(super) lane: LaneRecord,
    pub(super) settings: Arc<LaneSettings>,
}

impl TrackingContext {
    /// Blocks the lane; logged once, not at every retry.
    pub(super) async fn block(&self, trouble: LaneTrouble, message: String) -> Result<(), QueueError> {
        self.block_again(trouble, message, None).await
    }

    /// The same, where the trouble is one that the lane has had `since` then, and that seemed to be over meanwhile.
    pub(super) async fn block_again(
        &self,
        trouble: LaneTrouble,
        message: String,
        since: Option<Timestamp>,
    ) -> Result<(), QueueError> {
        let block = Block { trouble, message: message.clone(), since: since.unwrap_or(self.clock.now()) };
        if self.queue.block(self.lane.id, block).await? && since.is_none() {
            tracing::warn!(lane = %self.lane.lane, trouble = %trouble, "the lane is blocked: {message}");
        }
        Ok(())
    }

    /// Writes transitions; tells which jobs they moved. One that has moved on meanwhile is left to the next round.
    pub(super) async fn apply(&self, transitions: Vec<Transition>) -> Result<BTreeSet<JobId>, QueueError> {
        let jobs: Vec<JobId> = transitions.iter().map(|transition| transition.job).collect();
        let mut moved = BTreeSet::new();
        for (job, result) in jobs.into_iter().zip(self.queue.transition_all(transitions).await) {
            match result {
                Ok(()) => {
                    moved.insert(job);
                }
                Err(QueueError::Stale { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(moved)
    }

    /// Compares the account of a page with the lane's; blocks the lane where they differ.
    pub(super) async fn check_account(&self, account: Option<AccountNumber>) -> Result<(), ReadError> {
        let Some(account) = account else { return Ok(()) };
        let label = &self.lane.lane.account;
        let message = match self.queue.identify(self.lane.id, account.clone()).await? {
            AccountMatch::Same => {
                self.api.expect_account(Some(account));
                return Ok(());
            }
            AccountMatch::Other { stored } => {
                self.api.expect_account(Some(stored.clone()));
                format!(
                    "this lane is of account {stored}, and the credentials of {label:?} now show account {account}; restore \
                     them, or enqueue under another label",
                    label = label.as_str()
                )
            }
            AccountMatch::Shared { label: other } => format!(
                "the labels {:?} and {:?} both stand for account {account} in {}; remove one of them",
                label.as_str(),
                other.as_str(),
                self.lane.lane.region
            ),
        };
        self.block(LaneTrouble::Identity, message).await?;
        Err(ReadError::LaneBlocked)
    }

    /// Turns a failed call into a read error; blocks the lane where the error is the lane's.
    pub(super) async fn read_error(&self, call: &'static str, error: &CallError) -> ReadError {
        let trouble = match error.trouble() {
            Some(LaneTrouble::Denied) => {
                let text = format!("{}. {call}: {error}", error.advice(READ_ACTIONS));
                return ReadError::Transient(FailedRead { text, lasts: true });
            }
            Some(trouble) if trouble.ends_with_a_reading() => trouble,
            Some(_) | None => {
                return ReadError::Transient(FailedRead::passing(format!("{call}: {error}")));
            }
        };
        match self.block(trouble, error.with_advice(READ_ACTIONS)).await {
            Ok(()) => ReadError::LaneBlocked,
            Err(error) => ReadError::Store(error),
        }
    }
}
