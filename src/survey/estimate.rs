//! How long a lane takes for its work, as a range with what it rests on: the one estimate of `plan`, `status`, `run` and
//! the completion page. Pure.

use crate::domain::Timestamp;
use crate::queue::{EndedExport, RemainingJobs};
use std::time::Duration;

/// What public accounts say an export takes, where the database has no better.
const DOCUMENTED: TimeRange = TimeRange { least: Duration::from_mins(15), most: Duration::from_hours(1) };

/// Fewer exports than this say nothing of the next.
const ENOUGH: usize = 5;

/// Ends in the window that make a rate.
const ENOUGH_FOR_RATE: usize = 10;

/// The window has at least this length; it is twice what a slow export takes where that is more, so that exports which
/// end in waves are seen over a whole wave.
const WINDOW: Duration = Duration::from_mins(15);

/// The rate is never more certain than this share.
const LEAST_SPREAD: f64 = 0.1;

/// A range of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// No less than this.
    pub least: Duration,
    /// No more than this.
    pub most: Duration,
}

/// What an estimate rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The rate at which this many exports of the lane ended within this time.
    Ends(usize, Duration),
    /// The rate, the cap, and what this many past exports of the lane took.
    Lane(usize),
    /// The same, with past exports of other lanes.
    OtherLanes(usize),
    /// The same, with what is documented.
    Documented,
}

/// Exports, and the room that they take under a lane's cap. One that makes more copies than the cap goes alone, and so
/// counts as the cap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExportLoad {
    /// How many exports.
    pub exports: u64,
    /// The room that all of them take.
    pub room: u64,
    /// The most that one of them takes.
    pub widest: u64,
}

/// What a lane has to do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work {
    /// Exports to be sent.
    pub queued: ExportLoad,
    /// Exports in flight.
    pub in_flight: ExportLoad,
    /// Exports of others that may go first.
    pub ahead: ExportLoad,
}

/// How a lane was seen to go, and its limits.
#[derive(Debug, Clone, Copy)]
pub struct Speed<'a> {
    /// Its last ends, the newest first; none where it is not at work.
    pub ends: &'a [EndedExport],
    /// Its last ends, which tell what an export takes.
    pub took: &'a [EndedExport],
    /// Those of all lanes, for a lane with too few of its own.
    pub others: &'a [EndedExport],
    /// The ceiling of its rate, exports a second.
    pub ceiling: f64,
    /// The rate that it has learned.
    pub learned: Option<f64>,
    /// EBS copies that may be in flight; one export that makes more goes alone.
    pub cap: u32,
}

/// How long it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// All of the work.
    pub takes: TimeRange,
    /// One export: what eight in ten took.
    pub each: TimeRange,
    /// What that rests on.
    pub basis: Basis,
}

impl ExportLoad {
    /// So many exports that make so many copies, as alike as can be.
    pub fn alike(exports: u64, copies: u64, cap: u32) -> Self {
        let copies = copies.clamp(exports, exports.saturating_mul(u64::from(cap.max(1))));
        Self { exports, room: copies, widest: copies.div_ceil(exports.max(1)) }
    }

    /// This load and another.
    pub fn plus(self, other: Self) -> Self {
        Self {
            exports: self.exports + other.exports,
            room: self.room + other.room,
            widest: self.widest.max(other.widest),
        }
    }
}

impl Work {
    /// The exports of its own that are left.
    pub fn left(&self) -> u64 {
        self.queued.exports + self.in_flight.exports
    }
}

impl TimeRange {
    fn of_exports(ended: &[EndedExport]) -> Option<Self> {
        if ended.len() < ENOUGH {
            return None;
        }
        let mut took: Vec<Duration> = ended.iter().map(|end| end.took).collect();
        took.sort_unstable();
        let tenth = took.len() / 10;
        Some(Self { least: *took.get(tenth)?, most: *took.get(took.len() - 1 - tenth)? })
    }

    /// Both at once: the later end of each.
    pub(super) fn beside(self, other: Self) -> Self {
        Self { least: self.least.max(other.least), most: self.most.max(other.most) }
    }
}

impl Speed<'_> {
    /// Exports a second that it may send.
    fn rate(&self) -> f64 {
        self.learned.map_or(self.ceiling, |learned| learned.min(self.ceiling)).max(f64::MIN_POSITIVE)
    }
}

/// What others have left in a lane that may go before the last of `queued` jobs, the lowest priority of which is `lowest`:
/// all of a higher priority, and of the same one as many again of each batch, since batches take turns.
pub fn ahead<'a>(
    queued: u64,
    lowest: Option<i64>,
    others: impl IntoIterator<Item = &'a RemainingJobs>,
    cap: u32,
) -> ExportLoad {
    others.into_iter().fold(ExportLoad::default(), |sum, other| {
        let first = match other.highest.zip(lowest) {
            Some((theirs, mine)) if theirs < mine => 0,
            Some((theirs, mine)) if theirs == mine => other.queued.min(queued),
            Some(_) | None if queued == 0 => 0,
            Some(_) | None => other.queued,
        };
        let copies = (other.queued_copies * first).checked_div(other.queued).unwrap_or(0);
        let in_flight = ExportLoad::alike(other.in_flight, other.copies_in_flight, cap);
        sum.plus(ExportLoad::alike(first, copies, cap)).plus(in_flight)
    })
}

/// How long a lane takes for its work: by the rate of what ended, else by the cap and what exports took.
pub fn estimate(now: Timestamp, work: &Work, speed: &Speed<'_>) -> Estimate {
    let (each, basis) = match (TimeRange::of_exports(speed.took), TimeRange::of_exports(speed.others)) {
        (Some(each), _) => (each, Basis::Lane(speed.took.len())),
        (None, Some(each)) => (each, Basis::OtherLanes(speed.others.len())),
        (None, None) => (DOCUMENTED, Basis::Documented),
    };
    if work.left() == 0 {
        return Estimate { takes: TimeRange::default(), each, basis };
    }
    let by_ends = by_ends(now, work, each, speed);
    let (takes, basis) = by_ends.unwrap_or_else(|| (by_durations(work, each, speed), basis));
    Estimate { takes, each, basis }
}

/// By the rate at which exports ended; nothing where too few did.
fn by_ends(now: Timestamp, work: &Work, each: TimeRange, speed: &Speed<'_>) -> Option<(TimeRange, Basis)> {
    let window = WINDOW.max(each.most.saturating_mul(2));
    let recent = speed.ends.iter().filter(|end| end.at <= now && now.since(end.at) <= window).copied();
    let recent: Vec<EndedExport> = recent.collect();
    let (newest, oldest) = (recent.first()?, recent.last()?);
    if recent.len() < ENOUGH_FOR_RATE {
        return None;
    }
    // A lane in which nothing ends any more slows down, unless nothing can have ended.
    let since = now.since(newest.at).min(each.most);
    let busy = (time_at_work(&recent, oldest.at, seconds(1.0 / speed.rate())) + since).max(Duration::from_millis(1));
    let ended = count(recent.len() as u64);
    let rate = (ended - 1.0) / busy.as_secs_f64();
    // Two standard deviations of a count are twice its root.
    let spread = (2.0 / ended.sqrt()).max(LEAST_SPREAD);
    let left = count(work.left());
    let mut least = seconds(left / (rate * (1.0 + spread)));
    if work.queued.exports > 0 {
        least = least.max(each.least);
    }
    // What was sent faster before a throttle ends faster still, for a while.
    let slow = speed.learned.unwrap_or(f64::INFINITY).min(rate * (1.0 - spread));
    let most = seconds((left + count(work.ahead.exports)) / slow).saturating_add(each.most).max(least);
    Some((TimeRange { least, most }, Basis::Ends(recent.len(), now.since(oldest.at))))
}

/// The time from `from` on in which one of these exports, the newest end first, was in flight or waited for its `turn`:
/// what a lane does not do while it is held or has nothing to do says nothing of its rate.
fn time_at_work(ends: &[EndedExport], from: Timestamp, turn: Duration) -> Duration {
    let mut sum = Duration::ZERO;
    let mut reached = None;
    for end in ends {
        let until = reached.map_or(end.at, |reached| end.at.min(reached));
        let began = end.at.before(end.took.saturating_add(turn)).max(from);
        if began < until {
            sum += until.since(began);
        }
        reached = Some(reached.map_or(began, |reached| began.min(reached)));
    }
    sum
}

/// By the rate, the cap and what exports take.
///
/// The most: before the last export begins, the lane waits either for its rate, all in all `exports / rate`, or for the
/// cap. While it waits for the cap, no less than `cap - widest + 1` copies are in flight, so that lasts no longer than
/// `room * each / (cap - widest + 1)`; and then the last one takes its time. The least: nothing else is in flight, each
/// export is as quick as the quick ones, and what is in flight ends at once.
fn by_durations(work: &Work, each: TimeRange, speed: &Speed<'_>) -> TimeRange {
    let cap = u64::from(speed.cap.max(1));
    let (quick, slow) = (each.least.as_secs_f64(), each.most.as_secs_f64());
    let least = match work.queued.exports {
        0 => 0.0,
        queued => (count(queued - 1) / speed.ceiling.max(f64::MIN_POSITIVE) + quick)
            .max(quick * (count(work.queued.room) / count(cap)).max(1.0)),
    };
    let ExportLoad { exports, room, widest } = work.queued.plus(work.in_flight).plus(work.ahead);
    let waiting = if room <= cap { 0.0 } else { count(room) * slow / count(cap - widest.min(cap) + 1) };
    let most = seconds(count(exports) / speed.rate() + waiting + slow);
    TimeRange { least: seconds(least), most: most.max(seconds(least)) }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[expect(clippy::cast_precision_loss, reason = "a number of exports is far below 2^52")]
fn count(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
#[path = "estimate_tests.rs"]
mod tests;
