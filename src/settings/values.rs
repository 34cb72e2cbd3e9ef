//! Values that know their range, so that one out of it is an error at its key.

use super::layers::found;
use figment::value::Value;
use serde::de::{Deserialize, Deserializer, Error, Unexpected};
use std::path::PathBuf;
use std::time::Duration;

/// A value from `LO` to `HI`, which its type gives a meaning to.
#[derive(Clone, Copy)]
pub(super) struct Ranged<T, const LO: u64, const HI: u64>(pub(super) T);

/// A number above 0, at most `HI`.
pub(super) type Positive<const HI: u64> = Ranged<f64, 0, HI>;

/// A whole number from `LO` to `HI`.
pub(super) type Whole<const LO: u64, const HI: u64> = Ranged<u32, LO, HI>;

/// A span of time from `LO` to `HI` milliseconds.
pub(super) type BoundedSpan<const LO: u64, const HI: u64> = Ranged<Duration, LO, HI>;

pub(super) trait Bounded: Sized {
    /// The value, where something of its kind was given that is in range.
    fn read(given: &Value, lo: u64, hi: u64) -> Option<Self>;

    /// Its kind and its range in words.
    fn expected(lo: u64, hi: u64) -> String;
}

impl Bounded for f64 {
    #[expect(clippy::cast_precision_loss, reason = "bounds are small")]
    fn read(given: &Value, lo: u64, hi: u64) -> Option<Self> {
        let number: Self = given.deserialize().ok()?;
        (number > lo as Self && number <= hi as Self).then_some(number)
    }

    fn expected(lo: u64, hi: u64) -> String {
        format!("a number above {lo}, at most {hi}")
    }
}

impl Bounded for u32 {
    fn read(given: &Value, lo: u64, hi: u64) -> Option<Self> {
        let number: Self = given.deserialize().ok()?;
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

impl<'de, T: Bounded, const LO: u64, const HI: u64> Deserialize<'de> for Ranged<T, LO, HI> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = <Value as Deserialize>::deserialize(deserializer)?;
        T::read(&given, LO, HI).map(Self).ok_or_else(|| {
            D::Error::custom(format!("found {}, expected {}", found(&given.to_actual()), T::expected(LO, HI)))
        })
    }
}

/// A folder's path. It need not be there.
pub(super) fn folder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let given = text(deserializer)?.unwrap_or_default();
    if given == "~" || given.starts_with("~/") {
        let message = format!("{given:?} begins with '~', which only a shell replaces: write the folder out");
        return Err(D::Error::custom(message));
    }
    if given.contains('\0') {
        return Err(D::Error::custom("it has a character that no path has"));
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

/// A span as people write it in the settings: in the biggest unit that divides it.
pub(super) fn written(span: Duration) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
    let millis = span.as_millis();
    match units.into_iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit)) {
        Some((unit, name)) if span.subsec_nanos().is_multiple_of(1_000_000) => format!("{}{name}", millis / unit),
        _ => humantime::format_duration(span).to_string(),
    }
}
