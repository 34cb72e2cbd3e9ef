//! Where a lane's calls wait for their turn: `pace` decides, a [`Gate`] waits. A lane has one for its exports and one
//! for its reads, so that neither starves the other.

use super::{CallError, Decision, ErrorClass, Pace, Ticket};
use crate::clock::SharedClock;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How a call came back, as far as its pace is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Throttled.
    Throttled,
    /// Anything else.
    Other,
}

impl Outcome {
    /// What a call's result means for the pace.
    pub fn of<T>(result: &Result<T, CallError>) -> Self {
        match result {
            Err(error) if error.class == ErrorClass::Throttled => Self::Throttled,
            Ok(_) | Err(_) => Self::Other,
        }
    }
}

/// Where calls of one kind wait for their turn, first come first served. A clone is the same gate.
#[derive(Clone)]
pub struct Gate {
    shared: Arc<Shared>,
}

struct Shared {
    clock: SharedClock,
    pace: Mutex<Pace>,
    /// Held by the one who waits for the pace; the others wait for it, in their order.
    turn: tokio::sync::Mutex<()>,
    /// Wakes that one when an answer may have changed the decision.
    answered: Notify,
}

/// The permission for one call. It counts as out until it is answered or dropped.
#[must_use = "a permission dropped is a permission spent"]
pub struct Permit {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Gate {
    /// A gate of `ceiling` calls a second and `burst`; `learned` is the rate that an earlier run found.
    #[must_use]
    pub fn new(ceiling: f64, burst: u32, learned: Option<f64>, clock: SharedClock) -> Self {
        let pace = Mutex::new(Pace::new(ceiling, burst, learned, clock.elapsed()));
        Self { shared: Arc::new(Shared { clock, pace, turn: tokio::sync::Mutex::new(()), answered: Notify::new() }) }
    }

    /// Waits for permission. Dropped while it waits, it has taken none.
    pub async fn acquire(&self) -> Permit {
        let _turn = self.shared.turn.lock().await;
        loop {
            let now = self.shared.clock.elapsed();
            let decision = self.shared.pace().poll(now);
            match decision {
                Decision::Go(ticket) => return self.permit(ticket),
                Decision::At(at) => tokio::select! {
                    () = self.shared.clock.sleep(at.saturating_sub(now)) => {}
                    () = self.shared.answered.notified() => {}
                },
                Decision::Full => self.shared.answered.notified().await,
            }
        }
    }

    /// Permission if there is one at once and nobody waits for it.
    #[must_use]
    pub fn try_acquire(&self) -> Option<Permit> {
        let _turn = self.shared.turn.try_lock().ok()?;
        let decision = self.shared.pace().poll(self.shared.clock.elapsed());
        match decision {
            Decision::Go(ticket) => Some(self.permit(ticket)),
            Decision::At(_) | Decision::Full => None,
        }
    }

    /// The present rate, calls a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.shared.pace().rate()
    }

    /// The rate worth remembering for the next start.
    #[must_use]
    pub fn learned(&self) -> Option<f64> {
        self.shared.pace().learned()
    }

    /// Throttled calls so far.
    #[must_use]
    pub fn throttles(&self) -> u64 {
        self.shared.pace().throttles()
    }

    fn permit(&self, ticket: Ticket) -> Permit {
        Permit { shared: Arc::clone(&self.shared), ticket: Some(ticket) }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("rate", &self.rate()).finish_non_exhaustive()
    }
}

impl Shared {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn back(&self, tell: impl FnOnce(&mut Pace)) {
        tell(&mut self.pace());
        self.answered.notify_one();
    }
}

impl Permit {
    /// The call came back.
    pub fn answered(mut self, outcome: Outcome) {
        let Some(ticket) = self.ticket.take() else { return };
        let now = self.shared.clock.elapsed();
        self.shared.back(|pace| match outcome {
            Outcome::Throttled => pace.throttled(ticket, now),
            Outcome::Other => pace.answered(ticket, now),
        });
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let now = self.shared.clock.elapsed();
            self.shared.back(|pace| pace.given_up(ticket, now));
        }
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("ticket", &self.ticket).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::domain::Timestamp;
    use futures_util::FutureExt as _;
    use std::time::Duration;

    fn gate(rate: f64, burst: u32) -> (Gate, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp(0)));
        (Gate::new(rate, burst, Some(rate), clock.clone()), clock)
    }

    #[tokio::test]
    async fn a_call_waits_for_the_clock_and_no_longer() {
        let (gate, clock) = gate(10.0, 10);
        let mut first = Box::pin(gate.acquire());
        assert!(first.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_millis(100));
        first.await.answered(Outcome::Other);
        assert!(gate.try_acquire().is_none());
    }

    #[tokio::test]
    async fn who_stops_waiting_takes_nothing_and_blocks_nobody() {
        let (gate, clock) = gate(10.0, 10);
        let mut gone = Box::pin(gate.acquire());
        assert!(gone.as_mut().now_or_never().is_none());
        assert!(gate.try_acquire().is_none(), "somebody is waiting");
        drop(gone);
        clock.advance(Duration::from_millis(100));
        assert!(gate.try_acquire().is_some());
    }

    #[tokio::test]
    async fn calls_that_are_out_hold_back_the_next_until_one_is_back() {
        let (gate, clock) = gate(10.0, 3);
        clock.advance(Duration::from_secs(1));
        let out = gate.acquire().await;
        clock.advance(Duration::from_secs(1));
        let mut next = Box::pin(gate.acquire());
        assert!(next.as_mut().now_or_never().is_none());
        drop(out);
        assert!(next.now_or_never().is_some(), "a permission dropped is back as well");
    }

    #[tokio::test]
    async fn a_throttle_slows_whoever_is_waiting() {
        let (gate, clock) = gate(10.0, 10);
        clock.advance(Duration::from_millis(100));
        let out = gate.acquire().await;
        let mut next = Box::pin(gate.acquire());
        assert!(next.as_mut().now_or_never().is_none());
        out.answered(Outcome::Throttled);
        let slower = gate.rate();
        assert!((7.0..9.0).contains(&slower), "{slower}");
        // A call and a half of quiet, and one of pace.
        let pause = Duration::from_secs_f64(2.5 / slower);
        clock.advance(pause.saturating_sub(Duration::from_millis(1)));
        assert!(next.as_mut().now_or_never().is_none());
        clock.advance(Duration::from_millis(1));
        next.await.answered(Outcome::Other);
        assert_eq!(gate.throttles(), 1);
    }
}
