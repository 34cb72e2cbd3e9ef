//! Numbers, spans and messages as people read them.

use crate::domain::{ErrorCode, Timestamp};
use crate::queue::{Block, StateCounts};
use std::borrow::Cow;
use std::fmt::Write;
use std::time::Duration;

/// A number in groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 job`, `2,000 jobs`.
pub fn several(number: u64, one: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {one}{ending}", grouped(number))
}

/// The states that have something in them, each with its number; `none` where there is nothing.
pub(in crate::report) fn by_state(counts: &StateCounts) -> String {
    let mut text = String::new();
    for (state, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let gap = if text.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{gap}{} {state}", grouped(count));
    }
    if text.is_empty() { "none".to_owned() } else { text }
}

/// A span in its two largest units.
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

/// A span of less than a minute to the hundredth of a second.
pub(in crate::report) fn fine_span(exact: Duration) -> String {
    if exact < Duration::from_mins(1) { format!("{:.2} s", exact.as_secs_f64()) } else { span(exact) }
}

/// How long ago `at` was.
pub(in crate::report) fn ago(now: Timestamp, at: Timestamp) -> String {
    format!("{} ago", span(now.since(at)))
}

/// A time as people read it, to the second: `2026-11-26 17:57:20 UTC`.
pub fn moment(at: Timestamp) -> String {
    format!("{} UTC", date_and_time(at))
}

/// From when to when; the date once where it is the same.
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

/// A share in whole percent; 100 only where it is all.
pub fn percent(part: u64, whole: u64) -> u64 {
    let exact = u128::from(part) * 100 / u128::from(whole.max(1));
    u64::try_from(exact).unwrap_or(100)
}

/// A text of foreign origin on one line: no control character of it reaches a terminal.
pub(in crate::report) fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        Cow::Owned(text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// What is to be said of adopted rows, once; nothing where there are none.
pub fn adopted_note(adopted: u64) -> Option<String> {
    let what = match adopted {
        0 => return None,
        1 => "1 line is adopted: its export was not begun by this job, and the image".to_owned(),
        _ => {
            format!("{} lines are adopted: their exports were not begun by these jobs, and an image", grouped(adopted))
        }
    };
    Some(format!("{what} may have been deregistered or deleted since; look in EC2 before you rely on it."))
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

/// What blocks a lane: its message says more than its code, which is in it already.
pub(in crate::report) fn what_blocks(block: &Block) -> String {
    one_line(&block.message).into_owned()
}

/// How many of some copies other clients have begun.
pub(in crate::report) fn of_others(copies: u64) -> String {
    if copies == 0 { String::new() } else { format!(" ({} of other clients)", grouped(copies)) }
}

/// A name as a shell takes it.
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
