//! Values that know their range, so that one out of it is an error at its key.

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Calls a second: more than 0, at most 1000.
#[derive(Clone, Copy)]
pub(super) struct Rate(f64);

/// What a GB costs a month: more than 0, at most 1000, in any currency.
#[derive(Clone, Copy)]
pub(super) struct Price(f64);

/// A share: above 0, at most 1.
#[derive(Clone, Copy)]
pub(super) struct Share(f64);

/// A whole number from `LO` to `HI`.
#[derive(Clone, Copy)]
pub(super) struct Whole<const LO: u32, const HI: u32>(u32);

/// A span of time from `LO` to `HI` milliseconds.
#[derive(Clone, Copy)]
pub(super) struct Span<const LO: u64, const HI: u64>(Duration);

impl From<Price> for f64 {
    fn from(price: Price) -> Self {
        price.0
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

/// A folder's path. It need not be there.
pub(super) struct Folder(PathBuf);

impl From<Folder> for PathBuf {
    fn from(folder: Folder) -> Self {
        folder.0
    }
}

impl<'de> Deserialize<'de> for Folder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let given = text(deserializer)?.unwrap_or_default();
        if given == "~" || given.starts_with("~/") {
            return Err(D::Error::custom(format!(
                "{given:?} begins with '~', which only a shell replaces: write the folder out"
            )));
        }
        if given.contains('\0') {
            return Err(D::Error::custom("it has a character that no path has"));
        }
        Ok(Self(PathBuf::from(given)))
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl<const LO: u32, const HI: u32> From<Whole<LO, HI>> for u32 {
    fn from(number: Whole<LO, HI>) -> Self {
        number.0
    }
}

impl<const LO: u64, const HI: u64> From<Span<LO, HI>> for Duration {
    fn from(span: Span<LO, HI>) -> Self {
        span.0
    }
}

struct RateVisitor;

impl Visitor<'_> for RateVisitor {
    type Value = Rate;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("calls a second: a number above 0, at most 1000")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Rate, E> {
        if number > 0.0 && number <= 1000.0 {
            Ok(Rate(number))
        } else {
            Err(E::custom(format!("{number} is out of range: above 0, at most 1000 calls a second")))
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "what is too big for an f64's digits is out of range anyway")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Rate, E> {
        self.visit_f64(number as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "what is too big for an f64's digits is out of range anyway")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Rate, E> {
        self.visit_f64(number as f64)
    }
}

struct WholeVisitor<const LO: u32, const HI: u32>;

impl<const LO: u32, const HI: u32> WholeVisitor<LO, HI> {
    fn check<N: TryInto<u32> + fmt::Display + Copy, E: Error>(number: N) -> Result<Whole<LO, HI>, E> {
        match number.try_into() {
            Ok(fits) if (LO..=HI).contains(&fits) => Ok(Whole(fits)),
            _ => Err(E::custom(format!("{number} is out of range: {LO} to {HI}"))),
        }
    }
}

impl<const LO: u32, const HI: u32> Visitor<'_> for WholeVisitor<LO, HI> {
    type Value = Whole<LO, HI>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number from {LO} to {HI}")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Self::check(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Self::check(number)
    }
}

struct SpanVisitor<const LO: u64, const HI: u64>;

impl<const LO: u64, const HI: u64> SpanVisitor<LO, HI> {
    fn without_unit<E: Error>(number: impl fmt::Display) -> Result<Span<LO, HI>, E> {
        Err(E::custom(format!(
            "{number} has no unit: write it as \"{number}s\" or another span of time such as \"10m\""
        )))
    }
}

impl<const LO: u64, const HI: u64> Visitor<'_> for SpanVisitor<LO, HI> {
    type Value = Span<LO, HI>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span of time in quotes, such as \"30s\" or \"10m\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.parse::<f64>().is_ok() {
            return Self::without_unit(text);
        }
        let span = humantime::parse_duration(text.trim()).map_err(|error| {
            E::custom(format!("{text:?} is no span of time ({error}): write it as \"30s\" or \"10m\""))
        })?;
        let (lo, hi) = (Duration::from_millis(LO), Duration::from_millis(HI));
        if (lo..=hi).contains(&span) {
            return Ok(Span(span));
        }
        Err(E::custom(format!("{text:?} is out of range: {} to {}", written(lo), written(hi))))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Self::without_unit(number)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Self::without_unit(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Self::without_unit(number)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RateVisitor)
    }
}

struct PriceVisitor;

impl Visitor<'_> for PriceVisitor {
    type Value = Price;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the price of a GB for a month: a number above 0, at most 1000")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Price, E> {
        if number > 0.0 && number <= 1000.0 {
            Ok(Price(number))
        } else {
            Err(E::custom(format!("{number} is out of range: above 0, at most 1000 for a GB and a month")))
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "what is too big for an f64's digits is out of range anyway")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Price, E> {
        self.visit_f64(number as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "what is too big for an f64's digits is out of range anyway")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Price, E> {
        self.visit_f64(number as f64)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PriceVisitor)
    }
}

struct ShareVisitor;

impl Visitor<'_> for ShareVisitor {
    type Value = Share;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a share: a number above 0, at most 1")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Share, E> {
        if number > 0.0 && number <= 1.0 {
            Ok(Share(number))
        } else {
            Err(E::custom(format!("{number} is out of range: above 0, at most 1, such as 0.5 for half of them")))
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "what is too big for an f64's digits is out of range anyway")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Share, E> {
        self.visit_f64(number as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "what is too big for an f64's digits is out of range anyway")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Share, E> {
        self.visit_f64(number as f64)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ShareVisitor)
    }
}

impl<'de, const LO: u32, const HI: u32> Deserialize<'de> for Whole<LO, HI> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor)
    }
}

impl<'de, const LO: u64, const HI: u64> Deserialize<'de> for Span<LO, HI> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
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
