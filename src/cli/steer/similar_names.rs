//! "Did you mean": names similar to a mistyped one.

/// How many are suggested.
const OFFERED: usize = 3;

/// The names most similar to `wanted`, the nearest first: a few letters away, or one is the beginning of the other.
pub(crate) fn near<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let lower = wanted.to_lowercase();
    let allowed = (wanted.chars().count() / 3).clamp(1, 4);
    let mut found: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let other = name.to_lowercase();
            let distance = strsim::osa_distance(&lower, &other);
            let begins = !lower.is_empty() && (other.starts_with(&lower) || lower.starts_with(&other));
            (distance <= allowed || begins).then_some((distance, name))
        })
        .collect();
    found.sort_by_key(|(distance, _)| *distance);
    found.into_iter().take(OFFERED).map(|(_, name)| name).collect()
}

/// The end of an error message: `; did you mean a or b?`, or nothing.
pub(crate) fn hint(near: &[&str]) -> String {
    if near.is_empty() {
        return String::new();
    }
    let near: Vec<String> = near.iter().map(|name| format!("{name:?}")).collect();
    format!("; did you mean {}?", near.join(" or "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let names = ["fleet-2026", "fleet-2025", "inventory", "FLEET"];
        let of = |wanted| hint(&near(wanted, names.into_iter()));
        assert_eq!(of("flete-2026"), "; did you mean \"fleet-2026\" or \"fleet-2025\"?");
        assert_eq!(of("fleet"), "; did you mean \"FLEET\" or \"fleet-2026\" or \"fleet-2025\"?");
        assert_eq!(of("zebra"), "");
    }
}
