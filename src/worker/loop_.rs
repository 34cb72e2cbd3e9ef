//! A lane's sending: what may go, as many at once as the lane bears, one at a time when it is in trouble.

use super::breaking::Ages;
use super::copy_limit::CopyLimitBackoff;
use super::lane_health::{HealthChange, LaneHealth};
use super::outcome::LaneEvent;
use super::send::{Came, Heard, LONGEST_DOUBT, Sent};
use super::throttle_episode::{EpisodeEdge, ThrottleEpisode};
use crate::clock::{BACKSTOP, NEVER, SharedClock, Stop, stopped};
use crate::domain::{
    BatchId, BreakerPolicy, ErrorCode, JobId, LaneTrouble, LoweredCap, OverLimit, RetryPolicy, RunId, Timestamp,
};
use crate::lightsail::{Lightsail, Permit, RateLimiter};
use crate::queue::{Block, Claimable, LaneRecord, Queue, QueueError, Wakes};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};

/// Jobs read ahead at most: enough for half a second at the highest rate that the settings allow.
const READ_AHEAD: u32 = 512;

/// How often copies of other clients are counted anew where they are in the way.
const OTHERS: Duration = Duration::from_mins(1);

/// What the settings say of sending.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Attempts and waits.
    pub retry: RetryPolicy,
    /// EBS copies under way at most.
    pub max_in_flight: u64,
    /// How often a lane in trouble tries again.
    pub probe: Duration,
    /// How long a job may be refused for now.
    pub give_up: Duration,
    /// How long after an answer the job is looked at first.
    pub first_poll: Duration,
    /// When the lane stops by itself, and each of its batches.
    pub breaker: BreakerPolicy,
}

/// Where a lane's calls wait for their turn.
#[derive(Debug, Clone)]
pub struct RateLimiters {
    /// Its exports.
    pub exports: RateLimiter,
    /// Its reads: they pass by themselves, and what they learn is kept.
    pub reads: RateLimiter,
}

/// A lane's sender.
pub struct Worker {
    pub(super) queue: Queue,
    pub(super) api: Arc<dyn Lightsail>,
    pub(super) clock: SharedClock,
    pub(super) run: RunId,
    pub(super) lane: LaneRecord,
    pub(super) settings: WorkerSettings,
    limiters: RateLimiters,
    wakes: Wakes,
    /// Jobs taken up whose intent is not on disk yet, with their weight.
    hand: Mutex<HashMap<JobId, u32>>,
    /// Jobs that were refused for now: since when this run knows of it, and for how long that had been so.
    pub(super) waits: Mutex<HashMap<JobId, (Duration, Duration)>>,
}

/// What a turn of the loop comes to.
#[derive(Debug)]
pub enum Turn {
    /// A job may be sent: with a permission, in a task of its own.
    Send(Departure),
    /// Nothing goes before the calls under way have come back.
    Answers,
    /// Nothing goes for this long, unless a wake-up or an answer comes first.
    Wait(Duration),
}

/// A job taken in hand, about to be sent.
#[derive(Debug)]
pub struct Departure {
    pub(super) job: Claimable,
    /// The lane's trouble that it probes.
    pub(super) probes: Option<LaneTrouble>,
    pub(super) outage: bool,
    /// Whether a denial of it is its own and the last word on it: it was denied before.
    pub(super) last: bool,
}

/// When those go that were denied before: not before it can be told whose trouble another denial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    /// With the others: the lane exports.
    WithOthers,
    /// Later: the lane exports only since a moment ago, and what denied them may not be gone everywhere.
    In(Duration),
    /// Alone, and where there is no other.
    Last,
}

/// What the loop remembers between two turns; all of it may be lost.
#[derive(Debug, Default)]
pub struct Turns {
    health: LaneHealth,
    throttles: ThrottleEpisode,
    pub(super) ahead: VecDeque<Claimable>,
    /// The batch that had the last turn.
    last: Option<BatchId>,
    pub(super) room: u64,
    /// How long the open breakers have been open.
    pub(super) ages: Ages,
    /// How long until time alone brings something to do, as far as this turn has found.
    wait: Duration,
    /// Whether a job was queued when the lane was last asked.
    queued: bool,
    proven: bool,
    probed_at: Option<Duration>,
    learned: Option<f64>,
    learned_of_reads: Option<f64>,
    /// The cap on the copies under way, where EC2 had too many of them.
    lowered: Option<LoweredCap>,
    /// The waits for room in EC2.
    copy_limit: CopyLimitBackoff,
    /// Whether the call that went last has to come back before another one goes.
    alone: bool,
    /// Since when the lane is seen to export: since the first acceptance after the start or after its last trouble.
    exports_since: Option<Duration>,
}

impl Turns {
    /// After that span, if there is one, the lane is looked at again: time alone brings something to do then.
    pub(super) fn wait_at_most(&mut self, span: Option<Duration>) {
        self.wait = self.wait.min(span.unwrap_or(NEVER));
    }
}

impl Worker {
    /// A sender for `lane`.
    pub fn new(
        queue: Queue,
        api: Arc<dyn Lightsail>,
        limiters: RateLimiters,
        clock: SharedClock,
        run: RunId,
        lane: LaneRecord,
        settings: WorkerSettings,
    ) -> Self {
        let wakes = queue.wakes(lane.id);
        let (hand, waits) = (Mutex::default(), Mutex::default());
        Self { queue, api, clock, run, lane, settings, limiters, wakes, hand, waits }
    }

    /// Sends until `stop` says so; then waits for the calls under way.
    ///
    /// # Errors
    /// [`QueueError`] when the store fails: nothing may be sent then.
    pub async fn work(self: Arc<Self>, mut stop: Stop) -> Result<(), QueueError> {
        let mut turns = Turns::default();
        let mut under_way = JoinSet::new();
        while !*stop.borrow() {
            while let Some(sent) = under_way.try_join_next() {
                self.take_up(came_back(sent), &mut turns).await?;
            }
            // In a box, like a round of tracking: a lane that sleeps has no room for it.
            match Box::pin(self.run_once(&mut turns, under_way.len())).await? {
                Turn::Wait(span) => {
                    tokio::select! {
                        () = self.wakes.worker.notified() => {}
                        () = self.clock.sleep(if turns.queued { span.min(BACKSTOP) } else { span }) => {}
                        Some(sent) = under_way.join_next(), if !under_way.is_empty() => {
                            self.take_up(came_back(sent), &mut turns).await?;
                        }
                        () = stopped(&mut stop) => {}
                    }
                }
                Turn::Answers => {
                    if let Some(sent) = under_way.join_next().await {
                        self.take_up(came_back(sent), &mut turns).await?;
                    }
                }
                Turn::Send(departure) => {
                    let permit = tokio::select! {
                        permit = self.permit() => permit,
                        () = stopped(&mut stop) => break,
                    };
                    let worker = Arc::clone(&self);
                    under_way.spawn(async move { worker.send(departure, permit).await });
                }
            }
        }
        while let Some(sent) = under_way.join_next().await {
            self.take_up(came_back(sent), &mut turns).await?;
        }
        Ok(())
    }

    /// Says what is to be done now, with `under_way` calls out. A job to be sent is in hand from here on.
    ///
    /// # Errors
    /// [`QueueError`] when the store fails.
    pub async fn run_once(&self, turns: &mut Turns, under_way: usize) -> Result<Turn, QueueError> {
        if turns.alone && under_way > 0 {
            return Ok(Turn::Answers);
        }
        let turn = self.turn(turns, under_way).await?;
        if let Turn::Send(departure) = &turn {
            self.take_in_hand(&departure.job);
            turns.last = Some(departure.job.batch);
            let in_doubt = departure.job.denials > 0 && self.denied(turns) != Denied::WithOthers;
            turns.alone = !turns.proven || turns.health.one_at_a_time() || in_doubt;
        }
        Ok(turn)
    }

    /// Waits for the pace to let a call go. Dropped while it waits, it has taken nothing.
    pub async fn permit(&self) -> Permit {
        self.limiters.exports.acquire().await
    }

    async fn turn(&self, turns: &mut Turns, under_way: usize) -> Result<Turn, QueueError> {
        if let Some(job) = self.take_fitting(turns, under_way) {
            return self.departs(job, turns).await;
        }
        turns.wait = NEVER;
        let Some(lane) = self.queue.lane_record(self.lane.id).await? else { return Ok(Turn::Wait(NEVER)) };
        turns.proven = lane.proven;
        let trouble = lane.block.as_ref().map(|block| block.trouble).filter(|trouble| trouble.stops_sending());
        if trouble == Some(LaneTrouble::CopyLimit) && turns.health.trouble() != trouble {
            // Tracking has seen an export fail for it.
            turns.copy_limit.failed(self.settings.probe, self.clock.elapsed());
            turns.probed_at = Some(self.clock.elapsed());
            turns.ahead.clear();
        }
        turns.health.set_trouble(trouble);
        turns.exports_since = turns.exports_since.filter(|_| trouble.is_none());
        turns.lowered = lane.lowered;
        self.keep_learned(turns).await?;
        let open = self.heed_breakers(turns).await?;
        if lane.paused || trouble.is_some_and(LaneTrouble::ends_with_a_reading) {
            return Ok(Turn::Wait(NEVER));
        }
        if trouble.is_some()
            && let Some(wait) = self.until_probe(turns)
        {
            return Ok(Turn::Wait(wait));
        }
        let now = self.clock.now();
        let longest = self.settings.retry.max.max(self.settings.probe.saturating_mul(1 << LONGEST_DOUBT));
        let due = self.queue.release_due(self.lane.id, now, now.after(longest)).await?;
        turns.wait_at_most(due.map(|due| due.since(now)));
        turns.wait_at_most(LoweredCap::climbs_in(turns.lowered.as_ref(), self.settings.max_in_flight, now));
        self.read_ahead(turns, trouble.is_some()).await?;
        self.add_probe(turns, &open).await?;
        if let Some(job) = self.take_fitting(turns, under_way) {
            if trouble.is_some() {
                turns.probed_at = Some(self.clock.elapsed());
            }
            return self.departs(job, turns).await;
        }
        if let Denied::In(left) = self.denied(turns) {
            turns.wait_at_most(Some(left));
        }
        Ok(Turn::Wait(turns.wait))
    }

    /// How long until a lane in trouble may be probed; nothing when it may now.
    fn until_probe(&self, turns: &Turns) -> Option<Duration> {
        let wait = match turns.health.trouble() {
            Some(LaneTrouble::CopyLimit) => turns.copy_limit.wait().max(self.settings.probe),
            Some(_) | None => self.settings.probe,
        };
        let next = turns.probed_at?.saturating_add(wait);
        next.checked_sub(self.clock.elapsed()).filter(|wait| !wait.is_zero())
    }

    async fn read_ahead(&self, turns: &mut Turns, probing: bool) -> Result<(), QueueError> {
        // In this order: a job that leaves the hand between the two is counted twice, never not at all.
        let (in_hand, held) = {
            let hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
            (hand.values().map(|weight| u64::from(*weight)).sum::<u64>(), hand.clone())
        };
        let load = self.queue.load(self.lane.id).await?;
        turns.queued = load.queued > 0;
        let others =
            if load.queued == 0 { 0 } else { self.queue.copies_of_others(self.lane.id, self.clock.now()).await? };
        // A record that shows no end is not counted for ever, and nothing tells when that is over.
        turns.wait_at_most((others > 0).then_some(OTHERS));
        let taken = load.in_flight.saturating_add(in_hand).saturating_add(others);
        let cap = LoweredCap::in_force(turns.lowered.as_ref(), self.settings.max_in_flight, self.clock.now());
        turns.room = cap.saturating_sub(taken);
        if load.queued == 0 || (turns.room == 0 && taken > 0) {
            turns.ahead.clear();
            return Ok(());
        }
        // Half a second's worth, so that a pause, a cancellation or a higher priority is not long in coming.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the read-ahead")]
        let half_a_second = (self.limiters.exports.rate() / 2.0).clamp(1.0, f64::from(READ_AHEAD)) as u32;
        let wanted = if probing { 1 } else { half_a_second };
        let limit = wanted.saturating_add(u32::try_from(held.len()).unwrap_or(u32::MAX));
        let free = |found: Vec<Claimable>| -> VecDeque<Claimable> {
            found.into_iter().filter(|job| !held.contains_key(&job.job)).collect()
        };
        let denied = self.denied(turns);
        let (lane, run, last) = (self.lane.id, self.run, turns.last);
        turns.ahead = match denied {
            Denied::WithOthers => free(self.queue.claimable_after(lane, run, limit, last).await?),
            Denied::In(_) | Denied::Last => free(self.queue.never_denied(lane, run, limit, last).await?),
        };
        if denied == Denied::Last && turns.ahead.is_empty() {
            turns.ahead = free(self.queue.claimable_after(lane, run, limit, last).await?);
        }
        // One that is heavier than the whole cap goes when nothing else is under way.
        if taken == 0 {
            let heaviest = turns.ahead.front().map_or(0, |job| u64::from(job.weight));
            turns.room = turns.room.max(heaviest);
        }
        Ok(())
    }

    async fn keep_learned(&self, turns: &mut Turns) -> Result<(), QueueError> {
        if let Some(rate) = news(self.limiters.exports.learned(), &mut turns.learned) {
            self.queue.learn_rate(self.lane.id, rate).await?;
        }
        if let Some(rate) = news(self.limiters.reads.learned(), &mut turns.learned_of_reads) {
            self.queue.learn_read_rate(self.lane.id, rate).await?;
        }
        Ok(())
    }

    /// Takes up what a call that came back means for the lane.
    ///
    /// # Errors
    /// [`QueueError`] when the store fails.
    pub async fn take_up(&self, sent: Sent, turns: &mut Turns) -> Result<(), QueueError> {
        let Heard { sent_at, event } = match sent.0 {
            Came::Heard(heard) => heard,
            Came::Skipped => return Ok(()),
            Came::Broken(error) => return Err(error),
        };
        self.tell_of_throttles(event == LaneEvent::Throttled, turns);
        if let LaneEvent::Trouble(LaneTrouble::CopyLimit, error) = &event {
            self.lower_cap(sent_at, error.code.clone(), turns).await?;
            turns.copy_limit.refused(sent_at, self.clock.now(), self.settings.probe, self.clock.elapsed());
        }
        if event == LaneEvent::Accepted {
            if !turns.proven {
                self.queue.prove(self.lane.id).await?;
                turns.proven = true;
            }
            if turns.health.trouble() == Some(LaneTrouble::CopyLimit) && !turns.copy_limit.accepted(sent_at) {
                return Ok(());
            }
            turns.exports_since.get_or_insert(self.clock.elapsed());
        }
        match turns.health.on_response(event) {
            HealthChange::None => {}
            HealthChange::Block { trouble, message, refund } => {
                self.queue.forgive(refund).await?;
                turns.ahead.clear();
                turns.probed_at = Some(self.clock.elapsed());
                let block = Block { trouble, message: message.clone(), since: self.clock.now() };
                if self.queue.block(self.lane.id, block).await? {
                    tracing::warn!(lane = %self.lane.lane, trouble = %trouble, "the lane is blocked: {message}");
                }
                if trouble == LaneTrouble::Quota {
                    // It does not pass by itself: held as a person would hold it, until one lets it go.
                    self.queue.pause(&[], &[self.lane.id], self.clock.now(), "daemon").await?;
                }
            }
            HealthChange::Unblock => {
                tracing::info!(lane = %self.lane.lane, "the lane goes on");
                self.queue.unblock(self.lane.id).await?;
            }
        }
        Ok(())
    }

    /// EC2 has too many copies under way: fewer of the lane's for a while.
    async fn lower_cap(&self, sent_at: Timestamp, code: ErrorCode, turns: &mut Turns) -> Result<(), QueueError> {
        let (most, now) = (self.settings.max_in_flight, self.clock.now());
        // The one that was refused is on its way back to the queue.
        let beside = self.queue.load(self.lane.id).await?.in_flight;
        let over = OverLimit { in_flight: beside.saturating_add(1), beside: Some(beside), sent_at, code };
        if let Some(lowered) = LoweredCap::after(turns.lowered.as_ref(), most, over, now) {
            tracing::warn!(
                lane = %self.lane.lane, code = %lowered.code, cap = lowered.to,
                "EC2 has too many copies under way: fewer are begun for a while, and no attempt is used"
            );
            self.queue.lower_cap(self.lane.id, lowered.clone()).await?;
            turns.lowered = Some(lowered);
            turns.ahead.clear();
        }
        Ok(())
    }

    /// Says once that the lane slows down, and once that it has recovered.
    fn tell_of_throttles(&self, throttled: bool, turns: &mut Turns) {
        let (lane, rate) = (&self.lane.lane, format!("{:.2}", self.limiters.exports.rate()));
        match turns.throttles.on_response(throttled, self.clock.elapsed()) {
            Some(EpisodeEdge::Began) => {
                tracing::warn!(%lane, rate, "Lightsail throttles: the lane slows down, and no attempt is used");
            }
            Some(EpisodeEdge::Ended { throttles, lasted }) => {
                tracing::info!(%lane, rate, throttles, seconds = lasted.as_secs(), "no throttle for a minute");
            }
            None => {}
        }
    }

    fn denied(&self, turns: &Turns) -> Denied {
        let Some(since) = turns.exports_since else { return Denied::Last };
        let left = since.saturating_add(self.settings.probe).saturating_sub(self.clock.elapsed());
        if !left.is_zero() {
            Denied::In(left)
        } else if turns.health.doubts() {
            Denied::Last
        } else {
            Denied::WithOthers
        }
    }

    /// Sends a job off. A denial is the last word on one that was denied before, where the lane exports others by then or
    /// nobody else is left who could tell.
    async fn departs(&self, job: Claimable, turns: &Turns) -> Result<Turn, QueueError> {
        let last = job.denials > 0
            && turns.health.trouble().is_none()
            && match self.denied(turns) {
                Denied::WithOthers => true,
                Denied::In(_) => false,
                Denied::Last => self.queue.nobody_will_tell(self.lane.id).await?,
            };
        Ok(Turn::Send(Departure { job, probes: turns.health.trouble(), outage: turns.health.in_outage(), last }))
    }

    /// The next job read ahead that the cap has room for: the order is kept, a heavy one is not overtaken. One that was denied
    /// waits for the calls that are out, unless the lane exports.
    fn take_fitting(&self, turns: &mut Turns, under_way: usize) -> Option<Claimable> {
        let next = turns.ahead.front()?;
        let in_doubt = under_way > 0 && next.denials > 0 && self.denied(turns) != Denied::WithOthers;
        let weight = u64::from(next.weight);
        if weight > turns.room || in_doubt {
            turns.ahead.clear();
            return None;
        }
        turns.room -= weight;
        turns.ahead.pop_front()
    }

    /// Whether a job is taken up and its intent is not on disk yet.
    pub(super) fn is_in_hand(&self, job: JobId) -> bool {
        self.hand.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&job)
    }

    fn take_in_hand(&self, job: &Claimable) {
        let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
        hand.insert(job.job, job.weight);
    }

    pub(super) fn put_down(&self, job: JobId) {
        let mut hand = self.hand.lock().unwrap_or_else(PoisonError::into_inner);
        hand.remove(&job);
    }
}

/// What a call's task came to. A panic of it goes on in the lane's own task, for the daemon to report as what it is: no task is
/// ended from outside while this loop waits for it.
fn came_back(sent: Result<Sent, JoinError>) -> Sent {
    sent.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// What is newly learned. A change of less than a twentieth is not worth a write.
fn news(learned: Option<f64>, kept: &mut Option<f64>) -> Option<f64> {
    let learned = learned?;
    if kept.is_some_and(|before| (learned - before).abs() <= before * 0.05) {
        return None;
    }
    *kept = Some(learned);
    Some(learned)
}

#[cfg(test)]
mod tests {
    use super::news;

    #[test]
    fn a_rate_is_written_down_once_it_has_changed_by_a_twentieth() {
        let mut kept = None;
        assert_eq!(news(None, &mut kept), None);
        assert_eq!(news(Some(10.0), &mut kept), Some(10.0));
        for near in [10.0, 10.4, 9.6] {
            assert_eq!((news(Some(near), &mut kept), kept), (None, Some(10.0)), "{near}");
        }
        assert_eq!((news(Some(10.6), &mut kept), kept), (Some(10.6), Some(10.6)));
        assert_eq!(news(Some(2.0), &mut kept), Some(2.0));
    }
}
