//! How a simulator is set up.

use crate::api::errors::ErrorAnswer;
use crate::setup::faults::{Faults, OperationFailure};
use crate::setup::fleet::Fleet;
use crate::setup::rate_limit::RateLimit;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

/// Everything that can be set before the start. Where nothing is: a fleet of 100 in each lane that is called, no
/// limits, no faults, operations of 5 to 15 seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatorConfig {
    /// What all chance is drawn from: the same seed and the same calls give the same answers.
    pub seed: u64,
    /// The account (12 digits) of every access key that names none.
    pub default_account: String,
    /// The snapshots there are.
    pub fleet: Fleet,
    /// The most entries on a page.
    pub page_size: NonZeroUsize,
    /// The order of the lists of operations, records and snapshots.
    pub order: ListOrder,
    /// The most operations that `GetOperations` lists on all its pages together, the first in that order; nothing for all.
    pub operations_listed: Option<NonZeroUsize>,
    /// How long an export's operation takes.
    pub operation_time: Spread,
    /// How long after its operation a record shows its end.
    #[serde(with = "humantime_serde")]
    pub record_lag: Duration,
    /// How long a pending snapshot stays so, from the first call to its lane on.
    #[serde(with = "humantime_serde")]
    pub pending_time: Duration,
    /// The rates that are allowed.
    pub limits: Limits,
    /// How many EBS copies may be under way in a lane; nothing for no cap.
    pub copies: Option<CopyCap>,
    /// The blueprints that cannot be exported.
    pub not_exported: Unexportable,
    /// What `ExportSnapshot` answers with.
    pub export_answer: ExportAnswer,
    /// The word for an operation that ended well.
    pub success_word: SuccessWord,
    /// Whether errors carry the header `x-amzn-errortype`.
    pub error_header: bool,
    /// What goes wrong.
    pub faults: Faults,
}

/// The rates allowed in each lane; nothing for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Calls of `ExportSnapshot`.
    pub export: Option<RateLimit>,
    /// All other calls together.
    pub read: Option<RateLimit>,
}

/// A cap on the EBS copies under way in a lane: an instance snapshot counts 1 and its attached disks, a disk
/// snapshot 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyCap {
    /// How many may be under way at once.
    pub max: u32,
    /// What a call beyond them gets, without effect.
    pub error: ErrorAnswer,
    /// Where there is one, such a call is accepted, and its operation fails so.
    #[serde(default)]
    pub failure: Option<OperationFailure>,
}

/// Blueprints whose snapshots cannot be exported; `cPanel & WHM` by default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unexportable {
    /// What their ids begin with.
    pub blueprints: Vec<String>,
    /// What an export of one gets, without effect. The real words are unknown.
    pub error: ErrorAnswer,
}

impl Default for Unexportable {
    fn default() -> Self {
        let words = "Snapshots of instances with this blueprint cannot be exported to Amazon EC2.";
        Self { blueprints: vec!["cpanel_whm".to_owned()], error: ErrorAnswer::invalid(words) }
    }
}

/// What `ExportSnapshot` answers with. Which of them the real service does is unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportAnswer {
    /// One operation, on the snapshot.
    #[default]
    One,
    /// Two: on the snapshot and on the record.
    Pair,
    /// An empty object; the operation is in the lists all the same.
    None,
}

/// The word for success; Lightsail has two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SuccessWord {
    /// `Succeeded`.
    #[default]
    Succeeded,
    /// `Completed`.
    Completed,
}

/// The order of lists, and what becomes of it while one is read. What begins meanwhile newest first is not in that reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ListOrder {
    /// The latest entry first.
    #[default]
    NewestFirst,
    /// The first entry first.
    OldestFirst,
    /// The first entry first, and a token says how many are left: for each that begins between two pages, one that was there
    /// before is on neither.
    Slipping,
}

/// An account in a Region.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaneAddress {
    /// The account's 12 digits.
    pub account: String,
    /// The Region's code.
    pub region: String,
}

/// A span of time drawn evenly from `min..max`; both may be 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Spread {
    min: Duration,
    max: Duration,
}

/// The text was no spread of durations.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration or range of durations such as 30s or 5s..15s, the lesser first")]
pub struct BadSpread(String);

impl Default for SimulatorConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            default_account: "123456789012".to_owned(),
            fleet: Fleet::default(),
            page_size: NonZeroUsize::MIN.saturating_add(99),
            order: ListOrder::default(),
            operations_listed: None,
            operation_time: Spread { min: Duration::from_secs(5), max: Duration::from_secs(15) },
            record_lag: Duration::ZERO,
            pending_time: Duration::from_mins(1),
            limits: Limits::default(),
            copies: None,
            not_exported: Unexportable::default(),
            export_answer: ExportAnswer::default(),
            success_word: SuccessWord::default(),
            error_header: false,
            faults: Faults::default(),
        }
    }
}

impl fmt::Display for LaneAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

impl Spread {
    /// Always the same span.
    #[must_use]
    pub fn exactly(span: Duration) -> Self {
        Self { min: span, max: span }
    }

    pub(crate) fn draw(self, rng: &mut fastrand::Rng) -> Duration {
        self.min + self.max.saturating_sub(self.min).mul_f64(rng.f64())
    }
}

impl FromStr for Spread {
    type Err = BadSpread;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadSpread(text.to_owned());
        let span = |text: &str| humantime::parse_duration(text.trim()).map_err(|_| bad());
        let (min, max) = text.split_once("..").unwrap_or((text, text));
        let spread = Self { min: span(min)?, max: span(max)? };
        if spread.min <= spread.max { Ok(spread) } else { Err(bad()) }
    }
}

impl TryFrom<String> for Spread {
    type Error = BadSpread;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Spread> for String {
    fn from(spread: Spread) -> Self {
        let [min, max] = [spread.min, spread.max].map(humantime::format_duration);
        format!("{min}..{max}")
    }
}
