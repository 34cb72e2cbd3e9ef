//! The status: progress, what limits each lane, forecasts, and what needs a person.

mod bar;
mod binding;
mod forecast;
mod forecasts;
mod json;
mod needs;
mod status_text;
mod view;

pub use binding::{Binding, bindings};
pub use forecast::Forecast;
pub use json::status_json;
pub use needs::{Need, held_lanes};
pub use status_text::{NEEDS_YOU, status_text};
pub use view::{ConfiguredLimits, Health, LaneFilter, StatusView, progress_of};
