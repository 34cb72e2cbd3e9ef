//! Detects when responses in a row are the lane's trouble rather than the jobs'. Pure.

use crate::domain::{JobId, LaneTrouble};
use crate::lightsail::{EXPORT_ACTION, ErrorClass};
use crate::worker::outcome::LaneEvent;

/// Responses in a row without a known outcome that are an outage.
const OUTAGE_AFTER: u32 = 5;

/// Denials in a row after which another job probes.
const PROBE_AFTER: u32 = 3;

/// Jobs in a row that may fail of a second denial: more of them are the lane's trouble again.
const MOST_FAIL: u32 = 3;

/// How a response changes the lane's health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::worker) enum HealthChange {
    None,
    /// The lane is blocked.
    Block {
        trouble: LaneTrouble,
        message: String,
        /// Attempts that were counted and turn out to have been made in an outage.
        refund: Vec<(JobId, u32)>,
    },
    /// The trouble is over.
    Unblock,
}

/// What the lane's last responses say of it.
#[derive(Debug, Clone, Default)]
pub(in crate::worker) struct LaneHealth {
    /// Responses in a row without a known outcome.
    unconfirmed: u32,
    /// Those of their attempts that were counted.
    counted: Vec<(JobId, u32)>,
    denied: u32,
    /// Jobs that have failed of a second denial since the last acceptance.
    denied_for_good: u32,
    trouble: Option<LaneTrouble>,
}

impl LaneHealth {
    /// Takes over what the database says of the lane: tracking may have blocked or unblocked it.
    pub(in crate::worker) fn set_trouble(&mut self, trouble: Option<LaneTrouble>) {
        self.trouble = trouble;
    }

    /// The lane's trouble.
    pub(in crate::worker) fn trouble(&self) -> Option<LaneTrouble> {
        self.trouble
    }

    /// Whether only one call at a time may be out.
    pub(in crate::worker) fn one_at_a_time(&self) -> bool {
        self.trouble.is_some() || self.denied >= PROBE_AFTER || self.unconfirmed >= OUTAGE_AFTER - 1
    }

    /// Whether denials came in a row, so that nothing tells whose trouble they are.
    pub(in crate::worker) fn doubts(&self) -> bool {
        self.denied > 0 || self.denied_for_good > 0
    }

    /// Whether a second denial may fail its job.
    pub(in crate::worker) fn may_fail_denied(&self) -> bool {
        self.trouble.is_none() && self.denied_for_good < MOST_FAIL
    }

    /// Whether the lane is in an outage, or would be with one more response without a known outcome.
    pub(in crate::worker) fn in_outage(&self) -> bool {
        self.trouble == Some(LaneTrouble::Outage) || self.unconfirmed >= OUTAGE_AFTER - 1
    }

    /// Records a response.
    pub(in crate::worker) fn on_response(&mut self, event: LaneEvent) -> HealthChange {
        if let LaneEvent::Unconfirmed(_, attempt) = &event {
            self.unconfirmed = self.unconfirmed.saturating_add(1);
            self.counted.extend(*attempt);
        } else if !matches!(&event, LaneEvent::Trouble(_, error) if error.class == ErrorClass::Ambiguous) {
            self.unconfirmed = 0;
            self.counted.clear();
        }
        match event {
            LaneEvent::Accepted => {
                self.denied = 0;
                self.denied_for_good = 0;
                self.unblock()
            }
            LaneEvent::Trouble(trouble, error) => self.block(trouble, error.with_advice(EXPORT_ACTION)),
            LaneEvent::DeniedForGood => {
                self.denied_for_good = self.denied_for_good.saturating_add(1);
                HealthChange::None
            }
            // It says something of the lane only where that is in trouble, or where several have failed of it.
            LaneEvent::DeniedAgain(_) if self.may_fail_denied() => HealthChange::None,
            LaneEvent::Denied(error) | LaneEvent::DeniedAgain(error) => {
                self.denied = self.denied.saturating_add(1);
                let in_a_row = self.denied.saturating_add(self.denied_for_good);
                if in_a_row <= PROBE_AFTER && self.trouble != Some(LaneTrouble::Denied) {
                    return HealthChange::None;
                }
                let most = PROBE_AFTER + 1;
                let message = format!("{most} exports in a row were denied; {}", error.with_advice(EXPORT_ACTION));
                self.block(LaneTrouble::Denied, message)
            }
            LaneEvent::Unconfirmed(error, _) if self.unconfirmed >= OUTAGE_AFTER => {
                let in_a_row = self.unconfirmed;
                let message = format!("{in_a_row} calls in a row had no clear outcome; the last was {error}");
                self.block(LaneTrouble::Outage, message)
            }
            LaneEvent::Responded if matches!(self.trouble, Some(LaneTrouble::Outage | LaneTrouble::Setup)) => {
                self.unblock()
            }
            LaneEvent::Unconfirmed(..) | LaneEvent::Throttled | LaneEvent::Responded => HealthChange::None,
        }
    }

    fn unblock(&mut self) -> HealthChange {
        self.trouble.take().map_or(HealthChange::None, |_| HealthChange::Unblock)
    }

    fn block(&mut self, trouble: LaneTrouble, message: String) -> HealthChange {
        self.trouble = Some(trouble);
        // Calls that were out together could not know of one another.
        let outage = trouble == LaneTrouble::Outage;
        let refund = if outage { std::mem::take(&mut self.counted) } else { Vec::new() };
        HealthChange::Block { trouble, message, refund }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lightsail::CallError;

    fn error() -> CallError {
        CallError::new(ErrorClass::Permanent, "Code", "words")
    }

    fn denied() -> LaneEvent {
        LaneEvent::Denied(error())
    }

    fn unconfirmed(job: i64) -> LaneEvent {
        LaneEvent::Unconfirmed(error(), Some((JobId(job), 1)))
    }

    fn blocked(change: HealthChange) -> Option<(LaneTrouble, Vec<i64>)> {
        let HealthChange::Block { trouble, refund, .. } = change else { return None };
        Some((trouble, refund.into_iter().map(|(job, _)| job.0).collect()))
    }

    #[test]
    fn five_unconfirmed_calls_in_a_row_are_an_outage_and_none_of_them_counts() {
        let mut health = LaneHealth::default();
        for job in 1..5 {
            assert!(!health.in_outage());
            assert_eq!(health.on_response(unconfirmed(job)), HealthChange::None);
        }
        assert!(health.in_outage() && health.one_at_a_time());
        let in_outage = LaneEvent::Unconfirmed(error(), None);
        assert_eq!(blocked(health.on_response(in_outage)), Some((LaneTrouble::Outage, vec![1, 2, 3, 4])));
        // One that was sent before and comes back now does not count either.
        assert_eq!(blocked(health.on_response(unconfirmed(6))), Some((LaneTrouble::Outage, vec![6])));
        assert_eq!(health.on_response(LaneEvent::Accepted), HealthChange::Unblock);
        assert!(!health.in_outage() && !health.one_at_a_time());
    }

    #[test]
    fn a_response_in_between_breaks_the_row() {
        let mut health = LaneHealth::default();
        for between in [LaneEvent::Throttled, LaneEvent::Responded, LaneEvent::DeniedAgain(error())] {
            for job in 1..5 {
                assert_eq!(health.on_response(unconfirmed(job)), HealthChange::None);
            }
            assert_eq!(health.on_response(between), HealthChange::None);
        }
    }

    #[test]
    fn three_denials_call_for_a_probe_and_the_fourth_blocks() {
        let mut health = LaneHealth::default();
        for _ in 0..3 {
            assert!(!health.one_at_a_time());
            assert_eq!(health.on_response(denied()), HealthChange::None);
        }
        assert!(health.one_at_a_time());
        let mut accepted = health.clone();
        assert_eq!(accepted.on_response(LaneEvent::Accepted), HealthChange::None);
        assert!(health.doubts() && !accepted.doubts());
        assert_eq!(health.on_response(LaneEvent::DeniedAgain(error())), HealthChange::None, "a first one tells more");
        assert_eq!(blocked(health.on_response(denied())), Some((LaneTrouble::Denied, Vec::new())));
        assert_eq!(blocked(health.on_response(LaneEvent::DeniedAgain(error()))), Some((LaneTrouble::Denied, vec![])));
        assert_eq!(health.on_response(LaneEvent::Accepted), HealthChange::Unblock);
    }

    #[test]
    fn once_three_jobs_in_a_row_have_failed_of_a_second_denial_the_next_blocks_the_lane() {
        let mut health = LaneHealth::default();
        for _ in 0..3 {
            assert!(health.may_fail_denied());
            assert_eq!(health.on_response(LaneEvent::DeniedForGood), HealthChange::None);
        }
        assert!(health.doubts() && !health.may_fail_denied());
        let mut accepted = health.clone();
        assert_eq!(accepted.on_response(LaneEvent::Accepted), HealthChange::None);
        assert!(accepted.may_fail_denied() && !accepted.doubts());
        for next in [LaneEvent::DeniedAgain(error()), denied()] {
            assert_eq!(blocked(health.clone().on_response(next)), Some((LaneTrouble::Denied, Vec::new())));
        }
    }

    #[test]
    fn one_refusal_for_the_whole_lane_blocks_at_once() {
        for trouble in [LaneTrouble::Credentials, LaneTrouble::Setup, LaneTrouble::CopyLimit, LaneTrouble::Quota] {
            let event = LaneEvent::Trouble(trouble, error());
            assert_eq!(blocked(LaneHealth::default().on_response(event)), Some((trouble, Vec::new())));
        }
    }

    #[test]
    fn a_service_that_responds_is_up_and_a_throttle_says_nothing() {
        for trouble in [LaneTrouble::Outage, LaneTrouble::Setup] {
            let mut health = LaneHealth { trouble: Some(trouble), ..LaneHealth::default() };
            assert!(health.one_at_a_time());
            assert_eq!(health.on_response(LaneEvent::Throttled), HealthChange::None);
            assert!(health.one_at_a_time());
            assert_eq!(health.on_response(LaneEvent::Responded), HealthChange::Unblock);
            assert!(!health.one_at_a_time());
        }
        let mut health = LaneHealth { trouble: Some(LaneTrouble::Denied), ..LaneHealth::default() };
        assert_eq!(health.on_response(LaneEvent::Responded), HealthChange::None);
    }

    #[test]
    fn a_lane_that_tracking_has_blocked_or_unblocked_is_taken_for_that() {
        let mut health = LaneHealth::default();
        health.set_trouble(Some(LaneTrouble::Outage));
        assert!(health.in_outage() && health.one_at_a_time());
        health.set_trouble(None);
        assert_eq!(health.on_response(LaneEvent::Accepted), HealthChange::None);
    }
}
