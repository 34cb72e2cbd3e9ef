//! The facts that the checks rest on, as plain data.

use crate::domain::{AccountLabel, AccountNumber, Lane};
use crate::lightsail::{CallError, CallerIdentity, EndpointReply, NotReached};
use crate::queue::Checkup;
use crate::settings::{Account, Settings};
use std::path::PathBuf;
use std::time::Duration;

/// All facts.
#[derive(Debug)]
pub struct CheckedFacts {
    /// The settings.
    pub settings: SettingsFacts,
    /// The database's file and what it is; nothing where the settings do not say which.
    pub database: Option<(PathBuf, Checkup)>,
    /// The accounts that are checked, with their lanes.
    pub accounts: Vec<AccountFacts>,
}

/// The settings, and what they lead to.
#[derive(Debug)]
pub struct SettingsFacts {
    /// Their file, if there is one.
    pub file: Option<PathBuf>,
    /// What they say, or why they cannot be used.
    pub read: Result<Settings, String>,
    /// The folder of `[report] bundle`, if one is set, and whether it can be written, or made and written.
    pub bundle: Option<(PathBuf, Result<(), String>)>,
}

/// An account.
#[derive(Debug)]
pub struct AccountFacts {
    /// Its label.
    pub label: AccountLabel,
    /// How it is reached.
    pub access: Account,
    /// What is wrong with the Region of the AWS configuration, where that is needed.
    pub region_trouble: Option<String>,
    /// Whose credentials they are.
    pub identity: CallerCheck,
    /// Its lanes that are checked.
    pub lanes: Vec<LaneFacts>,
}

/// What STS responds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallerCheck {
    /// Whose they are.
    Told(CallerIdentity),
    /// It could not be had.
    Failed(CallError),
    /// Lightsail is a stand-in, whose credentials are nothing to AWS; or there is no Region to ask in.
    NotAsked,
}

/// A lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneFacts {
    /// Which.
    pub lane: Lane,
    /// Where requests go.
    pub endpoint: String,
    /// Whether anything responds there.
    pub reachable: Result<EndpointReply, NotReached>,
    /// The reads that were tried, in their order; a failure that they all share ends them.
    pub reads: Vec<Read>,
    /// The account, by the ARNs of its snapshots.
    pub account: Option<AccountNumber>,
}

/// A read that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// The action, as IAM calls it without the service.
    pub action: &'static str,
    /// How long the answer took.
    pub took: Duration,
    /// Its outcome.
    pub result: Result<(), CallError>,
}
