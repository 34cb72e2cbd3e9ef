//! Lightsail at its worst, as far as its documentation allows, and the daemon's settings for it: every wait is shortened, in
//! proportion.

use crate::verdict::{PromisedLimits, Settling};
use anyhow::Context as _;
use lightsail_simulator::{AppliesTo, FaultRule, Faults, Probability};
use std::collections::BTreeSet;
use std::time::Duration;

/// The lanes: enough that a daemon, which starts slowly, has work in progress when it is killed.
pub(super) const REGIONS: [&str; 4] = ["eu-west-1", "us-east-1", "ap-south-1", "eu-central-1"];

/// The Region whose exports are throttled, and the one whose credentials expire now and then. Both pause after it, so the
/// others have neither.
const THROTTLED: &str = "us-east-1";
const EXPIRING: &str = "ap-south-1";

/// How long an export is missing from the lists: longer than the attempt timeout, so that reconciliation has to wait.
const LATE_LISTS: Duration = Duration::from_millis(600);

/// How long an export takes.
pub(super) const EXPORT_TAKES: &str = "100ms..1500ms";

/// The daemon's limits.
pub(super) const LIMITS: PromisedLimits = PromisedLimits { exports: (40.0, 10), reads: (60.0, 15) };

/// What proves an attempt absent: absence checks over three times the delay of the lists.
pub(super) const SETTLING: Settling =
    Settling { attempt_timeout: Duration::from_millis(400), settle: Duration::from_millis(1800), looks: 3 };

/// The faults of exports and their shares.
const EXPORTS: [(&str, f64); 8] = [
    ("lost", 0.04),
    ("lost-before", 0.04),
    ("ServiceException+effect", 0.04),
    ("ServiceException", 0.04),
    ("truncated", 0.04),
    ("garbled", 0.02),
    ("html-503", 0.02),
    ("operation-fails", 0.04),
];

/// The faults of reads and their shares.
const READS: [(&str, f64); 4] =
    [("lost", 0.01), ("truncated", 0.01), ("ServiceException", 0.01), ("ThrottlingException", 0.005)];

/// The faults of a single lane.
const TROUBLES: [(&str, &str, f64); 2] =
    [(THROTTLED, "ThrottlingException", 0.03), (EXPIRING, "ExpiredTokenException", 0.01)];

pub(super) fn troubles() -> BTreeSet<String> {
    TROUBLES.iter().map(|(_, error, _)| (*error).to_owned()).collect()
}

/// What goes wrong.
pub(super) fn faults() -> anyhow::Result<Faults> {
    let rule = |fault: &str, share: f64, applies_to: AppliesTo, region: Option<&str>| -> anyhow::Result<FaultRule> {
        let fault = fault.parse().context("a fault of the self-test")?;
        let share = Probability::new(share).context("a share of the self-test")?;
        Ok(FaultRule { applies_to, region: region.map(str::to_owned), ..FaultRule::sometimes(fault, share) })
    };
    let troubles = TROUBLES.iter().map(|(region, fault, share)| rule(fault, *share, AppliesTo::Exports, Some(region)));
    let exports = EXPORTS.iter().map(|(fault, share)| rule(fault, *share, AppliesTo::Exports, None));
    let reads = READS.iter().map(|(fault, share)| rule(fault, *share, AppliesTo::Reads, None));
    let rules = troubles.chain(exports).chain(reads).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Faults { rules, late_lists: LATE_LISTS, ..Faults::default() })
}

/// The daemon's settings, as environment variables.
pub(super) fn settings() -> [(&'static str, String); 15] {
    let span = |span: Duration| humantime::format_duration(span).to_string();
    [
        ("SNAPFERRY_EXPORT__RATE", LIMITS.exports.0.to_string()),
        ("SNAPFERRY_EXPORT__BURST", LIMITS.exports.1.to_string()),
        ("SNAPFERRY_EXPORT__MAX_IN_FLIGHT", "60".to_owned()),
        // With so many faults, one job in a few hundred would use up the usual five.
        ("SNAPFERRY_EXPORT__MAX_ATTEMPTS", "30".to_owned()),
        ("SNAPFERRY_EXPORT__ATTEMPT_TIMEOUT", span(SETTLING.attempt_timeout)),
        ("SNAPFERRY_EXPORT__BACKOFF_INITIAL", "10ms".to_owned()),
        ("SNAPFERRY_EXPORT__BACKOFF_MAX", "100ms".to_owned()),
        ("SNAPFERRY_READ__RATE", LIMITS.reads.0.to_string()),
        ("SNAPFERRY_READ__BURST", LIMITS.reads.1.to_string()),
        ("SNAPFERRY_POLL__MIN", "50ms".to_owned()),
        ("SNAPFERRY_POLL__MAX", "300ms".to_owned()),
        ("SNAPFERRY_POLL__GIVE_UP", "1h".to_owned()),
        ("SNAPFERRY_RECONCILE__SETTLE", span(SETTLING.settle)),
        ("SNAPFERRY_RECONCILE__LOOKS", SETTLING.looks.to_string()),
        ("SNAPFERRY_LANE__PROBE", "200ms".to_owned()),
    ]
}
