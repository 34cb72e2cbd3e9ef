//! The settings: built-in defaults, overridden by a TOML file, then by the environment, then by options of the command
//! line, and read once into checked types. The environment and the user's folders are arguments. `config/snapferry.toml`
//! shows every setting.

mod account_settings;
mod database_url;
mod environment;
mod lane_settings;
mod layers;
mod plan_settings;
mod raw;
mod resolved;
mod settings_error;
mod values;

pub use crate::domain::Existing;
pub use account_settings::{Account, ExternalId};
pub use database_url::{BadDatabaseUrl, DatabaseUrl};
pub use lane_settings::{ExportSettings, LaneSettings, PollSettings, ProbeSettings, ReadSettings, ReconcileSettings};
pub use layers::Sources;
pub use plan_settings::PlanSettings;
pub use resolved::Settings;
pub use settings_error::SettingsError;
