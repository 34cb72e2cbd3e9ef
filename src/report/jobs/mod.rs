//! Jobs: lists, histories, failures by cause, and the evidence for decisions.

pub(in crate::report) mod advice;
pub(in crate::report) mod causes;
pub(in crate::report) mod evidence;
pub(in crate::report) mod failures;
pub(in crate::report) mod list;
pub(in crate::report) mod show;
