//! How a lane bears what it hears: when answers in a row are the lane's trouble rather than the jobs'. Pure.

use crate::domain::LaneTrouble;
use crate::lightsail::{CallError, EXPORT_ACTION, ErrorClass};

/// Ambiguous answers in a row that are an outage.
const OUTAGE_AFTER: u32 = 5;

/// Denials in a row after which another job probes.
const PROBE_AFTER: u32 = 3;

/// What a lane heard.
#[derive(Debug, Clone)]
pub(super) enum Answered {
    Accepted,
    Refused(CallError),
}

/// What follows for the lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// The lane is blocked.
    Block(LaneTrouble, String),
    /// The trouble is over.
    Unblock,
}

/// The lane's memory of its last answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Temper {
    ambiguous: u32,
    denied: u32,
    trouble: Option<LaneTrouble>,
}

impl Temper {
    /// Takes up what the database says of the lane: another room may have blocked it or let it go.
    pub(super) fn set_trouble(&mut self, trouble: Option<LaneTrouble>) {
        self.trouble = trouble;
    }

    /// The trouble that it is in.
    pub(super) fn trouble(&self) -> Option<LaneTrouble> {
        self.trouble
    }

    /// Whether only one call at a time may be under way.
    pub(super) fn one_at_a_time(&self) -> bool {
        self.trouble.is_some() || self.denied >= PROBE_AFTER || self.ambiguous >= OUTAGE_AFTER - 1
    }

    /// Whether denials stand in a row, so that nothing tells whose trouble they are.
    pub(super) fn doubts(&self) -> bool {
        self.denied > 0
    }

    /// Whether an ambiguous answer that comes now is the lane's trouble: it makes the outage, or is in it.
    pub(super) fn in_outage(&self) -> bool {
        self.trouble == Some(LaneTrouble::Outage) || self.ambiguous >= OUTAGE_AFTER - 1
    }

    /// Takes up an answer.
    pub(super) fn hear(&mut self, answer: &Answered) -> Effect {
        match answer {
            Answered::Accepted => {
                (self.ambiguous, self.denied) = (0, 0);
                self.trouble.take().map_or(Effect::None, |_| Effect::Unblock)
            }
            Answered::Refused(error) => self.hear_refusal(error),
        }
    }

    fn hear_refusal(&mut self, error: &CallError) -> Effect {
        if error.class != ErrorClass::Ambiguous {
            self.ambiguous = 0;
        }
        match (error.class, error.trouble()) {
            (ErrorClass::Denied, _) => {
                self.denied = self.denied.saturating_add(1);
                if self.denied <= PROBE_AFTER && self.trouble != Some(LaneTrouble::Denied) {
                    return Effect::None;
                }
                let in_a_row = PROBE_AFTER + 1;
                let message = format!("{in_a_row} exports in a row were denied; {}", error.with_advice(EXPORT_ACTION));
                self.block(LaneTrouble::Denied, message)
            }
            (_, Some(trouble)) => self.block(trouble, error.with_advice(EXPORT_ACTION)),
            (ErrorClass::Ambiguous, None) => {
                self.ambiguous = self.ambiguous.saturating_add(1);
                if self.ambiguous < OUTAGE_AFTER {
                    return Effect::None;
                }
                self.block(
                    LaneTrouble::Outage,
                    format!(
                        "{} answers in a row left it open whether Lightsail took the call; the last was {error}",
                        self.ambiguous
                    ),
                )
            }
            // The service answered and knew the caller: what it says is the job's affair, or the rate's.
            (_, None) => match self.trouble {
                Some(LaneTrouble::Outage | LaneTrouble::Setup) if error.class != ErrorClass::Throttled => {
                    self.trouble = None;
                    Effect::Unblock
                }
                Some(_) | None => Effect::None,
            },
        }
    }

    fn block(&mut self, trouble: LaneTrouble, message: String) -> Effect {
        self.trouble = Some(trouble);
        Effect::Block(trouble, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(class: ErrorClass) -> Answered {
        Answered::Refused(CallError::new(class, "Code", "words"))
    }

    fn blocked(effect: &Effect) -> Option<LaneTrouble> {
        if let Effect::Block(trouble, _) = effect { Some(*trouble) } else { None }
    }

    #[test]
    fn five_ambiguous_answers_in_a_row_are_an_outage() {
        let mut temper = Temper::default();
        for _ in 0..4 {
            assert!(!temper.in_outage());
            assert_eq!(temper.hear(&refused(ErrorClass::Ambiguous)), Effect::None);
        }
        assert!(temper.in_outage() && temper.one_at_a_time());
        assert_eq!(blocked(&temper.hear(&refused(ErrorClass::Ambiguous))), Some(LaneTrouble::Outage));
        assert_eq!(temper.hear(&Answered::Accepted), Effect::Unblock);
        assert!(!temper.in_outage() && !temper.one_at_a_time());
    }

    #[test]
    fn an_answer_between_breaks_the_row() {
        let mut temper = Temper::default();
        for _ in 0..20 {
            for _ in 0..4 {
                assert_eq!(temper.hear(&refused(ErrorClass::Ambiguous)), Effect::None);
            }
            assert_eq!(temper.hear(&refused(ErrorClass::Throttled)), Effect::None);
        }
    }

    #[test]
    fn three_denials_call_for_a_probe_and_the_fourth_blocks() {
        let mut temper = Temper::default();
        for _ in 0..3 {
            assert!(!temper.one_at_a_time());
            assert_eq!(temper.hear(&refused(ErrorClass::Denied)), Effect::None);
        }
        assert!(temper.one_at_a_time());
        let mut accepted = temper.clone();
        assert_eq!(accepted.hear(&Answered::Accepted), Effect::None);
        assert!(temper.doubts() && !accepted.doubts());
        assert_eq!(blocked(&temper.hear(&refused(ErrorClass::Denied))), Some(LaneTrouble::Denied));
        assert_eq!(temper.hear(&Answered::Accepted), Effect::Unblock);
    }

    #[test]
    fn one_refusal_for_the_whole_lane_blocks_at_once() {
        for (class, trouble) in [
            (ErrorClass::Credentials, LaneTrouble::Credentials),
            (ErrorClass::SetupInProgress, LaneTrouble::Setup),
            (ErrorClass::Unreachable, LaneTrouble::Unreachable),
            (ErrorClass::LaneDenied, LaneTrouble::Denied),
            (ErrorClass::CopyLimit, LaneTrouble::CopyLimit),
            (ErrorClass::Quota, LaneTrouble::Quota),
        ] {
            assert_eq!(blocked(&Temper::default().hear(&refused(class))), Some(trouble));
        }
    }

    #[test]
    fn a_service_that_answers_is_up_and_a_throttle_says_nothing() {
        for trouble in [LaneTrouble::Outage, LaneTrouble::Setup] {
            let mut temper = Temper { trouble: Some(trouble), ..Temper::default() };
            assert!(temper.one_at_a_time());
            assert_eq!(temper.hear(&refused(ErrorClass::Throttled)), Effect::None);
            assert!(temper.one_at_a_time());
            assert_eq!(temper.hear(&refused(ErrorClass::RetryLater)), Effect::Unblock);
            assert!(!temper.one_at_a_time());
        }
        let mut denied = Temper { trouble: Some(LaneTrouble::Denied), ..Temper::default() };
        assert_eq!(denied.hear(&refused(ErrorClass::Permanent)), Effect::None);
        assert_eq!(denied.hear(&refused(ErrorClass::Denied)), denied.clone().hear(&refused(ErrorClass::Denied)));
    }

    #[test]
    fn a_lane_that_another_room_blocked_or_let_go_is_taken_for_that() {
        let mut temper = Temper::default();
        temper.set_trouble(Some(LaneTrouble::Outage));
        assert!(temper.in_outage() && temper.one_at_a_time());
        temper.set_trouble(None);
        assert_eq!(temper.hear(&Answered::Accepted), Effect::None);
    }
}
