//! The lane's circuit breakers: one opens where too much fails, and then lets one job at a time probe whether it is over.
//! Only the lane's own worker opens and closes them; a person closes them too.

use super::context::LaneContext;
use crate::clock::MonotonicAges;
use crate::domain::{BatchId, Timestamp, TripId, TripStep};
use crate::queue::{Claimable, QueueError, Trip};
use std::time::Duration;

/// How long breakers have been open or half-open.
pub(super) type BreakerAges = MonotonicAges<(TripId, Timestamp)>;

/// The breakers after a check.
#[derive(Debug, Default)]
pub(super) struct BreakerCheck {
    /// Those that are open, and whether they may let a job go now.
    open: Vec<(Trip, bool)>,
    /// Whether one has just opened.
    pub(super) opened: bool,
    /// How long until one of them may let a job go.
    pub(super) wait: Option<Duration>,
}

impl BreakerCheck {
    fn wait_at_most(&mut self, span: Duration) {
        self.wait = Some(self.wait.map_or(span, |wait| wait.min(span)));
    }
}

/// Opens, renews and closes breakers as what has ended asks for.
pub(super) async fn check(context: &LaneContext, ages: &mut BreakerAges) -> Result<BreakerCheck, QueueError> {
    let LaneContext { queue, clock, run, id, lane, settings, .. } = context;
    let mut trips = queue.trips(Some(*id)).await?;
    let mut check = BreakerCheck { opened: open_breakers(context, &trips).await?, ..BreakerCheck::default() };
    if check.opened {
        let before = std::mem::replace(&mut trips, queue.trips(Some(*id)).await?);
        for trip in trips.iter().filter(|trip| !before.iter().any(|known| known.id == trip.id)) {
            let wait = humantime::format_duration(trip.wait);
            tracing::warn!(
                %lane,
                "the circuit breaker of {} is open: {}; one job probes in {wait}, `snapferry resume` closes it",
                named(trip), trip.cause
            );
        }
    }
    let (now, elapsed) = (clock.now(), clock.elapsed());
    for trip in trips {
        let age = ages.age((trip.id, trip.waits_from), now.since(trip.waits_from), elapsed);
        let step = settings.breaker.step(trip.wait, age, trip.standing);
        match step {
            TripStep::Wait(left) => check.wait_at_most(left),
            TripStep::Follow | TripStep::Try => {}
            TripStep::Close => {
                if queue.close_trip(trip.id, now).await? {
                    tracing::info!(%lane, "the circuit breaker of {} is closed", named(&trip));
                }
                continue;
            }
            TripStep::Renew(wait) => {
                queue.renew_trip(trip.id, *run, now, wait).await?;
                check.wait_at_most(wait);
                tracing::info!(
                    %lane, job = trip.probe.map(|job| job.0),
                    "the probe failed: the circuit breaker of {} stays open, the next job probes in {}",
                    named(&trip), humantime::format_duration(wait)
                );
            }
        }
        check.open.push((trip, step == TripStep::Try));
    }
    ages.retain(|(id, from)| check.open.iter().any(|(trip, _)| trip.id == *id && trip.waits_from == *from));
    Ok(check)
}

/// Opens those that are closed and see too many failures; whether there were any.
async fn open_breakers(context: &LaneContext, trips: &[Trip]) -> Result<bool, QueueError> {
    let LaneContext { queue, clock, id, settings, .. } = context;
    let policy = &settings.breaker;
    let is_open = |batch: Option<BatchId>| trips.iter().any(|trip| trip.batch == batch);
    let (of_lane, batches) = queue.failing(*id).await?;
    let mut opening = Vec::new();
    for (batch, outcomes) in batches.into_iter().filter(|(batch, _)| !is_open(Some(*batch))) {
        opening.extend(policy.trips(&outcomes).map(|cause| (Some(batch), cause)));
    }
    if policy.trips(&of_lane).is_some() && !is_open(None) {
        let batches = queue.batch_outcomes(*id).await?;
        opening.extend(policy.trips_lane(&of_lane, &batches).map(|cause| (None, cause)));
    }
    let mut opened = false;
    for (batch, cause) in opening {
        opened |= queue.trip(*id, batch, cause, clock.now(), policy.wait).await?;
    }
    Ok(opened)
}

/// The job that open breakers let go now, as their probe.
pub(super) async fn probe(context: &LaneContext, check: &BreakerCheck) -> Result<Option<Claimable>, QueueError> {
    let LaneContext { queue, run, id, lane, reservations, .. } = context;
    if check.open.is_empty() {
        return Ok(None);
    }
    let due: Vec<TripId> = check.open.iter().filter(|(_, due)| *due).map(|(trip, _)| trip.id).collect();
    let found = queue.probe_jobs(*id, *run, &due).await?;
    let Some(job) = found.into_iter().find(|job| !reservations.contains(job.job)) else { return Ok(None) };
    let covering = || check.open.iter().map(|(trip, _)| trip).filter(|trip| trip.covers(job.batch));
    if covering().any(|trip| trip.probe != Some(job.job)) {
        let trips: Vec<TripId> = covering().map(|trip| trip.id).collect();
        queue.choose_probe(&trips, job.job).await?;
        tracing::info!(%lane, job = job.job.0, snapshot = %job.snapshot, "one job probes an open circuit breaker");
    }
    Ok(Some(job))
}

fn named(trip: &Trip) -> String {
    trip.batch_name.as_ref().map_or_else(|| "the lane".to_owned(), |name| format!("batch {name}"))
}
