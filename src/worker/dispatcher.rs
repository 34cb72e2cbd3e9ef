//! A lane's dispatcher: which job goes next and when, as many at once as the lane takes, one at a time while it is in trouble.

use super::breakers::{self, BreakerAges};
use super::lane::dispatch_state::{DeniedJobs, DispatchState};
use super::learned_rates::LearnedRates;
use super::read_ahead::ReadAhead;
use super::reservations::Reservations;
use super::responses;
use super::send_context::{RateLimiters, SendContext};
use super::sender::{Dispatch, DispatchResult, Sender};
use crate::clock::{BACKSTOP, NEVER, SharedClock, Stop, stopped};
use crate::domain::{LaneTrouble, LoweredCap, RunId};
use crate::lightsail::{CallSlots, Lightsail, Permit};
use crate::queue::{Claimable, LaneRecord, LaneWaker, Queue, QueueError};
use crate::settings::LaneSettings;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};

/// Sends a lane's jobs.
pub struct Dispatcher {
    context: Arc<SendContext>,
    sender: Arc<Sender>,
    wakes: LaneWaker,
}

/// What to do next.
#[derive(Debug)]
pub enum NextAction {
    /// Send a job, with a permit, in a task of its own.
    Send(Dispatch),
    /// Send nothing before a call that is out has come back.
    AwaitResponse,
    /// Send nothing for this long, unless a wake-up or a response comes first.
    Wait(Duration),
}

/// What the dispatcher remembers from one action to the next. A restart loses it, and nothing depends on it.
#[derive(Debug, Default)]
pub struct DispatcherState {
    lane: DispatchState,
    ahead: ReadAhead,
    breaker_ages: BreakerAges,
    learned: LearnedRates,
    /// Whether the call that went last has to come back before another one goes.
    alone: bool,
}

impl Dispatcher {
    /// A dispatcher for `lane`.
    pub fn new(
        queue: Queue,
        api: Arc<dyn Lightsail>,
        limiters: RateLimiters,
        clock: SharedClock,
        run: RunId,
        lane: LaneRecord,
        settings: Arc<LaneSettings>,
    ) -> Self {
        let wakes = queue.wakes(lane.id);
        let (id, lane, reservations) = (lane.id, lane.lane, Reservations::default());
        let context = Arc::new(SendContext { queue, clock, run, id, lane, settings, limiters, reservations });
        let sender = Arc::new(Sender::new(Arc::clone(&context), api));
        Self { context, sender, wakes }
    }

    /// Sends until `stop` says so; then waits for the calls that are out. The lanes of a Region share `slots`.
    ///
    /// # Errors
    /// [`QueueError`] when the store fails: nothing may be sent then.
    pub async fn run(self, mut stop: Stop, slots: CallSlots) -> Result<(), QueueError> {
        let mut state = DispatcherState::default();
        let mut out = JoinSet::new();
        while !*stop.borrow() {
            while let Some(result) = out.try_join_next() {
                self.on_response(returned(result), &mut state).await?;
            }
            // In a box: a lane that sleeps keeps no room for it.
            match Box::pin(self.run_once(&mut state, out.len())).await? {
                NextAction::Wait(span) => {
                    tokio::select! {
                        () = self.wakes.worker.notified() => {}
                        () = self.context.clock.sleep(if state.ahead.queued { span.min(BACKSTOP) } else { span }) => {}
                        Some(result) = out.join_next(), if !out.is_empty() => {
                            self.on_response(returned(result), &mut state).await?;
                        }
                        () = stopped(&mut stop) => {}
                    }
                }
                NextAction::AwaitResponse => {
                    if let Some(result) = out.join_next().await {
                        self.on_response(returned(result), &mut state).await?;
                    }
                }
                NextAction::Send(dispatch) => {
                    // The slot too is taken before the intent is written, so that no intent waits.
                    let (permit, slot) = tokio::select! {
                        both = async { (self.permit().await, slots.take().await) } => both,
                        () = stopped(&mut stop) => break,
                    };
                    let sender = Arc::clone(&self.sender);
                    out.spawn(async move { slot.hold(sender.send(&dispatch, permit)).await });
                }
            }
        }
        while let Some(result) = out.join_next().await {
            self.on_response(returned(result), &mut state).await?;
        }
        Ok(())
    }

    /// Decides what to do now, with `out` calls out. A job to be sent is reserved from here on.
    ///
    /// # Errors
    /// [`QueueError`] when the store fails.
    pub async fn run_once(&self, state: &mut DispatcherState, out: usize) -> Result<NextAction, QueueError> {
        if state.alone && out > 0 {
            return Ok(NextAction::AwaitResponse);
        }
        let next = match Self::take_next(state, out) {
            Some(job) => Ok(job),
            None => self.find_next(state, out).await?,
        };
        match next {
            Ok(job) => Ok(NextAction::Send(self.dispatch(job, state).await?)),
            Err(wait) => Ok(NextAction::Wait(wait)),
        }
    }

    /// Waits until the rate limit permits a call. Dropped while it waits, it has taken nothing.
    pub async fn permit(&self) -> Permit {
        self.context.limiters.exports.acquire().await
    }

    /// Sends a job.
    pub async fn send(&self, dispatch: Dispatch, permit: Permit) -> DispatchResult {
        self.sender.send(&dispatch, permit).await
    }

    /// Acts on a call that has come back.
    ///
    /// # Errors
    /// [`QueueError`] when the store fails.
    pub async fn on_response(&self, result: DispatchResult, state: &mut DispatcherState) -> Result<(), QueueError> {
        match result? {
            Some(response) => responses::on_response(&self.context, response, &mut state.lane, &mut state.ahead).await,
            None => Ok(()),
        }
    }

    /// The next of the jobs read ahead. One that was denied waits for the calls that are out: the response to the
    /// last of them decides whether another denial fails it.
    fn take_next(state: &mut DispatcherState, out: usize) -> Option<Claimable> {
        state.ahead.take_next(|job| out == 0 || job.denials == 0)
    }

    /// Reads what there is to send; the next job, or how long until time alone brings one. What holds back the whole lane comes
    /// first.
    async fn find_next(
        &self,
        state: &mut DispatcherState,
        out: usize,
    ) -> Result<Result<Claimable, Duration>, QueueError> {
        let SendContext { queue, clock, id, settings, .. } = &*self.context;
        let Some(record) = queue.lane_record(*id).await? else { return Ok(Err(NEVER)) };
        if state.lane.refresh(&record, settings.lane.probe, clock.elapsed()) {
            state.ahead.clear();
        }
        state.learned.store(&self.context).await?;
        let check = breakers::check(&self.context, &mut state.breaker_ages).await?;
        if check.opened {
            // What was read ahead may belong to what has stopped.
            state.ahead.clear();
        }
        let trouble = state.lane.health.trouble();
        if record.paused.is_some() || trouble.is_some_and(LaneTrouble::ends_with_a_reading) {
            return Ok(Err(NEVER));
        }
        if let Some(wait) = state.lane.until_probe(settings.lane.probe, clock.elapsed()) {
            return Ok(Err(wait));
        }
        let now = clock.now();
        let due = queue.release_due(*id, now, now.after(self.sender.longest_wait())).await?;
        let count_again = state.ahead.read(&self.context, &state.lane).await?;
        if let Some(probe) = breakers::probe(&self.context, &check).await? {
            state.ahead.add_probe(probe, queue.load(*id).await?.in_flight);
        }
        if let Some(job) = Self::take_next(state, out) {
            if trouble.is_some() {
                state.lane.probed_at = Some(clock.elapsed());
            }
            return Ok(Ok(job));
        }
        let denied = match self.denied_jobs(state) {
            DeniedJobs::In(left) => Some(left),
            DeniedJobs::WithOthers | DeniedJobs::Last => None,
        };
        let climbs = LoweredCap::climbs_in(state.lane.cap.as_ref(), u64::from(settings.export.max_in_flight), now);
        let waits = [check.wait, due.map(|due| due.since(now)), count_again, climbs, denied];
        Ok(Err(waits.into_iter().flatten().min().unwrap_or(NEVER)))
    }

    /// Reserves a job for sending.
    async fn dispatch(&self, job: Claimable, state: &mut DispatcherState) -> Result<Dispatch, QueueError> {
        let denied = self.denied_jobs(state);
        let health = &state.lane.health;
        // A second denial fails the job where the lane has just exported another, or no other is left that could tell.
        let denial_is_final = job.denials > 0
            && health.may_fail_denied()
            && match denied {
                DeniedJobs::WithOthers => true,
                DeniedJobs::In(_) => false,
                DeniedJobs::Last => self.context.queue.no_probe_left(self.context.id).await?,
            };
        state.alone = !state.lane.proven || health.one_at_a_time() || job.denials > 0;
        self.context.reservations.reserve(job.job, job.weight);
        state.lane.last_sent = Some(job.job);
        Ok(Dispatch { job, probes: health.trouble(), in_outage: health.in_outage(), denial_is_final })
    }

    fn denied_jobs(&self, state: &DispatcherState) -> DeniedJobs {
        state.lane.denied_jobs(self.context.settings.lane.probe, self.context.clock.elapsed())
    }
}

/// What a call's task returned. A panic continues in the lane's own task, so that the daemon reports it as such: nothing
/// cancels a task while this loop waits for it.
fn returned(result: Result<DispatchResult, JoinError>) -> DispatchResult {
    result.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}
