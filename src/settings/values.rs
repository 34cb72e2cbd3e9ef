//! Values with a range: one outside of it is an error that names its key.

use super::layers::found;
use figment::value::Value;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, Unexpected};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// Spans in milliseconds, for the ranges of settings.
pub(super) const SECOND: u64 = 1000;
pub(super) const HOUR: u64 = 3600 * SECOND;
pub(super) const DAY: u64 = 24 * HOUR;
pub(super) const WEEK: u64 = 7 * DAY;
pub(super) const YEAR: u64 = 365 * DAY;
pub(super) const TEN_YEARS: u64 = 10 * YEAR;

/// A value from `LO` to `HI`; its type says what the bounds mean.
pub(super) struct Ranged<T, const LO: u64, const HI: u64>(pub(super) T);

/// Reads a value from `LO` to `HI`; for a number with a fraction, `LO` itself is too low.
pub(super) fn ranged<'de, D: Deserializer<'de>, T: Bounded, const LO: u64, const HI: u64>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ranged::<T, LO, HI>::deserialize(deserializer).map(|ranged| ranged.0)
}

pub(super) trait Bounded: Sized {
    /// The value, if it is of this kind and in range. A number may be a text, as in the environment.
    fn read(given: &Value, lo: u64, hi: u64) -> Option<Self>;

    /// Its kind and range in words.
    fn expected(lo: u64, hi: u64) -> String;
}

impl Bounded for f64 {
    #[expect(clippy::cast_precision_loss, reason = "bounds are small")]
    fn read(given: &Value, lo: u64, hi: u64) -> Option<Self> {
        let number: Self = number(given)?;
        (number > lo as Self && number <= hi as Self).then_some(number)
    }

    fn expected(lo: u64, hi: u64) -> String {
        format!("a number above {lo}, at most {hi}")
    }
}

impl Bounded for u32 {
    fn read(given: &Value, lo: u64, hi: u64) -> Option<Self> {
        let number: Self = number(given)?;
        (lo..=hi).contains(&u64::from(number)).then_some(number)
    }

    fn expected(lo: u64, hi: u64) -> String {
        format!("a whole number from {lo} to {hi}")
    }
}

impl Bounded for Duration {
    fn read(given: &Value, lo: u64, hi: u64) -> Option<Self> {
        let span = humantime::parse_duration(given.as_str()?.trim()).ok()?;
        (Self::from_millis(lo)..=Self::from_millis(hi)).contains(&span).then_some(span)
    }

    fn expected(lo: u64, hi: u64) -> String {
        let [lo, hi] = [lo, hi].map(|bound| written(Self::from_millis(bound)));
        format!("a span of time with its unit, from \"{lo}\" to \"{hi}\"")
    }
}

impl<T: Bounded> Bounded for Option<T> {
    fn read(given: &Value, lo: u64, hi: u64) -> Option<Self> {
        T::read(given, lo, hi).map(Some)
    }

    fn expected(lo: u64, hi: u64) -> String {
        T::expected(lo, hi)
    }
}

fn number<T: DeserializeOwned + FromStr>(given: &Value) -> Option<T> {
    given.deserialize().ok().or_else(|| given.as_str()?.trim().parse().ok())
}

impl<'de, T: Bounded, const LO: u64, const HI: u64> Deserialize<'de> for Ranged<T, LO, HI> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = <Value as Deserialize>::deserialize(deserializer)?;
        T::read(&given, LO, HI).map(Self).ok_or_else(|| {
            D::Error::custom(format!("found {}, expected {}", found(&given.to_actual()), T::expected(LO, HI)))
        })
    }
}

/// The path of a folder, which need not exist.
pub(super) fn folder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let given = text(deserializer)?.unwrap_or_default();
    if given == "~" || given.starts_with("~/") {
        let message = format!("{given:?} begins with '~', which only a shell replaces: write the folder out");
        return Err(D::Error::custom(message));
    }
    if given.contains('\0') {
        return Err(D::Error::custom("contains a character that no path has"));
    }
    Ok(Some(PathBuf::from(given)))
}

/// A text that is not empty.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let given = String::deserialize(deserializer)?;
    if given.trim().is_empty() {
        return Err(D::Error::invalid_value(Unexpected::Str(&given), &"a text that is not empty"));
    }
    Ok(Some(given))
}

/// A span as the settings write it: in the largest unit that divides it.
pub(super) fn written(span: Duration) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let millis = span.as_millis();
    match units.into_iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit)) {
        Some((unit, name)) if span.subsec_nanos().is_multiple_of(1_000_000) => format!("{}{name}", millis / unit),
        _ => humantime::format_duration(span).to_string(),
    }
}
