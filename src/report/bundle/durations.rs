//! How long exports took, in memory that does not grow with them: classes for the picture, and quantiles.

use std::collections::BTreeMap;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The upper bounds of the classes, in seconds; the last class has none. Each has three digits, as the spans that are kept.
const BOUNDS: [u64; 17] = [1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1200, 1800, 2700, 3600, 7200, 21_600, 86_400];

/// Spans in milliseconds, cut to three digits, with how often each came: some thousand different ones at most.
#[derive(Debug, Clone, Default)]
pub(super) struct Durations(BTreeMap<u64, u64>);

impl Durations {
    pub(super) fn add(&mut self, span: Duration) {
        let exact = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        let unit = 10_u64.pow(exact.checked_ilog10().unwrap_or(0).saturating_sub(2));
        *self.0.entry(exact / unit * unit).or_default() += 1;
    }

    pub(super) fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The span that `percent` of them do not exceed, to about one percent of it.
    pub(super) fn quantile(&self, percent: u64) -> Option<Duration> {
        let wanted = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let reaches = |(_, count): &(&u64, &u64)| {
            seen += **count;
            seen >= wanted
        };
        self.0.iter().find(reaches).map(|(span, _)| Duration::from_millis(*span))
    }

    /// The classes from the first that has something to the last: bounds in words, and the number of spans.
    pub(super) fn classes(&self) -> Vec<(String, u64)> {
        let class = |span: &u64| BOUNDS.partition_point(|bound| bound * 1000 <= *span);
        let Some((first, last)) = self.0.keys().next().zip(self.0.keys().next_back()) else { return Vec::new() };
        let count = |place| self.0.iter().filter(|(span, _)| class(span) == place).map(|(_, count)| count).sum();
        (class(first)..=class(last)).map(|place| (name(place), count(place))).collect()
    }
}

fn name(place: usize) -> String {
    let low = place.checked_sub(1).and_then(|place| BOUNDS.get(place)).map(|low| in_unit(*low));
    match (low, BOUNDS.get(place).map(|high| in_unit(*high))) {
        (Some((low, low_unit)), Some((high, unit))) if low_unit == unit => format!("{low} to {high} {unit}"),
        (Some((low, low_unit)), Some((high, unit))) => format!("{low} {low_unit} to {high} {unit}"),
        (None, Some((high, unit))) => format!("under {high} {unit}"),
        (Some((low, unit)), None) => format!("{low} {unit} and more"),
        (None, None) => String::new(),
    }
}

fn in_unit(seconds: u64) -> (u64, &'static str) {
    match seconds {
        0..MINUTE => (seconds, "s"),
        MINUTE..HOUR => (seconds / MINUTE, "min"),
        _ => (seconds / HOUR, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn classes_have_names_and_no_gaps() {
        let mut durations = Durations::default();
        assert_eq!((durations.classes(), durations.quantile(50)), (Vec::new(), None));
        for seconds in [0, 1, 4, 59, 60, 100_000] {
            durations.add(Duration::from_secs(seconds));
        }
        let names: Vec<String> = durations.classes().into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names[..7],
            ["under 1 s", "1 to 2 s", "2 to 5 s", "5 to 10 s", "10 to 30 s", "30 s to 1 min", "1 to 2 min"]
        );
        assert_eq!(names.last().map(String::as_str), Some("24 h and more"));
        let counts: Vec<u64> = durations.classes().iter().map(|(_, count)| *count).collect();
        assert_eq!(counts[..7], [1, 1, 1, 0, 0, 1, 1]);
        assert_eq!(counts.iter().sum::<u64>(), durations.count());
    }

    proptest! {
        #[test]
        fn a_quantile_is_near(spans in prop::collection::vec(1_u64..100_000_000, 1..80), percent in 1_u64..=100) {
            let mut durations = Durations::default();
            for span in &spans {
                durations.add(Duration::from_millis(*span));
            }
            let mut sorted = spans.clone();
            sorted.sort_unstable();
            let place = (spans.len() as u64 * percent).div_ceil(100).max(1) - 1;
            let exact = Duration::from_millis(sorted[usize::try_from(place).expect("small")]);
            let near = durations.quantile(percent).expect("a span");
            prop_assert!((near.as_secs_f64() / exact.as_secs_f64() - 1.0).abs() < 0.021, "{near:?} for {exact:?}");
        }
    }
}
