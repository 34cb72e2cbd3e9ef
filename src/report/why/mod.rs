//! What `why` explains.

pub(in crate::report) mod explain;
pub(in crate::report) mod queued;
pub(in crate::report) mod text;
