//! How often a lane's records are read: a share of the time that its exports take.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Exports of very different sizes end in turn: the average follows the last dozen or so.
const SMOOTHING: u32 = 8;

/// How urgent it is to see exports end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    /// Others are sent meanwhile.
    Background,
    /// The next job needs the room of one that ends, or nothing is left to send.
    Awaited,
}

/// What an export of the lane usually takes: a moving average, which may be lost.
#[derive(Debug, Default)]
pub(super) struct ExportTime(Mutex<Option<Duration>>);

impl ExportTime {
    /// An export has ended.
    pub(super) fn learn(&self, took: Duration) {
        let mut usual = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *usual = Some(usual.map_or(took, |usual| (usual * (SMOOTHING - 1) + took) / SMOOTHING));
    }

    /// The time from one reading to the next, within `poll.min` and `poll.max`. On average an end is seen half of it late,
    /// and a lane at its cap stands still for as long.
    pub(super) fn poll_interval(&self, least: Duration, most: Duration, urgency: Urgency) -> Duration {
        let usual = self.0.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_default();
        let readings = match urgency {
            Urgency::Background => 10,
            Urgency::Awaited => 100,
        };
        (usual / readings).clamp(least, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_a_share_of_what_exports_take_and_keep_to_the_settings() {
        let (least, most) = (Duration::from_secs(5), Duration::from_mins(1));
        let time = ExportTime::default();
        let seconds = |time: &ExportTime, urgency| time.poll_interval(least, most, urgency).as_secs();
        assert_eq!(seconds(&time, Urgency::Background), 5, "nothing is known yet");
        time.learn(Duration::from_mins(25));
        assert_eq!((seconds(&time, Urgency::Background), seconds(&time, Urgency::Awaited)), (60, 15));
        for _ in 0..40 {
            time.learn(Duration::from_secs(100));
        }
        assert_eq!((seconds(&time, Urgency::Background), seconds(&time, Urgency::Awaited)), (10, 5));
    }
}
