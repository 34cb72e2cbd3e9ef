//! What a plan reckons with: the price of stored images, which nobody can know but the user.

use super::values::text;
use serde::{Deserializer, de::Error};

/// What a plan reckons with.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlanSettings {
    /// What a GB of stored images costs a month, above 0; without it no costs are told.
    pub price_per_gb_month: Option<f64>,
    /// The word behind a sum, such as `USD`.
    pub currency: Option<String>,
}

pub(super) fn currency<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    match text(deserializer)? {
        Some(given) if given.chars().count() > 8 || given.chars().any(|c| c.is_control() || c.is_whitespace()) => {
            Err(D::Error::custom(format!("{given:?} is no currency: 1 to 8 characters without a blank, such as USD")))
        }
        given => Ok(given),
    }
}
