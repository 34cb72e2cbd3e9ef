//! What can be set for a lane: each setting with its range and its default.

use super::values::{DAY, HOUR, Ranged, SECOND, WEEK, YEAR, ranged};
use crate::domain::{BreakerPolicy, Existing, OUTCOMES_KEPT, RetryPolicy};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::time::Duration;

/// All settings of a lane.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LaneSettings {
    /// How snapshots are exported.
    pub export: ExportSettings,
    /// How the lane is read.
    pub read: ReadSettings,
    /// How operations are tracked.
    pub poll: PollSettings,
    /// How unconfirmed attempts are reconciled.
    pub reconcile: ReconcileSettings,
    /// How a blocked lane is probed.
    pub lane: ProbeSettings,
    /// When the circuit breakers of the lane and of its batches open.
    pub breaker: BreakerPolicy,
}

/// The sections that a single lane may have.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
pub(super) struct LaneSections {
    pub(super) export: ExportSettings,
    pub(super) read: ReadSettings,
    pub(super) poll: PollSettings,
    pub(super) reconcile: ReconcileSettings,
}

/// How snapshots are exported.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
pub struct ExportSettings {
    /// The ceiling of `ExportSnapshot` calls per second.
    #[serde(deserialize_with = "ranged::<_, _, 0, 1000>")]
    pub rate: f64,
    /// Calls allowed at once after a pause.
    #[serde(deserialize_with = "ranged::<_, _, 1, 1000>")]
    pub burst: u32,
    /// EBS copies in progress; an instance snapshot counts 1 plus its attached disks.
    #[serde(deserialize_with = "ranged::<_, _, 1, 1_000_000>")]
    pub max_in_flight: u32,
    /// Attempts of a job before it fails.
    #[serde(deserialize_with = "ranged::<_, _, 1, 100>")]
    pub max_attempts: u32,
    /// The bound of the wait before the second attempt.
    #[serde(deserialize_with = "ranged::<_, _, 1, DAY>")]
    pub backoff_initial: Duration,
    /// The bound of every such wait.
    #[serde(deserialize_with = "ranged::<_, _, 1, DAY>")]
    pub backoff_max: Duration,
    /// How long to wait for a response.
    #[serde(deserialize_with = "ranged::<_, _, 100, HOUR>")]
    pub attempt_timeout: Duration,
    /// What to do with a snapshot that has been exported before.
    pub existing: Existing,
}

/// How the lane is read: all `Get*` calls.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
pub struct ReadSettings {
    /// Calls per second.
    #[serde(deserialize_with = "ranged::<_, _, 0, 1000>")]
    pub rate: f64,
    /// Calls allowed at once after a pause.
    #[serde(deserialize_with = "ranged::<_, _, 1, 1000>")]
    pub burst: u32,
}

/// How operations are tracked.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
pub struct PollSettings {
    /// The shortest poll interval.
    #[serde(deserialize_with = "ranged::<_, _, 10, DAY>")]
    pub min: Duration,
    /// The longest.
    #[serde(deserialize_with = "ranged::<_, _, 10, DAY>")]
    pub max: Duration,
    /// How long an operation may take before the job needs review.
    #[serde(deserialize_with = "ranged::<_, _, SECOND, YEAR>")]
    pub give_up: Duration,
}

/// How unconfirmed attempts are reconciled.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
pub struct ReconcileSettings {
    /// The time over which the absence checks are spread.
    #[serde(deserialize_with = "ranged::<_, _, 100, WEEK>")]
    pub settle: Duration,
    /// Absence checks that prove an attempt absent.
    #[serde(deserialize_with = "ranged::<_, _, 1, 100>")]
    pub looks: u32,
}

/// How a blocked lane is probed.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
pub struct ProbeSettings {
    /// How often it tries again.
    #[serde(deserialize_with = "ranged::<_, _, 100, DAY>")]
    pub probe: Duration,
}

/// The section of [`BreakerPolicy`].
#[derive(Deserialize)]
#[serde(
    remote = "BreakerPolicy",
    default = "BreakerPolicy::default",
    deny_unknown_fields,
    expecting = "a section with settings of its own"
)]
pub(super) struct BreakerSection {
    enabled: bool,
    #[serde(deserialize_with = "ranged::<_, _, 0, 1>")]
    share: f64,
    #[serde(deserialize_with = "ranged::<_, _, 1, MOST_OUTCOMES>")]
    at_least: u32,
    #[serde(deserialize_with = "ranged::<_, _, 0, 1000>")]
    in_a_row: u32,
    #[serde(deserialize_with = "codes")]
    codes: BTreeMap<String, u32>,
    #[serde(deserialize_with = "ranged::<_, _, 100, DAY>")]
    wait: Duration,
    #[serde(deserialize_with = "ranged::<_, _, 100, WEEK>")]
    wait_max: Duration,
}

const MOST_OUTCOMES: u64 = OUTCOMES_KEPT as u64;

fn codes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, u32>, D::Error> {
    let codes = BTreeMap::<String, Ranged<u32, 0, 1000>>::deserialize(deserializer)?;
    Ok(codes.into_iter().map(|(code, limit)| (code, limit.0)).collect())
}

impl ExportSettings {
    /// The attempts of a job, and the waits between them.
    pub fn retry(&self) -> RetryPolicy {
        RetryPolicy { max_attempts: self.max_attempts, initial: self.backoff_initial, max: self.backoff_max }
    }
}

impl Default for ExportSettings {
    fn default() -> Self {
        Self {
            rate: 20.0,
            burst: 10,
            // EBS allows 20 concurrent snapshot copies for each destination Region.
            max_in_flight: 20,
            max_attempts: 5,
            backoff_initial: Duration::from_secs(1),
            backoff_max: Duration::from_mins(5),
            attempt_timeout: Duration::from_secs(30),
            existing: Existing::Adopt,
        }
    }
}

impl Default for ReadSettings {
    fn default() -> Self {
        Self { rate: 10.0, burst: 10 }
    }
}

impl Default for PollSettings {
    fn default() -> Self {
        Self { min: Duration::from_secs(5), max: Duration::from_mins(1), give_up: Duration::from_hours(24) }
    }
}

impl Default for ReconcileSettings {
    fn default() -> Self {
        // More than three times the longest delay of the lists that was ever seen.
        Self { settle: Duration::from_mins(10), looks: 3 }
    }
}

impl Default for ProbeSettings {
    fn default() -> Self {
        Self { probe: Duration::from_secs(30) }
    }
}
