//! The settings: built-in defaults, overridden by a TOML file, then by the environment, then by options of the command
//! line, and read once into checked types. The environment and the user's folders are arguments. `config/snapferry.toml`
//! shows every setting.

mod account;
mod database_url;
mod environment;
mod error;
mod lane_settings;
mod layers;
mod plan_settings;
mod raw;
mod resolved;
mod values;

pub use crate::domain::Existing;
pub use account::{Account, ExternalId};
pub use database_url::{BadDatabaseUrl, DatabaseUrl};
pub use error::SettingsError;
pub use lane_settings::{ExportSettings, LaneSettings, PollSettings, ProbeSettings, ReadSettings, ReconcileSettings};
pub use layers::Sources;
pub use plan_settings::PlanSettings;
pub use resolved::Settings;
