//! Names that people give: of snapshots and of batches.

use crate::domain::ids::text;

text! {
    /// The name of a Lightsail snapshot, checked by the user guide's rule (the model's stricter pattern forbids the periods that the
    /// guide allows): 2 to 255 characters, letters, digits, `-`, `_` and `.`, first and last a letter, a digit or `_`.
    pub struct SnapshotName;
    /// The name of a batch: 1 to 200 characters, none of them a control character, no blank at either end.
    pub struct BatchName;
}

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Nothing there.
    #[error("is empty")]
    Empty,
    /// Too short.
    #[error("has 1 character; a snapshot's name has 2 to 255")]
    Short,
    /// Too long.
    #[error("has {0} characters; the limit is {1}")]
    Long(usize, usize),
    /// A character that no name has.
    #[error("has {0:?}; a snapshot's name has letters, digits, '-', '_' and '.'")]
    Character(char),
    /// A wrong first or last character.
    #[error("begins or ends with {0:?}; a snapshot's name begins and ends with a letter, a digit or '_'")]
    Edge(char),
    /// A batch name with a control character or a blank at an end.
    #[error("has a control character, or a blank at an end")]
    Blank,
}

impl SnapshotName {
    /// Checks a name.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let length = text.chars().count();
        match length {
            0 => return Err(BadName::Empty),
            1 => return Err(BadName::Short),
            2..=255 => {}
            _ => return Err(BadName::Long(length, 255)),
        }
        if let Some(other) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))) {
            return Err(BadName::Character(other));
        }
        let edge = |c: &char| matches!(c, '-' | '.');
        if let Some(other) = text.chars().next().filter(edge).or(text.chars().next_back().filter(edge)) {
            return Err(BadName::Edge(other));
        }
        Ok(Self(text.to_owned()))
    }
}

impl BatchName {
    /// Checks a batch's name.
    pub fn parse(text: &str) -> Result<Self, BadName> {
        let length = text.chars().count();
        match length {
            0 => Err(BadName::Empty),
            1..=200 if text.trim() == text && !text.chars().any(char::is_control) => Ok(Self(text.to_owned())),
            1..=200 => Err(BadName::Blank),
            _ => Err(BadName::Long(length, 200)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_guide_rule_decides() {
        for good in ["ab", "a.b", "_a_", "WordPress-1.2_x", &"a".repeat(255)] {
            assert!(SnapshotName::parse(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", BadName::Empty),
            ("a", BadName::Short),
            ("a b", BadName::Character(' ')),
            ("-ab", BadName::Edge('-')),
            ("ab.", BadName::Edge('.')),
            ("grün", BadName::Character('ü')),
            (&"a".repeat(256), BadName::Long(256, 255)),
        ] {
            assert_eq!(SnapshotName::parse(bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn a_batch_may_be_called_anything_that_fits_a_line() {
        for good in ["a", "2026-11-22 nightly, all", "grün", &"a".repeat(200)] {
            assert_eq!(BatchName::parse(good).expect("a name").as_str(), good);
        }
        for (bad, why) in [
            ("", BadName::Empty),
            (" a", BadName::Blank),
            ("a ", BadName::Blank),
            ("a\nb", BadName::Blank),
            (&"a".repeat(201), BadName::Long(201, 200)),
        ] {
            assert_eq!(BatchName::parse(bad), Err(why), "{bad:?}");
        }
    }
}
