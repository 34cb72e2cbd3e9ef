//! The place of the database: `sqlite://PATH`.

use serde::{Deserialize, Deserializer};
use std::path::{Path, PathBuf};

/// A database file, given as `sqlite://PATH` or `sqlite:PATH`: `sqlite:///var/lib/ferry.db` is an absolute path,
/// `sqlite://ferry.db` a relative one. The path is taken literally, without escapes and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl(PathBuf);

/// A text that is not a usable database URL, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} {reason}")]
pub struct BadDatabaseUrl {
    given: String,
    reason: &'static str,
}

impl DatabaseUrl {
    /// Checks a database URL. The file need not exist.
    ///
    /// # Errors
    /// [`BadDatabaseUrl`] for anything but `sqlite://PATH` and `sqlite:PATH`.
    pub fn parse(text: &str) -> Result<Self, BadDatabaseUrl> {
        let text = text.trim();
        let bad = |given: &str, reason| Err(BadDatabaseUrl { given: given.to_owned(), reason });
        let Some(rest) = text.strip_prefix("sqlite:") else {
            return match text.find("://") {
                // The rest is not shown, as it may hold a password.
                Some(end) => bad(
                    text.get(..end + 3).unwrap_or_default(),
                    "is a database that Snapferry cannot use: it keeps its jobs in SQLite, written as sqlite://PATH",
                ),
                None => bad(
                    text,
                    "is not a database URL: write it as sqlite://PATH, such as sqlite:///var/lib/snapferry/snapferry.db",
                ),
            };
        };
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.is_empty() {
            bad(text, "names no file: write it as sqlite://PATH, such as sqlite://snapferry.db")
        } else if path.starts_with(":memory:") || path.contains("mode=memory") {
            bad(text, "would be lost with the process: name a file, such as sqlite://snapferry.db")
        } else if path.contains(['?', '\0']) {
            bad(text, "has parameters, or a character that no path has: give the path alone")
        } else if path == "~" || path.starts_with("~/") {
            bad(text, "begins with '~', which only a shell replaces: write the folder out")
        } else if path.ends_with(['/', std::path::MAIN_SEPARATOR]) || matches!(path, "." | "..") {
            bad(text, "names a folder: add the file's name, such as snapferry.db")
        } else {
            Ok(Self::at(path))
        }
    }

    /// The database in a file whose path is known.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl<'de> Deserialize<'de> for DatabaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_absolute_or_relative_as_written() {
        for (text, path) in [
            ("sqlite:///var/lib/ferry.db", "/var/lib/ferry.db"),
            ("sqlite://data/ferry.db", "data/ferry.db"),
            ("sqlite:ferry.db", "ferry.db"),
            ("sqlite:/ferry.db", "/ferry.db"),
            (" sqlite://my ferry%20.db ", "my ferry%20.db"),
        ] {
            assert_eq!(DatabaseUrl::parse(text).expect(text).path(), Path::new(path));
        }
        assert_eq!(DatabaseUrl::parse("sqlite:///a/b.db"), Ok(DatabaseUrl::at("/a/b.db")));
    }

    #[test]
    fn anything_else_is_refused_with_the_way_out() {
        for (text, message) in [
            ("", "\"\" is not a database URL: "),
            ("ferry.db", "\"ferry.db\" is not a database URL: "),
            ("postgres://user:secret@host/db", "\"postgres://\" is a database that Snapferry cannot use: "),
            ("sqlite://", "\"sqlite://\" names no file: "),
            ("sqlite:", "\"sqlite:\" names no file: "),
            ("sqlite::memory:", "\"sqlite::memory:\" would be lost with the process: "),
            ("sqlite://x?mode=memory", "\"sqlite://x?mode=memory\" would be lost with the process: "),
            ("sqlite://x.db?mode=ro", "\"sqlite://x.db?mode=ro\" has parameters"),
            ("sqlite:///var/lib/", "\"sqlite:///var/lib/\" names a folder: "),
            ("sqlite://~/x.db", "\"sqlite://~/x.db\" begins with '~'"),
        ] {
            let refused = DatabaseUrl::parse(text).expect_err(text).to_string();
            assert!(refused.starts_with(message), "{refused}");
        }
    }
}
