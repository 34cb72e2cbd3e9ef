//! Where the database is: `sqlite://PATH`.

use serde::{Deserialize, Deserializer};
use std::fmt;
use std::path::{Path, PathBuf};

/// A database file, given as `sqlite://PATH` or `sqlite:PATH`: `sqlite:///var/lib/ferry.db` is an absolute path,
/// `sqlite://ferry.db` a relative one. The path is taken as it stands, without escapes and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseUrl(PathBuf);

/// Why a text is no database, with the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDatabaseUrl {
    /// A path without a scheme, or no path at all.
    #[error("{0:?} is no database: write it as sqlite://PATH, such as sqlite:///var/lib/snapferry/snapferry.db")]
    NoScheme(String),
    /// A database of another kind.
    #[error("{0:?} is a database that Snapferry cannot use: it keeps its jobs in SQLite, written as sqlite://PATH")]
    OtherScheme(String),
    /// No path behind the scheme.
    #[error("{0:?} names no file: write it as sqlite://PATH, such as sqlite://snapferry.db")]
    NoPath(String),
    /// A database that would be gone with the process.
    #[error("{0:?} would be lost with the process: name a file, such as sqlite://snapferry.db")]
    Memory(String),
    /// A folder.
    #[error("{0:?} names a folder: add the file's name, such as snapferry.db")]
    Folder(String),
    /// A path with something behind it that is no path.
    #[error("{0:?} has parameters, or a character that no path has: give the path alone")]
    Parameters(String),
    /// A `~` that no shell has replaced.
    #[error("{0:?} begins with '~', which only a shell replaces: write the folder out")]
    Home(String),
}

impl DatabaseUrl {
    /// Checks a database URL. The file need not be there.
    ///
    /// # Errors
    /// [`BadDatabaseUrl`] for anything but `sqlite://PATH` and `sqlite:PATH`.
    pub fn parse(text: &str) -> Result<Self, BadDatabaseUrl> {
        let text = text.trim();
        let given = || text.to_owned();
        let Some(rest) = text.strip_prefix("sqlite:") else {
            let scheme = text.split_once("://").map(|(scheme, _)| scheme);
            return Err(match scheme {
                // No more of it: what follows can be a password.
                Some(scheme) => BadDatabaseUrl::OtherScheme(format!("{scheme}://")),
                None => BadDatabaseUrl::NoScheme(given()),
            });
        };
        let path = rest.strip_prefix("//").unwrap_or(rest);
        if path.is_empty() {
            return Err(BadDatabaseUrl::NoPath(given()));
        }
        if path.starts_with(":memory:") || path.contains("mode=memory") {
            return Err(BadDatabaseUrl::Memory(given()));
        }
        if path.contains(['?', '\0']) {
            return Err(BadDatabaseUrl::Parameters(given()));
        }
        if path == "~" || path.starts_with("~/") {
            return Err(BadDatabaseUrl::Home(given()));
        }
        if path.ends_with(['/', std::path::MAIN_SEPARATOR]) || matches!(path, "." | "..") {
            return Err(BadDatabaseUrl::Folder(given()));
        }
        Ok(Self(PathBuf::from(path)))
    }

    /// The database in a file that is known by its path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = BadDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sqlite://{}", self.0.display())
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
        assert_eq!(DatabaseUrl::at("/a/b.db").to_string(), "sqlite:///a/b.db");
        assert_eq!(DatabaseUrl::parse("sqlite:///a/b.db"), Ok(DatabaseUrl::at("/a/b.db")));
    }

    #[test]
    fn anything_else_is_refused_with_the_way_out() {
        for (text, why) in [
            ("", BadDatabaseUrl::NoScheme(String::new())),
            ("ferry.db", BadDatabaseUrl::NoScheme("ferry.db".into())),
            ("postgres://user:secret@host/db", BadDatabaseUrl::OtherScheme("postgres://".into())),
            ("sqlite://", BadDatabaseUrl::NoPath("sqlite://".into())),
            ("sqlite:", BadDatabaseUrl::NoPath("sqlite:".into())),
            ("sqlite::memory:", BadDatabaseUrl::Memory("sqlite::memory:".into())),
            ("sqlite://x?mode=memory", BadDatabaseUrl::Memory("sqlite://x?mode=memory".into())),
            ("sqlite://x.db?mode=ro", BadDatabaseUrl::Parameters("sqlite://x.db?mode=ro".into())),
            ("sqlite:///var/lib/", BadDatabaseUrl::Folder("sqlite:///var/lib/".into())),
            ("sqlite://~/x.db", BadDatabaseUrl::Home("sqlite://~/x.db".into())),
        ] {
            assert_eq!(DatabaseUrl::parse(text), Err(why), "{text}");
        }
    }
}
