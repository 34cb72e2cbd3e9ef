//! Whose account a lane shows: compared before anything else is done with a page.

use crate::domain::{AccountNumber, LaneTrouble};
use crate::queue::Identity;
use crate::tracking::lane_context::LaneContext;
use crate::tracking::lists::read_error::ReadError;

impl LaneContext {
    /// Compares the account of a page with the lane's; blocks the lane where they differ.
    pub(in crate::tracking) async fn check_account(&self, account: Option<AccountNumber>) -> Result<(), ReadError> {
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
        Err(ReadError::LaneBlocked)
    }
}
