//! The axes of the charts: round numbers on one, round times on the other.

use crate::domain::Timestamp;
use crate::report::layout::words::grouped;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// A mark on the axis of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tick {
    /// How far along, in thousandths.
    pub(super) place: u64,
    pub(super) label: String,
}

const SECOND: i64 = 1000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Round lengths of time, by unit in milliseconds; each divides the next one.
const LENGTHS: [(i64, &[i64]); 5] = [
    (1, &[100, 500]),
    (SECOND, &[1, 5, 15, 30]),
    (MINUTE, &[1, 5, 15, 30]),
    (HOUR, &[1, 3, 6, 12]),
    (DAY, &[1, 7, 28]),
];

/// The round lengths in milliseconds, the shortest first.
pub(super) fn lengths() -> impl Iterator<Item = i64> {
    LENGTHS.into_iter().flat_map(|(unit, counts)| counts.iter().map(move |count| unit * count))
}

/// At most `most` + 1 marks at round times from `start` to `end` (milliseconds since 1970), at least one.
pub(super) fn ticks(start: i64, end: i64, most: i64) -> Vec<Tick> {
    let span = end.saturating_sub(start).max(1);
    let mut width = lengths().find(|step| span / step <= most).unwrap_or(28 * DAY);
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
    let format = match width {
        DAY.. => DATE,
        MINUTE.. if at.rem_euclid(DAY) == 0 => DATE,
        MINUTE.. => MINUTES,
        _ if at % SECOND == 0 => SECONDS,
        _ => MILLISECONDS,
    };
    text(at, format)
}

/// `24 Nov 2026, 18:00:05`, to the second.
pub(super) fn moment(at: Timestamp) -> String {
    text(at.0, DATE_AND_TIME)
}

const DATE: &[BorrowedFormatItem<'_>] = format_description!("[day padding:none] [month repr:short]");
const MINUTES: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]");
const SECONDS: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second]");
const MILLISECONDS: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]:[second].[subsecond digits:3]");
const DATE_AND_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute]:[second]");

fn text(at: i64, format: &[BorrowedFormatItem<'_>]) -> String {
    let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000);
    moment.ok().and_then(|moment| moment.format(format).ok()).unwrap_or_else(|| Timestamp(at).to_string())
}

/// The least round number that is not less than `most`; its half is round too, unless it is 1.
pub(super) fn ceiling(most: u64) -> u64 {
    let units = std::iter::successors(Some(1_u64), |unit| unit.checked_mul(10));
    let tens = units.flat_map(|unit| [10, 12, 16, 20, 24, 30, 40, 50, 60, 80].map(|step| unit.saturating_mul(step)));
    [1, 2, 4, 6, 8].into_iter().chain(tens).find(|round| *round >= most).unwrap_or(most)
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
        0..10_000 => grouped(number),
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
