//! When a circuit breaker opens because too much fails, and when it closes. Pure: counts of what ended go in, and spans of time. A
//! breaker does not count the lane's own trouble (credentials, outages), which fails no job, nor denials.

use crate::domain::{ErrorCode, named};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How many of the last jobs that were sent and have ended count. The schema's trigger keeps no more.
pub const OUTCOMES_KEPT: u32 = 200;

/// The settings of circuit breakers.
#[derive(Debug, Clone, PartialEq)]
pub struct BreakerPolicy {
    /// Whether there are breakers at all.
    pub enabled: bool,
    /// The share of failures at which one opens, above 0 and at most 1.
    pub share: f64,
    /// Jobs that must have ended before the share counts.
    pub at_least: u32,
    /// Failures in a row with one code at which one opens; 0 for never.
    pub in_a_row: u32,
    /// The same for single codes, ignoring case.
    pub codes: BTreeMap<String, u32>,
    /// How long it waits before it sends a probe.
    pub wait: Duration,
    /// The wait doubles with each failed probe, up to this.
    pub wait_max: Duration,
}

/// What has ended of a batch in a lane, or of a lane, since its breaker was last closed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcomes {
    /// Jobs, at most [`OUTCOMES_KEPT`].
    pub ended: u32,
    /// How many of these failed.
    pub failed: u32,
    /// Where the last one failed: with which code, and how many in a row did.
    pub row: Option<(ErrorCode, u32)>,
}

/// The outcomes of one of a lane's batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchOutcomes {
    /// What has ended of it in the lane.
    pub outcomes: Outcomes,
    /// Whether it has jobs queued there.
    pub goes_on: bool,
}

/// Why a breaker opened.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OpenCause {
    /// Jobs that failed.
    pub failed: u32,
    /// The jobs that ended, those included.
    pub ended: u32,
    /// The code with which all of them failed in a row; nothing where the share counts.
    pub code: Option<ErrorCode>,
}

named! {
    /// How the probe of an open breaker stands.
    pub enum ProbeState {
        /// There is none.
        None = "none",
        /// It has not ended.
        UnderWay = "under_way",
        /// It was exported.
        Succeeded = "succeeded",
        /// It failed.
        Failed = "failed",
        /// It shows nothing, or not soon: it was paused, cancelled, asked to wait or exported by another client, its snapshot is
        /// not ready, or a person has to decide.
        Silent = "silent",
    }
}

/// What to do about an open breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerStep {
    /// Send nothing for this long.
    Wait(Duration),
    /// Send one job as the probe.
    Try,
    /// Wait for the probe to end.
    Follow,
    /// Close it.
    Close,
    /// Keep it open; the next probe is sent after this wait.
    Renew(Duration),
}

impl BreakerPolicy {
    /// Why these outcomes open a breaker, if they do. Only a failure opens one: where the last job succeeded, earlier failures do not.
    pub fn should_open(&self, outcomes: &Outcomes) -> Option<OpenCause> {
        let (code, times) = outcomes.row.as_ref().filter(|_| self.enabled)?;
        let limit = self.limit(code);
        if limit > 0 && *times >= limit {
            return Some(OpenCause { failed: *times, ended: *times, code: Some(code.clone()) });
        }
        let Outcomes { ended, failed, .. } = *outcomes;
        (ended >= self.at_least && self.is_too_much(outcomes)).then_some(OpenCause { failed, ended, code: None })
    }

    /// The same for a lane, given its batches: the failures of one batch are its own. A lane's breaker opens where more than one
    /// batch fails in it, and no other batch with queued jobs does well.
    pub fn should_open_lane(&self, lane: &Outcomes, batches: &[BatchOutcomes]) -> Option<OpenCause> {
        let cause = self.should_open(lane)?;
        let failing = |batch: &BatchOutcomes| match &cause.code {
            Some(code) => batch.outcomes.row.as_ref().is_some_and(|(own, _)| own == code),
            None => self.is_too_much(&batch.outcomes),
        };
        let several = batches.iter().filter(|batch| failing(batch)).count() > 1;
        let none_goes_well = cause.code.is_some()
            || !batches.iter().any(|batch| batch.goes_on && batch.outcomes.ended > 0 && !failing(batch));
        (several && none_goes_well).then_some(cause)
    }

    /// What to do about a breaker that has waited for `age` of its `wait`.
    pub fn step(&self, wait: Duration, age: Duration, probe: ProbeState) -> BreakerStep {
        if !self.enabled {
            return BreakerStep::Close;
        }
        match probe {
            ProbeState::Succeeded => BreakerStep::Close,
            ProbeState::Failed => BreakerStep::Renew(wait.saturating_mul(2).max(self.wait).min(self.wait_max)),
            ProbeState::UnderWay => BreakerStep::Follow,
            ProbeState::None | ProbeState::Silent => match wait.checked_sub(age) {
                Some(left) if !left.is_zero() => BreakerStep::Wait(left),
                Some(_) | None => BreakerStep::Try,
            },
        }
    }

    fn is_too_much(&self, outcomes: &Outcomes) -> bool {
        outcomes.failed > 0 && f64::from(outcomes.failed) >= self.share * f64::from(outcomes.ended)
    }

    fn limit(&self, code: &ErrorCode) -> u32 {
        let own = self.codes.iter().find(|(named, _)| named.eq_ignore_ascii_case(code.as_str()));
        own.map_or(self.in_a_row, |(_, limit)| *limit)
    }
}

impl fmt::Display for OpenCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed, ended, code } = self;
        match code {
            Some(code) if *failed == 1 => write!(f, "a job failed with {code}"),
            Some(code) => write!(f, "{failed} jobs in a row failed with {code}"),
            None => write!(f, "{failed} of the last {ended} jobs failed"),
        }
    }
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            // As S3 Batch Operations ends a job of which more than half fails; it asks for a thousand before.
            share: 0.5,
            at_least: 50,
            in_a_row: 0,
            codes: BTreeMap::new(),
            wait: Duration::from_mins(5),
            wait_max: Duration::from_hours(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The last of them failed, where any did.
    fn outcomes(failed: u32, ended: u32, row: Option<(&str, u32)>) -> Outcomes {
        let row = row.or((failed > 0).then_some(("Any", 1)));
        Outcomes { ended, failed, row: row.map(|(code, times)| (ErrorCode::new(code), times)) }
    }

    fn batch(failed: u32, ended: u32, goes_on: bool) -> BatchOutcomes {
        BatchOutcomes { outcomes: outcomes(failed, ended, None), goes_on }
    }

    #[test]
    fn half_of_at_least_fifty_is_too_much() {
        let policy = BreakerPolicy::default();
        for (failed, ended, openings) in [(49, 49, false), (24, 50, false), (25, 50, true), (99, 200, false)] {
            assert_eq!(policy.should_open(&outcomes(failed, ended, None)).is_some(), openings, "{failed} of {ended}");
        }
        let cause = policy.should_open(&outcomes(25, 50, Some(("Odd", 9)))).expect("too much");
        assert_eq!((cause.failed, cause.ended, cause.code), (25, 50, None));
    }

    #[test]
    fn a_success_opens_nothing() {
        let policy = BreakerPolicy::default();
        let failed_last = outcomes(39, 50, None);
        assert!(policy.should_open(&failed_last).is_some());
        assert_eq!(policy.should_open(&Outcomes { row: None, ..failed_last }), None);
    }

    #[test]
    fn a_row_of_one_code_counts_by_the_codes_own_limit() {
        let codes = BTreeMap::from([("EBSLimit".to_owned(), 2), ("harmless".to_owned(), 0)]);
        let policy = BreakerPolicy { in_a_row: 4, codes, ..BreakerPolicy::default() };
        let openings = |code, times| policy.should_open(&outcomes(times, times, Some((code, times)))).is_some();
        assert!(!openings("EBSLimit", 1) && openings("EBSLimit", 2) && openings("ebslimit", 2));
        assert!(!openings("Other", 3) && openings("Other", 4));
        assert!(!openings("Harmless", 40), "never in a row");
        assert!(openings("Harmless", 50), "the share holds for it too");
        let none = BreakerPolicy { enabled: false, ..policy };
        assert_eq!(none.should_open(&outcomes(90, 90, Some(("Other", 90)))), None);
    }

    #[test]
    fn a_bad_batch_does_not_stop_its_lane() {
        let policy = BreakerPolicy::default();
        let lane = outcomes(60, 80, None);
        assert_eq!(policy.should_open_lane(&lane, &[batch(60, 60, true)]), None, "one alone is no lane");
        assert_eq!(policy.should_open_lane(&lane, &[batch(60, 60, true), batch(0, 20, true)]), None);
        assert_eq!(
            policy.should_open_lane(&lane, &[batch(40, 40, true), batch(20, 20, true), batch(2, 20, true)]),
            None
        );
        let over = [batch(40, 40, true), batch(20, 20, false), batch(0, 20, false)];
        assert!(policy.should_open_lane(&lane, &over).is_some(), "what went well is over, and two that are not fail");
    }

    #[test]
    fn a_row_stops_a_lane_where_it_runs_through_several_batches() {
        let policy = BreakerPolicy { in_a_row: 3, ..BreakerPolicy::default() };
        let with = |code| BatchOutcomes { outcomes: outcomes(2, 9, Some((code, 2))), goes_on: true };
        let lane = outcomes(3, 30, Some(("Odd", 3)));
        assert!(policy.should_open_lane(&lane, &[with("Odd"), with("Odd")]).is_some());
        assert_eq!(policy.should_open_lane(&lane, &[with("Odd"), with("Other")]), None);
    }

    #[test]
    fn an_open_breaker_tries_one_at_a_time_and_waits_longer_each_time() {
        let policy = BreakerPolicy::default();
        let minutes = Duration::from_mins;
        let step = |age, probe| policy.step(minutes(5), minutes(age), probe);
        assert_eq!(step(2, ProbeState::None), BreakerStep::Wait(minutes(3)));
        assert_eq!((step(5, ProbeState::None), step(9, ProbeState::Silent)), (BreakerStep::Try, BreakerStep::Try));
        assert_eq!(step(0, ProbeState::UnderWay), BreakerStep::Follow);
        assert_eq!(step(0, ProbeState::Succeeded), BreakerStep::Close);
        let mut wait = policy.wait;
        let mut waits = Vec::new();
        for _ in 0..6 {
            let BreakerStep::Renew(next) = policy.step(wait, wait, ProbeState::Failed) else { panic!("renewed") };
            waits.push(next.as_secs() / 60);
            wait = next;
        }
        assert_eq!(waits, [10, 20, 40, 60, 60, 60]);
        let none = BreakerPolicy { enabled: false, ..policy };
        assert_eq!(none.step(minutes(5), minutes(0), ProbeState::None), BreakerStep::Close, "switched off since");
    }

    proptest! {
        #[test]
        fn more_failures_never_close_what_fewer_open(failed in 0_u32..200, more in 0_u32..200, ended in 0_u32..200) {
            let policy = BreakerPolicy::default();
            let (failed, ended) = (failed.min(ended), ended);
            let more = more.clamp(failed, ended);
            if policy.should_open(&outcomes(failed, ended, None)).is_some() {
                prop_assert!(policy.should_open(&outcomes(more, ended, None)).is_some());
            }
        }

        #[test]
        fn no_single_batch_stops_a_lane(failed in 0_u32..=200, ended in 1_u32..=200, well in 0_u32..=200) {
            let failed = failed.min(ended);
            let policy = BreakerPolicy::default();
            let lane = outcomes(failed, (ended + well).min(OUTCOMES_KEPT), None);
            prop_assert_eq!(policy.should_open_lane(&lane, &[batch(failed, ended, true), batch(0, well, true)]), None);
        }
    }
}
