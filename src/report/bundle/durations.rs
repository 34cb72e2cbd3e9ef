//! How long exports took: coarse classes for the picture, fine ones for the median.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

/// The upper bounds of the classes, in seconds, up to a minute, an hour and a day; the last class has none.
const BOUNDS: [u64; 17] = [1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1200, 1800, 2700, 3600, 7200, 21_600, 86_400];

/// Each fine class is that much wider than the one before: a quantile is known to half of it.
const GROWTH: f64 = 1.02;

/// Fine classes: `GROWTH` to that power is more milliseconds than a century has.
const FINE: usize = 1500;

/// Spans, counted.
#[derive(Debug, Clone)]
pub(super) struct Durations {
    classes: [u64; BOUNDS.len() + 1],
    fine: Vec<u64>,
    count: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self { classes: [0; BOUNDS.len() + 1], fine: vec![0; FINE], count: 0 }
    }
}

/// A class: its bounds in words, and how many spans it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) count: u64,
}

impl Durations {
    pub(super) fn add(&mut self, span: Duration) {
        let place = BOUNDS.iter().position(|bound| span < Duration::from_secs(*bound)).unwrap_or(BOUNDS.len());
        if let Some(class) = self.classes.get_mut(place) {
            *class += 1;
        }
        if let Some(fine) = self.fine.get_mut(fine_place(span)) {
            *fine += 1;
        }
        self.count += 1;
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The span that `percent` of them do not exceed, to about one percent of it.
    pub(super) fn quantile(&self, percent: u64) -> Option<Duration> {
        let wanted = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (place, count) in self.fine.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                let place = u32::try_from(place).unwrap_or(u32::MAX);
                return Some(Duration::from_secs_f64(GROWTH.powf(f64::from(place) - 0.5) / 1000.0));
            }
        }
        None
    }

    /// The classes from the first that has something to the last.
    pub(super) fn classes(&self) -> Vec<Class> {
        let filled = |count: &u64| *count > 0;
        let (first, last) = (self.classes.iter().position(filled), self.classes.iter().rposition(filled));
        let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
        let class = |(place, count): (usize, &u64)| Class { name: name(place), count: *count };
        self.classes.iter().enumerate().take(last + 1).skip(first).map(class).collect()
    }
}

/// The first fine class ends at a millisecond.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a class of FINE"
)]
fn fine_place(span: Duration) -> usize {
    let millis = span.as_millis().max(1) as f64;
    (millis.log(GROWTH).ceil() as usize).min(FINE - 1)
}

fn name(place: usize) -> String {
    let low = place.checked_sub(1).and_then(|place| BOUNDS.get(place));
    match (low, BOUNDS.get(place)) {
        (Some(low), Some(high)) => {
            let ((low, low_unit), (high, high_unit)) = (in_unit(*low), in_unit(*high));
            if low_unit == high_unit {
                format!("{low} to {high} {high_unit}")
            } else {
                format!("{low} {low_unit} to {high} {high_unit}")
            }
        }
        (None, Some(high)) => {
            let (high, unit) = in_unit(*high);
            format!("under {high} {unit}")
        }
        (Some(low), None) => {
            let (low, unit) = in_unit(*low);
            format!("{low} {unit} and more")
        }
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
        let names: Vec<String> = durations.classes().into_iter().map(|class| class.name).collect();
        assert_eq!(
            names[..7],
            ["under 1 s", "1 to 2 s", "2 to 5 s", "5 to 10 s", "10 to 30 s", "30 s to 1 min", "1 to 2 min"]
        );
        assert_eq!(names.last().map(String::as_str), Some("24 h and more"));
        let counts: Vec<u64> = durations.classes().iter().map(|class| class.count).collect();
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
