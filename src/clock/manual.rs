//! A clock that moves only when told to: for tests and for runs that must repeat to the letter.

use super::{Clock, Sleep};
use crate::domain::Timestamp;
use std::time::Duration;
use tokio::sync::watch;

/// A clock set by hand. Wall time and elapsed time move together, unless the wall alone is [`Self::jump`]ed.
#[derive(Debug)]
pub struct ManualClock {
    state: watch::Sender<ManualTime>,
}

#[derive(Debug, Clone, Copy)]
struct ManualTime {
    wall: Timestamp,
    elapsed: Duration,
}

impl ManualClock {
    /// A clock that stands at `wall`.
    pub fn new(wall: Timestamp) -> Self {
        Self { state: watch::Sender::new(ManualTime { wall, elapsed: Duration::ZERO }) }
    }

    /// Lets `span` pass and wakes whoever waited for it.
    pub fn advance(&self, span: Duration) {
        self.state.send_modify(|state| {
            state.wall = state.wall.after(span);
            state.elapsed = state.elapsed.saturating_add(span);
        });
    }

    /// Sets the time of day, as an administrator or a time server would; no time passes.
    pub fn jump(&self, wall: Timestamp) {
        self.state.send_modify(|state| state.wall = wall);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state.borrow().wall
    }

    fn elapsed(&self) -> Duration {
        self.state.borrow().elapsed
    }

    fn sleep(&self, span: Duration) -> Sleep {
        let mut seen = self.state.subscribe();
        let until = self.elapsed().saturating_add(span);
        Box::pin(async move {
            // An error means that the clock is gone, and with it whoever could wait.
            let _ = seen.wait_for(|state| state.elapsed >= until).await;
        })
    }
}
