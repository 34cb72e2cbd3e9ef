//! How often a lane's exports are worth a look: what the last ones took, how many ended a second, and how many pages a
//! reading cost. Pure; all of it may be lost.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The exports that ended last, of which the lane's habits are told.
const REMEMBERED: usize = 64;

/// An export is looked at first when it is as old as so much of the shortest one: a later look would not see them get
/// shorter.
const EARLY: f64 = 0.8;

/// Looks come so many to the time that an export takes: what has ended is seen a tenth of its time late at most, and half of
/// that where nothing else is left to do.
const LOOKS: u32 = 10;
const LAST_LOOKS: u32 = 20;

/// While nobody waits for them, so many exports have to end for each page that a reading costs.
const WORTH: f64 = 10.0;

/// Who waits for the ends of exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    /// Nothing is left to send: they are the last.
    AsTheLast,
    /// Others can be sent only when some have ended.
    ForRoom,
    /// Others are sent meanwhile.
    ByNobody,
}

/// What the last exports of a lane took.
#[derive(Debug, Default)]
pub(super) struct Habits(Mutex<Last>);

#[derive(Debug, Default)]
struct Last {
    ended: VecDeque<Ended>,
    look: Option<Look>,
    look_before: Option<Look>,
}

/// A look at exports that came to its end.
#[derive(Debug, Clone, Copy)]
struct Look {
    began: Duration,
    /// The age from which on it looked at them.
    soonest: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Ended {
    seen: Duration,
    took: Duration,
    /// The age at which a look would have told something new: that of its end, or that of its first look, where it had ended
    /// by then, however late that look came.
    told: Duration,
}

/// The bounds of every wait, from the settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) least: Duration,
    pub(super) most: Duration,
}

impl Bounds {
    fn keep(self, span: Duration) -> Duration {
        span.clamp(self.least, self.most)
    }

    /// How long until the next look at an export that is so old and has not ended.
    pub(super) fn next_look(self, age: Duration) -> Duration {
        self.keep(age / LAST_LOOKS)
    }
}

impl Habits {
    /// A look at exports, begun then, has come to its end. What it showed is not learned yet.
    pub(super) fn looked(&self, began: Duration, bounds: Bounds) {
        let mut last = self.last();
        let look = Look { began, soonest: last.soonest(bounds) };
        if last.look.is_none_or(|last| last.began < began) {
            last.look_before = last.look.replace(look);
        }
    }

    /// An export has ended; it was seen at `seen`, after it took so long.
    pub(super) fn learn(&self, seen: Duration, took: Duration) {
        let mut last = self.last();
        let soonest = last.look.map_or(took, |look| look.soonest);
        let was_looked_at = |look: Look| took.saturating_sub(seen.saturating_sub(look.began)) >= look.soonest;
        let told = if last.look_before.is_some_and(was_looked_at) { took } else { took.min(soonest) };
        last.ended.push_back(Ended { seen, took, told });
        if last.ended.len() > REMEMBERED {
            last.ended.pop_front();
        }
    }

    /// The age from which on an export may have ended.
    pub(super) fn soonest(&self, bounds: Bounds) -> Duration {
        self.last().soonest(bounds)
    }

    /// How long a reading keeps from the one before, where it costs so many pages: a part of what exports take where somebody
    /// waits for what has ended, otherwise so long that it tells something for every page.
    pub(super) fn between_readings(&self, bounds: Bounds, pages: u32, awaited: Awaited) -> Duration {
        let last = &self.last().ended;
        let mut spans: Vec<Duration> = last.iter().map(|ended| ended.took).collect();
        spans.sort_unstable();
        let usual = spans.get(spans.len() / 2).copied().unwrap_or_default();
        let (Some(first), Some(newest)) = (last.front(), last.back()) else { return bounds.keep(usual) };
        match awaited {
            Awaited::AsTheLast => return bounds.keep(usual / LAST_LOOKS),
            Awaited::ForRoom => return bounds.keep(usual / LOOKS),
            Awaited::ByNobody => {}
        }
        let span = newest.seen.saturating_sub(first.seen);
        let each = span / u32::try_from(last.len()).unwrap_or(u32::MAX).max(1);
        bounds.keep((usual / LOOKS).max(each.mul_f64(f64::from(pages) * WORTH)))
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Last {
    fn soonest(&self, bounds: Bounds) -> Duration {
        let shortest = self.ended.iter().map(|ended| ended.told).min().unwrap_or_default();
        bounds.keep(shortest.mul_f64(EARLY))
    }
}

/// Whether asking for each of so many operations costs fewer calls than a reading: those that have ended need one besides.
pub(super) fn ask_each(operations: usize, pages: u32) -> bool {
    operations.saturating_mul(2) <= usize::try_from(pages).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { least: Duration::from_secs(5), most: Duration::from_mins(1) };

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// An export is looked at, and two seconds later it has ended.
    fn ended(habits: &Habits, seen: Duration, took: Duration) {
        habits.looked(seen.saturating_sub(seconds(2)), BOUNDS);
        habits.looked(seen, BOUNDS);
        habits.learn(seen, took);
    }

    #[test]
    fn a_lane_that_knows_nothing_looks_as_often_as_it_may() {
        let habits = Habits::default();
        assert_eq!(habits.soonest(BOUNDS), seconds(5));
        assert_eq!(habits.between_readings(BOUNDS, 20, Awaited::AsTheLast), seconds(5));
        assert_eq!(habits.between_readings(BOUNDS, 20, Awaited::ByNobody), seconds(5));
    }

    #[test]
    fn what_takes_long_is_looked_at_late_and_seldom_and_within_the_settings() {
        let habits = Habits::default();
        for nth in 0..200 {
            ended(&habits, seconds(100 + nth), seconds(if nth % 5 == 0 { 40 } else { 100 }));
        }
        assert_eq!(habits.soonest(BOUNDS), seconds(32));
        assert_eq!(habits.between_readings(BOUNDS, 1, Awaited::ForRoom), seconds(10));
        assert_eq!(habits.between_readings(BOUNDS, 1, Awaited::AsTheLast), seconds(5));
        assert_eq!(BOUNDS.next_look(seconds(200)), seconds(10));
        ended(&habits, seconds(300), seconds(1));
        assert_eq!(habits.soonest(BOUNDS), seconds(5));
        for nth in 0..100 {
            ended(&habits, seconds(300 + nth), seconds(1000));
        }
        assert_eq!((habits.soonest(BOUNDS), BOUNDS.next_look(seconds(2000))), (seconds(60), seconds(60)));
    }

    #[test]
    fn so_many_are_remembered_and_no_fewer() {
        let habits = Habits::default();
        ended(&habits, seconds(100), seconds(20));
        for nth in 1..64 {
            ended(&habits, seconds(100 + nth), seconds(50));
        }
        assert_eq!(habits.soonest(BOUNDS), seconds(16), "the first of sixty-four");
        ended(&habits, seconds(200), seconds(50));
        assert_eq!(habits.soonest(BOUNDS), seconds(40), "the first is forgotten");
    }

    #[test]
    fn a_reading_that_nobody_waits_for_has_to_be_worth_its_pages() {
        let habits = Habits::default();
        // Two a second.
        for nth in 0..64 {
            ended(&habits, seconds(100) + Duration::from_millis(500) * nth, seconds(10));
        }
        assert_eq!(habits.between_readings(BOUNDS, 1, Awaited::ByNobody), seconds(5));
        let gap = habits.between_readings(BOUNDS, 4, Awaited::ByNobody);
        assert!((seconds(19)..seconds(21)).contains(&gap), "{gap:?}");
        assert_eq!(habits.between_readings(BOUNDS, 400, Awaited::ByNobody), seconds(60));
        assert_eq!(habits.between_readings(BOUNDS, 400, Awaited::ForRoom), seconds(5));
    }

    #[test]
    fn what_has_ended_by_a_look_that_came_late_may_have_ended_long_before() {
        let habits = Habits::default();
        for nth in 0..64 {
            ended(&habits, seconds(100 + nth), seconds(50));
        }
        assert_eq!(habits.soonest(BOUNDS), seconds(40));
        // They were 26 seconds old at the look before, and not looked at.
        habits.looked(seconds(176), BOUNDS);
        habits.looked(seconds(200), BOUNDS);
        for _ in 0..3 {
            habits.learn(seconds(200), seconds(50));
        }
        assert_eq!(habits.soonest(BOUNDS), seconds(32), "no later than when they should have been looked at");
        // The first of all.
        let habits = Habits::default();
        habits.looked(seconds(3600), BOUNDS);
        habits.learn(seconds(3600), seconds(3600));
        assert_eq!(habits.soonest(BOUNDS), seconds(5));
        assert_eq!(habits.between_readings(BOUNDS, 1, Awaited::ForRoom), seconds(60), "how often is another matter");
    }

    #[test]
    fn few_operations_are_asked_for_and_many_are_read() {
        assert!(ask_each(1, 2) && ask_each(5, 10));
        assert!(!ask_each(1, 1) && !ask_each(6, 10));
    }
}
