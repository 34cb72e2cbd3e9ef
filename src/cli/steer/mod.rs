//! Commands with which people act on jobs, batches and lanes.

pub(crate) mod act_commands;
pub(crate) mod consent;
pub(crate) mod pause_command;
pub(crate) mod resolve;
pub(crate) mod selector;
pub(crate) mod similar_names;
