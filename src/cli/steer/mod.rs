//! Commands with which people act on jobs, batches and lanes.

pub(in crate::cli) mod acting;
pub(in crate::cli) mod consent;
pub(in crate::cli) mod near;
pub(in crate::cli) mod pausing;
pub(in crate::cli) mod resolve;
pub(in crate::cli) mod selector;
