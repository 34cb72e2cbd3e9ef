//! What happened when, in slots of one width. The width grows with the period that they have to cover, so that a batch
//! of a minute and one of a month need the same memory, and nobody has to know the period beforehand.

use super::axis::{DAY, HOUR, Lengths, MINUTE, SECOND, in_order};
use crate::domain::{JobState, Timestamp};
use std::collections::BTreeMap;

/// Slots that there are at most.
const MOST: usize = 240;

/// Widths that read well on an axis; each divides the next one.
const WIDTHS: Lengths = [
    (1, &[100, 500]),
    (SECOND, &[1, 5, 15, 30]),
    (MINUTE, &[1, 5, 15, 30]),
    (HOUR, &[1, 3, 6, 12]),
    (DAY, &[1, 7, 28]),
];

/// The next width after `width`; beyond the table four times as much.
fn wider(width: i64) -> i64 {
    in_order(WIDTHS).find(|next| *next > width).unwrap_or_else(|| width.saturating_mul(4))
}

/// A slot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Slot {
    /// By how many each state grew.
    change: BTreeMap<JobState, i64>,
    /// Exports that ended well.
    exported: u64,
}

/// The slots of a batch's period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timeline {
    /// When the first slot begins, in milliseconds since 1970; a multiple of the width.
    start: i64,
    width: i64,
    slots: Vec<Slot>,
}

/// How a number of jobs was spread over the states at a slot's end.
pub(super) type SlotCounts = BTreeMap<JobState, u64>;

impl Timeline {
    /// Begins at `start`; whatever was before counts as then.
    pub(super) fn from(start: Timestamp) -> Self {
        let width = wider(0);
        Self { start: start.0 - start.0.rem_euclid(width), width, slots: Vec::new() }
    }

    /// A job is there from `at` on.
    pub(super) fn came_in(&mut self, at: Timestamp) {
        self.change(at, |slot| *slot.change.entry(JobState::Queued).or_default() += 1);
    }

    /// A job changes its state.
    pub(super) fn moved(&mut self, at: Timestamp, from: JobState, to: JobState) {
        self.change(at, |slot| {
            *slot.change.entry(from).or_default() -= 1;
            *slot.change.entry(to).or_default() += 1;
        });
    }

    /// An export ends well.
    pub(super) fn exported(&mut self, at: Timestamp) {
        self.change(at, |slot| slot.exported += 1);
    }

    pub(super) fn start(&self) -> i64 {
        self.start
    }

    pub(super) fn width(&self) -> i64 {
        self.width
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The states at the end of each slot.
    pub(super) fn states(&self) -> Vec<SlotCounts> {
        let mut standing = BTreeMap::<JobState, i64>::new();
        let spread = |slot: &Slot| {
            for (state, change) in &slot.change {
                *standing.entry(*state).or_default() += change;
            }
            standing.iter().map(|(state, count)| (*state, u64::try_from(*count).unwrap_or(0))).collect()
        };
        self.slots.iter().map(spread).collect()
    }

    /// Exports that ended well, in slots that are as wide as it takes for there to be at most `most`: the start of the
    /// first one, their width, and the count of each.
    pub(super) fn exports(&self, most: usize) -> (i64, i64, Vec<u64>) {
        let mut coarse = self.clone();
        while coarse.slots.len() > most {
            coarse.widen();
        }
        (coarse.start, coarse.width, coarse.slots.iter().map(|slot| slot.exported).collect())
    }

    fn change(&mut self, at: Timestamp, change: impl FnOnce(&mut Slot)) {
        let mut place = self.place(at);
        while place >= MOST {
            self.widen();
            place = self.place(at);
        }
        if self.slots.len() <= place {
            self.slots.resize_with(place + 1, Slot::default);
        }
        if let Some(slot) = self.slots.get_mut(place) {
            change(slot);
        }
    }

    fn place(&self, at: Timestamp) -> usize {
        usize::try_from(at.0.saturating_sub(self.start).max(0) / self.width).unwrap_or(usize::MAX)
    }

    fn widen(&mut self) {
        let (start, width) = (self.start, self.width);
        self.width = wider(width);
        self.start = start.saturating_sub(start.rem_euclid(self.width));
        let mut slots: Vec<Slot> = Vec::new();
        let mut at = start;
        for slot in std::mem::take(&mut self.slots) {
            let place = usize::try_from((at - self.start) / self.width).unwrap_or(0);
            if slots.len() <= place {
                slots.resize_with(place + 1, Slot::default);
            }
            if let Some(into) = slots.get_mut(place) {
                into.exported += slot.exported;
                for (state, change) in slot.change {
                    *into.change.entry(state).or_default() += change;
                }
            }
            at = at.saturating_add(width);
        }
        self.slots = slots;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_width_divides_the_next() {
        let widths: Vec<i64> = in_order(WIDTHS).collect();
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
            prop_assert!(timeline.len() <= MOST);
            prop_assert_eq!(timeline.start() % timeline.width(), 0);
            let last = timeline.states().pop().expect("a slot");
            prop_assert_eq!(last[&JobState::Succeeded], moments.len() as u64);
            prop_assert_eq!(last[&JobState::Queued], 0);
            let (start, width, counts) = timeline.exports(48);
            prop_assert!(counts.len() <= 48);
            prop_assert_eq!(counts.iter().sum::<u64>(), moments.len() as u64);
            for (place, count) in counts.iter().enumerate() {
                let from = start + width * i64::try_from(place).expect("small");
                let within = |at: &&i64| (from..from + width).contains(&(**at).max(starts));
                prop_assert_eq!(*count, moments.iter().filter(within).count() as u64);
            }
        }
    }
}
