//! Commands with which people act on jobs, batches and lanes.

pub(crate) mod acting;
pub(crate) mod consent;
pub(crate) mod near;
pub(crate) mod pausing;
pub(crate) mod resolve;
pub(crate) mod selector;
