//! The settings, checked.

use super::account::Account;
use super::database_url::DatabaseUrl;
use super::environment::ignored;
use super::error::{SettingsError, near};
use super::lane_settings::LaneSettings;
use super::layers::{Layers, Sources};
use super::plan_settings::PlanSettings;
use super::values::written;
use crate::domain::{AccountLabel, Lane, Region};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// What is set, all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The database.
    pub database: DatabaseUrl,
    /// What is set for all lanes.
    pub every_lane: LaneSettings,
    /// What a plan reckons with.
    pub plan: PlanSettings,
    /// The folder in which each batch that ends gets its completion report; none is written without it.
    pub bundle: Option<PathBuf>,
    /// How long after its completion report a batch is taken out of the database; none is without it.
    pub prune_after: Option<Duration>,
    /// Variables of the environment that begin as ours do, and are others'.
    pub ignored: Vec<String>,
    accounts: BTreeMap<AccountLabel, Account>,
    lanes: BTreeMap<Lane, LaneSettings>,
}

impl Settings {
    /// Reads and checks the settings.
    pub fn load(sources: &Sources) -> Result<Self, SettingsError> {
        let layers = Layers::read(sources)?;
        let raw = layers.extract()?;
        let every_lane = raw.every_lane();
        check_lane(&layers, &[], &every_lane)?;
        let mut settings = Self::built_in(DatabaseUrl::at(""));
        settings.ignored = ignored(&sources.env);
        settings.plan = raw.plan();
        settings.accounts = accounts(&layers, raw.accounts)?;
        for (key, set) in raw.lanes {
            let path = ["lanes".to_owned(), key];
            let lane = lane(&layers, &path, &settings.accounts)?;
            let merged = set.over(&every_lane);
            check_lane(&layers, &path, &merged)?;
            settings.lanes.insert(lane, merged);
        }
        settings.every_lane = every_lane;
        settings.bundle = raw.report.bundle;
        settings.prune_after = raw.prune.after.map(|after| after.0);
        if settings.prune_after.is_some() && settings.bundle.is_none() {
            let message =
                "what is pruned is told by its completion report alone: set report.bundle too, or leave it out";
            return Err(layers.value_error(&["prune", "after"].map(str::to_owned), message.to_owned()));
        }
        let usual = || sources.user_data_dir.as_ref().map(|data| data.join("snapferry").join("snapferry.db"));
        let database = raw.database.or_else(|| usual().map(DatabaseUrl::at));
        settings.database = database.ok_or(SettingsError::NoDatabase)?;
        Ok(settings)
    }

    /// The settings where nothing is set.
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
            "{key:?} is no lane: write it as \"ACCOUNT/REGION\", such as \"default/eu-west-1\""
        )));
    };
    let region = Region::parse(region).map_err(|bad| wrong(bad.to_string()))?;
    let account = AccountLabel::parse(label).map_err(|bad| wrong(bad.to_string()))?;
    if accounts.contains_key(&account) {
        return Ok(Lane { account, region });
    }
    let known = || accounts.keys().map(|label| label.as_str().to_owned());
    let way = near(label, known()).map_or_else(
        || format!("add [accounts.{label}], or use one of {}", known().collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean {near:?}?"),
    );
    Err(wrong(format!("{label:?} is no account of the settings: {way}")))
}

/// Looks for settings that contradict each other; `path` is the lane's, or empty for all lanes.
fn check_lane(layers: &Layers, path: &[String], lane: &LaneSettings) -> Result<(), SettingsError> {
    let retry = &lane.export.retry;
    let pairs = [
        (["export", "backoff_initial"], retry.initial, ["export", "backoff_max"], retry.max),
        (["poll", "min"], lane.poll.min, ["poll", "max"], lane.poll.max),
        (["breaker", "wait"], lane.breaker.wait, ["breaker", "wait_max"], lane.breaker.wait_max),
    ];
    for (low_key, low, high_key, high) in pairs {
        if low > high {
            let at = |key: [&str; 2]| -> Vec<String> { path.iter().cloned().chain(key.map(str::to_owned)).collect() };
            // One of the two may be a default, or be set for all lanes.
            let blamed = if layers.has(&at(low_key)) { low_key } else { high_key };
            let (low_name, high_name) = (low_key.join("."), high_key.join("."));
            let (low, high) = (written(low), written(high));
            let message = if blamed == low_key {
                format!("{low} is longer than {high_name} ({high}): change one of them")
            } else {
                format!("{high} is shorter than {low_name} ({low}): change one of them")
            };
            return Err(layers.value_error(&at(blamed), message));
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "resolved_tests.rs"]
mod tests;
