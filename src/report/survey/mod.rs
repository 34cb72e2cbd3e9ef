//! What `plan` and `discover` found.

pub(in crate::report) mod discovered;
pub(in crate::report) mod plan_json;
pub(in crate::report) mod plan_text;
