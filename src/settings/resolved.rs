//! The settings, checked.

use super::account_settings::Account;
use super::database_url::DatabaseUrl;
use super::environment::ignored;
use super::lane_settings::{LaneSections, LaneSettings};
use super::layers::{Layers, Sources};
use super::plan_settings::PlanSettings;
use super::settings_error::SettingsError;
use super::values::written;
use crate::domain::{AccountLabel, Lane, Region, nearest};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// All settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The database.
    pub database: DatabaseUrl,
    /// What is set for all lanes.
    pub every_lane: LaneSettings,
    /// The settings of `snapferry plan`.
    pub plan: PlanSettings,
    /// The folder for completion reports; without it none is written.
    pub bundle: Option<PathBuf>,
    /// How long after its completion report a batch is pruned; without it none is.
    pub prune_after: Option<Duration>,
    /// Environment variables that begin like ours but belong to others.
    pub ignored: Vec<String>,
    accounts: BTreeMap<AccountLabel, Account>,
    lanes: BTreeMap<Lane, LaneSettings>,
}

impl Settings {
    /// Reads and checks the settings.
    pub fn load(sources: &Sources) -> Result<Self, SettingsError> {
        let layers = Layers::read(sources)?;
        let raw = layers.extract()?;
        let every_lane = LaneSettings {
            export: raw.export,
            read: raw.read,
            poll: raw.poll,
            reconcile: raw.reconcile,
            lane: raw.lane,
            breaker: raw.breaker,
        };
        check_lane(&layers, &[], &every_lane)?;
        let accounts = accounts(&layers, raw.accounts)?;
        let mut lanes = BTreeMap::new();
        for (key, LaneSections { export, read, poll, reconcile }) in layers.lanes()? {
            let path = ["lanes".to_owned(), key];
            let lane = lane(&layers, &path, &accounts)?;
            let settings = LaneSettings { export, read, poll, reconcile, ..every_lane.clone() };
            check_lane(&layers, &path, &settings)?;
            lanes.insert(lane, settings);
        }
        if raw.prune.after.is_some() && raw.report.bundle.is_none() {
            let message = "only the completion report tells what was pruned: set report.bundle too, or leave it out";
            return Err(layers.value_error(&["prune", "after"].map(str::to_owned), message.to_owned()));
        }
        let usual = || sources.user_data_dir.as_ref().map(|data| data.join("snapferry").join("snapferry.db"));
        let database = raw.database.or_else(|| usual().map(DatabaseUrl::at));
        Ok(Self {
            database: database.ok_or(SettingsError::NoDatabase)?,
            every_lane,
            plan: raw.plan,
            bundle: raw.report.bundle,
            prune_after: raw.prune.after,
            ignored: ignored(&sources.env),
            accounts,
            lanes,
        })
    }

    /// The defaults.
    pub fn built_in(database: DatabaseUrl) -> Self {
        let accounts = BTreeMap::from([(AccountLabel::unnamed(), Account::default())]);
        Self {
            database,
            every_lane: LaneSettings::default(),
            plan: PlanSettings::default(),
            bundle: None,
            prune_after: None,
            ignored: Vec::new(),
            accounts,
            lanes: BTreeMap::new(),
        }
    }

    /// What is set for a lane.
    pub fn for_lane(&self, lane: &Lane) -> LaneSettings {
        self.lanes.get(lane).unwrap_or(&self.every_lane).clone()
    }

    /// The lanes that have settings of their own.
    pub fn lanes(&self) -> impl Iterator<Item = (&Lane, &LaneSettings)> {
        self.lanes.iter()
    }

    /// The labels of the accounts: those of the settings, or `default` where they name none. Where they name some,
    /// `default` is an account only if it is one of them.
    pub fn accounts(&self) -> BTreeSet<AccountLabel> {
        self.accounts.keys().cloned().collect()
    }

    /// The Regions of each account that has some.
    pub fn regions(&self) -> BTreeMap<AccountLabel, BTreeSet<Region>> {
        let set = |account: &Account| account.regions.iter().copied().collect();
        let some = self.accounts.iter().filter(|(_, account)| !account.regions.is_empty());
        some.map(|(label, account)| (label.clone(), set(account))).collect()
    }

    /// How an account is reached.
    pub fn account(&self, label: &AccountLabel) -> Option<&Account> {
        self.accounts.get(label)
    }
}

fn accounts(layers: &Layers, raw: BTreeMap<String, Account>) -> Result<BTreeMap<AccountLabel, Account>, SettingsError> {
    if raw.is_empty() {
        return Ok(BTreeMap::from([(AccountLabel::unnamed(), Account::default())]));
    }
    let mut accounts = BTreeMap::new();
    for (key, account) in raw {
        let path = ["accounts".to_owned(), key.clone()];
        let label = AccountLabel::parse(&key).map_err(|bad| layers.value_error(&path, bad.to_string()))?;
        if account.external_id.is_some() && account.role_arn.is_none() {
            let path = [path.as_slice(), &["external_id".to_owned()]].concat();
            let message = "an external id is for a role: set role_arn too, or leave it out".to_owned();
            return Err(layers.value_error(&path, message));
        }
        accounts.insert(label, account);
    }
    Ok(accounts)
}

/// The lane that a key of `[lanes]` names.
fn lane(
    layers: &Layers,
    path: &[String; 2],
    accounts: &BTreeMap<AccountLabel, Account>,
) -> Result<Lane, SettingsError> {
    let [_, key] = path;
    let wrong = |message: String| layers.value_error(path, message);
    let Some((label, region)) = key.split_once('/') else {
        return Err(wrong(format!(
            "{key:?} is not a lane: write it as \"ACCOUNT/REGION\", such as \"default/eu-west-1\""
        )));
    };
    let region = Region::parse(region).map_err(|bad| wrong(bad.to_string()))?;
    let account = AccountLabel::parse(label).map_err(|bad| wrong(bad.to_string()))?;
    if accounts.contains_key(&account) {
        return Ok(Lane { account, region });
    }
    let known: Vec<&str> = accounts.keys().map(AccountLabel::as_str).collect();
    let way = match nearest(label, known.iter().copied()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("add [accounts.{label}], or use one of {}", known.join(", ")),
    };
    Err(wrong(format!("{label:?} is not an account in the settings: {way}")))
}

/// Refuses settings that contradict each other; `path` is the lane's, or empty for all lanes.
fn check_lane(layers: &Layers, path: &[String], lane: &LaneSettings) -> Result<(), SettingsError> {
    let export = &lane.export;
    let pairs = [
        (["export", "backoff_initial"], export.backoff_initial, ["export", "backoff_max"], export.backoff_max),
        (["poll", "min"], lane.poll.min, ["poll", "max"], lane.poll.max),
        (["breaker", "wait"], lane.breaker.wait, ["breaker", "wait_max"], lane.breaker.wait_max),
    ];
    for (low_key, low, high_key, high) in pairs {
        if low > high {
            let at = |key: [&str; 2]| -> Vec<String> { path.iter().cloned().chain(key.map(str::to_owned)).collect() };
            // One of the two may be a default, or be set for all lanes.
            let blamed = if layers.has(&at(low_key)) { low_key } else { high_key };
            let [low_name, high_name] = [low_key, high_key].map(|key| key.join("."));
            let (low, high) = (written(low), written(high));
            let message = format!("{low_name} ({low}) is longer than {high_name} ({high}): change one of them");
            return Err(layers.value_error(&at(blamed), message));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "resolved_tests.rs"]
mod tests;
