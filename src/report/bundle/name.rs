//! The names of the sub-folders that the daemon writes: safe wherever the folder may be taken.

use crate::queue::BatchView;

/// Leaves room for the time behind it, and for what a copy may add.
const LONGEST: usize = 120;

/// The names to try for a batch's folder, in this order: its own where that is safe, and one with the time at which
/// the batch came in, which no other batch has.
pub fn folder_names(batch: &BatchView) -> Vec<String> {
    let name = batch.name.as_str();
    let safe = safe(name);
    let digits: String =
        batch.created_at.to_string().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
    let unique = format!("{safe}@{digits}");
    if safe == name { vec![safe, unique] } else { vec![unique] }
}

/// Letters, digits, `-`, `_` and `.` of ASCII, with none of the last and no `-` in front; every other character
/// becomes `_`.
fn safe(name: &str) -> String {
    let mut safe: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' })
        .take(LONGEST)
        .collect();
    if safe.starts_with(['.', '-']) {
        safe.replace_range(..1, "_");
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        for (name, wanted) in [
            ("fleet-2.b_c", "fleet-2.b_c"),
            ("second wave", "second_wave"),
            ("..", "_."),
            ("../../etc/passwd", "_._.._etc_passwd"),
            ("-rf", "_rf"),
            (".hidden", "_hidden"),
            ("C:\\x", "C__x"),
            ("grün<b>", "gr_n_b_"),
        ] {
            assert_eq!(safe(name), wanted);
        }
        assert_eq!(safe(&"x".repeat(200)).len(), LONGEST);
    }
}
