//! What people see: completion reports, the status, lists of jobs and the story of one. It reads the queue's views
//! and what a survey has found, and writes text or JSON to whatever it is given; it changes nothing.

mod bundle;
mod completion;
mod jobs;
mod layout;
mod status;
mod steering;
mod survey;
mod upkeep;
mod why;

pub use bundle::{
    BundleError, BundleRequest, FolderError, Manifest, PartFacts, Prepared, folder_names, prepare_bundle,
};
pub use completion::report_lines::{ReportError, ReportRequest, Reported, write_report};
pub use jobs::causes::{FailureCause, FailureCauses};
pub use jobs::failure_groups::{FailureGroup, Failures, failures_text};
pub use jobs::job_history::{show_json, show_text};
pub use jobs::list::{JobsRequest, ListSummary, write_jobs};
pub use jobs::retry_advice::{RetryAdvice, advice};
pub use jobs::review_evidence::{evidence_text, resolved_text};
pub use layout::output::{Output, OutputError, folder_of};
pub use layout::sheet::Format;
pub use layout::style::{Colour, TextStyle};
pub use layout::words::{adopted_note, capital, grouped, moment, percent, quoted, several};
pub use status::{
    Binding, ConfiguredLimits, Forecast, Health, LaneFilter, NEEDS_YOU, Need, StatusView, bindings, held_lanes,
    progress_of, status_json, status_text,
};
pub use steering::acts::{acted_text, plan_question, touched_text};
pub use steering::breaker_text::{resume_command, stopped_place, what_next};
pub use steering::pauses::{pause_question, pauses_text, resume_question, resumes_text};
pub use survey::discovered::DiscoveredSheet;
pub use survey::plan_json::plan_json;
pub use survey::plan_text::{PlanView, Price, plan_text};
pub use upkeep::backup_text::backup_text;
pub use upkeep::doctor_json::doctor_json;
pub use upkeep::doctor_text::doctor_text;
pub use why::explain::{JobFacts, THROTTLED_WITHIN, WaitCause, Way, Why, explain};
pub use why::why_text::{why_json, why_text};
