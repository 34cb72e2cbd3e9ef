//! A lane: one account in one Region.

use crate::domain::Region;
use crate::domain::ids::text;
use serde::{Deserialize, Serialize};
use std::fmt;

text! {
    /// What the settings call an account; `default` where none is named.
    pub struct AccountLabel;
    /// An AWS account's 12 digits, as an ARN shows them.
    pub struct AccountNumber;
}

/// Why a text is no account label or number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAccount {
    /// A label of another form.
    #[error("{0:?} is no account label: 1 to 64 letters, digits, '-', '_' or '.'")]
    Label(String),
    /// A number of another form.
    #[error("{0:?} is no account number: 12 digits")]
    Number(String),
}

/// One AWS account in one Region. Quotas, credentials, pauses and faults are a lane's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Lane {
    /// The account's label.
    pub account: AccountLabel,
    /// The Region.
    pub region: Region,
}

impl Lane {
    /// Whether it is of that account and in that Region; what is not named fits any.
    pub fn fits(&self, account: Option<&AccountLabel>, region: Option<Region>) -> bool {
        account.is_none_or(|account| *account == self.account) && region.is_none_or(|region| region == self.region)
    }
}

impl AccountLabel {
    /// Checks a label.
    ///
    /// # Errors
    /// [`BadAccount::Label`] unless it is 1 to 64 letters, digits, `-`, `_` or `.`.
    pub fn parse(text: &str) -> Result<Self, BadAccount> {
        let fits = (1..=64).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if fits { Ok(Self(text.to_owned())) } else { Err(BadAccount::Label(text.to_owned())) }
    }

    /// The label of the account that is meant where none is named.
    pub fn unnamed() -> Self {
        Self("default".to_owned())
    }
}

impl AccountNumber {
    /// Checks a number.
    ///
    /// # Errors
    /// [`BadAccount::Number`] unless it is 12 digits.
    pub fn parse(text: &str) -> Result<Self, BadAccount> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadAccount::Number(text.to_owned()))
        }
    }

    /// The account number in an ARN, if it has one.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.split(':');
        if parts.next() != Some("arn") {
            return None;
        }
        parts.nth(3).and_then(|number| Self::parse(number).ok())
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_its_account() {
        let arn = "arn:aws:lightsail:eu-west-1:123456789012:InstanceSnapshot/1f";
        assert_eq!(AccountNumber::of_arn(arn).expect("a number").as_str(), "123456789012");
        for other in ["", "arn:aws:lightsail:eu-west-1", "arn:aws:lightsail:eu-west-1::x", "a:b:c:d:123456789012:x"] {
            assert_eq!(AccountNumber::of_arn(other), None, "{other}");
        }
    }

    #[test]
    fn a_label_is_short_and_plain_and_a_number_has_twelve_digits() {
        for good in ["a", "default", "a-b_c.9", &"a".repeat(64)] {
            assert_eq!(AccountLabel::parse(good).expect("a label").to_string(), good);
        }
        for bad in ["", "a b", "grün", &"a".repeat(65)] {
            assert_eq!(AccountLabel::parse(bad), Err(BadAccount::Label(bad.to_owned())));
        }
        for bad in ["", "12345678901", "1234567890123", "12345678901a"] {
            assert_eq!(AccountNumber::parse(bad), Err(BadAccount::Number(bad.to_owned())));
        }
    }
}
