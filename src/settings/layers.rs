//! The layers laid over each other, and which of them set what.

use super::environment::{self, Variable};
use super::error::{SettingsError, hint};
use super::raw::Raw;
use figment::error::{Actual, Kind};
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};
use std::io;
use std::path::PathBuf;

/// Where settings come from. Nothing is looked up besides. Never shown: the environment may hold credentials.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--config`; it must exist. Without it, `SNAPFERRY_CONFIG` of `env` is taken, then the user's file if there.
    pub config_file: Option<PathBuf>,
    /// `--database`.
    pub database: Option<String>,
    /// The environment.
    pub env: Vec<(String, String)>,
    /// The user's folder for configuration, in which `snapferry/snapferry.toml` may be.
    pub user_config_dir: Option<PathBuf>,
    /// The user's folder for data, in which the database is unless it is set.
    pub user_data_dir: Option<PathBuf>,
}

/// What all layers say together.
pub(super) struct Layers(Figment);

/// The name of the layer of the command line.
const OPTION: &str = "--database";

impl Sources {
    /// The settings file: one that must exist, or the user's, which may be missing.
    pub fn file(&self) -> Option<PathBuf> {
        let users = || self.user_config_dir.as_ref().map(|folder| folder.join("snapferry").join("snapferry.toml"));
        self.asked_for().or_else(users)
    }

    fn asked_for(&self) -> Option<PathBuf> {
        let variable = || self.env.iter().find(|(name, text)| name == "SNAPFERRY_CONFIG" && !text.is_empty());
        self.config_file.clone().or_else(|| variable().map(|(_, text)| PathBuf::from(text)))
    }

    fn read_file(&self) -> Result<Option<Layer>, SettingsError> {
        let Some(file) = self.file() else { return Ok(None) };
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return if self.asked_for().is_some() { Err(SettingsError::NoFile(file)) } else { Ok(None) };
            }
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(SettingsError::NotText(file)),
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => return Err(SettingsError::Folder(file)),
            Err(source) => return Err(SettingsError::Unreadable { file, source }),
        };
        let dict = Toml::from_str::<Dict>(&text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            SettingsError::Syntax { line, column, message: error.message().replace('\n', ", "), file: file.clone() }
        })?;
        Ok(Some(Layer { name: file.display().to_string(), dict }))
    }
}

impl Layers {
    /// Reads the file and lays environment and options over it.
    pub(super) fn read(sources: &Sources) -> Result<Self, SettingsError> {
        let file = sources.read_file()?;
        let keys_of = |section: &str| -> Vec<String> {
            let section = file.as_ref().and_then(|file| file.dict.get(section)).and_then(Value::as_dict);
            section.map(|dict| dict.keys().cloned().collect()).unwrap_or_default()
        };
        let variables = environment::variables(&sources.env, &keys_of("accounts"), &keys_of("lanes"));
        if let Some(Variable { name, path, .. }) = variables.iter().find(|it| it.path.iter().any(String::is_empty)) {
            let hint = "; a path of names joined by __ is expected".to_owned();
            return Err(SettingsError::UnknownKey { key: dotted(path), origin: name.clone(), hint });
        }
        let option = sources.database.iter().map(|database| Variable {
            name: OPTION.to_owned(),
            path: vec!["database".to_owned()],
            value: Value::from(database.as_str()),
        });
        let above = variables.into_iter().chain(option).map(Layer::from);
        Ok(Self(file.into_iter().chain(above).fold(Figment::new(), Figment::merge)))
    }

    /// Checks types, ranges and names.
    #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is wrong with these types")]
    pub(super) fn extract(&self) -> Result<Raw, SettingsError> {
        self.0.extract().map_err(|error: Error| {
            let Error { mut path, kind, .. } = error;
            let message = match kind {
                Kind::UnknownField(name, siblings) => {
                    let origin = self.origin(&path);
                    let variable = origin.starts_with("SNAPFERRY_").then_some(origin.as_str());
                    let hint = hint(&path, &name, siblings, variable);
                    return SettingsError::UnknownKey { key: dotted(&path), origin, hint };
                }
                Kind::UnknownVariant(given, known) => {
                    format!("{given:?} is not possible: it is {}", known.join(" or "))
                }
                // Inside of an external id nothing may be shown; its own errors are messages.
                Kind::InvalidType(given, wanted) | Kind::InvalidValue(given, wanted) => {
                    format!("found {}, expected {}", found(&given), expected(&wanted))
                }
                Kind::Message(message) => message,
                other => other.to_string(),
            };
            // A place in a list is no key.
            if path.last().is_some_and(|last| last.parse::<usize>().is_ok()) {
                path.pop();
            }
            self.value_error(&path, message)
        })
    }

    /// The error of a value at a path.
    pub(super) fn value_error(&self, path: &[String], message: String) -> SettingsError {
        SettingsError::Value { key: dotted(path), origin: self.origin(path), message }
    }

    /// Whether a path is set in any layer.
    pub(super) fn has(&self, path: &[String]) -> bool {
        self.find(path).is_some()
    }

    /// The file or the variable that set a path.
    fn origin(&self, path: &[String]) -> String {
        let metadata = self.find(path).and_then(|value| self.0.get_metadata(first_tag(&value)));
        metadata.map_or_else(|| "the settings".to_owned(), |metadata| metadata.name.to_string())
    }

    /// By hand, as a label can have a period.
    fn find(&self, path: &[String]) -> Option<Value> {
        let (first, rest) = path.split_first()?;
        let mut value = self.0.find_value(first).ok()?;
        for key in rest {
            value = value.into_dict()?.remove(key)?;
        }
        Some(value)
    }
}

/// What was found, in a person's words.
#[expect(clippy::wildcard_enum_match_arm, reason = "TOML and the environment hold nothing else")]
pub(super) fn found(given: &Actual) -> String {
    match given {
        Actual::Bool(given) => given.to_string(),
        Actual::Unsigned(given) => given.to_string(),
        Actual::Signed(given) => given.to_string(),
        Actual::Float(given) => given.to_string(),
        Actual::Str(given) => format!("{given:?}"),
        Actual::Seq => "a list".to_owned(),
        Actual::Map => "a section".to_owned(),
        other => other.to_string(),
    }
}

/// What was expected, likewise.
fn expected(wanted: &str) -> &str {
    match wanted {
        "a sequence" => "a list",
        "a map" => "a section",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        other => other,
    }
}

/// A section has no layer of its own: that of the first thing in it.
fn first_tag(value: &Value) -> figment::value::Tag {
    match value.as_dict().and_then(|dict| dict.values().next()) {
        Some(inner) => first_tag(inner),
        None => value.tag(),
    }
}

/// A path as TOML writes it.
fn dotted(path: &[String]) -> String {
    let bare =
        |key: &String| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    path.iter().map(|key| if bare(key) { key.clone() } else { format!("{key:?}") }).collect::<Vec<_>>().join(".")
}

/// A layer that is known by its name.
struct Layer {
    name: String,
    dict: Dict,
}

impl From<Variable> for Layer {
    fn from(Variable { name, path, value }: Variable) -> Self {
        let nested = path.into_iter().rev().fold(value, |value, key| Value::from(Dict::from([(key, value)])));
        Self { name, dict: nested.into_dict().unwrap_or_default() }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}
