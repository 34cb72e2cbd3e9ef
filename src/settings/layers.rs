//! The layers of settings, and which of them set what.

use super::environment;
use super::lane_settings::LaneSections;
use super::raw::Raw;
use super::settings_error::{SettingsError, hint};
use figment::error::{Actual, Kind};
use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Error, Figment, Metadata, Profile, Provider};
use std::io;
use std::path::PathBuf;

/// Where settings come from; nothing else is read. Never shown, as the environment may hold credentials.
#[derive(Clone, Default)]
pub struct Sources {
    /// `--config`, which must exist. Without it `SNAPFERRY_CONFIG` of `env` counts, then the user's file if there is one.
    pub config_file: Option<PathBuf>,
    /// `--database`.
    pub database: Option<String>,
    /// The environment.
    pub env: Vec<(String, String)>,
    /// The user's folder for configuration, which may hold `snapferry/snapferry.toml`.
    pub user_config_dir: Option<PathBuf>,
    /// The user's folder for data, which holds the database unless another one is set.
    pub user_data_dir: Option<PathBuf>,
}

/// All layers together.
pub(super) struct Layers(Figment);

/// A layer with a name, so that an error can say where a value was set.
pub(super) struct Layer {
    pub(super) name: String,
    /// Where the value goes.
    pub(super) path: Vec<String>,
    pub(super) value: Value,
}

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
            Err(source) => return Err(SettingsError::Unreadable { file, source }),
        };
        let dict = Toml::from_str::<Dict>(&text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            SettingsError::Syntax { line, column, message: error.message().replace('\n', ", "), file: file.clone() }
        })?;
        Ok(Some(Layer { name: file.display().to_string(), path: Vec::new(), value: Value::from(dict) }))
    }
}

impl Layers {
    /// Reads the file; environment and options override it.
    pub(super) fn read(sources: &Sources) -> Result<Self, SettingsError> {
        let file = sources.read_file()?;
        let keys_of = |section: &str| -> Vec<String> {
            let section = file.as_ref().and_then(|file| file.value.as_dict()?.get(section)?.as_dict());
            section.map(|dict| dict.keys().cloned().collect()).unwrap_or_default()
        };
        let variables = environment::variables(&sources.env, &keys_of("accounts"), &keys_of("lanes"));
        if let Some(Layer { name, path, .. }) = variables.iter().find(|it| it.path.iter().any(String::is_empty)) {
            let hint = "; a path of names joined by __ is expected".to_owned();
            return Err(SettingsError::UnknownKey { key: dotted(path), origin: name.clone(), hint });
        }
        let option = sources.database.iter().map(|database| Layer {
            name: "--database".to_owned(),
            path: vec!["database".to_owned()],
            value: Value::from(database.as_str()),
        });
        Ok(Self(file.into_iter().chain(variables).chain(option).fold(Figment::new(), Figment::merge)))
    }

    /// What is set for each single lane, over what is set for all.
    pub(super) fn lanes(&self) -> Result<Vec<(String, LaneSections)>, SettingsError> {
        let layer = |dict: Dict| Layer { name: "lanes".to_owned(), path: Vec::new(), value: Value::from(dict) };
        let all = ["export", "read", "poll", "reconcile"].into_iter();
        let all = all.filter_map(|section| Some((section.to_owned(), self.0.find_value(section).ok()?)));
        let all = Figment::from(layer(all.collect()));
        let lanes = self.0.find_value("lanes").ok().and_then(Value::into_dict).unwrap_or_default();
        let lane = |(key, own): (String, Value)| {
            let merged = all.clone().merge(layer(own.into_dict().unwrap_or_default()));
            Ok((key, merged.extract().map_err(|error| self.refused(error))?))
        };
        lanes.into_iter().map(lane).collect()
    }

    /// Checks types, ranges and names.
    pub(super) fn extract(&self) -> Result<Raw, SettingsError> {
        self.0.extract().map_err(|error| self.refused(error))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "these types have no other errors")]
    fn refused(&self, error: Error) -> SettingsError {
        let Error { mut path, kind, .. } = error;
        let message = match kind {
            Kind::UnknownField(name, siblings) => {
                let origin = self.origin(&path);
                let variable = origin.starts_with("SNAPFERRY_").then_some(origin.as_str());
                let hint = hint(&path, &name, siblings, variable);
                return SettingsError::UnknownKey { key: dotted(&path), origin, hint };
            }
            Kind::UnknownVariant(given, known) => format!("{given:?} is not possible: use {}", known.join(" or ")),
            // The errors of an external id, which must not be shown, are messages of their own.
            Kind::InvalidType(given, wanted) | Kind::InvalidValue(given, wanted) => {
                format!("found {}, expected {}", found(&given), expected(&wanted))
            }
            Kind::Message(message) => message,
            other => other.to_string(),
        };
        // An index in a list is no key.
        if path.last().is_some_and(|last| last.parse::<usize>().is_ok()) {
            path.pop();
        }
        self.value_error(&path, message)
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

    /// By hand, as a label can contain a period.
    fn find(&self, path: &[String]) -> Option<Value> {
        let (first, rest) = path.split_first()?;
        let mut value = self.0.find_value(first).ok()?;
        for key in rest {
            value = value.into_dict()?.remove(key)?;
        }
        Some(value)
    }
}

/// What was found, in words.
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

/// What was expected, in words.
fn expected(wanted: &str) -> &str {
    match wanted {
        "a sequence" => "a list",
        "a map" => "a section",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        other => other,
    }
}

/// The layer of a value; a section counts as set by the layer of its first value.
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

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        let nest = |value, key: &String| Value::from(Dict::from([(key.clone(), value)]));
        let nested = self.path.iter().rev().fold(self.value.clone(), nest);
        Ok(Profile::Default.collect(nested.into_dict().unwrap_or_default()))
    }
}
