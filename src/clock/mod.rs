//! Time as an argument: the only room that reads a clock. Everything else is handed a [`Clock`], so that weeks pass
//! in seconds under test.

mod manual;
mod monotonic_ages;
mod system;

pub use manual::ManualClock;
pub use monotonic_ages::MonotonicAges;
pub use system::SystemClock;

use crate::domain::Timestamp;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A clock, shared by whoever needs the time.
pub type SharedClock = Arc<dyn Clock>;

/// Something to wait for.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time and waits.
pub trait Clock: Send + Sync + 'static {
    /// The time of day: for what is written down. It may jump.
    fn now(&self) -> Timestamp;

    /// The monotonic clock: time since this clock began. It never goes back.
    fn elapsed(&self) -> Duration;

    /// Waits for `span` of this clock's time.
    fn sleep(&self, span: Duration) -> Sleep;
}

/// The wait of a task that has nothing to wait for but a wake-up: longer than any other.
pub const NEVER: Duration = Duration::from_hours(1_000_000);

/// The longest sleep of a lane that has live jobs. Wake-ups and due times end it earlier; this is behind them.
pub const BACKSTOP: Duration = Duration::from_mins(1);

/// A signal to stop, heard by many.
pub type Stop = tokio::sync::watch::Receiver<bool>;

/// Waits for the signal to stop, or until its sender is gone.
pub async fn stopped(stop: &mut Stop) {
    let _ = stop.wait_for(|stop| *stop).await;
}
