//! What `why` explains.

pub(in crate::report) mod explain;
pub(in crate::report) mod why_queued;
pub(in crate::report) mod why_text;
