//! Chance that repeats: every draw is a function of the seed and of what it is for, never of who came first.

use serde::{Deserialize, Serialize};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;

/// How likely something is: 0 (never) to 1 (always).
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

/// The number was no probability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no probability: a number from 0 to 1")]
pub struct BadProbability(String);

impl Probability {
    /// Always.
    pub const ALWAYS: Self = Self(1.0);

    /// Checks a number.
    ///
    /// # Errors
    /// [`BadProbability`] unless it is from 0 to 1.
    pub fn new(number: f64) -> Result<Self, BadProbability> {
        if (0.0..=1.0).contains(&number) { Ok(Self(number)) } else { Err(BadProbability(number.to_string())) }
    }

    /// Whether `draw` (from 0 up to, not including, 1) hits.
    pub(crate) fn hits(self, draw: f64) -> bool {
        draw < self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = BadProbability;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        Self::new(number)
    }
}

impl From<Probability> for f64 {
    fn from(probability: Probability) -> Self {
        probability.0
    }
}

impl FromStr for Probability {
    type Err = BadProbability;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number: f64 = text.trim().parse().map_err(|_| BadProbability(text.to_owned()))?;
        Self::new(number)
    }
}

/// The generator for one purpose, named by whatever is hashed into it.
pub(crate) fn drawn_for(seed: u64, purpose: impl Hash) -> fastrand::Rng {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    purpose.hash(&mut hasher);
    fastrand::Rng::with_seed(hasher.finish())
}

/// A UUID's form, version 4.
pub(crate) fn uuid(rng: &mut fastrand::Rng) -> String {
    let bits = rng.u128(..);
    let (first, second, third) = (bits >> 96, (bits >> 80) & 0xffff, (bits >> 64) & 0xfff);
    let (fourth, last) = (((bits >> 48) & 0x3fff) | 0x8000, bits & 0xffff_ffff_ffff);
    format!("{first:08x}-{second:04x}-4{third:03x}-{fourth:04x}-{last:012x}")
}

/// A resource id as EC2 makes them: a prefix and 17 hexadecimal digits.
pub(crate) fn ec2_id(rng: &mut fastrand::Rng, prefix: &str) -> String {
    format!("{prefix}-0{:016x}", rng.u64(..))
}
