//! What people set: built-in defaults, then a TOML file, then the environment, then options of the command line, read
//! once into checked types. It uses the domain only; where the file and the folders are, and what the environment
//! holds, is handed in. `config/snapferry.toml` shows every setting.

mod resolved;

mod lane_settings;

mod plan_settings;

mod account;

mod database_url;

mod layers;

mod environment;

mod raw;

mod values;

mod error;

pub use crate::domain::Existing;
pub use account::{Account, ExternalId};
pub use database_url::{BadDatabaseUrl, DatabaseUrl};
pub use error::SettingsError;
pub use lane_settings::{ExportSettings, LaneSettings, PollSettings, ReadSettings, ReconcileSettings};
pub use layers::Sources;
pub use plan_settings::PlanSettings;
pub use resolved::Settings;
