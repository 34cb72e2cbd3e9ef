//! The command line: an argument becomes a call, a result becomes text.

mod exit;
mod jobs;
mod near;
mod report;
mod screen;
mod selector;
mod show;
mod status;

pub use exit::{Exit, UsageError};
pub use jobs::JobsArgs;
pub use report::ReportArgs;
pub use screen::Screen;
pub use selector::{Selected, SelectorArgs};
pub use show::ShowArgs;
pub use status::StatusArgs;
