//! Numbers, durations, times and messages as people read them.

use crate::domain::{ErrorCode, Timestamp};
use crate::queue::{Block, StateCounts};
use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

/// A number in groups of three digits.
pub fn grouped(number: u64) -> String {
    match number {
        0..1000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1000), number % 1000),
    }
}

/// `1 job`, `2,000 jobs`.
pub fn several(number: u64, one: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {one}{ending}", grouped(number))
}

/// The parts that are not 0, each with its number: `2 new, 1 rejected`; `none` if there are none.
pub(in crate::report) fn counted(parts: impl IntoIterator<Item = (u64, impl Display)>) -> String {
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    let texts: Vec<String> = parts.map(|(count, what)| format!("{} {what}", grouped(count))).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

/// The states with their numbers.
pub(in crate::report) fn by_state(counts: &StateCounts) -> String {
    counted(counts.iter().map(|(state, count)| (count, state)))
}

/// A duration in its two largest units.
pub(in crate::report) fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |large: u64, name: &str, small: u64, small_name: &str| {
        if small == 0 { format!("{large} {name}") } else { format!("{large} {name} {small} {small_name}") }
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => two(minutes, "min", seconds % 60, "s"),
        3600..86_400 => two(hours, "h", minutes % 60, "min"),
        _ => two(days, "d", hours % 24, "h"),
    }
}

/// A duration, to the hundredth of a second if it is below a minute.
pub(in crate::report) fn fine_span(exact: Duration) -> String {
    if exact < Duration::from_mins(1) { format!("{:.2} s", exact.as_secs_f64()) } else { span(exact) }
}

/// How long ago `at` was.
pub(in crate::report) fn ago(now: Timestamp, at: Timestamp) -> String {
    format!("{} ago", span(now.since(at)))
}

/// A time as programs read it.
pub(in crate::report) fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// A time to the second: `2026-11-26 17:57:20 UTC`.
pub fn moment(at: Timestamp) -> String {
    format!("{} UTC", date_and_time(at))
}

/// A period; if both ends are on one day, with the date once.
pub(in crate::report) fn period(from: Timestamp, to: Timestamp) -> String {
    let (first, last) = (date_and_time(from), date_and_time(to));
    match last.strip_prefix(first.get(..11).unwrap_or(&first)) {
        _ if first == last => format!("at {first} UTC"),
        Some(time) => format!("from {first} to {time} UTC"),
        None => format!("from {first} to {last} UTC"),
    }
}

fn date_and_time(at: Timestamp) -> String {
    let text = at.to_string();
    format!("{} {}", text.get(..10).unwrap_or_default(), text.get(11..19).unwrap_or_default())
}

/// A share in whole percent; 100 only for all of it.
pub fn percent(part: u64, whole: u64) -> u64 {
    let exact = u128::from(part) * 100 / u128::from(whole.max(1));
    u64::try_from(exact).unwrap_or(100)
}

/// A text from elsewhere on one line, without control characters.
pub(in crate::report) fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// A note about the lines of a report that adopted an export; nothing if there are none.
pub fn adopted_note(adopted: u64) -> Option<String> {
    let lines = several(adopted, "line");
    let note =
        "adopted an export that its job had not started; the image may have been deleted since, so check it in EC2";
    (adopted > 0).then(|| format!("{lines} {note}."))
}

/// The word with a capital letter.
pub fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// A code with its message.
pub(in crate::report) fn trouble(code: Option<&ErrorCode>, message: Option<&str>) -> Option<String> {
    match (code.map(ErrorCode::as_str), message.filter(|message| !message.is_empty())) {
        (Some(code), Some(message)) => Some(format!("{code}: {}", one_line(message))),
        (Some(one), None) | (None, Some(one)) => Some(one_line(one).into_owned()),
        (None, None) => None,
    }
}

/// What blocks a lane.
pub(in crate::report) fn what_blocks(block: &Block) -> String {
    one_line(&block.message).into_owned()
}

/// How many of some copies belong to other clients.
pub(in crate::report) fn of_others(copies: u64) -> String {
    if copies == 0 { String::new() } else { format!(" ({} of other clients)", grouped(copies)) }
}

/// A name, quoted for a shell if necessary.
pub fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '+' | ',');
    if name.chars().all(plain) && !name.is_empty() && !name.starts_with('-') {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let texts: Vec<String> = [0, 12, 999, 1000, 1_234_567].into_iter().map(grouped).collect();
        assert_eq!(texts, ["0", "12", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn spans_have_two_units() {
        let texts: Vec<String> =
            [0, 59, 60, 61, 3600, 7260, 86_400, 190_800].map(|s| span(Duration::from_secs(s))).into();
        assert_eq!(texts, ["0 s", "59 s", "1 min", "1 min 1 s", "1 h", "2 h 1 min", "1 d", "2 d 5 h"]);
    }

    #[test]
    fn a_period_names_its_day_once() {
        let at = |text: &str| Timestamp::parse(text).expect("a time");
        for (from, to, wanted) in [
            ("2026-11-24T03:40:00Z", "2026-11-24T04:10:59.123Z", "from 2026-11-24 03:40:00 to 04:10:59 UTC"),
            ("2026-11-24T03:40:00.001Z", "2026-11-24T03:40:00.9Z", "at 2026-11-24 03:40:00 UTC"),
            ("2026-11-24T23:40:00Z", "2026-11-25T04:10:00Z", "from 2026-11-24 23:40:00 to 2026-11-25 04:10:00 UTC"),
        ] {
            assert_eq!(period(at(from), at(to)), wanted);
        }
        assert_eq!(moment(at("2026-11-24T03:40:00.25Z")), "2026-11-24 03:40:00 UTC");
    }

    #[test]
    fn only_all_of_it_is_a_hundred_percent() {
        assert_eq!((percent(999_999, 1_000_000), percent(5, 5), percent(0, 0)), (99, 100, 0));
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
    }

    #[test]
    fn no_escape_sequence_gets_through() {
        assert_eq!(one_line("a\u{1b}[2Jb\nc"), "a [2Jb c");
    }

    #[test]
    fn a_name_survives_the_shell() {
        for plain in ["fleet-2026.csv", "fleet-20261123T180000Z", "a,b+c@d:e/f_g"] {
            assert_eq!(quoted(plain), plain);
        }
        assert_eq!(quoted("Bob's fleet"), r"'Bob'\''s fleet'");
        assert_eq!((quoted("-x"), quoted(""), quoted("Zürich")), ("'-x'".into(), "''".into(), "'Zürich'".into()));
    }
}
