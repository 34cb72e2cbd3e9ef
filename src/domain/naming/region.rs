//! The Regions that have a Lightsail endpoint.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The Regions with a Lightsail endpoint, in the alphabet's order, and what AWS calls each where it gives no code, in small letters.
/// Source: AWS General Reference, "Amazon Lightsail endpoints and quotas" and "AWS Regions". The SDK's enum also has us-west-1,
/// which has no endpoint.
const WITH_ENDPOINT: [(&str, &str); 16] = [
    ("ap-northeast-1", "tokyo"),
    ("ap-northeast-2", "seoul"),
    ("ap-south-1", "mumbai"),
    ("ap-southeast-1", "singapore"),
    ("ap-southeast-2", "sydney"),
    ("ap-southeast-3", "jakarta"),
    ("ap-southeast-5", "malaysia"),
    ("ca-central-1", "montreal"),
    ("eu-central-1", "frankfurt"),
    ("eu-north-1", "stockholm"),
    ("eu-west-1", "ireland"),
    ("eu-west-2", "london"),
    ("eu-west-3", "paris"),
    ("us-east-1", "virginia"),
    ("us-east-2", "ohio"),
    ("us-west-2", "oregon"),
];

/// The other Regions of AWS, without Lightsail. Source: AWS General Reference, "AWS Regions"; one that is opened later is
/// known by its shape alone.
const WITHOUT_ENDPOINT: [&str; 23] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-3",
    "ap-south-2",
    "ap-southeast-4",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "eusc-de-east-1",
];

/// Words beside such a name.
const BESIDE: [&str; 13] =
    ["europe", "eu", "asia", "pacific", "ap", "us", "east", "west", "central", "canada", "n", "region", "zone"];

fn codes() -> impl Iterator<Item = &'static str> {
    WITH_ENDPOINT.iter().map(|(code, _)| *code)
}

fn list() -> String {
    codes().collect::<Vec<_>>().join(", ")
}

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
    #[error("{0} has no Lightsail; it is in {list}", list = list())]
    NoEndpoint(&'static str),
    /// Near one that exists.
    #[error("{0:?} is no Region of Lightsail; did you mean {1:?}?")]
    Near(String, &'static str),
    /// Nothing like a Region.
    #[error("{0:?} is no Region of Lightsail; it is in {list}", list = list())]
    Unknown(String),
}

impl Region {
    /// Checks a Region.
    ///
    /// # Errors
    /// [`BadRegion`], with a hint where the text looks like a zone or a typo.
    pub fn parse(text: &str) -> Result<Self, BadRegion> {
        let find = |wanted: &str| codes().find(|code| *code == wanted);
        if let Some(region) = find(text) {
            return Ok(Self(region));
        }
        let lower = text.to_ascii_lowercase();
        let zone_of = lower.strip_suffix(|c: char| c.is_ascii_lowercase());
        if let Some(region) = zone_of.and_then(find) {
            return Err(BadRegion::Zone(text.to_owned(), region));
        }
        let code = zone_of.unwrap_or(&lower);
        if let Some(region) = WITHOUT_ENDPOINT.into_iter().find(|region| *region == code) {
            return Err(BadRegion::NoEndpoint(region));
        }
        Err(match near(&lower) {
            Some(region) => BadRegion::Near(text.to_owned(), region),
            None => BadRegion::Unknown(text.to_owned()),
        })
    }

    /// The Region that a text names, itself or by a zone in it, whatever its case: nothing where it names none, and
    /// `Some(None)` where Lightsail is not there.
    pub fn named_by(text: &str) -> Option<Option<Self>> {
        let lower = text.to_ascii_lowercase();
        match Self::parse(&lower) {
            Ok(region) => Some(Some(region)),
            Err(BadRegion::Zone(_, region)) => Some(Some(Self(region))),
            Err(BadRegion::NoEndpoint(_)) => Some(None),
            Err(BadRegion::Near(..) | BadRegion::Unknown(_)) => has_shape(&lower).then_some(None),
        }
    }

    /// The Regions that a text in small letters names as AWS displays them: "Ireland, Zone A", "US East (N. Virginia)". A text in
    /// which more stands is none: a customer may be called so.
    pub fn displayed_in(lower: &str) -> Vec<Option<Self>> {
        let words: Vec<&str> =
            lower.split(|c: char| !(c.is_alphanumeric() || c == '-')).filter(|word| !word.is_empty()).collect();
        let named = |word: &str| WITH_ENDPOINT.iter().find(|(_, name)| *name == word).map(|(code, _)| Self(code));
        let is_beside = |word: &&str| {
            named(word).is_some() || BESIDE.contains(word) || word.len() == 1 || Self::named_by(word).is_some()
        };
        if !words.iter().all(is_beside) {
            return Vec::new();
        }
        words.into_iter().filter_map(named).map(Some).collect()
    }

    /// Every Region with an endpoint, in the alphabet's order.
    pub fn all() -> impl Iterator<Item = Self> {
        codes().map(Self)
    }

    /// The Region's code.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

/// The Region that a typo was meant for: at most two typos away, no other as near, with the same number in it. Where
/// one without Lightsail is as near, nothing is: it would be another continent.
fn near(lower: &str) -> Option<&'static str> {
    let mut near: Vec<(usize, &'static str)> = codes()
        .chain(WITHOUT_ENDPOINT)
        .map(|region| (strsim::osa_distance(lower, region), region))
        .filter(|(distance, _)| *distance <= 2)
        .collect();
    near.sort_unstable();
    let (distance, region) = *near.first()?;
    let alone = near.get(1).is_none_or(|(other, _)| *other > distance);
    let number = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    (alone && codes().any(|code| code == region) && number(region) == number(lower)).then_some(region)
}

/// Whether a text in small letters looks like a Region of AWS, or like a zone.
fn has_shape(lower: &str) -> bool {
    let parts: Vec<&str> = lower.split('-').collect();
    let [area, .., direction, number] = parts.as_slice() else { return false };
    let number = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let toward = ["north", "south", "east", "west", "central"];
    let directed = toward
        .iter()
        .any(|one| direction.strip_prefix(one).is_some_and(|rest| rest.is_empty() || toward.contains(&rest)));
    directed && area.len() == 2 && parts.len() <= 4 && number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit())
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
        assert_eq!(Region::parse("us-west-1"), Err(BadRegion::NoEndpoint("us-west-1")));
        assert_eq!(Region::parse("sa-east-1b"), Err(BadRegion::NoEndpoint("sa-east-1")));
        assert!(
            Region::parse("sa-east-1").is_err_and(|bad| bad.to_string().starts_with("sa-east-1 has no Lightsail; "))
        );
        assert_eq!(Region::parse("EU-West-1"), Err(BadRegion::Near("EU-West-1".into(), "eu-west-1")));
        assert_eq!(Region::parse("eu-wset-1"), Err(BadRegion::Near("eu-wset-1".into(), "eu-west-1")));
        assert_eq!(Region::parse("euwest-1"), Err(BadRegion::Near("euwest-1".into(), "eu-west-1")));
        assert_eq!(Region::parse("mars"), Err(BadRegion::Unknown("mars".into())));
    }

    #[test]
    fn no_other_place_is_offered() {
        for text in
            ["eu-west-4", "eu-west", "sa-esat-1", "us-wast-1", "ap-east-3", "eu-north-2", "uk-west-1", "ca-central-2"]
        {
            assert_eq!(Region::parse(text), Err(BadRegion::Unknown(text.to_owned())));
        }
    }

    #[test]
    fn a_text_that_names_a_region_is_known_whether_lightsail_is_there_or_not() {
        let ireland = Region::parse("eu-west-1").ok();
        for text in ["eu-west-1", "EU-WEST-1", "eu-west-1c"] {
            assert_eq!(Region::named_by(text), Some(ireland), "{text}");
        }
        for text in ["sa-east-1", "us-gov-west-1a", "ap-southeast-9"] {
            assert_eq!(Region::named_by(text), Some(None), "{text}");
        }
        for text in ["", "eu-wset-1", "web-1", "host-west-1", "eu-west-10", "north-1", "eu-westnorthx-1"] {
            assert_eq!(Region::named_by(text), None, "{text}");
        }
    }

    #[test]
    fn each_region_is_told_and_taken() {
        let all: Vec<Region> = Region::all().collect();
        assert_eq!(all.len(), WITH_ENDPOINT.len());
        assert!(all.iter().all(|region| Region::parse(region.as_str()) == Ok(*region)), "{all:?}");
        assert!(all.is_sorted_by_key(|region| region.as_str()), "{all:?}");
    }
}
