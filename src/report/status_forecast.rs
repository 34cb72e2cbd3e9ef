//! The forecasts of a status: of the whole, of each batch and of each lane. What holds a lane or a batch back comes
//! before any reckoning. Pure.

use super::breakers::stopped_place;
use super::estimate::{Forecast, Going, Work, all_of, forecast};
use super::status::{StatusView, waits_for_a_job};
use super::words::{moment, several};
use crate::domain::{AbsenceRule, BatchId, JobState, LaneId, Timestamp, settle_window};
use crate::queue::{BatchStage, BatchView, LaneView, Left, Trip, Unconfirmed};

impl StatusView {
    /// When all that it is about will be done.
    #[must_use]
    pub fn forecast(&self) -> Forecast {
        if let Some(batch) = self.only.as_ref().filter(|_| !self.place.is_narrow()) {
            return self.batch_forecast(batch);
        }
        let review = self.jobs().of(JobState::NeedsReview);
        or_review(all_of(self.lanes.iter().map(|lane| self.lane_forecast(lane)).collect()), review)
    }

    /// When a batch will be done, the jobs of others to which its rows point too.
    #[must_use]
    pub fn batch_forecast(&self, batch: &BatchView) -> Forecast {
        if batch.stage == BatchStage::Loading {
            return Forecast::NotBefore("it is loaded".to_owned());
        }
        let lanes = self.lanes.iter().map(|lane| {
            let own = self.left(lane.id, |left| left.batch == batch.id);
            self.of_lane(lane, own, &[batch.id])
        });
        let review = batch.jobs.of(JobState::NeedsReview) + batch.shared.of(JobState::NeedsReview);
        or_review(all_of(lanes.collect()), review)
    }

    /// When a lane will be done with everything, or with the batch that it is about.
    #[must_use]
    pub fn lane_forecast(&self, lane: &LaneView) -> Forecast {
        if let Some(batch) = &self.only {
            return self.of_lane(lane, self.left(lane.id, |left| left.batch == batch.id), &[batch.id]);
        }
        let batches: Vec<BatchId> = self.batches.iter().map(|batch| batch.id).collect();
        self.of_lane(lane, self.left(lane.id, |left| left.own), &batches)
    }

    /// The EBS copies of a lane that are under way, of all batches.
    #[must_use]
    pub fn copies_in_flight(&self, lane: LaneId) -> u64 {
        self.left(lane, |left| left.own).copies_in_flight
    }

    fn left(&self, lane: LaneId, wanted: impl Fn(&Left) -> bool) -> Work {
        let of_lane = self.measures.left.iter().filter(|left| left.lane == lane && wanted(left));
        of_lane.fold(Work::default(), |sum, left| Work {
            queued: sum.queued + left.queued,
            queued_copies: sum.queued_copies + left.queued_copies,
            in_flight: sum.in_flight + left.in_flight,
            copies_in_flight: sum.copies_in_flight + left.copies_in_flight,
            ..sum
        })
    }

    fn of_lane(&self, lane: &LaneView, mine: Work, batches: &[BatchId]) -> Forecast {
        let name = lane.lane.to_string();
        if mine.queued + mine.in_flight > 0
            && let Some(held) = self.held(lane, mine, batches)
        {
            return Forecast::NotBefore(held);
        }
        let all = self.left(lane.id, |left| left.own);
        let jobs = |work: Work| work.queued + work.in_flight;
        let copies = |work: Work| work.queued_copies + work.copies_in_flight;
        let work = Work {
            others: jobs(all).saturating_sub(jobs(mine)),
            others_copies: copies(all).saturating_sub(copies(mine)),
            ..mine
        };
        let measures = self.measures.lanes.get(&lane.id);
        let limits = self.limits_of(lane.id);
        let going = Going {
            ends: measures.map_or(&[], |measures| measures.ends.as_slice()),
            ceiling: limits.ceiling,
            learned: lane.learned_rate,
            cap: limits.cap,
            due: measures.and_then(|measures| measures.last_due),
            settled: measures.and_then(|measures| {
                let window = settle_window(limits.settle, lane.delay, self.now);
                let rule = AbsenceRule { checks: limits.looks, window };
                let Unconfirmed { found, first_check, unchecked, next_check } = measures.unconfirmed;
                let opens = unchecked.map(|intended| intended.after(limits.attempt_timeout).max(self.now));
                let unchecked = opens.map(|opens| rule.met_at(None, opens, next_check));
                let checked = first_check.map(|first| rule.met_at(Some(first), first, next_check));
                found.map(|since| since.after(window)).max(unchecked).max(checked)
            }),
        };
        forecast(self.now, &name, work, &going)
    }

    /// What has to happen first.
    fn held(&self, lane: &LaneView, work: Work, batches: &[BatchId]) -> Option<String> {
        if self.daemon.is_none() {
            return Some("a daemon runs".to_owned());
        }
        if lane.blocked.as_ref().is_some_and(|blocked| !waits_for_a_job(lane, blocked)) {
            return Some(format!("lane {} goes on", lane.lane));
        }
        if work.queued == 0 {
            return None;
        }
        if lane.paused.is_some() {
            return Some(format!("lane {} is resumed", lane.lane));
        }
        // Of a paused batch that has nothing queued in this lane, nothing is held here.
        let waits = |batch: &&BatchView| {
            batch.paused.is_some()
                && batches.contains(&batch.id)
                && self.left(lane.id, |left| left.own && left.batch == batch.id).queued > 0
        };
        if let Some(batch) = self.batches.iter().find(waits) {
            return Some(format!("batch {} is resumed", batch.name));
        }
        let stops = |trip: &&Trip| {
            let queued = |batch: BatchId| self.left(lane.id, |left| left.own && left.batch == batch).queued > 0;
            trip.lane == lane.id && trip.batch.is_none_or(|batch| batches.contains(&batch) && queued(batch))
        };
        if let Some(trip) = self.trips.iter().find(stops) {
            return Some(format!("{} goes on", stopped_place(trip, &lane.lane)));
        }
        if let Some(until) = self.takeover_until(lane) {
            return Some(format!("{}, as the database was taken over from a copy", moment(until)));
        }
        let measures = self.measures.lanes.get(&lane.id)?;
        let one_by_one = measures.paused_in.iter().any(|batch| batches.contains(batch));
        one_by_one.then(|| format!("the jobs of lane {} that are paused one by one are resumed", lane.lane))
    }
}

/// What is left once all else is done waits for a person.
fn or_review(forecast: Forecast, review: u64) -> Forecast {
    if forecast != Forecast::Done || review == 0 {
        return forecast;
    }
    Forecast::NotBefore(format!("a person has decided on {}", several(review, "job")))
}

/// A forecast in words; nothing where all is done. When a person decides on so many in `review`, it cannot say.
pub(super) fn when(forecast: &Forecast, review: u64, now: Timestamp) -> Option<String> {
    match forecast {
        Forecast::Done => None,
        Forecast::Between { earliest, latest, .. } => {
            let but_for = match review {
                0 => String::new(),
                1 => " but for 1 job that needs a decision".to_owned(),
                more => format!(" but for {} that need a decision", several(more, "job")),
            };
            Some(format!("done {}{but_for}", range(now, *earliest, *latest)))
        }
        Forecast::NotBefore(what) => Some(format!("not done before {what}")),
        Forecast::Unmeasured(_) => Some("no forecast yet".to_owned()),
    }
}

/// A forecast in words, with what it rests on or lacks.
pub(super) fn when_and_why(forecast: &Forecast, review: u64, now: Timestamp) -> Option<String> {
    let when = when(forecast, review, now)?;
    Some(match forecast {
        Forecast::Between { rests_on, .. } => format!("{when}, {}", rests_on.text()),
        Forecast::Unmeasured(missing) => format!("{when}: {missing}"),
        Forecast::Done | Forecast::NotBefore(_) => when,
    })
}

/// `between 03:40 and 04:10 UTC`; with the date where it is another day than now's.
fn range(now: Timestamp, earliest: Timestamp, latest: Timestamp) -> String {
    let (first, last) = (earliest.to_string(), latest.to_string());
    let part = |text: &str, from: usize, to: usize| text.get(from..to).unwrap_or(text).to_owned();
    let today = part(&now.to_string(), 0, 10);
    let at = |text: &str, day: &str| {
        let (date, time) = (part(text, 0, 10), part(text, 11, 16));
        if date == day { time } else { format!("{date} {time}") }
    };
    let (from, to) = (at(&first, &today), at(&last, &part(&first, 0, 10)));
    if part(&first, 0, 16) == part(&last, 0, 16) {
        format!("at about {from} UTC")
    } else {
        format!("between {from} and {to} UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_names_the_day_where_it_is_another() {
        let at = |text: &str| Timestamp::parse(text).expect("a time");
        let now = at("2026-11-24T03:10:20Z");
        for (from, to, wanted) in [
            ("2026-11-24T03:40:00Z", "2026-11-24T04:10:59Z", "between 03:40 and 04:10 UTC"),
            ("2026-11-24T03:40:00Z", "2026-11-24T03:40:30Z", "at about 03:40 UTC"),
            ("2026-11-24T23:40:00Z", "2026-11-25T04:10:00.500Z", "between 23:40 and 2026-11-25 04:10 UTC"),
            ("2026-11-26T01:00:00Z", "2026-11-26T02:00:00Z", "between 2026-11-26 01:00 and 02:00 UTC"),
        ] {
            assert_eq!(range(now, at(from), at(to)), wanted);
        }
    }
}
