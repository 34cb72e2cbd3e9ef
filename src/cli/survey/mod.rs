//! Commands that examine what can be exported, and export nothing.

pub(crate) mod discover;
pub(crate) mod doctor;
pub(crate) mod lane_readers;
pub(crate) mod plan_command;
