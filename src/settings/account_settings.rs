//! An account of the settings: its credentials and its Regions.

use super::values::text;
use crate::domain::Region;
use serde::{Deserialize, Deserializer};
use std::fmt;

/// How an account is reached; what is not set comes from the usual AWS chain.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a section with settings of its own")]
pub struct Account {
    /// The profile of the AWS configuration.
    #[serde(deserialize_with = "text")]
    pub profile: Option<String>,
    /// The role to assume.
    #[serde(deserialize_with = "role")]
    pub role_arn: Option<String>,
    /// The external id that the role requires.
    pub external_id: Option<ExternalId>,
    /// Lightsail's endpoint, if not the usual one.
    #[serde(deserialize_with = "endpoint")]
    pub endpoint_url: Option<String>,
    /// Its Regions: those that are read where none is named, and the only ones that a row can be in. Without any, a row can be
    /// in all.
    pub regions: Vec<Region>,
}

/// What a role requires besides credentials. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ExternalId(String);

impl ExternalId {
    /// The text, for the call that assumes the role.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ExternalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalId(...)")
    }
}

impl<'de> Deserialize<'de> for ExternalId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The usual errors would show what was given.
        let given = String::deserialize(deserializer)
            .map_err(|_| serde::de::Error::custom("is not text: write it in quotes"))?;
        if (2..=1224).contains(&given.len()) {
            Ok(Self(given))
        } else {
            Err(serde::de::Error::custom("must have 2 to 1224 characters (STS, AssumeRole)"))
        }
    }
}

fn role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let given = text(deserializer)?;
    let fits =
        |arn: &String| arn.starts_with("arn:") && arn.split(':').nth(5).is_some_and(|it| it.starts_with("role/"));
    match given {
        Some(arn) if !fits(&arn) => Err(serde::de::Error::custom(format!(
            "{arn:?} is not a role: write it as arn:aws:iam::123456789012:role/NAME"
        ))),
        given => Ok(given),
    }
}

fn endpoint<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let Some(url) = text(deserializer)? else { return Ok(None) };
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = host.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    match host {
        Some(host) if host.contains('@') => {
            Err(serde::de::Error::custom("contains a user name: leave it out, credentials come from the AWS chain"))
        }
        Some(host) if !host.is_empty() && !url.contains(char::is_whitespace) => Ok(Some(url)),
        _ => Err(serde::de::Error::custom(format!(
            "{url:?} is not an endpoint: write it as https://HOST or http://HOST:PORT"
        ))),
    }
}
