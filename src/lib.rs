//! Snapferry exports Amazon Lightsail snapshots to EC2 in bulk, each exactly once.
//!
//! The modules stand in reading order; ARCHITECTURE.md has the picture.

pub mod cli;

pub mod verdict;

pub mod report;

pub mod daemon;

pub mod worker;

pub mod tracking;

pub mod survey;

pub mod doctor;

pub mod lightsail;

pub mod queue;

pub mod intake;

pub mod settings;

pub mod domain;

pub mod clock;

pub mod points;
