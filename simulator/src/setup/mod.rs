//! How the simulator is set up: its fleet, limits and faults.

pub(crate) mod chance;
pub(crate) mod config;
pub(crate) mod faults;
pub(crate) mod faults_text;
pub(crate) mod fleet;
pub(crate) mod rate_limit;
