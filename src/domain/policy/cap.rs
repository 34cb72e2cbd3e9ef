//! How many EBS copies of a lane may be in progress: as many as the settings say, or fewer for a while where EC2 had too many. Pure.

use crate::domain::{ErrorCode, Timestamp};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How often a lowered cap rises: copies take minutes, and only those that end show what one more does.
const CLIMB: Duration = Duration::from_mins(2);

/// An EC2 limit because of which an export is refused or fails, whatever its snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// On concurrent copies: it passes once others have ended.
    Copies,
    /// A quota of the account, such as that of all snapshots: it does not pass by itself.
    Quota,
}

impl Limit {
    /// The limit that a code names. EC2 documents `ResourceLimitExceeded` ("too many snapshot copies in progress"),
    /// `ConcurrentSnapshotLimitExceeded`, `SnapshotCreationPerVolumeRateExceeded`, and for quotas `SnapshotLimitExceeded` and others;
    /// which of them Lightsail passes on, and in what form, is not documented.
    pub fn of_code(code: &str) -> Option<Self> {
        let code = code.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|words| code.contains(words));
        if has(&["quota", "countlimit", "countexceeded"]) || code == "snapshotlimitexceeded" {
            Some(Self::Quota)
        } else {
            has(&["limitexceeded", "rateexceeded", "toomany"]).then_some(Self::Copies)
        }
    }

    /// The limit that a message names, whatever its code.
    pub fn in_words(message: &str) -> Option<Self> {
        let message = message.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|words| message.contains(words));
        let of_copies = has(&["copies", "copyimage", "copysnapshot"])
            || has(&["snapshot", "copy"]) && has(&["concurrent", "in progress", "in-progress", "active", "pending"]);
        let words =
            ["too many", "limit is", "limit of", "limit for", "limit exceeded", "maximum number", "maximum allowed"];
        if of_copies && has(&words) {
            return Some(Self::Copies);
        }
        (has(&["maximum number of", "quota"]) && has(&["reached", "exceeded"])).then_some(Self::Quota)
    }
}

/// A cap below the one in the settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoweredCap {
    /// The most EBS copies in progress, at first.
    #[serde(skip_serializing)]
    pub to: u64,
    /// Since when.
    #[serde(serialize_with = "Timestamp::as_text")]
    pub since: Timestamp,
    /// The code of the export that failed because of it.
    pub code: ErrorCode,
}

/// An export that failed because of an EC2 limit.
#[derive(Debug, Clone)]
pub struct OverLimit {
    /// EBS copies of the lane that were in progress then, its own included.
    pub in_flight: u64,
    /// EBS copies of the lane beside which EC2 took no more, where it refused them at once.
    pub beside: Option<u64>,
    /// When it was sent.
    pub sent_at: Timestamp,
    /// Its code.
    pub code: ErrorCode,
}

impl LoweredCap {
    /// The cap in force at `now`, where the settings allow `most`. One that was lowered in the future dates from before the clock was
    /// set back, and no longer counts.
    pub fn in_force(lowered: Option<&Self>, most: u64, now: Timestamp) -> u64 {
        let Some(lowered) = lowered.filter(|lowered| lowered.since <= now) else { return most };
        let steps = now.since(lowered.since).as_secs() / CLIMB.as_secs();
        lowered.to.saturating_add(steps.saturating_mul((most / 10).max(1))).min(most)
    }

    /// How long until the cap in force rises; nothing where it does not.
    pub fn climbs_in(lowered: Option<&Self>, most: u64, now: Timestamp) -> Option<Duration> {
        let lowered = lowered.filter(|_| Self::in_force(lowered, most, now) < most)?;
        let since = now.since(lowered.since);
        Some(CLIMB.saturating_sub(Duration::from_secs(since.as_secs() % CLIMB.as_secs())))
    }

    /// The cap after an export that failed or was refused for EC2's limit: below what was under way, and not below half of
    /// what it was, but no more than EC2 had of the lane's when it took no more. Of those that were sent before the cap was
    /// lowered last, each that fails takes one more off. Nothing where that tells nothing new.
    pub fn after(lowered: Option<&Self>, most: u64, over: OverLimit, now: Timestamp) -> Option<Self> {
        let known = lowered.is_some_and(|lowered| lowered.since <= now && over.sent_at <= lowered.since);
        let now_in_force = Self::in_force(lowered, most, now);
        let below = match (known, over.beside) {
            (true, Some(_)) => now_in_force,
            (true, None) => now_in_force.saturating_sub(1),
            (false, _) => (now_in_force.min(over.in_flight).saturating_mul(3) / 4).max(now_in_force / 2),
        };
        let to = below.min(over.beside.unwrap_or(u64::MAX)).max(1);
        (!known || to < now_in_force).then_some(Self { to, since: now, code: over.code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn over(in_flight: u64, sent_at: Timestamp) -> OverLimit {
        OverLimit { in_flight, beside: None, sent_at, code: ErrorCode::new("ResourceLimitExceeded") }
    }

    #[test]
    fn a_cap_says_when_it_climbs_until_it_is_back() {
        let lowered = LoweredCap { to: 17, since: NOW, code: ErrorCode::new("ResourceLimitExceeded") };
        let climbs = |after: Duration| LoweredCap::climbs_in(Some(&lowered), 20, NOW.after(after));
        assert_eq!(climbs(Duration::ZERO), Some(CLIMB));
        let wait = climbs(Duration::from_millis(1_500)).expect("it climbs");
        let in_force = |at: Duration| LoweredCap::in_force(Some(&lowered), 20, NOW.after(at));
        assert!(
            in_force(Duration::from_millis(1_500) + wait) > in_force(Duration::from_millis(1_500)) && wait <= CLIMB
        );
        assert_eq!(climbs(CLIMB * 2), None);
        assert_eq!(LoweredCap::climbs_in(None, 20, NOW), None);
    }

    #[test]
    fn limits_of_ec2_are_known_by_their_codes_and_by_their_words() {
        for code in ["ResourceLimitExceeded", "SnapshotCreationPerVolumeRateExceeded", "TooManySnapshotCopies"] {
            assert_eq!(Limit::of_code(code), Some(Limit::Copies), "{code}");
        }
        for code in ["SnapshotLimitExceeded", "ServiceQuotaExceededException", "ResourceCountExceeded"] {
            assert_eq!(Limit::of_code(code), Some(Limit::Quota), "{code}");
        }
        for code in ["InternalError", "UnsupportedOperation", "InvalidInputException", "OperationFailed"] {
            assert_eq!(Limit::of_code(code), None, "{code}");
        }
        for (message, limit) in [
            ("Too many snapshot copies in progress. The limit is 5 for this destination region", Some(Limit::Copies)),
            ("You have exceeded the maximum number of concurrent snapshot copies.", Some(Limit::Copies)),
            ("Maximum number of snapshots (100000) reached", Some(Limit::Quota)),
            ("Your quota of images is exceeded", Some(Limit::Quota)),
            ("Maximum allowed in-progress snapshots for a single volume exceeded.", Some(Limit::Copies)),
            ("Maximum allowed active snapshot limit exceeded.", Some(Limit::Copies)),
            ("Pending snapshot limit exceeded", Some(Limit::Copies)),
            ("Too many concurrent requests", None),
            ("Rate exceeded", None),
            ("An export is in progress. Please wait for it to complete before trying again", None),
            ("The limit of 255 characters is exceeded", None),
        ] {
            assert_eq!(Limit::in_words(message), limit, "{message}");
        }
    }

    #[test]
    fn a_failure_lowers_the_cap_below_what_was_under_way_and_it_climbs_back() {
        let lowered = LoweredCap::after(None, 20, over(16, NOW), NOW);
        let at = |minutes| LoweredCap::in_force(lowered.as_ref(), 20, NOW.after(Duration::from_mins(minutes)));
        assert_eq!((at(0), at(1), at(2), at(4), at(8), at(600)), (12, 12, 14, 16, 20, 20));
        assert_eq!(LoweredCap::in_force(None, 20, NOW), 20);
        assert_eq!(LoweredCap::in_force(lowered.as_ref(), 20, NOW.before(Duration::from_mins(1))), 20);
    }

    #[test]
    fn failures_of_what_was_sent_before_lower_it_once_and_one_alone_never_below_one() {
        let first = LoweredCap::after(None, 20, over(20, NOW), NOW);
        let to = |lowered: &Option<LoweredCap>| lowered.as_ref().map(|lowered| lowered.to);
        // What EC2 refused beside them tells nothing new; what fails of those sent before takes one more off.
        let refused = |beside| OverLimit { beside: Some(beside), ..over(19, NOW) };
        assert_eq!(LoweredCap::after(first.as_ref(), 20, refused(19), NOW), None);
        assert_eq!(to(&LoweredCap::after(first.as_ref(), 20, over(19, NOW), NOW)), Some(14));
        // With three of the lane's own in progress EC2 was full: others have the rest.
        assert_eq!(to(&LoweredCap::after(None, 20, refused(3), NOW)), Some(3));
        assert_eq!(to(&LoweredCap::after(None, 20, refused(0), NOW)), Some(1));
        let mut lowered = first;
        let mut caps = Vec::new();
        for second in 1..8 {
            let now = NOW.after(Duration::from_secs(second));
            lowered = LoweredCap::after(lowered.as_ref(), 20, over(1, now), now);
            caps.extend(lowered.as_ref().map(|lowered| lowered.to));
        }
        assert_eq!(caps, [7, 3, 1, 1, 1, 1, 1]);
    }
}
