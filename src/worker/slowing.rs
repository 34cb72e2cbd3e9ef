//! When a lane has slowed down, and when it has recovered: said once each, however many calls were throttled; and how long it
//! waits for room in EC2. Pure.

use std::time::Duration;

/// So long without a throttle is a recovery.
const CALM: Duration = Duration::from_mins(1);

/// What is to be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The lane slows down.
    Slows,
    /// It has been calm for a while.
    Recovered {
        /// Calls that were throttled meanwhile.
        throttles: u64,
        /// From the first one to the last.
        lasted: Duration,
    },
}

/// A stretch of throttles.
#[derive(Debug, Clone, Default)]
pub(super) struct Slowing(Option<Stretch>);

#[derive(Debug, Clone)]
struct Stretch {
    first: Duration,
    last: Duration,
    throttles: u64,
}

impl Slowing {
    /// Takes up an answer that came at `now`.
    pub(super) fn hear(&mut self, throttled: bool, now: Duration) -> Option<Word> {
        match (&mut self.0, throttled) {
            (None, true) => {
                self.0 = Some(Stretch { first: now, last: now, throttles: 1 });
                Some(Word::Slows)
            }
            (Some(stretch), true) => {
                stretch.last = now;
                stretch.throttles += 1;
                None
            }
            (Some(stretch), false) if now.saturating_sub(stretch.last) >= CALM => {
                let lasted = stretch.last.saturating_sub(stretch.first);
                let word = Word::Recovered { throttles: stretch.throttles, lasted };
                self.0 = None;
                Some(word)
            }
            (_, false) => None,
        }
    }
}

/// The longest wait between two tries for room in EC2.
const LONGEST: Duration = Duration::from_mins(5);

/// How long a lane waits between two tries while EC2 has no room for copies: twice as long each time.
#[derive(Debug, Clone, Default)]
pub(super) struct Room(Option<(Duration, Duration)>);

impl Room {
    /// There was none at `now`; `first` is the first wait.
    pub(super) fn refused(&mut self, first: Duration, now: Duration) {
        let wait = match self.0 {
            // A try that was taken and failed later is no room either.
            Some((wait, at)) if now.saturating_sub(at) < LONGEST * 2 => wait.saturating_mul(2).min(LONGEST.max(first)),
            Some(_) | None => first,
        };
        self.0 = Some((wait, now));
    }

    /// There is some again.
    pub(super) fn found(&mut self) {
        self.0 = None;
    }

    /// The wait before the next try.
    pub(super) fn wait(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |(wait, _)| wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_for_room_double_up_to_five_minutes_and_begin_anew_after_a_rest() {
        let (mut room, mut now, mut waits) = (Room::default(), Duration::ZERO, Vec::new());
        for _ in 0..6 {
            room.refused(Duration::from_secs(30), now);
            waits.push(room.wait().as_secs());
            now += room.wait();
        }
        assert_eq!(waits, [30, 60, 120, 240, 300, 300]);
        room.refused(Duration::from_secs(30), now + Duration::from_mins(10));
        assert_eq!(room.wait().as_secs(), 30);
        room.found();
        assert_eq!(room.wait(), Duration::ZERO);
    }

    #[test]
    fn a_stretch_of_throttles_is_said_once_and_its_end_once() {
        let mut slowing = Slowing::default();
        let mut hear = |throttled, second| slowing.hear(throttled, Duration::from_secs(second));
        assert_eq!(hear(false, 1), None);
        assert_eq!(hear(true, 2), Some(Word::Slows));
        assert_eq!((hear(true, 3), hear(false, 40), hear(true, 50), hear(false, 109)), (None, None, None, None));
        assert_eq!(hear(false, 110), Some(Word::Recovered { throttles: 3, lasted: Duration::from_secs(48) }));
        assert_eq!((hear(false, 300), hear(true, 301)), (None, Some(Word::Slows)));
    }
}
