//! What happened when, in slots of one width. The width grows with the period to cover, so that a batch of a minute and
//! one of a month need the same memory, and the period need not be known beforehand.

use super::axis::lengths;
use crate::domain::{JobState, Timestamp};
use std::collections::BTreeMap;
use std::ops::Range;

/// The maximum number of slots.
const MOST: i64 = 240;

/// The next width after `width`; beyond the table four times as much.
fn wider(width: i64) -> i64 {
    lengths().find(|next| *next > width).unwrap_or_else(|| width.saturating_mul(4))
}

/// A slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Slot {
    /// By how many each state grew.
    change: BTreeMap<JobState, i64>,
    /// Exports that succeeded.
    exported: u64,
}

/// The slots of a batch's period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timeline {
    /// When the period begins, in milliseconds since 1970; what happened before counts as then.
    begin: i64,
    width: i64,
    /// By number: slot `n` begins at `n * width`.
    slots: BTreeMap<i64, Slot>,
}

/// The number of jobs in each state at the end of a slot.
pub(super) type SlotCounts = BTreeMap<JobState, u64>;

impl Timeline {
    pub(super) fn from(begin: Timestamp) -> Self {
        Self { begin: begin.0, width: wider(0), slots: BTreeMap::new() }
    }

    /// A job is there from `at` on.
    pub(super) fn came_in(&mut self, at: Timestamp) {
        *self.slot(at).change.entry(JobState::Queued).or_default() += 1;
    }

    /// A job changes its state.
    pub(super) fn moved(&mut self, at: Timestamp, from: JobState, to: JobState) {
        let change = &mut self.slot(at).change;
        *change.entry(from).or_default() -= 1;
        *change.entry(to).or_default() += 1;
    }

    /// An export succeeds.
    pub(super) fn exported(&mut self, at: Timestamp) {
        self.slot(at).exported += 1;
    }

    pub(super) fn len(&self) -> usize {
        self.numbers().count()
    }

    /// When the slot at a place begins, in milliseconds since 1970; of `len()`, when the last one ends.
    pub(super) fn start(&self, place: usize) -> i64 {
        let number = self.numbers().start.saturating_add(i64::try_from(place).unwrap_or(i64::MAX));
        number.saturating_mul(self.width)
    }

    /// The states at the end of each slot.
    pub(super) fn states(&self) -> Vec<SlotCounts> {
        let mut sums = BTreeMap::<JobState, i64>::new();
        let counts = |number| {
            for (state, change) in self.slots.get(&number).into_iter().flat_map(|slot: &Slot| &slot.change) {
                *sums.entry(*state).or_default() += change;
            }
            sums.iter().map(|(state, count)| (*state, u64::try_from(*count).unwrap_or(0))).collect()
        };
        self.numbers().map(counts).collect()
    }

    /// The exports that succeeded in each slot.
    pub(super) fn exports(&self) -> Vec<u64> {
        self.numbers().map(|number| self.slots.get(&number).map_or(0, |slot| slot.exported)).collect()
    }

    /// The same in slots that are wide enough for at most `most` of them.
    pub(super) fn coarse(&self, most: usize) -> Self {
        let mut coarse = self.clone();
        while coarse.len() > most {
            coarse.widen();
        }
        coarse
    }

    pub(super) fn width(&self) -> i64 {
        self.width
    }

    /// The numbers from the first slot to the last that has something.
    fn numbers(&self) -> Range<i64> {
        let first = self.begin.div_euclid(self.width);
        first..self.slots.last_key_value().map_or(first, |(last, _)| last + 1)
    }

    fn slot(&mut self, at: Timestamp) -> &mut Slot {
        let at = at.0.max(self.begin);
        while at.div_euclid(self.width) - self.begin.div_euclid(self.width) >= MOST {
            self.widen();
        }
        self.slots.entry(at.div_euclid(self.width)).or_default()
    }

    fn widen(&mut self) {
        let wider = wider(self.width);
        let old = std::mem::replace(&mut self.width, wider);
        for (number, slot) in std::mem::take(&mut self.slots) {
            let into = self.slots.entry((number * old).div_euclid(wider)).or_default();
            into.exported += slot.exported;
            for (state, change) in slot.change {
                *into.change.entry(state).or_default() += change;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_width_divides_the_next() {
        let widths: Vec<i64> = lengths().collect();
        for pair in widths.windows(2) {
            assert_eq!(pair[1] % pair[0], 0, "{pair:?}");
        }
    }

    #[test]
    fn a_moment_of_any_year_has_a_slot() {
        let mut timeline = Timeline::from(Timestamp(0));
        timeline.came_in(Timestamp(i64::MAX));
        timeline.came_in(Timestamp(i64::MIN));
        assert_eq!(timeline.states().last().expect("a slot")[&JobState::Queued], 2);
    }

    proptest! {
        #[test]
        fn growing_loses_nothing(starts in 0_i64..10_000_000, moments in prop::collection::vec(0_i64..90_000_000_000, 1..60)) {
            let mut timeline = Timeline::from(Timestamp(starts));
            for at in &moments {
                timeline.came_in(Timestamp(*at));
                timeline.moved(Timestamp(*at), JobState::Queued, JobState::Succeeded);
                timeline.exported(Timestamp(*at));
            }
            prop_assert!(i64::try_from(timeline.len()).expect("few") <= MOST);
            prop_assert_eq!(timeline.start(0) % timeline.width(), 0);
            let last = timeline.states().pop().expect("a slot");
            prop_assert_eq!(last[&JobState::Succeeded], moments.len() as u64);
            prop_assert_eq!(last[&JobState::Queued], 0);
            let coarse = timeline.coarse(48);
            let counts = coarse.exports();
            prop_assert!(counts.len() <= 48);
            prop_assert_eq!(counts.iter().sum::<u64>(), moments.len() as u64);
            for (place, count) in counts.iter().enumerate() {
                let within = |at: &&i64| (coarse.start(place)..coarse.start(place + 1)).contains(&(**at).max(starts));
                prop_assert_eq!(*count, moments.iter().filter(within).count() as u64);
            }
        }
    }
}
