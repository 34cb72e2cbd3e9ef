//! The time of a run: it moves only where the run moves it, and it notes who waits for it, so that the run can tell
//! waiting for time from waiting for the store.

use snapferry::clock::{Clock, Sleep};
use snapferry::domain::Timestamp;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

#[derive(Debug, Clone)]
pub(super) struct Hours {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    elapsed: Duration,
    /// What the wall shows at the beginning, in milliseconds; a jump changes it.
    wall: i64,
    parked: Option<Duration>,
}

impl Hours {
    pub(super) fn new(wall: i64) -> Self {
        Self { state: Arc::new(Mutex::new(State { elapsed: Duration::ZERO, wall, parked: None })) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn advance_to(&self, at: Duration) {
        let mut state = self.state();
        state.elapsed = state.elapsed.max(at);
    }

    /// Sets the wall by so many milliseconds; no time passes.
    pub(super) fn jump(&self, by: i64) {
        self.state().wall += by;
    }

    /// Until when somebody has waited since this was asked last, where somebody has.
    pub(super) fn take_parked(&self) -> Option<Duration> {
        self.state().parked.take()
    }

    pub(super) fn until(&self, at: Duration) -> Until {
        Until { hours: self.clone(), at }
    }
}

impl Clock for Hours {
    fn now(&self) -> Timestamp {
        let state = self.state();
        Timestamp(state.wall).after(state.elapsed)
    }

    fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    fn sleep(&self, span: Duration) -> Sleep {
        let at = self.elapsed() + span;
        Box::pin(self.until(at))
    }
}

/// Waits for its time. Nobody is woken: the run polls again whoever has waited.
pub(super) struct Until {
    hours: Hours,
    at: Duration,
}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut state = self.hours.state();
        if state.elapsed >= self.at {
            return Poll::Ready(());
        }
        state.parked = Some(state.parked.map_or(self.at, |before| before.min(self.at)));
        Poll::Pending
    }
}
