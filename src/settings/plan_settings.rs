//! The settings of `snapferry plan`: the price of stored images, which only the user knows.

use super::values::{ranged, text};
use serde::{Deserialize, Deserializer, de::Error};

/// The settings of `snapferry plan`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
pub struct PlanSettings {
    /// The price of a GB of stored images per month, above 0; without it no costs are shown.
    #[serde(deserialize_with = "ranged::<_, _, 0, 1000>")]
    pub price_per_gb_month: Option<f64>,
    /// The currency of that price, such as `USD`.
    #[serde(deserialize_with = "currency")]
    pub currency: Option<String>,
}

fn currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match text(deserializer)? {
        Some(given) if given.chars().count() > 8 || given.chars().any(|c| c.is_control() || c.is_whitespace()) => Err(
            D::Error::custom(format!("{given:?} is not a currency: 1 to 8 characters without a blank, such as USD")),
        ),
        given => Ok(given),
    }
}
