//! Follows: lists lanes and adopts what is exported already, follows operations to their end, settles what is unknown
//! from Lightsail's own ledger. Decides (pure, in `plan`) apart from doing.

mod ages;
mod delays;
mod failing;
mod following;
mod listing;
mod plan;
mod poll_interval;
mod reading;
mod tracker;

pub use tracker::{Rounds, Tracker, TrackerSettings};
