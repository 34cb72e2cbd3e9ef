//! The settings as they are written: each may be missing. The same shape serves all lanes and a single one.

use super::account::Account;
use super::database_url::DatabaseUrl;
use super::lane_settings::LaneSettings;
use super::plan_settings::{PlanSettings, currency};
use super::values::{BoundedSpan, Positive, Ranged, Whole, folder};
use crate::domain::{Existing, OUTCOMES_KEPT};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

const SECOND: u64 = 1000;
const HOUR: u64 = 3600 * SECOND;
const DAY: u64 = 24 * HOUR;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Raw {
    pub(super) database: Option<DatabaseUrl>,
    export: RawExport,
    read: RawRead,
    poll: RawPoll,
    reconcile: RawReconcile,
    lane: RawProbe,
    breaker: RawBreaker,
    plan: RawPlan,
    pub(super) report: RawReport,
    pub(super) prune: RawPrune,
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) lanes: BTreeMap<String, RawLane>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
pub(super) struct RawLane {
    export: RawExport,
    read: RawRead,
    poll: RawPoll,
    reconcile: RawReconcile,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
struct RawExport {
    rate: Option<Positive<1000>>,
    burst: Option<Whole<1, 1000>>,
    max_in_flight: Option<Whole<1, 1_000_000>>,
    max_attempts: Option<Whole<1, 100>>,
    backoff_initial: Option<BoundedSpan<1, DAY>>,
    backoff_max: Option<BoundedSpan<1, DAY>>,
    attempt_timeout: Option<BoundedSpan<100, HOUR>>,
    existing: Option<Existing>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
struct RawRead {
    rate: Option<Positive<1000>>,
    burst: Option<Whole<1, 1000>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
struct RawPoll {
    min: Option<BoundedSpan<10, DAY>>,
    max: Option<BoundedSpan<10, DAY>>,
    give_up: Option<BoundedSpan<SECOND, { 365 * DAY }>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
struct RawReconcile {
    settle: Option<BoundedSpan<100, { 7 * DAY }>>,
    looks: Option<Whole<1, 100>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
struct RawProbe {
    probe: Option<BoundedSpan<100, DAY>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
struct RawBreaker {
    enabled: Option<bool>,
    share: Option<Positive<1>>,
    at_least: Option<Whole<1, { OUTCOMES_KEPT as u64 }>>,
    in_a_row: Option<Whole<0, 1000>>,
    codes: BTreeMap<String, Whole<0, 1000>>,
    wait: Option<BoundedSpan<100, DAY>>,
    wait_max: Option<BoundedSpan<100, { 7 * DAY }>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
struct RawPlan {
    price_per_gb_month: Option<Positive<1000>>,
    #[serde(deserialize_with = "currency")]
    currency: Option<String>,
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
    pub(super) after: Option<BoundedSpan<DAY, { 3650 * DAY }>>,
}

impl Raw {
    /// What a plan reckons with.
    pub(super) fn plan(&self) -> PlanSettings {
        PlanSettings {
            price_per_gb_month: self.plan.price_per_gb_month.map(|price| price.0),
            currency: self.plan.currency.clone(),
        }
    }

    /// Lays what is set for all lanes over the defaults.
    pub(super) fn every_lane(&self) -> LaneSettings {
        let mut lane = LaneSettings::default();
        lay(&mut lane, &self.export, &self.read, &self.poll, &self.reconcile);
        set(&mut lane.probe, self.lane.probe);
        let breaker = &mut lane.breaker;
        breaker.enabled = self.breaker.enabled.unwrap_or(breaker.enabled);
        set(&mut breaker.share, self.breaker.share);
        set(&mut breaker.at_least, self.breaker.at_least);
        set(&mut breaker.in_a_row, self.breaker.in_a_row);
        breaker.codes = self.breaker.codes.iter().map(|(code, limit)| (code.clone(), limit.0)).collect();
        set(&mut breaker.wait, self.breaker.wait);
        set(&mut breaker.wait_max, self.breaker.wait_max);
        lane
    }
}

impl RawLane {
    /// Lays what is set for this lane over what is set for all.
    pub(super) fn over(&self, every_lane: &LaneSettings) -> LaneSettings {
        let mut lane = every_lane.clone();
        lay(&mut lane, &self.export, &self.read, &self.poll, &self.reconcile);
        lane
    }
}

fn lay(lane: &mut LaneSettings, export: &RawExport, read: &RawRead, poll: &RawPoll, reconcile: &RawReconcile) {
    set(&mut lane.export.rate, export.rate);
    set(&mut lane.export.burst, export.burst);
    set(&mut lane.export.max_in_flight, export.max_in_flight);
    set(&mut lane.export.retry.max_attempts, export.max_attempts);
    set(&mut lane.export.retry.initial, export.backoff_initial);
    set(&mut lane.export.retry.max, export.backoff_max);
    set(&mut lane.export.attempt_timeout, export.attempt_timeout);
    lane.export.existing = export.existing.unwrap_or(lane.export.existing);
    set(&mut lane.read.rate, read.rate);
    set(&mut lane.read.burst, read.burst);
    set(&mut lane.poll.min, poll.min);
    set(&mut lane.poll.max, poll.max);
    set(&mut lane.poll.give_up, poll.give_up);
    set(&mut lane.reconcile.settle, reconcile.settle);
    set(&mut lane.reconcile.looks, reconcile.looks);
}

fn set<T: Copy, const LO: u64, const HI: u64>(slot: &mut T, given: Option<Ranged<T, LO, HI>>) {
    *slot = given.map_or(*slot, |given| given.0);
}
