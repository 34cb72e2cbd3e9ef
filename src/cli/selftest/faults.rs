//! Lightsail at its worst, as far as its promises allow, and the daemon's settings to meet it: every wait shortened, and
//! the proportions kept.

use crate::verdict::{Limits, Settling, Troubles};
use anyhow::Context as _;
use lightsail_simulator::{AppliesTo, FaultRule, Faults, Probability};
use std::time::Duration;

/// The lanes: enough of them that a start, which sends slowly at first, meets work that is worth a kill.
pub(super) const REGIONS: [&str; 4] = ["eu-west-1", "us-east-1", "ap-south-1", "eu-central-1"];

/// The Region whose exports are throttled, and the one whose credentials expire now and then. Both rest after it, so the
/// others have neither.
const THROTTLED: &str = "us-east-1";
const EXPIRING: &str = "ap-south-1";

/// How long an export is in no list: longer than an answer is waited for, so that it has to be waited for in earnest.
const LATE_LISTS: Duration = Duration::from_millis(600);

/// How long an export takes.
pub(super) const EXPORT_TAKES: &str = "100ms..1500ms";

/// The limits that the daemon is given.
pub(super) const LIMITS: Limits = Limits { exports: (40.0, 10), reads: (60.0, 15) };

/// What proves an attempt absent: looks over three times the delay of the lists.
pub(super) const SETTLING: Settling =
    Settling { attempt_timeout: Duration::from_millis(400), settle: Duration::from_millis(1800), looks: 3 };

/// Each fault of an export with its share.
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

/// Each fault of a reading with its share.
const READS: [(&str, f64); 4] =
    [("lost", 0.01), ("truncated", 0.01), ("ServiceException", 0.01), ("ThrottlingException", 0.005)];

/// Both troubles of a lane.
const TROUBLES: [(&str, &str, f64); 2] =
    [(THROTTLED, "ThrottlingException", 0.03), (EXPIRING, "ExpiredTokenException", 0.01)];

pub(super) fn troubles() -> Troubles {
    Troubles(TROUBLES.iter().map(|(_, error, _)| (*error).to_owned()).collect())
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

/// The daemon's settings, as variables.
pub(super) fn settings() -> [(&'static str, String); 15] {
    let span = |span: Duration| humantime::format_duration(span).to_string();
    [
        ("SNAPFERRY_EXPORT__RATE", LIMITS.exports.0.to_string()),
        ("SNAPFERRY_EXPORT__BURST", LIMITS.exports.1.to_string()),
        ("SNAPFERRY_EXPORT__MAX_IN_FLIGHT", "60".to_owned()),
        // A share of faults like this one would use up the usual five for some job in a few hundred.
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
