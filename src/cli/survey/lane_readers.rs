//! What `discover`, `plan` and `doctor` share: reading lanes and the database without changing them.

use crate::cli::context::Context;
use crate::cli::exit::UsageError;
use crate::daemon::Connect;
use crate::domain::{AccountLabel, Lane, Region};
use crate::lightsail::{Limited, RateLimiter, endpoints};
use crate::queue::{DatabaseLock, Held, Peek};
use crate::survey::{LaneReader, Unread};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The share of a lane's read limit to use beside a daemon, which polls for days and goes first.
const BESIDE_A_DAEMON: f64 = 0.5;

/// Lanes that are read at the same time; each has its own limit.
pub(crate) const SIDE_BY_SIDE: usize = 8;

/// Connections to lanes, each behind its read limit.
pub(crate) struct LaneReaders<'a> {
    context: &'a Context,
    connect: Connect,
    share: f64,
}

impl<'a> LaneReaders<'a> {
    pub(crate) fn new(context: &'a Context) -> Self {
        let path = context.settings.database.path();
        // This only decides the rate: if the lock cannot be read, assume a daemon.
        let alone = matches!(DatabaseLock::holder(path, Held::Daemon), Ok(None));
        Self { context, connect: context.connect(), share: if alone { 1.0 } else { BESIDE_A_DAEMON } }
    }

    pub(crate) fn of(&self, lane: Lane) -> LaneReader {
        let Self { context, connect, share } = self;
        let settings = context.settings.for_lane(&lane);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a burst, 1 to 1000")]
        let burst = (f64::from(settings.read.burst) * share).max(1.0) as u32;
        let reads = RateLimiter::new(settings.read.rate * share, burst, None, Arc::clone(&context.clock));
        LaneReader {
            api: Arc::new(Limited::new(connect(&lane, &settings), reads)),
            lane,
            clock: Arc::clone(&context.clock),
            settings,
        }
    }
}

impl Context {
    /// The database, which is neither created nor changed.
    pub(crate) async fn peek(&self) -> anyhow::Result<Option<Peek>> {
        if self.has_no_folder_yet() {
            return Ok(None);
        }
        Ok(Peek::open(self.settings.database.path()).await?)
    }

    /// Adds how the lane was reached.
    pub(crate) async fn say_way(&self, lane: &Lane, unread: Unread) -> Unread {
        let access = self.access(&lane.account);
        let endpoint = endpoints(&access, lane.region).await.lightsail;
        let profile = access.profile.map(|profile| format!("profile {profile}"));
        let role = access.role_arn.map(|role| format!("role {role}"));
        let way: Vec<String> = [profile, role, endpoint].into_iter().flatten().collect();
        Unread { reached_by: (!way.is_empty()).then(|| way.join(", ")), ..unread }
    }

    /// The accounts that are named, or all of the settings.
    pub(crate) fn accounts_of(&self, named: &[AccountLabel]) -> Result<BTreeSet<AccountLabel>, UsageError> {
        let known = self.settings.accounts();
        match named.iter().find(|account| !known.contains(account)) {
            None if named.is_empty() => Ok(known),
            None => Ok(named.iter().cloned().collect()),
            Some(stranger) => {
                let known: Vec<&str> = known.iter().map(AccountLabel::as_str).collect();
                let (stranger, known) = (stranger.as_str(), known.join(", "));
                Err(UsageError(format!("unknown account {stranger:?}; the settings have {known}")))
            }
        }
    }

    /// The Regions of an account by its settings, only the `wanted` ones if some are; without any there, all wanted ones. None if
    /// the AWS configuration decides.
    pub(crate) fn regions_of(&self, account: &AccountLabel, wanted: &[Region]) -> Option<BTreeSet<Region>> {
        let set = self.settings.account(account).map(|account| account.regions.as_slice()).unwrap_or_default();
        let regions = if set.is_empty() { wanted } else { set };
        let is_wanted = |region: &&Region| wanted.is_empty() || wanted.contains(region);
        (!regions.is_empty()).then(|| regions.iter().filter(is_wanted).copied().collect())
    }
}

/// The error for Regions that the settings leave out.
pub(crate) fn no_such_regions(wanted: &[Region]) -> UsageError {
    let wanted: Vec<&str> = wanted.iter().map(|region| region.as_str()).collect();
    let wanted = wanted.join(", ");
    UsageError(format!("{wanted}: not among the `regions` of these accounts in the settings; add it there"))
}
