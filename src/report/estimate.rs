//! When it will be done, as a range that says what it rests on, or what it lacks. Pure.

use super::words::{grouped, several, span};
use crate::domain::Timestamp;
use crate::queue::Ended;
use crate::survey::{Basis, Load, Pace, Span, duration};
use std::time::Duration;

/// Ends in the window that make a rate.
const ENOUGH: usize = 10;

/// The window has at least this length; it is twice what a slow export takes where that is more, so that exports which
/// end in waves are seen over a whole wave.
const WINDOW: Duration = Duration::from_mins(15);

/// The rate is never taken for more certain than this share.
const LEAST_SPREAD: f64 = 0.1;

/// A range beyond this says nothing to a person.
const BEYOND: Duration = Duration::from_hours(24 * 365);

/// What a lane has to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Jobs to be sent.
    pub queued: u64,
    /// Their EBS copies.
    pub queued_copies: u64,
    /// Jobs under way or unknown.
    pub in_flight: u64,
    /// Their EBS copies.
    pub copies_in_flight: u64,
    /// Other live jobs of the lane, which may go first.
    pub others: u64,
    /// Their EBS copies.
    pub others_copies: u64,
}

/// How a lane was seen to go.
#[derive(Debug, Clone, Copy)]
pub struct Going<'a> {
    /// Its last ends, the newest first.
    pub ends: &'a [Ended],
    /// The ceiling of its rate, exports a second.
    pub ceiling: f64,
    /// The rate that it has learned.
    pub learned: Option<f64>,
    /// EBS copies that may be under way.
    pub cap: u32,
    /// Until when a queued job of it must not be sent.
    pub due: Option<Timestamp>,
    /// When the last attempt is settled whose answer nobody has.
    pub settled: Option<Timestamp>,
}

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
    /// It cannot be said, and this is missing.
    Unmeasured(String),
}

/// What a range rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestsOn {
    /// The rate at which exports ended.
    Ends {
        /// Of this lane, the last to be done.
        lane: String,
        /// So many.
        exports: u64,
        /// Within this time, up to now.
        within: Duration,
    },
    /// The rate, the cap and what exports took.
    Durations {
        /// So many were measured.
        exports: u64,
        /// What eight in ten of them took.
        each: Span,
        /// EBS copies that may be under way.
        cap: u32,
    },
    /// The settle window of attempts whose answer nobody has.
    Settling,
}

impl RestsOn {
    /// It in words, to follow a range.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Ends { lane, exports, within } => {
                format!(
                    "going by {} of lane {lane} that ended in the last {}",
                    several(*exports, "export"),
                    span(*within)
                )
            }
            Self::Settling => "when the settle window of calls without an answer is over".to_owned(),
            Self::Durations { exports, each, cap } => format!(
                "going by the rate, the cap of {} copies, and {} that took {} to {} each",
                grouped(u64::from(*cap)),
                several(*exports, "export"),
                span(each.least),
                span(each.most)
            ),
        }
    }

    /// Its name in JSON.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ends { .. } => "ends",
            Self::Durations { .. } => "durations",
            Self::Settling => "settling",
        }
    }
}

/// When a lane will be done with `work`; `lane` is its name.
#[must_use]
pub fn forecast(now: Timestamp, lane: &str, work: Work, going: &Going<'_>) -> Forecast {
    let left = work.queued.saturating_add(work.in_flight);
    if left == 0 {
        return Forecast::Done;
    }
    let took: Vec<Duration> = going.ends.iter().map(|end| end.took).collect();
    let (each, basis) = Span::of_exports(&took, &[]);
    let Basis::Lane(measured) = basis else {
        let missing = match took.len() {
            0 => format!("no export of lane {lane} has ended yet"),
            few => format!("only {} of lane {lane} ended so far", several(wide(few), "export")),
        };
        return Forecast::Unmeasured(missing);
    };
    let (range, mut rests_on) = match by_ends(now, lane, work, going, each) {
        Some(found) => found,
        None => by_durations(work, going, each, wide(measured)),
    };
    if range.most > BEYOND {
        return Forecast::Unmeasured(format!("lane {lane} goes too slowly to say"));
    }
    let (mut earliest, mut latest) = (now.after(range.least), now.after(range.most));
    if let Some(due) = going.due.filter(|due| work.queued > 0 && *due > now) {
        latest = latest.max(due.after(range.most));
        // Where other batches have jobs in the lane, nobody says whose job it is that waits.
        if work.others == 0 {
            earliest = earliest.max(due.after(each.least));
        }
    }
    if let Some(settled) = going.settled.filter(|_| work.in_flight > 0) {
        if settled > latest {
            (latest, rests_on) = (settled, RestsOn::Settling);
        }
        if work.others == 0 {
            earliest = earliest.max(settled);
        }
    }
    Forecast::Between { earliest, latest: latest.max(earliest), rests_on }
}

/// By the rate at which exports ended; nothing where too few did.
fn by_ends(now: Timestamp, lane: &str, work: Work, going: &Going<'_>, each: Span) -> Option<(Span, RestsOn)> {
    let window = WINDOW.max(each.most.saturating_mul(2));
    let recent: Vec<&Ended> = going.ends.iter().filter(|end| end.at <= now && now.since(end.at) <= window).collect();
    if recent.len() < ENOUGH {
        return None;
    }
    // The time since the last end counts too: a lane at which nothing ends any more slows down.
    let within = recent.iter().map(|end| now.since(end.at)).max()?.max(Duration::from_millis(1));
    let count = exact(wide(recent.len()));
    let rate = (count - 1.0) / within.as_secs_f64();
    // Two standard deviations of a count are twice its root.
    let spread = (2.0 / count.sqrt()).max(LEAST_SPREAD);
    let left = exact(work.queued + work.in_flight);
    let mut least = seconds(left / (rate * (1.0 + spread)));
    if work.queued > 0 {
        least = least.max(each.least);
    }
    // What was sent faster before a throttle ends faster still, for a while.
    let slow = going.learned.unwrap_or(f64::INFINITY).min(rate * (1.0 - spread));
    let most = seconds((left + exact(work.others)) / slow).saturating_add(each.most).max(least);
    Some((Span { least, most }, RestsOn::Ends { lane: lane.to_owned(), exports: wide(recent.len()), within }))
}

/// By the rate, the cap and what exports took.
fn by_durations(work: Work, going: &Going<'_>, each: Span, measured: u64) -> (Span, RestsOn) {
    let ceiling = going.ceiling.max(f64::MIN_POSITIVE);
    let rate = going.learned.unwrap_or(ceiling).min(ceiling).max(f64::MIN_POSITIVE);
    let pace = Pace { ceiling, rate, cap: going.cap, each };
    let queued = load(work.queued, work.queued_copies, u64::div_euclid);
    let all = load(work.queued + work.in_flight, work.queued_copies + work.copies_in_flight, u64::div_ceil);
    let others = load(work.others, work.others_copies, u64::div_ceil);
    // What is under way may end any moment; what is queued takes its time.
    let least = duration(&queued, &Load::default(), &pace).least;
    let most = duration(&all, &others, &pace).most.max(least);
    (Span { least, most }, RestsOn::Durations { exports: measured, each, cap: going.cap })
}

/// So many exports that make so many copies, alike.
fn load(exports: u64, copies: u64, share: fn(u64, u64) -> u64) -> Load {
    let mut load = Load::default();
    if exports > 0 {
        load.add_many(u32::try_from(share(copies, exports)).unwrap_or(u32::MAX), exports);
    }
    load
}

/// When all of it will be done.
#[must_use]
pub fn all_of(parts: Vec<Forecast>) -> Forecast {
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

/// One or two of them by name; of more the first, and how many there are besides.
fn holds(held: &[String]) -> String {
    match held {
        [first, _, _, ..] => format!("{first} (and {} other holds end)", held.len() - 1),
        few => few.join(", and "),
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a number of exports is far below 2^52")]
fn exact(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
