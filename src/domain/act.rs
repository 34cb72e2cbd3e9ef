//! What a person may do to many jobs at once, and which of them that leaves alone. Pure: state and pause in, a reason out.

use crate::domain::{Event, JobState, Timestamp};

/// What a person does to jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Tries afresh what failed or was cancelled.
    Retry,
    /// Calls off what is queued.
    Cancel,
    /// Leaves unsent what is queued.
    Pause,
    /// Lets go on what was paused.
    Resume,
}

/// Why an act leaves a job alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// It is in that state, which the act cannot change: it has ended.
    Ended(JobState),
    /// Its call is out, or Lightsail has it.
    InFlight,
    /// It waits for a decision.
    InReview,
    /// It is queued anyway.
    QueuedAlready,
    /// It is paused already.
    PausedAlready,
    /// It is not paused.
    NotPaused,
    /// It is not paused itself, its batch is.
    BatchPaused,
    /// It is not paused itself, its lane is.
    LanePaused,
    /// It is not paused, its batch or its lane is stopped by its circuit breaker.
    Stopped,
    /// Another job of its snapshot is live.
    RivalLive,
    /// Another job of its snapshot, a later one, is taken up by the same act.
    LaterTaken,
}

impl Act {
    /// What happens to each job.
    pub fn event(self) -> Event {
        match self {
            Self::Retry => Event::Retry,
            Self::Cancel => Event::Cancel,
            Self::Pause => Event::Pause,
            Self::Resume => Event::Resume,
        }
    }

    /// Why a job that stands so is left alone; nothing where it is taken up.
    pub fn leaves_alone(self, state: JobState, paused_at: Option<Timestamp>) -> Option<SkipReason> {
        use JobState as S;
        let paused = paused_at.is_some();
        match (self, state) {
            (Self::Retry, S::Failed | S::Cancelled) | (Self::Cancel, S::Queued) => None,
            (Self::Pause, S::Queued) if !paused => None,
            (Self::Resume, S::Queued) if paused => None,
            (Self::Retry, S::Queued) => Some(SkipReason::QueuedAlready),
            (Self::Pause, S::Queued) => Some(SkipReason::PausedAlready),
            (Self::Resume, S::Queued) => Some(SkipReason::NotPaused),
            (_, S::Submitting | S::Exporting | S::Unknown) => Some(SkipReason::InFlight),
            (_, S::NeedsReview) => Some(SkipReason::InReview),
            (_, S::Succeeded | S::Failed | S::Cancelled) => Some(SkipReason::Ended(state)),
        }
    }

    /// Whether a job that is left alone is where the act would have brought it: asked twice, done once.
    pub fn is_done_already(self, left: SkipReason) -> bool {
        match self {
            Self::Retry => matches!(left, SkipReason::QueuedAlready | SkipReason::LaterTaken),
            Self::Cancel => left == SkipReason::Ended(JobState::Cancelled),
            Self::Pause => left == SkipReason::PausedAlready,
            Self::Resume => left == SkipReason::NotPaused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{JobVersion, apply};

    #[test]
    fn what_is_taken_up_is_what_the_state_machine_allows() {
        let pauses = [None, Some(Timestamp(1))];
        for act in [Act::Retry, Act::Cancel, Act::Pause, Act::Resume] {
            for state in JobState::ALL {
                for paused in pauses {
                    if act.leaves_alone(state, paused).is_none() {
                        let version = JobVersion { state, attempt: 1, used: 1, max_attempts: 5 };
                        assert!(apply(&version, act.event()).is_ok(), "{act:?} {state} {paused:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_act_done_twice_changes_nothing_more() {
        for (act, after) in [
            (Act::Retry, (JobState::Queued, None)),
            (Act::Cancel, (JobState::Cancelled, None)),
            (Act::Pause, (JobState::Queued, Some(Timestamp(1)))),
            (Act::Resume, (JobState::Queued, None)),
        ] {
            let left = act.leaves_alone(after.0, after.1).expect("left alone");
            assert!(act.is_done_already(left), "{act:?}");
        }
    }
}
