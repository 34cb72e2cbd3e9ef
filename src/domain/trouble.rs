//! What can be wrong with a lane as a whole. It costs no job an attempt.

use serde::de::IntoDeserializer as _;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a lane sends nothing, or only probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneTrouble {
    /// Its credentials are missing, expired or wrong.
    Credentials,
    /// This machine's clock is off, so that AWS refuses its signatures.
    Clock,
    /// The Region is not enabled for the account.
    NotEnabled,
    /// No connection can be made.
    Unreachable,
    /// The account behind the label is another than it was, or stands behind two labels.
    Identity,
    /// Ambiguous answers in a row.
    Outage,
    /// Exports in a row were denied.
    Denied,
    /// Account or Region are being set up.
    Setup,
    /// What has to be read of it cannot be read, time and again. What may be sent is sent all the same.
    Reads,
    /// EC2 has too many snapshot copies in progress, whoever began them.
    CopyLimit,
    /// A quota of the account is used up: a person has to see to it.
    Quota,
}

impl LaneTrouble {
    /// Its name in SQL and in `status`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Clock => "clock",
            Self::NotEnabled => "not_enabled",
            Self::Unreachable => "unreachable",
            Self::Identity => "identity",
            Self::Outage => "outage",
            Self::Denied => "denied",
            Self::Setup => "setup",
            Self::Reads => "reads",
            Self::CopyLimit => "copy_limit",
            Self::Quota => "quota",
        }
    }

    /// The trouble of that name.
    pub fn parse(text: &str) -> Option<Self> {
        let text: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
        Self::deserialize(text).ok()
    }

    /// Whether a reading shows that it is over; otherwise only an export can.
    pub fn ends_with_a_reading(self) -> bool {
        match self {
            Self::Credentials | Self::Clock | Self::NotEnabled | Self::Unreachable | Self::Identity => true,
            Self::Outage | Self::Denied | Self::Setup | Self::Reads | Self::CopyLimit | Self::Quota => false,
        }
    }

    /// Whether it keeps jobs from being sent.
    pub fn stops_sending(self) -> bool {
        self != Self::Reads
    }
}

impl fmt::Display for LaneTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_as_it_is_written() {
        use LaneTrouble as T;
        for trouble in [
            T::Credentials,
            T::Clock,
            T::NotEnabled,
            T::Unreachable,
            T::Identity,
            T::Outage,
            T::Denied,
            T::Setup,
            T::Reads,
            T::CopyLimit,
            T::Quota,
        ] {
            assert_eq!(LaneTrouble::parse(trouble.as_str()), Some(trouble));
        }
        assert_eq!(LaneTrouble::parse("Quota"), None);
    }
}
