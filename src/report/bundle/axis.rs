//! Axes: round numbers upwards, round times along.

use crate::domain::Timestamp;

/// A mark on the axis of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tick {
    /// How far along, in thousandths.
    pub(super) place: u64,
    pub(super) label: String,
}

pub(super) const SECOND: i64 = 1000;
pub(super) const MINUTE: i64 = 60 * SECOND;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// Lengths of time: so many of each unit, which is in milliseconds.
pub(super) type Lengths = [(i64, &'static [i64]); 5];

/// How far marks are apart: what reads well on a clock and a calendar.
const STEPS: Lengths = [
    (1, &[100, 200, 500]),
    (SECOND, &[1, 2, 5, 10, 15, 30]),
    (MINUTE, &[1, 2, 5, 10, 15, 30]),
    (HOUR, &[1, 2, 3, 6, 12]),
    (DAY, &[1, 2, 7, 28]),
];

/// The lengths in milliseconds, the shortest first.
pub(super) fn in_order(lengths: Lengths) -> impl Iterator<Item = i64> {
    lengths.into_iter().flat_map(|(unit, counts)| counts.iter().map(move |count| unit * count))
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// At most `most` + 1 marks at round times from `start` to `end` (milliseconds since 1970), at least one.
pub(super) fn ticks(start: i64, end: i64, most: i64) -> Vec<Tick> {
    let span = end.saturating_sub(start).max(1);
    let mut width = in_order(STEPS).find(|step| span / step <= most).unwrap_or(28 * DAY);
    while span / width > most {
        width = width.saturating_mul(4);
    }
    let mut ticks = Vec::new();
    let mut at = start.saturating_add((-start).rem_euclid(width));
    while at <= end {
        let place = u64::try_from(i128::from(at - start) * 1000 / i128::from(span)).unwrap_or(0);
        ticks.push(Tick { place, label: label(at, width) });
        let Some(next) = at.checked_add(width) else { break };
        at = next;
    }
    if ticks.is_empty() {
        ticks.push(Tick { place: 0, label: label(start, SECOND) });
    }
    ticks
}

/// A moment as a label, as fine as the marks are apart; midnight is the day.
fn label(at: i64, width: i64) -> String {
    let text = Timestamp(at).to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    if width >= DAY || (width >= MINUTE && at.rem_euclid(DAY) == 0) {
        return day(at);
    }
    match width {
        MINUTE.. => part(11, 16).to_owned(),
        SECOND.. => part(11, 19).to_owned(),
        _ => text.get(11..).unwrap_or_default().trim_end_matches('Z').to_owned(),
    }
}

/// `24 Nov`.
fn day(at: i64) -> String {
    let text = Timestamp(at).to_string();
    let number =
        |from: usize, to: usize| text.get(from..to).and_then(|digits| digits.parse::<usize>().ok()).unwrap_or(0);
    format!("{} {}", number(8, 10), MONTHS.get(number(5, 7).wrapping_sub(1)).unwrap_or(&""))
}

/// `24 Nov 2026, 18:00:05`, to the second.
pub(super) fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {}, {}", day(at.0), text.get(..4).unwrap_or_default(), text.get(11..19).unwrap_or_default())
}

/// The least round number that is not less than `most`; its half is round too, unless it is 1.
pub(super) fn ceiling(most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        let steps: &[u64] = if unit == 1 { &[1, 2, 4, 6, 8, 10] } else { &[12, 16, 20, 24, 30, 40, 50, 60, 80, 100] };
        let scale = if unit == 1 { 1 } else { unit / 10 };
        if let Some(found) = steps.iter().map(|step| step.saturating_mul(scale)).find(|step| *step >= most) {
            return found;
        }
        let Some(next) = unit.checked_mul(10) else { return most };
        unit = next;
    }
}

/// A number on the axis: short.
pub(super) fn short(number: u64) -> String {
    let scaled = |unit: u64, name: &str| {
        let tenths = number / (unit / 10);
        if tenths.is_multiple_of(10) {
            format!("{}{name}", tenths / 10)
        } else {
            format!("{}.{}{name}", tenths / 10, tenths % 10)
        }
    };
    match number {
        0..10_000 => crate::report::layout::words::grouped(number),
        10_000..1_000_000 => scaled(1000, "k"),
        _ => scaled(1_000_000, "M"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        Timestamp::parse(text).expect("a time").0
    }

    #[test]
    fn times_are_round_and_as_fine_as_needed() {
        for (from, to, wanted) in [
            ("2026-11-23T18:00:01Z", "2026-11-23T18:00:04Z", &["18:00:01", "18:00:02", "18:00:03", "18:00:04"][..]),
            (
                "2026-11-23T18:00:00Z",
                "2026-11-23T18:00:00.4Z",
                &["18:00:00", "18:00:00.100", "18:00:00.200", "18:00:00.300", "18:00:00.400"],
            ),
            ("2026-11-23T17:59:00Z", "2026-11-23T18:21:00Z", &["18:00", "18:05", "18:10", "18:15", "18:20"]),
            ("2026-11-23T12:00:00Z", "2026-11-24T13:00:00Z", &["12:00", "18:00", "24 Nov", "06:00", "12:00"]),
            ("2026-12-30T12:00:00Z", "2027-01-03T13:00:00Z", &["31 Dec", "1 Jan", "2 Jan", "3 Jan"]),
        ] {
            let labels: Vec<String> = ticks(at(from), at(to), 5).into_iter().map(|tick| tick.label).collect();
            assert_eq!(labels, wanted, "{from} to {to}");
        }
        let places: Vec<u64> = ticks(0, 4000, 5).into_iter().map(|tick| tick.place).collect();
        assert_eq!(places, [0, 250, 500, 750, 1000]);
        assert!(!ticks(i64::MAX - 5, i64::MAX, 5).is_empty());
    }

    #[test]
    fn numbers_are_round() {
        let round: Vec<u64> = [0, 1, 3, 7, 10, 11, 13, 99, 101, 4950, 5001, 1_000_001].map(ceiling).into();
        assert_eq!(round, [1, 1, 4, 8, 10, 12, 16, 100, 120, 5000, 6000, 1_200_000]);
        assert_eq!(ceiling(u64::MAX), u64::MAX);
        let texts: Vec<String> = [0, 9999, 12_000, 12_500, 1_200_000].map(short).into();
        assert_eq!(texts, ["0", "9,999", "12k", "12.5k", "1.2M"]);
    }
}
