//! What is set for a lane, with the defaults.

use crate::domain::{BreakerPolicy, Existing, RetryPolicy};
use std::time::Duration;

/// Everything that can be set for a lane.
#[derive(Debug, Clone, PartialEq)]
pub struct LaneSettings {
    /// How snapshots are exported.
    pub export: ExportSettings,
    /// How the lane is read.
    pub read: ReadSettings,
    /// How operations are followed.
    pub poll: PollSettings,
    /// How unknown attempts are settled.
    pub reconcile: ReconcileSettings,
    /// How often a blocked lane tries again.
    pub probe: Duration,
    /// When it is stopped by its circuit breaker, and each of its batches.
    pub breaker: BreakerPolicy,
}

/// How snapshots are exported.
#[derive(Debug, Clone, PartialEq)]
pub struct ExportSettings {
    /// `ExportSnapshot` calls a second: the ceiling.
    pub rate: f64,
    /// Calls that may go at once after a rest.
    pub burst: u32,
    /// EBS copies under way; an instance snapshot counts 1 and its attached disks.
    pub max_in_flight: u32,
    /// Attempts of a job and the waits between them: `max_attempts`, `backoff_initial`, `backoff_max`.
    pub retry: RetryPolicy,
    /// How long an answer is waited for.
    pub attempt_timeout: Duration,
    /// What is done about a snapshot that has been exported before.
    pub existing: Existing,
}

/// How the lane is read: all `Get*` calls.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadSettings {
    /// Calls a second.
    pub rate: f64,
    /// Calls that may go at once after a rest.
    pub burst: u32,
}

/// How operations are followed.
#[derive(Debug, Clone, PartialEq)]
pub struct PollSettings {
    /// The shortest wait between two looks at an operation.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
    /// How long an operation may take before a person is asked.
    pub give_up: Duration,
}

/// How unknown attempts are settled.
#[derive(Debug, Clone, PartialEq)]
pub struct ReconcileSettings {
    /// The time over which the looks are spread.
    pub settle: Duration,
    /// Complete readings without a trace that prove an attempt absent.
    pub looks: u32,
}

impl Default for LaneSettings {
    fn default() -> Self {
        Self {
            export: ExportSettings::default(),
            read: ReadSettings::default(),
            poll: PollSettings::default(),
            reconcile: ReconcileSettings::default(),
            probe: Duration::from_secs(30),
            breaker: BreakerPolicy::default(),
        }
    }
}

impl Default for ExportSettings {
    fn default() -> Self {
        Self {
            rate: 20.0,
            burst: 10,
            // EBS allows 20 concurrent snapshot copies for each destination Region.
            max_in_flight: 20,
            retry: RetryPolicy { max_attempts: 5, initial: Duration::from_secs(1), max: Duration::from_mins(5) },
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
        // Three times the longest delay from answer to visible that was ever seen, and more.
        Self { settle: Duration::from_mins(10), looks: 3 }
    }
}
