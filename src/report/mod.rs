//! What people see: completion reports, the status, lists of jobs and the story of one. It reads the queue's views
//! and what a survey has found, and writes text or JSON to whatever it is given; it changes nothing.

mod acts;
mod advice;
mod backup;
mod breakers;
mod bundle;
mod causes;
mod completion;
mod csv_sheet;
mod discovered;
mod doctor_json;
mod doctor_text;
mod evidence;
mod failures;
mod jobs;
mod look;
mod members;
mod output;
mod pauses;
mod plan_json;
mod plan_text;
mod show;
mod status;
mod table;
mod takeover;
mod why;
mod why_queued;
mod why_text;
mod words;

pub use acts::{acted_text, plan_question, touched_text};
pub use advice::{Helps, advice};
pub use backup::backup_text;
pub use breakers::{resume_command, stopped_place, what_next};
pub use bundle::{
    BundleError, BundleRequest, FolderError, Manifest, PartFacts, Prepared, folder_names, prepare_bundle,
};
pub use completion::{Format, ReportError, ReportRequest, Reported, write_report};
pub use discovered::{DISCOVERED, DiscoveredForm, DiscoveredSheet};
pub use doctor_json::doctor_json;
pub use doctor_text::doctor_text;
pub use evidence::{evidence_text, resolved_text};
pub use failures::{FailureGroup, Failures, Gathered, failures_text};
pub use jobs::{JobsFormat, JobsRequest, Listed, write_jobs};
pub use look::{Colour, Look};
pub use output::{Output, OutputError, folder_of};
pub use pauses::{pause_question, pauses_text, resume_question, resumes_text};
pub use plan_json::plan_json;
pub use plan_text::{PlanView, Price, plan_text};
pub use show::{show_json, show_text};
pub use status::{
    Binding, Forecast, Health, Limits, NEEDS_YOU, Need, Place, StatusView, bindings, held_lanes, progress_of,
    status_json, status_text,
};
pub use why::{Cause, Facts, Pace, THROTTLED_WITHIN, Way, Why, explain};
pub use why_text::{why_json, why_text};
pub use words::{adopted_note, capital, grouped, moment, percent, quoted, several};
