//! Commands that look before anything is exported.

pub(in crate::cli) mod discover;
pub(in crate::cli) mod doctor;
pub(in crate::cli) mod lane_readers;
pub(in crate::cli) mod plan;
