//! The lane's circuit breakers: one opens where too much fails, and then lets one job at a time probe whether it is over.
//! Only the lane's own worker opens and closes them; a person closes them too.

use super::send_context::SendContext;
use crate::clock::MonotonicAges;
use crate::domain::{BatchId, BreakerStep, OpeningId, Timestamp};
use crate::queue::{BreakerOpening, Claimable, QueueError};
use std::time::Duration;

/// How long breakers have been open or half-open.
pub(super) type BreakerAges = MonotonicAges<(OpeningId, Timestamp)>;

/// The breakers after a check.
#[derive(Debug, Default)]
pub(super) struct BreakerCheck {
    /// Those that are open, and whether a job may probe them now.
    open: Vec<(BreakerOpening, bool)>,
    /// Whether one has just opened.
    pub(super) opened: bool,
    /// How long until a job may probe one of them.
    pub(super) wait: Option<Duration>,
}

impl BreakerCheck {
    fn wait_at_most(&mut self, span: Duration) {
        self.wait = Some(self.wait.map_or(span, |wait| wait.min(span)));
    }
}

/// Opens, renews and closes breakers as what has ended asks for.
pub(super) async fn check(context: &SendContext, ages: &mut BreakerAges) -> Result<BreakerCheck, QueueError> {
    let SendContext { queue, clock, run, id, lane, settings, .. } = context;
    let mut openings = queue.breaker_openings(Some(*id)).await?;
    let mut check = BreakerCheck { opened: open_all(context, &openings).await?, ..BreakerCheck::default() };
    if check.opened {
        let before = std::mem::replace(&mut openings, queue.breaker_openings(Some(*id)).await?);
        for opening in openings.iter().filter(|opening| !before.iter().any(|known| known.id == opening.id)) {
            let wait = humantime::format_duration(opening.wait);
            tracing::warn!(
                %lane,
                "the circuit breaker of {} is open: {}; one job probes in {wait}, `snapferry resume` closes it",
                named(opening), opening.cause
            );
        }
    }
    let (now, elapsed) = (clock.now(), clock.elapsed());
    for opening in openings {
        let age = ages.age((opening.id, opening.waits_from), now.since(opening.waits_from), elapsed);
        let step = settings.breaker.step(opening.wait, age, opening.probe_state);
        match step {
            BreakerStep::Wait(left) => check.wait_at_most(left),
            BreakerStep::Follow | BreakerStep::Try => {}
            BreakerStep::Close => {
                if queue.close_breaker(opening.id, now).await? {
                    tracing::info!(%lane, "the circuit breaker of {} is closed", named(&opening));
                }
                continue;
            }
            BreakerStep::Renew(wait) => {
                queue.keep_breaker_open(opening.id, *run, now, wait).await?;
                check.wait_at_most(wait);
                tracing::info!(
                    %lane, job = opening.probe.map(|job| job.0),
                    "the probe failed: the circuit breaker of {} stays open, the next job probes in {}",
                    named(&opening), humantime::format_duration(wait)
                );
            }
        }
        check.open.push((opening, step == BreakerStep::Try));
    }
    ages.retain(|(id, from)| check.open.iter().any(|(opening, _)| opening.id == *id && opening.waits_from == *from));
    Ok(check)
}

/// Opens those that are closed and see too many failures; whether there were any.
async fn open_all(context: &SendContext, openings: &[BreakerOpening]) -> Result<bool, QueueError> {
    let SendContext { queue, clock, id, settings, .. } = context;
    let policy = &settings.breaker;
    let is_open = |batch: Option<BatchId>| openings.iter().any(|opening| opening.batch == batch);
    let (of_lane, batches) = queue.failing(*id).await?;
    let mut opening = Vec::new();
    for (batch, outcomes) in batches.into_iter().filter(|(batch, _)| !is_open(Some(*batch))) {
        opening.extend(policy.should_open(&outcomes).map(|cause| (Some(batch), cause)));
    }
    if policy.should_open(&of_lane).is_some() && !is_open(None) {
        let batches = queue.batch_outcomes(*id).await?;
        opening.extend(policy.should_open_lane(&of_lane, &batches).map(|cause| (None, cause)));
    }
    let mut opened = false;
    for (batch, cause) in opening {
        opened |= queue.open_breaker(*id, batch, cause, clock.now(), policy.wait).await?;
    }
    Ok(opened)
}

/// The job that probes the open breakers now.
pub(super) async fn probe(context: &SendContext, check: &BreakerCheck) -> Result<Option<Claimable>, QueueError> {
    let SendContext { queue, run, id, lane, reservations, .. } = context;
    if check.open.is_empty() {
        return Ok(None);
    }
    let due: Vec<OpeningId> = check.open.iter().filter(|(_, due)| *due).map(|(opening, _)| opening.id).collect();
    let found = queue.probe_jobs(*id, *run, &due).await?;
    let Some(job) = found.into_iter().find(|job| !reservations.contains(job.job)) else { return Ok(None) };
    let covering = || check.open.iter().map(|(opening, _)| opening).filter(|opening| opening.covers(job.batch));
    if covering().any(|opening| opening.probe != Some(job.job)) {
        let openings: Vec<OpeningId> = covering().map(|opening| opening.id).collect();
        queue.choose_probe(&openings, job.job).await?;
        tracing::info!(%lane, job = job.job.0, snapshot = %job.snapshot, "one job probes an open circuit breaker");
    }
    Ok(Some(job))
}

fn named(opening: &BreakerOpening) -> String {
    opening.batch_name.as_ref().map_or_else(|| "the lane".to_owned(), |name| format!("batch {name}"))
}
