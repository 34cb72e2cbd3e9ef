//! What `doctor` and `backup` found.

pub(in crate::report) mod backup_text;
pub(in crate::report) mod doctor_json;
pub(in crate::report) mod doctor_text;
