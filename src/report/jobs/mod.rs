//! Jobs: lists, histories, failures by cause, and the evidence for decisions.

pub(in crate::report) mod causes;
pub(in crate::report) mod failure_groups;
pub(in crate::report) mod job_history;
pub(in crate::report) mod list;
pub(in crate::report) mod retry_advice;
pub(in crate::report) mod review_evidence;
