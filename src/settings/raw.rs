//! The settings as the layers together hold them, each with its default.

use super::account_settings::Account;
use super::database_url::DatabaseUrl;
use super::lane_settings::{
    BreakerSection, ExportSettings, LaneSections, PollSettings, ProbeSettings, ReadSettings, ReconcileSettings,
};
use super::plan_settings::PlanSettings;
use super::values::{DAY, TEN_YEARS, folder, ranged};
use crate::domain::BreakerPolicy;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) database: Option<DatabaseUrl>,
    pub(super) export: ExportSettings,
    pub(super) read: ReadSettings,
    pub(super) poll: PollSettings,
    pub(super) reconcile: ReconcileSettings,
    pub(super) lane: ProbeSettings,
    #[serde(with = "BreakerSection")]
    pub(super) breaker: BreakerPolicy,
    pub(super) plan: PlanSettings,
    pub(super) report: RawReport,
    pub(super) prune: RawPrune,
    pub(super) accounts: BTreeMap<String, Account>,
    /// Checked here; [`super::layers::Layers::lanes`] adds what is set for all lanes.
    #[serde(rename = "lanes")]
    _lanes: BTreeMap<String, LaneSections>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
pub(super) struct RawReport {
    #[serde(deserialize_with = "folder")]
    pub(super) bundle: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
pub(super) struct RawPrune {
    #[serde(deserialize_with = "ranged::<_, _, DAY, TEN_YEARS>")]
    pub(super) after: Option<Duration>,
}
