//! The search for the rate that a service takes, as far as it is not told: answers in, a rate out. Pure.
//!
//! A service that limits a rate fills a bucket at that rate, and a call that finds no token is throttled. So between two
//! throttles exactly as many calls are taken as were filled in: their number over the time between is the rate, a call
//! more or less, whatever the bucket holds. That is the **estimate**; it needs throttles, and few do.
//!
//! After a throttle the rate begins a little below the estimate and grows with the calls that are taken, not with time: in
//! a cubic curve that is flat at the estimate and steep beyond it. Where the limit stayed, the bucket that filled up
//! meanwhile bears the flat part, and the next throttle comes after some eighty calls, to renew the estimate. Where the
//! limit has doubled, nothing is throttled and the curve is there some hundred calls later. Where it was halved, throttles
//! come close together: each cuts the rate, and the calls between them give the estimate anew.
//!
//! A lane that is not in use all the time, because its copies are capped, sends in clumps: there the calls between two throttles
//! are fewer than were filled in, and give no estimate. The one that there is stands if more was borne than its flat part, and is
//! cut if it was not.
//!
//! Without any memory the rate doubles with each second of use until the first throttle. It grows in such leaps, smaller
//! ones, also where more was taken since the last throttle than the estimate allows: then the limit has risen for certain,
//! because the bucket was empty then.

use std::time::Duration;

/// A lane without memory starts here: the order of what AWS control planes allow unasked.
const FIRST_RATE: f64 = 10.0;
/// Never slower than a call in ten seconds, or a lane would take minutes to see that it may go on.
const SLOWEST: f64 = 0.1;
/// A leap is tried out for this long at least.
const STEP: Duration = Duration::from_secs(1);
/// How far below the estimate the rate begins after a throttle.
const BELOW: f64 = 0.03;
/// Calls after which the rate is back at the estimate.
const PLATEAU: f64 = 30.0;
/// Calls that have to be taken between two throttles for their number to be an estimate.
const ENOUGH: u64 = 8;
/// What a throttle that comes too soon for an estimate leaves of the rate.
const CUT: f64 = 0.7;
/// How long a throttle keeps the lane quiet, in calls at the new rate: that much the bucket gathers for the next search.
const QUIET: f64 = 1.5;
/// At most so long, however slow the lane is.
const LONGEST_QUIET: Duration = Duration::from_secs(10);
/// A lane that sends less often than every so many intervals of its rate tries nothing out.
const IN_USE: f64 = 2.0;
/// Without memory the rate doubles with each step.
const BLIND: f64 = 2.0;
/// What it is multiplied with once the limit was seen to rise.
const SEEN_TO_RISE: f64 = 1.5;
/// So many calls beyond what the estimate allows since a throttle, and the limit has risen.
const SURPLUS: f64 = 4.0;

/// A call as the search remembers it: when it left, and the how manieth of the lane it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Departure {
    pub(super) at: Duration,
    pub(super) number: u64,
}

/// What is known of a service's rate.
#[derive(Debug)]
pub(super) struct Search {
    ceiling: f64,
    rate: f64,
    /// The rate that the service is thought to take; none before the first throttle without memory.
    estimate: Option<f64>,
    /// By what the rate is multiplied with each step, while nothing is known of where it ends.
    leap: Option<f64>,
    stepped: Step,
    /// Calls taken since the last throttle while the lane was in use.
    taken: f64,
    /// Throttled calls: the first of those that came close together, and the last.
    first: Option<Departure>,
    last: Option<Departure>,
    /// Throttled calls since the first, itself left out.
    between: u64,
    /// How long the lane was quiet on purpose since the first.
    rested: Duration,
    resting: bool,
    /// What left before this was sent at a rate that is cut already.
    cut_at: Option<Duration>,
    heard: bool,
}

/// When the rate last grew by a leap, and the calls taken since.
#[derive(Debug, Default)]
struct Step {
    at: Duration,
    taken: u64,
}

impl Search {
    /// A search under `ceiling` that begins at `now`, from what an earlier run has learned.
    pub(super) fn new(ceiling: f64, learned: Option<f64>, now: Duration) -> Self {
        let estimate = learned.map(|rate| rate.max(SLOWEST).min(ceiling));
        Self {
            ceiling,
            rate: estimate.unwrap_or(FIRST_RATE).min(ceiling),
            estimate,
            leap: estimate.is_none().then_some(BLIND),
            stepped: Step { at: now, taken: 0 },
            taken: estimate.map_or(0.0, plateau),
            first: None,
            last: None,
            between: 0,
            rested: Duration::ZERO,
            resting: false,
            cut_at: None,
            heard: learned.is_some(),
        }
    }

    /// Calls a second that the lane may make now.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// What is worth remembering; nothing before the first answer.
    pub(super) fn learned(&self) -> Option<f64> {
        let known = self.estimate.filter(|_| self.leap.is_none()).unwrap_or(self.rate);
        self.heard.then(|| self.bounded(known))
    }

    /// A call leaves, `gap` after the one before; whether the lane was in use in between. Where it was not, the bucket may
    /// have run over, and what was throttled before says nothing of that time.
    pub(super) fn departs(&mut self, gap: Duration) -> bool {
        let rested = gap.saturating_sub(Duration::from_secs_f64(1.0 / self.rate));
        if std::mem::take(&mut self.resting) && rested < self.quiet().saturating_mul(2) {
            self.rested += rested;
            return true;
        }
        let in_use = gap.as_secs_f64() * self.rate <= IN_USE;
        if !in_use {
            (self.first, self.last) = (None, None);
        }
        in_use
    }

    /// A call was taken, that left at `left` while the lane was in use or not.
    pub(super) fn taken(&mut self, left: Duration, in_use: bool, now: Duration) {
        self.heard = true;
        if !in_use {
            self.stepped = Step { at: now, taken: 0 };
            return;
        }
        self.taken += 1.0;
        self.stepped.taken += 1;
        if let Some(leap) = self.leap {
            if now.saturating_sub(self.stepped.at) >= STEP && self.stepped.taken >= ENOUGH {
                self.stepped = Step { at: now, taken: 0 };
                self.rate = self.bounded(self.rate * leap);
            }
        } else if let Some(estimate) = self.estimate {
            self.rate = self.bounded(estimate * growth(self.taken / plateau(estimate)));
            let since = self.last.map(|last| left.saturating_sub(last.at).as_secs_f64());
            if since.is_some_and(|since| self.taken > SURPLUS + (1.0 + BELOW) * estimate * since) {
                self.leap = Some(SEEN_TO_RISE);
                self.stepped = Step { at: now, taken: 0 };
            }
        }
    }

    /// A call was throttled. How long the lane is quiet, where the throttle tells something new.
    pub(super) fn throttled(&mut self, call: Departure, now: Duration) -> Option<Duration> {
        self.heard = true;
        if self.cut_at.is_some_and(|cut| call.at <= cut) {
            self.between += u64::from(self.first.is_some_and(|first| first.number < call.number));
            return None;
        }
        self.cut_at = Some(now);
        let estimate = self.estimate_at(call);
        self.estimate = Some(self.bounded(estimate));
        self.rate = self.bounded(estimate * (1.0 - BELOW));
        (self.taken, self.leap, self.resting) = (0.0, None, true);
        Some(self.quiet())
    }

    fn estimate_at(&mut self, call: Departure) -> f64 {
        let (first, alone) = (self.first, self.first == self.last);
        if let Some(leap) = self.leap {
            // Before the last step it was borne, or the bucket bore it.
            self.begin_at(call);
            return self.rate / leap;
        }
        let Some(first) = first else {
            self.begin_at(call);
            return match self.estimate {
                // It was reached by a rate beyond the estimate; that one was borne.
                Some(estimate) if self.taken > plateau(estimate) => estimate,
                Some(estimate) => estimate.min(self.rate) * CUT.sqrt(),
                None => self.rate * CUT.sqrt(),
            };
        };
        let taken = call.number.saturating_sub(first.number).saturating_sub(1).saturating_sub(self.between);
        let since = call.at.saturating_sub(first.at);
        #[expect(clippy::cast_precision_loss, reason = "the calls between two throttles")]
        let a_second = |taken: u64, span: Duration| taken as f64 / span.as_secs_f64().max(f64::EPSILON);
        if taken >= ENOUGH {
            // A bucket that holds little runs over while the lane is quiet. Over many calls that makes no difference.
            let span = if alone { since.saturating_sub(self.rested) } else { since };
            self.begin_at(call);
            return a_second(taken, span);
        }
        self.last = Some(call);
        self.between += 1;
        // Not enough for an estimate, and enough for a bound: no more than these were filled in.
        (self.rate * CUT).min(a_second(taken + 2, since))
    }

    fn begin_at(&mut self, call: Departure) {
        (self.first, self.last, self.between, self.rested) = (Some(call), Some(call), 0, Duration::ZERO);
    }

    fn quiet(&self) -> Duration {
        Duration::from_secs_f64(QUIET / self.rate).min(LONGEST_QUIET)
    }

    fn bounded(&self, rate: f64) -> f64 {
        rate.max(SLOWEST).min(self.ceiling)
    }
}

/// Calls after which the rate is back at the estimate: fewer for a slow lane, that would need minutes for them.
fn plateau(estimate: f64) -> f64 {
    (PLATEAU * (estimate / FIRST_RATE).sqrt()).clamp(PLATEAU / 2.0, PLATEAU)
}

/// The curve: by what the estimate is multiplied after so many plateaus of calls.
fn growth(plateaus: f64) -> f64 {
    1.0 + BELOW * (plateaus - 1.0).powi(3)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
