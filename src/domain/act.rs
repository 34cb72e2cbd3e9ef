//! What a person may do to many jobs at once, and which jobs that skips. Pure: state and pause in, a reason out.

use crate::domain::{Event, JobState, Timestamp};

/// What a person does to jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Retries what failed or was cancelled.
    Retry,
    /// Cancels what is queued.
    Cancel,
    /// Pauses what is queued.
    Pause,
    /// Resumes what was paused.
    Resume,
}

/// Why an act skips a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkipReason {
    /// It has ended, in a state that the act cannot change.
    Ended(JobState),
    /// Its call is in progress, or Lightsail has it.
    InFlight,
    /// It waits for a decision.
    InReview,
    /// It is already queued.
    QueuedAlready,
    /// It is already paused.
    PausedAlready,
    /// It is not paused.
    NotPaused,
    /// Its batch is paused, not the job itself.
    BatchPaused,
    /// Its lane is paused, not the job itself.
    LanePaused,
    /// It is not paused; the circuit breaker of its batch or its lane is open.
    Stopped,
    /// Another job of its snapshot is live.
    RivalLive,
    /// The same act retries a later job of its snapshot.
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

    /// Why a job is skipped; nothing where the act applies to it.
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

    /// Whether a skipped job is already where the act would have brought it.
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
