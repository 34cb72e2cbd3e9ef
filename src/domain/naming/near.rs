//! Names near a wanted one, among very many. Pure.

use std::cmp::Reverse;

/// Names further apart than this many typos are no near miss; fewer for a short name.
const FURTHEST: usize = 3;

/// How many are offered.
const OFFERED: usize = 3;

/// Digits at the end of a name that make a date or a time of them.
const DATE_DIGITS: usize = 8;

/// The one of a few known names that is at most two typos away, whatever its case.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = given.to_lowercase();
    let apart = known.into_iter().map(|known| (strsim::osa_distance(&given, &known.to_lowercase()), known));
    apart.min().filter(|(distance, _)| *distance <= 2).map(|(_, known)| known)
}

/// The names nearest to a wanted one, the nearest first, never that one itself. Their digits are the same: another date or number
/// is another snapshot, and no typo.
pub fn near_names<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let allowed = (wanted.chars().count() / 3).clamp(1, FURTHEST);
    let lower = wanted.to_lowercase();
    // To measure a distance takes long; digits and lengths alone rule nearly all names out.
    let like = |name: &&str| {
        *name != wanted && name.len().abs_diff(wanted.len()) <= 4 * allowed && digits(name).eq(digits(wanted))
    };
    let measured = names.filter(like).map(|name| {
        let distance = strsim::osa_distance(&lower, &name.to_lowercase());
        (distance, Reverse(common(wanted, name)), name)
    });
    let mut found: Vec<_> = measured.filter(|(distance, ..)| *distance <= allowed).collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().take(OFFERED).map(|(_, _, name)| name).collect()
}

/// Whether a name looks like one that people take for an automatic snapshot's, which has none: `web-auto-1700086400`,
/// `web-2026-11-03`.
pub fn looks_automatic(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let word = |word: &str| matches!(word, "auto" | "automatic") || word.starts_with("autosnap");
    is_date(name.strip_prefix(without_date(name)).unwrap_or_default()) || lower.split(['-', '_', '.']).any(word)
}

/// Whether the console would give a snapshot of `instance` this name: its own and one date or time. More digits are of the name of
/// another instance.
pub fn is_snapshot_of(name: &str, instance: &str) -> bool {
    let Some(time) = name.strip_prefix(instance).and_then(|rest| rest.strip_prefix('-')) else { return false };
    let lengths: Vec<usize> = time.split('-').map(str::len).collect();
    digits(time).count() + lengths.len() - 1 == time.len() && matches!(lengths.as_slice(), [8 | 10] | [4, 2, 2])
}

fn without_date(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '-' | '_' | '.'))
}

fn is_date(end: &str) -> bool {
    digits(end).count() >= DATE_DIGITS
}

fn digits(name: &str) -> impl Iterator<Item = u8> {
    name.bytes().filter(u8::is_ascii_digit)
}

/// How many letters two names have in common from their beginning.
fn common(one: &str, other: &str) -> usize {
    one.bytes().zip(other.bytes()).take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_found_and_a_stranger_is_not() {
        let all = ["web-1", "web-2", "Web-10", "wbe-1", "mail-20261101", "mail-20261102", "x"];
        let near = |wanted| near_names(wanted, all.into_iter());
        assert_eq!(near("web-1"), ["wbe-1"]);
        assert_eq!(near("mial-20261101"), ["mail-20261101"]);
        assert_eq!(near("mail-2026-11-02"), ["mail-20261102"]);
        assert_eq!(near("mail-20261103"), [""; 0], "another date is another snapshot");
        assert_eq!(near("zebra-crossing"), [""; 0]);
        assert_eq!(near(""), ["x"]);
    }

    #[test]
    fn a_date_at_the_end_looks_automatic() {
        for name in ["WordPress-1-1700086400", "web-auto-3", "web-2026-11-03", "web_AutoSnapshot", "Automatic.web"] {
            assert!(looks_automatic(name), "{name}");
        }
        for name in ["", "web-1", "web-2026", "autoscaler-12", "20261103-web"] {
            assert!(!looks_automatic(name), "{name}");
        }
        let of_web = |name| is_snapshot_of(name, "web-1");
        assert!(
            of_web("web-1-1700086400")
                && of_web("web-1-2026-11-03")
                && !of_web("web-1-old")
                && !of_web("web-11-1700086400")
                && !of_web("web-1-2-1700086400")
        );
        assert!(!is_snapshot_of("web-1-1800086400", "web") && !is_snapshot_of("web-1-2026-11-03", "web"));
        assert!(is_snapshot_of("web-20261103", "web") && !is_snapshot_of("web-2-2026-11", "web"));
    }
}
