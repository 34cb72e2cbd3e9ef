//! Sends: for each job a token of the lane's rate, the durable intent, one call, and what came of it. No transaction is
//! open across a call, and no error's text is read. Tracking does the rest; the two meet in the table.

mod breaking;
mod copy_limit;
mod lane_health;
mod loop_;
mod outcome;
mod send;
mod throttle_episode;

pub use loop_::{Departure, RateLimiters, Turn, Turns, Worker, WorkerSettings};
pub use send::Sent;
