//! Sends: for each job a token of the lane's rate, the durable intent, one call, and what came of it. No transaction is
//! open across a call, and no error's text is read. Tracking does the rest; the two meet in the table.

mod breaking;
mod loop_;
mod ruling;
mod send;
mod slowing;
mod temper;

pub use loop_::{Departure, RateLimiters, Turn, Turns, Worker, WorkerSettings};
pub use send::Sent;
