//! The forecasts of a status: for all of it, for each batch and for each lane. What holds a lane or a batch back comes
//! before any estimate. Pure.

use super::binding::waits_for_a_job;
use super::forecast::{Forecast, Waits, all_of, forecast, when, when_and_why};
use super::view::{ConfiguredLimits, StatusView};
use crate::domain::{AbsenceRule, BatchId, JobState, LaneId, Timestamp};
use crate::queue::{BatchStage, BatchView, BreakerOpening, LaneView, RemainingJobs, Unconfirmed};
use crate::report::layout::words::{moment, several};
use crate::report::steering::breaker_text::stopped_place;
use crate::survey::{ExportLoad, Speed, Work, ahead};

impl StatusView {
    /// When everything shown will be done.
    pub fn forecast(&self) -> Forecast {
        if let Some(batch) = self.only.as_ref().filter(|_| !self.place.is_narrow()) {
            return self.batch_forecast(batch);
        }
        let review = self.jobs().of(JobState::NeedsReview);
        or_review(all_of(self.lanes.iter().map(|lane| self.lane_forecast(lane))), review)
    }

    /// When a batch will be done, with the jobs of others to which its rows point.
    pub fn batch_forecast(&self, batch: &BatchView) -> Forecast {
        if batch.stage == BatchStage::Loading {
            return Forecast::NotBefore("it is loaded".to_owned());
        }
        let lanes = self.lanes.iter().map(|lane| self.of_lane(lane, Some(batch.id)));
        or_review(all_of(lanes), review_of(batch))
    }

    /// The same in words; nothing if it is done.
    pub fn when(&self) -> Option<String> {
        when(&self.forecast(), self.jobs().of(JobState::NeedsReview), self.now)
    }

    /// When a batch will be done, in words, with what that rests on or lacks; nothing if it is done.
    pub fn when_and_why(&self, batch: &BatchView) -> Option<String> {
        when_and_why(&self.batch_forecast(batch), review_of(batch), self.now)
    }

    /// When a lane will be done with everything, or with the batch shown.
    pub fn lane_forecast(&self, lane: &LaneView) -> Forecast {
        self.of_lane(lane, self.only.as_ref().map(|batch| batch.id))
    }

    /// The EBS copies in progress in a lane, of all batches and of other clients.
    pub fn copies_in_flight(&self, lane: LaneId) -> u64 {
        let own = self.left(lane).filter(|left| left.own).map(|left| left.copies_in_flight);
        own.sum::<u64>() + self.copies_of_others(lane)
    }

    fn left(&self, lane: LaneId) -> impl Iterator<Item = &RemainingJobs> {
        self.measures.left.iter().filter(move |left| left.lane == lane)
    }

    /// When a lane will be done with a batch, or with everything.
    fn of_lane(&self, lane: &LaneView, batch: Option<BatchId>) -> Forecast {
        let mine = |left: &&RemainingJobs| batch.map_or(left.own, |batch| left.batch == batch);
        let (mine, others): (Vec<&RemainingJobs>, Vec<&RemainingJobs>) = self.left(lane.id).partition(mine);
        let ConfiguredLimits { ceiling, cap, .. } = self.limits_of(lane.id);
        let work = mine.iter().fold(Work::default(), |work, left| Work {
            queued: work.queued.plus(ExportLoad::alike(left.queued, left.queued_copies, cap)),
            in_flight: work.in_flight.plus(ExportLoad::alike(left.in_flight, left.copies_in_flight, cap)),
            ..work
        });
        if work.left() == 0 {
            return Forecast::Done;
        }
        let queued = work.queued.exports;
        if let Some(held) = self.held(lane, queued, batch) {
            return Forecast::NotBefore(held);
        }
        // Jobs that it shares have the priority of their own batch, which is among the others.
        let shares = mine.iter().any(|left| !left.own);
        let lowest = mine.iter().filter_map(|left| left.lowest).min().filter(|_| !shares);
        let others = others.into_iter().filter(|left| left.own);
        let work = Work { ahead: ahead(queued, lowest, others, cap), ..work };
        let measures = self.measures.lanes.get(&lane.id);
        let ends = measures.map_or(&[][..], |measures| measures.ends.as_slice());
        let speed = Speed { ends, took: ends, others: &[], ceiling, learned: lane.learned_rate, cap };
        let waits = Waits {
            due: measures.and_then(|measures| measures.last_due),
            settled: measures.and_then(|measures| self.settled(lane, measures.unconfirmed)),
        };
        forecast(self.now, &lane.lane.to_string(), &work, &speed, waits)
    }

    /// When the last unconfirmed attempt of a lane is decided.
    fn settled(&self, lane: &LaneView, unconfirmed: Unconfirmed) -> Option<Timestamp> {
        let (limits, window) = (self.limits_of(lane.id), self.window_of(lane));
        let rule = AbsenceRule { checks: limits.looks, window };
        let Unconfirmed { found, first_check, unchecked, next_check } = unconfirmed;
        let opens = unchecked.map(|intended| intended.after(limits.attempt_timeout).max(self.now));
        let unchecked = opens.map(|opens| rule.met_at(None, opens, next_check));
        let checked = first_check.map(|first| rule.met_at(Some(first), first, next_check));
        found.map(|since| since.after(window)).max(unchecked).max(checked)
    }

    /// What has to happen before the `queued` jobs of a batch, or of all, can be sent in a lane.
    fn held(&self, lane: &LaneView, queued: u64, batch: Option<BatchId>) -> Option<String> {
        if self.daemon.is_none() {
            return Some("a daemon runs".to_owned());
        }
        if lane.blocked.as_ref().is_some_and(|blocked| !waits_for_a_job(lane, blocked)) {
            return Some(format!("lane {} recovers", lane.lane));
        }
        if queued == 0 {
            return None;
        }
        if lane.paused.is_some() {
            return Some(format!("lane {} is resumed", lane.lane));
        }
        let meant = |one: BatchId| batch.is_none_or(|batch| batch == one);
        // A batch without queued jobs in this lane holds nothing here.
        let waits = |one: BatchId| {
            meant(one) && self.left(lane.id).any(|left| left.own && left.batch == one && left.queued > 0)
        };
        if let Some(batch) = self.batches.iter().find(|batch| batch.paused.is_some() && waits(batch.id)) {
            return Some(format!("batch {} is resumed", batch.name));
        }
        let stops = |opening: &&BreakerOpening| opening.lane == lane.id && opening.batch.is_none_or(waits);
        if let Some(opening) = self.openings.iter().find(stops) {
            return Some(format!("{} continues", stopped_place(opening, &lane.lane)));
        }
        if let Some(until) = self.takeover_until(lane) {
            return Some(format!("{}, as the database was taken over from a copy", moment(until)));
        }
        let measures = self.measures.lanes.get(&lane.id)?;
        let one_by_one = measures.paused_in.iter().any(|batch| meant(*batch));
        one_by_one.then(|| format!("the paused jobs of lane {} are resumed", lane.lane))
    }
}

/// The jobs of a batch, and those that it shares, that need a decision.
fn review_of(batch: &BatchView) -> u64 {
    batch.jobs.of(JobState::NeedsReview) + batch.shared.of(JobState::NeedsReview)
}

/// Once all else is done, what is left waits for a person.
fn or_review(forecast: Forecast, review: u64) -> Forecast {
    if forecast != Forecast::Done || review == 0 {
        return forecast;
    }
    Forecast::NotBefore(format!("a person has decided on {}", several(review, "job")))
}
