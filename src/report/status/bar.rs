//! A progress bar by state.

use crate::domain::JobState;
use crate::queue::StateCounts;
use crate::report::layout::style::{Colour, Paint};

/// The segments in order: character, colour and states.
const SEGMENTS: [(char, Paint, &[JobState]); 5] = [
    ('#', Paint::Good, &[JobState::Succeeded]),
    ('x', Paint::Bad, &[JobState::Failed, JobState::Cancelled]),
    ('?', Paint::Care, &[JobState::Unknown, JobState::NeedsReview]),
    ('>', Paint::Busy, &[JobState::Submitting, JobState::Exporting]),
    ('.', Paint::Faint, &[JobState::Queued]),
];

/// A bar of `width` characters between brackets. Each state that is there has at least one character.
pub(super) fn bar(counts: &StateCounts, width: u16, colour: Colour) -> String {
    let shares = SEGMENTS.map(|(_, _, states)| states.iter().map(|state| counts.of(*state)).sum::<u64>());
    let mut text = String::from("[");
    for ((sign, paint, _), length) in SEGMENTS.into_iter().zip(lengths(&shares, width)) {
        if length > 0 {
            text.push_str(&colour.paint(paint, sign.to_string().repeat(usize::from(length))));
        }
    }
    if counts.total() == 0 {
        text.push_str(&" ".repeat(usize::from(width)));
    }
    text.push(']');
    text
}

/// Lengths that add up to `width`, in proportion to the shares, and none of them 0 where the share is not.
fn lengths(shares: &[u64; SEGMENTS.len()], width: u16) -> [u16; SEGMENTS.len()] {
    let whole = u128::from(shares.iter().sum::<u64>());
    let mut lengths = shares.map(|share| {
        let exact = (u128::from(share) * u128::from(width)).checked_div(whole).unwrap_or(0);
        u16::try_from(exact).unwrap_or(width).max(u16::from(share > 0))
    });
    // The longest one takes what rounding left over, or makes room for the short ones.
    let sum: u16 = lengths.iter().sum();
    if let Some(longest) = lengths.iter_mut().max().filter(|_| whole > 0) {
        *longest = (*longest + width).saturating_sub(sum);
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(counts: [(JobState, u64); 4]) -> String {
        bar(&counts.into_iter().collect(), 20, Colour::Plain)
    }

    #[test]
    fn each_state_that_is_there_is_seen() {
        use JobState::{Exporting, Failed, NeedsReview, Queued, Succeeded};
        assert_eq!(
            drawn([(Succeeded, 500_000), (Failed, 1), (NeedsReview, 1), (Queued, 500_000)]),
            "[#########x?.........]"
        );
        assert_eq!(drawn([(Succeeded, 4_999), (Failed, 0), (Exporting, 1), (Queued, 0)]), "[###################>]");
        assert_eq!(drawn([(Succeeded, 7), (Failed, 0), (Exporting, 0), (Queued, 0)]), "[####################]");
        assert_eq!(drawn([(Succeeded, 0), (Failed, 0), (Exporting, 0), (Queued, 0)]), "[                    ]");
    }
}
