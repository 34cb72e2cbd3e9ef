//! What goes wrong, when, and for whom. Pure: the engine does what is decided here.

use crate::api::errors::ErrorAnswer;
use crate::setup::chance::{Probability, drawn_for};
use crate::setup::config::LaneAddress;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;

/// Everything that goes wrong. The first rule that hits a call decides; a call that the rate limit refuses meets none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Tried in order.
    pub rules: Vec<FaultRule>,
    /// How long after its begin an export, and its operation, is in no list. `GetOperation` knows it at once.
    #[serde(with = "humantime_serde")]
    pub late_lists: Duration,
    /// EBS copies that other clients have in progress in each lane, begun outside Lightsail: they count, and are in no list.
    pub other_copies: u32,
    /// Exports that other clients have in progress in each lane, of snapshots of their own: they count one copy each, and are
    /// in its lists. They end when the number is lowered.
    pub other_exports: u32,
    /// By how many seconds the clock of the service is ahead of the simulator's own. Where there is a number, what was signed
    /// 5 minutes before or after its time is refused.
    pub clock_ahead_seconds: Option<i64>,
}

/// One thing that goes wrong, and which calls it meets. A condition left out is met by all.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultRule {
    /// Only this account's calls.
    pub account: Option<String>,
    /// Only calls to this Region.
    pub region: Option<String>,
    /// Only calls that name this snapshot.
    pub name: Option<String>,
    /// Only this operation, such as `GetExportSnapshotRecords`; it takes the place of `applies_to`.
    pub operation: Option<String>,
    /// Which calls.
    pub applies_to: AppliesTo,
    /// Only from this time of the simulator's clock on.
    #[serde(with = "humantime_serde")]
    pub after: Duration,
    /// A script: each call that the rule meets takes the next one, `ok` too. Used up, it meets no call any more.
    pub answers: VecDeque<Fault>,
    /// A fault by chance: each call that the rule meets has it with `probability`.
    pub fault: Option<Fault>,
    /// How likely `fault` is; always, where nothing is said.
    pub probability: Probability,
}

/// Which calls a rule meets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppliesTo {
    /// `ExportSnapshot`.
    #[default]
    Exports,
    /// Everything else.
    Reads,
    /// Every call.
    All,
}

/// What happens to one call. In JSON a name of [`crate::FAULT_NAMES`], or an object with these fields.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Fault {
    /// Whether the call takes effect.
    pub effect: Effect,
    /// What comes back.
    pub answer: FaultyAnswer,
    /// How long the answer waits, after the effect.
    #[serde(with = "humantime_serde")]
    pub delay: Duration,
    /// How the export's operation ends; only where it begins at all.
    pub operation_failure: Option<OperationFailure>,
    /// How long the export takes; as configured by default.
    #[serde(with = "humantime_serde")]
    pub takes: Option<Duration>,
}

/// Whether a call takes effect.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It does, as far as the simulator finds nothing wrong with it.
    #[default]
    Happens,
    /// It does, and at the same moment somebody in the console begins another export of the snapshot.
    Twice,
    /// It does not; an intact answer is then an empty object.
    Withheld,
}

/// What comes back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultyAnswer {
    /// The answer as it should be.
    #[default]
    Intact,
    /// This error.
    Error(ErrorAnswer),
    /// None: the connection is closed.
    Closed,
    /// 200 and half of what Content-Length says, then the connection is closed.
    Truncated,
    /// 200 and half of the JSON, otherwise in order.
    Garbled,
    /// A page of HTML with this status, as a proxy sends it.
    Html(u16),
}

/// How an operation fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperationFailure {
    /// The operation's `errorCode`.
    pub code: String,
    /// The operation's `errorDetails`.
    pub details: String,
}

impl Default for Probability {
    fn default() -> Self {
        Self::ALWAYS
    }
}

impl FaultRule {
    /// `fault` in `ExportSnapshot` with this probability.
    #[must_use]
    pub fn sometimes(fault: Fault, probability: Probability) -> Self {
        Self { fault: Some(fault), probability, ..Self::default() }
    }

    /// What the calls of `ExportSnapshot` for `name` get, in turn.
    #[must_use]
    pub fn script(name: &str, answers: impl IntoIterator<Item = Fault>) -> Self {
        Self { name: Some(name.to_owned()), answers: answers.into_iter().collect(), ..Self::default() }
    }

    fn meets(&self, call: &CallContext<'_>) -> bool {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|wanted| wanted == is);
        let side = match (&self.operation, self.applies_to) {
            (Some(operation), _) => operation == call.operation,
            (None, AppliesTo::All) => true,
            (None, AppliesTo::Exports) => call.operation == "ExportSnapshot",
            (None, AppliesTo::Reads) => call.operation != "ExportSnapshot",
        };
        side && fits(&self.account, &call.address.account)
            && fits(&self.region, &call.address.region)
            && self.name.as_deref().is_none_or(|wanted| call.name == Some(wanted))
            && call.at >= self.after
    }
}

/// What rules see of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallContext<'a> {
    pub(crate) address: &'a LaneAddress,
    pub(crate) operation: &'a str,
    pub(crate) name: Option<&'a str>,
    pub(crate) at: Duration,
    /// How many calls of this kind for this name there were before.
    pub(crate) nth: u64,
}

impl Faults {
    /// What happens to this call; takes it off its script.
    pub(crate) fn decide(&mut self, seed: u64, call: &CallContext<'_>) -> Fault {
        for (number, rule) in self.rules.iter_mut().enumerate().filter(|(_, rule)| rule.meets(call)) {
            if let Some(fault) = rule.answers.pop_front() {
                return fault;
            }
            let Some(fault) = &rule.fault else { continue };
            let draw = drawn_for(seed, (number, call.address, call.operation, call.name, call.nth)).f64();
            if rule.probability.hits(draw) {
                return fault.clone();
            }
        }
        Fault::default()
    }
}
