//! The Regions that have a Lightsail endpoint.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Source: AWS General Reference, "Amazon Lightsail endpoints and quotas". The SDK's enum also has us-west-1, which
/// has no endpoint.
const WITH_ENDPOINT: [&str; 16] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "us-east-1",
    "us-east-2",
    "us-west-2",
];

/// A Region with a Lightsail endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(&'static str);

/// Why a text is no Region, with the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRegion {
    /// An availability zone was given.
    #[error("{0:?} is an availability zone; its Region is {1:?}")]
    Zone(String, &'static str),
    /// A Region of AWS, but without Lightsail.
    #[error("{0:?} has no Lightsail endpoint; Lightsail is in {list}", list = WITH_ENDPOINT.join(", "))]
    NoEndpoint(String),
    /// Near one that exists.
    #[error("{0:?} is no Region of Lightsail; did you mean {1:?}?")]
    Near(String, &'static str),
    /// Nothing like a Region.
    #[error("{0:?} is no Region of Lightsail; it is in {list}", list = WITH_ENDPOINT.join(", "))]
    Unknown(String),
}

impl Region {
    /// Checks a Region.
    ///
    /// # Errors
    /// [`BadRegion`], with a hint where the text looks like a zone or a slip of the pen.
    pub fn parse(text: &str) -> Result<Self, BadRegion> {
        let find = |wanted: &str| WITH_ENDPOINT.iter().find(|region| **region == wanted).copied();
        let lower = text.to_ascii_lowercase();
        if let Some(region) = find(text) {
            return Ok(Self(region));
        }
        let zone_of = lower.strip_suffix(|c: char| c.is_ascii_lowercase()).and_then(find);
        if let Some(region) = zone_of {
            return Err(BadRegion::Zone(text.to_owned(), region));
        }
        if lower == "us-west-1" {
            return Err(BadRegion::NoEndpoint(text.to_owned()));
        }
        let near = WITH_ENDPOINT.iter().map(|region| (strsim::osa_distance(&lower, region), *region)).min();
        match near {
            Some((distance, region)) if distance <= 2 => Err(BadRegion::Near(text.to_owned(), region)),
            _ => Err(BadRegion::Unknown(text.to_owned())),
        }
    }

    /// Every Region with an endpoint, in the alphabet's order.
    pub fn all() -> impl Iterator<Item = Self> {
        WITH_ENDPOINT.iter().map(|region| Self(region))
    }

    /// The Region's code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl Serialize for Region {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Region {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_gets_its_hint() {
        assert_eq!(Region::parse("eu-west-1").map(Region::as_str), Ok("eu-west-1"));
        assert_eq!(Region::parse("us-east-1a"), Err(BadRegion::Zone("us-east-1a".into(), "us-east-1")));
        assert_eq!(Region::parse("us-west-1"), Err(BadRegion::NoEndpoint("us-west-1".into())));
        assert_eq!(Region::parse("EU-West-1"), Err(BadRegion::Near("EU-West-1".into(), "eu-west-1")));
        assert_eq!(Region::parse("eu-wset-1"), Err(BadRegion::Near("eu-wset-1".into(), "eu-west-1")));
        assert_eq!(Region::parse("mars"), Err(BadRegion::Unknown("mars".into())));
    }

    #[test]
    fn each_region_is_told_and_taken() {
        let all: Vec<Region> = Region::all().collect();
        assert_eq!(all.len(), WITH_ENDPOINT.len());
        assert!(all.iter().all(|region| Region::parse(region.as_str()) == Ok(*region)), "{all:?}");
        assert!(all.is_sorted_by_key(|region| region.as_str()), "{all:?}");
    }
}
