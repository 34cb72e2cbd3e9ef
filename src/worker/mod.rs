//! Sends a lane's jobs: for each one a permit, the durable intent, one call, and its outcome. No transaction is open
//! across a call, and no error's text is read. Tracking does the rest; the two meet in the database.

mod breakers;
mod dispatcher;
mod lane;
mod learned_rates;
mod outcome;
mod read_ahead;
mod reservations;
mod responses;
mod send_context;
mod sender;

pub use dispatcher::{Dispatcher, DispatcherState, NextAction};
pub use send_context::RateLimiters;
pub use sender::{Dispatch, DispatchResult, Response};
