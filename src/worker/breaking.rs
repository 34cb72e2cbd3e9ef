//! The lane's breakers: what fails too often is stopped, one job at a time tells whether it is over. The lane's own worker
//! alone opens and closes them; a person closes them too.

use super::loop_::{Turns, Worker};
use crate::domain::{BatchId, Timestamp, TripId, TripStep};
use crate::queue::{QueueError, Trip};
use std::collections::HashMap;
use std::time::Duration;

/// How long breakers have been open, by a clock that nobody sets. What is stored is trusted once, when a breaker is met.
#[derive(Debug, Default)]
pub(super) struct Ages(HashMap<(TripId, Timestamp), Met>);

#[derive(Debug, Clone, Copy)]
struct Met {
    at: Duration,
    age: Duration,
}

/// An open breaker, and whether it may let a job go now.
#[derive(Debug)]
pub(super) struct Open {
    trip: Trip,
    due: bool,
}

impl Ages {
    fn of(&mut self, trip: &Trip, now: Timestamp, elapsed: Duration) -> Duration {
        let met = self.0.entry((trip.id, trip.waits_from));
        let met = met.or_insert_with(|| Met { at: elapsed, age: now.since(trip.waits_from) });
        met.age.saturating_add(elapsed.saturating_sub(met.at))
    }

    fn keep(&mut self, open: &[Open]) {
        self.0.retain(|(id, from), _| open.iter().any(|one| one.trip.id == *id && one.trip.waits_from == *from));
    }
}

impl Worker {
    /// Opens, renews and closes breakers as what has ended asks for; those that are open.
    pub(super) async fn heed_breakers(&self, turns: &mut Turns) -> Result<Vec<Open>, QueueError> {
        let mut trips = self.queue.trips(Some(self.lane.id)).await?;
        if self.open_breakers(&trips).await? {
            // What was read ahead may be of what stops now.
            turns.ahead.clear();
            let before = std::mem::take(&mut trips);
            trips = self.queue.trips(Some(self.lane.id)).await?;
            for trip in trips.iter().filter(|trip| !before.iter().any(|known| known.id == trip.id)) {
                tracing::warn!(
                    lane = %self.lane.lane,
                    "{} has stopped by itself: {}; one job is tried in {}, `snapferry resume` lets all go on",
                    named(trip), trip.cause, humantime::format_duration(trip.wait)
                );
            }
        }
        let (now, elapsed) = (self.clock.now(), self.clock.elapsed());
        let mut open = Vec::new();
        for trip in trips {
            let age = turns.ages.of(&trip, now, elapsed);
            let due = match self.settings.breaker.step(trip.wait, age, trip.standing) {
                TripStep::Wait(left) => {
                    turns.wait_at_most(Some(left));
                    false
                }
                TripStep::Follow => false,
                TripStep::Try => true,
                TripStep::Close => {
                    if self.queue.close_trip(trip.id, now).await? {
                        tracing::info!(lane = %self.lane.lane, "{} goes on: its breaker is closed", named(&trip));
                    }
                    continue;
                }
                TripStep::Renew(wait) => {
                    self.queue.renew_trip(trip.id, self.run, now, wait).await?;
                    turns.wait_at_most(Some(wait));
                    tracing::warn!(
                        lane = %self.lane.lane, job = trip.probe.map(|job| job.0),
                        "the job that was tried failed: {} stays stopped, the next is tried in {}", named(&trip),
                        humantime::format_duration(wait)
                    );
                    false
                }
            };
            open.push(Open { trip, due });
        }
        turns.ages.keep(&open);
        Ok(open)
    }

    /// Opens those that are closed and see too many failures; whether there were any.
    async fn open_breakers(&self, trips: &[Trip]) -> Result<bool, QueueError> {
        let policy = &self.settings.breaker;
        let is_open = |batch: Option<BatchId>| trips.iter().any(|trip| trip.batch == batch);
        let (of_lane, batches) = self.queue.failing(self.lane.id).await?;
        let mut opening = Vec::new();
        for (batch, outcomes) in batches.into_iter().filter(|(batch, _)| !is_open(Some(*batch))) {
            opening.extend(policy.trips(&outcomes).map(|cause| (Some(batch), cause)));
        }
        if policy.trips(&of_lane).is_some() && !is_open(None) {
            let batches = self.queue.batch_outcomes(self.lane.id).await?;
            opening.extend(policy.trips_lane(&of_lane, &batches).map(|cause| (None, cause)));
        }
        let mut opened = false;
        for (batch, cause) in opening {
            opened |= self.queue.trip(self.lane.id, batch, cause, self.clock.now(), policy.wait).await?;
        }
        Ok(opened)
    }

    /// Puts the job that open breakers may let go behind those that may go anyway.
    pub(super) async fn add_probe(&self, turns: &mut Turns, open: &[Open]) -> Result<(), QueueError> {
        if open.is_empty() {
            return Ok(());
        }
        let due: Vec<TripId> = open.iter().filter(|one| one.due).map(|one| one.trip.id).collect();
        let found = self.queue.probe_jobs(self.lane.id, self.run, &due).await?;
        let Some(job) = found.into_iter().find(|job| !self.is_in_hand(job.job)) else { return Ok(()) };
        let covering = || open.iter().map(|one| &one.trip).filter(|trip| trip.covers(job.batch));
        if covering().any(|trip| trip.probe != Some(job.job)) {
            let trips: Vec<TripId> = covering().map(|trip| trip.id).collect();
            self.queue.choose_probe(&trips, job.job).await?;
            tracing::info!(
                lane = %self.lane.lane, job = job.job.0, snapshot = %job.snapshot,
                "one job is tried, to see whether what stopped is over"
            );
        }
        // One that is heavier than the whole cap goes when nothing else is under way.
        if turns.ahead.is_empty() && self.queue.load(self.lane.id).await?.in_flight == 0 {
            turns.room = turns.room.max(u64::from(job.weight));
        }
        turns.ahead.push_back(job);
        Ok(())
    }
}

fn named(trip: &Trip) -> String {
    trip.batch_name.as_ref().map_or_else(|| "the lane".to_owned(), |name| format!("batch {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{LaneId, ProbeStanding, TripCause};

    #[test]
    fn how_long_a_breaker_has_been_open_is_counted_until_it_is_closed() {
        let trip = Trip {
            id: TripId(1),
            lane: LaneId(1),
            batch: None,
            batch_name: None,
            tripped_at: Timestamp(0),
            cause: TripCause { failed: 1, ended: 1, code: None },
            waits_from: Timestamp(0),
            wait: Duration::from_mins(1),
            probe: None,
            standing: ProbeStanding::None,
            in_vain: 0,
        };
        let secs = Duration::from_secs;
        let mut ages = Ages::default();
        // The wall clock says a day; from the first meeting on, only the other one counts.
        assert_eq!(ages.of(&trip, Timestamp(0), secs(5)), secs(0));
        assert_eq!(ages.of(&trip, Timestamp(86_400_000), secs(7)), secs(2));
        ages.keep(&[Open { trip: trip.clone(), due: false }]);
        assert_eq!(ages.of(&trip, Timestamp(86_400_000), secs(8)), secs(3));
        // Once it is closed nothing of it is kept.
        ages.keep(&[]);
        assert_eq!(ages.0.len(), 0);
    }
}
