//! Snapferry exports Amazon Lightsail snapshots to EC2 in bulk, each exactly once.
//!
//! The modules stand in reading order; ARCHITECTURE.md has the picture.

pub mod cli;
pub mod clock;
pub mod domain;
pub mod queue;
pub mod report;
