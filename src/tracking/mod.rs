//! Follows: lists lanes and adopts what is exported already, follows operations to their end, settles what is unknown
//! from Lightsail's own ledger. Decides (pure, in `plan` and `adopt`) apart from doing.

mod listing;
mod plan;
mod reading;
mod tracker;

pub use tracker::{Tracker, TrackerSettings};
