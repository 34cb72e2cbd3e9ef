//! What `discover` and `plan` share: the way to a lane that is only read, and the database that is only looked at.

use super::context::Context;
use super::exit::UsageError;
use crate::daemon::Connect;
use crate::domain::{AccountLabel, Lane, Region};
use crate::lightsail::{Limited, RateLimiter, endpoints};
use crate::queue::{DatabaseLock, Held, Peek};
use crate::survey::{LaneReader, Unread};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is left of a lane's read limit while a daemon is at work: its readings go first, and it polls for days.
const BESIDE_A_DAEMON: f64 = 0.5;

/// The ways to lanes, each behind its read limit.
pub(super) struct Readers<'a> {
    context: &'a Context,
    connect: Connect,
    share: f64,
}

impl<'a> Readers<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        let path = context.settings.database.path();
        // Whether there is a daemon is only a matter of pace: where it cannot be told, there may be one.
        let alone = matches!(DatabaseLock::holder(path, Held::Daemon), Ok(None));
        Self { context, connect: context.connect(), share: if alone { 1.0 } else { BESIDE_A_DAEMON } }
    }

    pub(super) fn of(&self, lane: Lane) -> LaneReader {
        let Self { context, connect, share } = self;
        let settings = context.settings.for_lane(&lane);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a burst, 1 to 1000")]
        let burst = (f64::from(settings.read.burst) * share).max(1.0) as u32;
        let reads = RateLimiter::new(settings.read.rate * share, burst, None, Arc::clone(&context.clock));
        LaneReader {
            api: Arc::new(Limited::new(connect(&lane, &settings), reads)),
            lane,
            clock: Arc::clone(&context.clock),
            retry: settings.export.retry,
        }
    }
}

impl Context {
    /// The database, to be looked at: it is neither made nor changed.
    pub(super) async fn peek(&self) -> anyhow::Result<Option<Peek>> {
        if self.has_no_folder_yet() {
            return Ok(None);
        }
        Ok(Peek::open(self.settings.database.path()).await?)
    }

    /// The same trouble, with the way by which the lane was to be reached.
    pub(super) async fn say_way(&self, lane: &Lane, unread: Unread) -> Unread {
        let access = self.access(&lane.account);
        let endpoint = endpoints(&access, lane.region).await.lightsail;
        let profile = access.profile.map(|profile| format!("profile {profile}"));
        let role = access.role_arn.map(|role| format!("role {role}"));
        let way: Vec<String> = [profile, role, endpoint].into_iter().flatten().collect();
        Unread { reached_by: (!way.is_empty()).then(|| way.join(", ")), ..unread }
    }

    /// The Regions of an account: those of the settings, or else that of the AWS configuration, if it names one.
    pub(super) async fn regions_of(&self, account: &AccountLabel) -> anyhow::Result<BTreeSet<Region>> {
        let set: BTreeSet<Region> =
            self.settings.account(account).map(|account| account.regions.iter().copied().collect()).unwrap_or_default();
        if !set.is_empty() {
            return Ok(set);
        }
        Ok(self
            .usual_region(Some(account))
            .await
            .transpose()
            .map_err(|error| {
                UsageError(format!("the Region of the AWS configuration: {error}; name one with --region"))
            })?
            .into_iter()
            .collect())
    }
}
