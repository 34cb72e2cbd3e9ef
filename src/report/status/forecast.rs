//! When something will be done: a range with what it rests on, or what is missing for one. Pure.

use crate::domain::Timestamp;
use crate::report::layout::words::{grouped, several, span};
use crate::survey::{Basis, Estimate, Speed, Work, estimate};
use std::time::Duration;

/// A range beyond this helps nobody.
const BEYOND: Duration = Duration::from_hours(24 * 365);

/// When it will be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forecast {
    /// Nothing is left.
    Done,
    /// Within a range.
    Between {
        /// Not before.
        earliest: Timestamp,
        /// Not after.
        latest: Timestamp,
        /// What that rests on.
        rests_on: RestsOn,
    },
    /// Not before somebody or something has acted.
    NotBefore(String),
    /// Unknown, because this is missing.
    Unmeasured(String),
}

/// What a range rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestsOn {
    /// Its name in JSON.
    pub kind: &'static str,
    /// The same in words, to follow a range.
    pub text: String,
}

/// What a lane waits for, however fast it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waits {
    /// The latest time before which a queued job must not be sent.
    pub due: Option<Timestamp>,
    /// When the last unconfirmed attempt is decided.
    pub settled: Option<Timestamp>,
}

/// When a lane will be done with `work`; `lane` is its name.
pub(super) fn forecast(now: Timestamp, lane: &str, work: &Work, speed: &Speed<'_>, waits: Waits) -> Forecast {
    if work.left() == 0 {
        return Forecast::Done;
    }
    let Estimate { takes, each, basis } = estimate(now, work, speed);
    let mut rests_on = match (basis, speed.took.len() as u64) {
        (Basis::Ends(exports, within), _) => RestsOn {
            kind: "ends",
            text: format!(
                "going by {} of lane {lane} that ended in the last {}",
                several(exports as u64, "export"),
                span(within)
            ),
        },
        (Basis::Lane(exports), _) => RestsOn {
            kind: "durations",
            text: format!(
                "going by the rate, the cap of {} copies, and {} that took {} to {} each",
                grouped(u64::from(speed.cap)),
                several(exports as u64, "export"),
                span(each.least),
                span(each.most)
            ),
        },
        (Basis::OtherLanes(_) | Basis::Documented, few) => {
            return Forecast::Unmeasured(match few {
                0 => format!("no export of lane {lane} has ended yet"),
                few => format!("only {} of lane {lane} ended so far", several(few, "export")),
            });
        }
    };
    if takes.most > BEYOND {
        return Forecast::Unmeasured(format!("lane {lane} is too slow for a forecast"));
    }
    let alone = work.ahead.exports == 0;
    let (mut earliest, mut latest) = (now.after(takes.least), now.after(takes.most));
    if let Some(due) = waits.due.filter(|due| work.queued.exports > 0 && *due > now) {
        latest = latest.max(due.after(takes.most));
        // If other batches have jobs in the lane, the job that waits may be theirs.
        if alone {
            earliest = earliest.max(due.after(each.least));
        }
    }
    if let Some(settled) = waits.settled.filter(|_| work.in_flight.exports > 0) {
        if settled > latest {
            let text = "when the reconciliation window of unconfirmed calls is over".to_owned();
            (latest, rests_on) = (settled, RestsOn { kind: "reconciliation", text });
        }
        if alone {
            earliest = earliest.max(settled);
        }
    }
    Forecast::Between { earliest, latest: latest.max(earliest), rests_on }
}

/// When all of it will be done.
pub(super) fn all_of(parts: impl IntoIterator<Item = Forecast>) -> Forecast {
    let mut held: Vec<String> = Vec::new();
    let (mut unmeasured, mut whole) = (None, None);
    for part in parts {
        match part {
            Forecast::Done => {}
            Forecast::NotBefore(what) if held.contains(&what) => {}
            Forecast::NotBefore(what) => held.push(what),
            Forecast::Unmeasured(what) => unmeasured = unmeasured.or(Some(what)),
            Forecast::Between { earliest, latest, rests_on } => {
                whole = Some(match whole {
                    None => (earliest, latest, rests_on),
                    Some((first, last, _)) if latest > last => (earliest.max(first), latest, rests_on),
                    Some((first, last, old)) => (earliest.max(first), last, old),
                });
            }
        }
    }
    match (held.is_empty(), unmeasured, whole) {
        (false, ..) => Forecast::NotBefore(holds(&held)),
        (true, Some(what), _) => Forecast::Unmeasured(what),
        (true, None, Some((earliest, latest, rests_on))) => Forecast::Between { earliest, latest, rests_on },
        (true, None, None) => Forecast::Done,
    }
}

/// One or two of them by name; of more the first, and the number of others.
fn holds(held: &[String]) -> String {
    match held {
        [first, _, _, ..] => format!("{first} (and {} other holds end)", held.len() - 1),
        few => few.join(", and "),
    }
}

/// A forecast in words; nothing if all is done. Jobs in `review` are left out, as nobody knows when a person decides.
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
        Forecast::Between { rests_on, .. } => format!("{when}, {}", rests_on.text),
        Forecast::Unmeasured(missing) => format!("{when}: {missing}"),
        Forecast::Done | Forecast::NotBefore(_) => when,
    })
}

/// `between 03:40 and 04:10 UTC`; with the date if it is not today.
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
#[path = "forecast_tests.rs"]
mod tests;
