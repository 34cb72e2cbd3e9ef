//! What is told of single jobs.

pub(in crate::report) mod advice;
pub(in crate::report) mod causes;
pub(in crate::report) mod evidence;
pub(in crate::report) mod failures;
pub(in crate::report) mod list;
pub(in crate::report) mod show;
